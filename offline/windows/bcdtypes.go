package windows

import "fmt"

// ObjectType says what an object of a store is (BCD WMI provider, class BcdObject, property Type).
//
//	bits 28-31  class: application, settings to inherit, device
//	bits 20-23  application: the kind of its image; settings: who may inherit them
//	bits  0-19  application: which one
type ObjectType uint32

const (
	classApplication = 1
	classInherit     = 2
	classDevice      = 3

	inheritByApplication = 2
)

// application is which boot application an object is, or has settings for.
type application uint32

const (
	appFirmwareManager application = 1
	appBootManager     application = 2
	appOSLoader        application = 3
	appResume          application = 4
	appMemoryTester    application = 5
	appNtldr           application = 6
	appSetupldr        application = 7
	appBootSector      application = 8
	appStartup         application = 9
	appGeneric         application = 10
	appFirmware        application = 0xFFFFF
)

var applicationNames = map[application]string{
	appFirmwareManager: "firmware boot manager",
	appBootManager:     "Windows boot manager",
	appOSLoader:        "Windows boot loader",
	appResume:          "Windows resume application",
	appMemoryTester:    "Windows memory tester",
	appNtldr:           "boot loader of Windows before Vista",
	appSetupldr:        "setup loader of Windows before Vista",
	appBootSector:      "boot sector",
	appStartup:         "startup module",
	appGeneric:         "boot application",
	appFirmware:        "firmware application",
}

func (t ObjectType) class() uint32 { return uint32(t) >> 28 }
func (t ObjectType) kind() uint32  { return uint32(t) >> 20 & 0xF }

func (t ObjectType) application() application {
	if t.class() == classDevice || t.class() == classInherit && t.kind() != inheritByApplication {
		return 0
	}
	return application(t & 0xFFFFF)
}

// String says in words what the object is.
func (t ObjectType) String() string {
	name := applicationNames[t.application()]
	switch {
	case t.class() == classApplication && name != "":
		return name
	case t.class() == classInherit && name != "":
		return "settings for every " + name
	case t.class() == classInherit:
		return "settings to inherit"
	case t.class() == classDevice:
		return "device options"
	}
	return fmt.Sprintf("object of type 0x%08x", uint32(t))
}

// bootManagerID is the boot manager's object.
const bootManagerID = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"

// wellKnownObjects are the objects that have the same ID in every store, by the names that bcdedit
// gives them (bcdedit /? ID).
var wellKnownObjects = []struct{ id, name string }{
	{bootManagerID, "{bootmgr}"},
	{"{a5a30fa2-3d06-4e9f-b5f4-a01df9d1fcba}", "{fwbootmgr}"},
	{"{b2721d73-1db4-4c62-bf78-c548a880142d}", "{memdiag}"},
	{"{466f5a88-0af2-4f76-9038-095b170dc21c}", "{ntldr}"},
	{"{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}", "{globalsettings}"},
	{"{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}", "{bootloadersettings}"},
	{"{1afa9c49-16ab-4a5c-901b-212802da9460}", "{resumeloadersettings}"},
	{"{4636856e-540f-4170-a130-a84776f4c654}", "{dbgsettings}"},
	{"{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}", "{emssettings}"},
	{"{5189b25c-5558-4bf2-bca4-289b11bd29e2}", "{badmemory}"},
	{"{7ff607e0-4395-11db-b0de-0800200c9a66}", "{hypervisorsettings}"},
	{"{313e8eed-7098-4586-a9bf-309c61f8d449}", "{kerneldbgsettings}"},
	{"{ae5534e0-a924-466c-b836-758539a3ee3a}", "{ramdiskoptions}"},
}

// ElementType is the number of a kind of element (BCD WMI provider, structure BcdElementType).
//
//	bits 28-31  class: library (every application), application, device, setup template, OEM
//	bits 24-27  format of the value
//	bits  0-23  which one; for the class application it depends on the application
type ElementType uint32

// Format is how the value of an element is stored.
type Format uint32

// The formats, and the registry types they have in the hive.
const (
	FormatDevice      Format = 1 // REG_BINARY
	FormatString      Format = 2 // REG_SZ
	FormatObject      Format = 3 // REG_SZ: an ID
	FormatObjectList  Format = 4 // REG_MULTI_SZ: IDs
	FormatInteger     Format = 5 // REG_BINARY: 8 bytes
	FormatBoolean     Format = 6 // REG_BINARY: 1 byte
	FormatIntegerList Format = 7 // REG_BINARY: 8 bytes each
)

// String is the format's name, as the JSON output has it.
func (f Format) String() string {
	names := [...]string{"unknown", "device", "string", "object", "object list", "integer", "boolean", "integer list"}
	if int(f) < len(names) {
		return names[f]
	}
	return names[0]
}

// Format is how the type's values are stored.
func (t ElementType) Format() Format { return Format(t >> 24 & 0xF) }

func (t ElementType) isApplication() bool { return t>>28 == 2 }

// String is the number as bcdedit writes it where it knows no name.
func (t ElementType) String() string { return fmt.Sprintf("0x%08x", uint32(t)) }

// elementInfo is what is known about a type of element.
type elementInfo struct {
	number ElementType
	app    application // for numbers of the class application
	name   string      // as bcdedit has it
	words  []string    // of an integer that chooses: by its value
	hex    bool        // an integer that people know as a hexadecimal number
}

// Words for the integers that choose, each from the enumeration or the element's description in the
// BCD WMI provider reference; those of displaymessage from phnt's ntbcd.h.
var (
	nxWords         = []string{"OptIn", "OptOut", "AlwaysOff", "AlwaysOn"}
	paeWords        = []string{"Default", "ForceEnable", "ForceDisable"}
	safeBootWords   = []string{"Minimal", "Network", "DsRepair"}
	menuWords       = []string{"Legacy", "Standard"}
	launchWords     = []string{"Off", "Auto"}
	debugWords      = []string{"Serial", "1394", "USB", "NET", "Local"}
	hyperDebugWords = []string{"Serial", "1394", "NET"}
	startWords      = []string{"Active", "AutoEnable", "Disable"}
	tscWords        = []string{"Default", "Legacy", "Enhanced"}
	apicWords       = []string{"Default", "Disable", "Enable"}
	loadWords       = []string{"Fatal", "UseErrorControl"}
	disableWords    = []string{"Default", "ForceDisable"}
	accessWords     = []string{"Default", "DisallowMmConfig"}
	megabyteWords   = []string{"UseNone", "UseAll", "UsePrivate"}
	statusWords     = []string{
		"DisplayAllFailures", "IgnoreAllFailures", "IgnoreShutdownFailures", "IgnoreBootFailures",
		"IgnoreCheckpointFailures", "DisplayShutdownFailures", "DisplayBootFailures", "DisplayCheckpointFailures",
	}
	messageWords = []string{
		"Default", "Resume", "HyperV", "Recovery", "StartupRepair", "SystemImageRecovery", "CommandPrompt", "SystemRestore",
		"PushButtonReset",
	}
)

// elementTypes names every type of element this package knows.
//
// Sources: numbers and names of the library, the loader, the resume application, the memory tester
// and the devices are the two tables of Microsoft's "BCD settings and BitLocker" (windows-itpro-docs).
// The boot manager's numbers are the enumeration BcdBootMgrElementTypes of the BCD WMI provider
// reference, their names those of bcdedit (bcdedit /? TYPES BOOTMGR).
var elementTypes = []elementInfo{
	{number: 0x11000001, name: "device"},
	{number: 0x12000002, name: "path"},
	{number: 0x12000004, name: "description"},
	{number: 0x12000005, name: "locale"},
	{number: 0x12000016, name: "targetname"},
	{number: 0x12000019, name: "busparams"},
	{number: 0x1200001d, name: "key"},
	{number: 0x12000030, name: "loadoptions"},
	{number: 0x1200004a, name: "fontpath"},
	{number: 0x14000006, name: "inherit"},
	{number: 0x14000008, name: "recoverysequence"},
	{number: 0x15000007, name: "truncatememory", hex: true},
	{number: 0x1500000c, name: "firstmegabytepolicy", words: megabyteWords},
	{number: 0x1500000d, name: "relocatephysical", hex: true},
	{number: 0x1500000e, name: "avoidlowmemory", hex: true},
	{number: 0x15000011, name: "debugtype", words: debugWords},
	{number: 0x15000012, name: "debugaddress", hex: true},
	{number: 0x15000013, name: "debugport"},
	{number: 0x15000014, name: "baudrate"},
	{number: 0x15000015, name: "channel"},
	{number: 0x15000018, name: "debugstart", words: startWords},
	{number: 0x1500001a, name: "hostip", hex: true},
	{number: 0x1500001b, name: "port"},
	{number: 0x15000022, name: "emsport"},
	{number: 0x15000023, name: "emsbaudrate"},
	{number: 0x15000042, name: "keyringaddress", hex: true},
	{number: 0x15000047, name: "configaccesspolicy", words: accessWords},
	{number: 0x1500004b, name: "integrityservices"},
	{number: 0x1500004c, name: "volumebandid"},
	{number: 0x15000051, name: "initialconsoleinput"},
	{number: 0x15000052, name: "graphicsresolution"},
	{number: 0x15000065, name: "displaymessage", words: messageWords},
	{number: 0x15000066, name: "displaymessageoverride", words: messageWords},
	{number: 0x15000081, name: "logcontrol"},
	{number: 0x16000009, name: "recoveryenabled"},
	{number: 0x1600000b, name: "badmemoryaccess"},
	{number: 0x1600000f, name: "traditionalkseg"},
	{number: 0x16000010, name: "bootdebug"},
	{number: 0x16000017, name: "noumex"},
	{number: 0x1600001c, name: "dhcp"},
	{number: 0x1600001e, name: "vm"},
	{number: 0x16000020, name: "bootems"},
	{number: 0x16000040, name: "advancedoptions"},
	{number: 0x16000041, name: "optionsedit"},
	{number: 0x16000046, name: "graphicsmodedisabled"},
	{number: 0x16000048, name: "nointegritychecks"},
	{number: 0x16000049, name: "testsigning"},
	{number: 0x16000050, name: "extendedinput"},
	{number: 0x16000053, name: "restartonfailure"},
	{number: 0x16000054, name: "highestmode"},
	{number: 0x16000060, name: "isolatedcontext"},
	{number: 0x1600006c, name: "bootuxdisabled"},
	{number: 0x16000072, name: "nokeyboard"},
	{number: 0x16000074, name: "bootshutdowndisabled"},
	{number: 0x1600007b, name: "forcefipscrypto"},
	{number: 0x1700000a, name: "badmemorylist", hex: true},
	{number: 0x17000077, name: "allowedinmemorysettings", hex: true},

	{number: 0x31000003, name: "ramdisksdidevice"},
	{number: 0x32000004, name: "ramdisksdipath"},
	{number: 0x35000001, name: "ramdiskimageoffset"},
	{number: 0x35000002, name: "ramdisktftpclientport"},
	{number: 0x35000005, name: "ramdiskimagelength"},
	{number: 0x35000007, name: "ramdisktftpblocksize"},
	{number: 0x35000008, name: "ramdisktftpwindowsize"},
	{number: 0x36000006, name: "exportascd"},
	{number: 0x36000009, name: "ramdiskmcenabled"},
	{number: 0x3600000a, name: "ramdiskmctftpfallback"},
	{number: 0x3600000b, name: "ramdisktftpvarwindow"},

	{number: 0x21000022, app: appBootManager, name: "bcddevice"},
	{number: 0x22000023, app: appBootManager, name: "bcdfilepath"},
	{number: 0x23000003, app: appBootManager, name: "default"},
	{number: 0x23000006, app: appBootManager, name: "resumeobject"},
	{number: 0x24000001, app: appBootManager, name: "displayorder"},
	{number: 0x24000002, app: appBootManager, name: "bootsequence"},
	{number: 0x24000010, app: appBootManager, name: "toolsdisplayorder"},
	{number: 0x25000004, app: appBootManager, name: "timeout"},
	{number: 0x26000005, app: appBootManager, name: "resume"},
	{number: 0x26000020, app: appBootManager, name: "displaybootmenu"},
	{number: 0x26000021, app: appBootManager, name: "noerrordisplay"},
	{number: 0x26000028, app: appBootManager, name: "processcustomactionsfirst"},
	{number: 0x26000031, app: appBootManager, name: "persistbootsequence"},
	{number: 0x27000030, app: appBootManager, name: "customactions", hex: true},

	{number: 0x21000001, app: appOSLoader, name: "osdevice"},
	{number: 0x22000002, app: appOSLoader, name: "systemroot"},
	{number: 0x22000011, app: appOSLoader, name: "kernel"},
	{number: 0x22000012, app: appOSLoader, name: "hal"},
	{number: 0x22000013, app: appOSLoader, name: "dbgtransport"},
	{number: 0x22000040, app: appOSLoader, name: "fverecoveryurl"},
	{number: 0x22000041, app: appOSLoader, name: "fverecoverymessage"},
	{number: 0x22000053, app: appOSLoader, name: "evstore"},
	{number: 0x220000f9, app: appOSLoader, name: "hypervisorbusparams"},
	{number: 0x22000110, app: appOSLoader, name: "hypervisorusekey"},
	{number: 0x23000003, app: appOSLoader, name: "resumeobject"},
	{number: 0x25000020, app: appOSLoader, name: "nx", words: nxWords},
	{number: 0x25000021, app: appOSLoader, name: "pae", words: paeWords},
	{number: 0x25000031, app: appOSLoader, name: "removememory"},
	{number: 0x25000032, app: appOSLoader, name: "increaseuserva"},
	{number: 0x25000033, app: appOSLoader, name: "perfmem"},
	{number: 0x25000050, app: appOSLoader, name: "clustermodeaddressing"},
	{number: 0x25000052, app: appOSLoader, name: "restrictapiccluster"},
	{number: 0x25000055, app: appOSLoader, name: "x2apicpolicy", words: apicWords},
	{number: 0x25000061, app: appOSLoader, name: "numproc"},
	{number: 0x25000063, app: appOSLoader, name: "configflags", hex: true},
	{number: 0x25000066, app: appOSLoader, name: "groupsize"},
	{number: 0x25000071, app: appOSLoader, name: "msi", words: disableWords},
	{number: 0x25000072, app: appOSLoader, name: "pciexpress", words: disableWords},
	{number: 0x25000080, app: appOSLoader, name: "safeboot", words: safeBootWords},
	{number: 0x250000a6, app: appOSLoader, name: "tscsyncpolicy", words: tscWords},
	{number: 0x250000c1, app: appOSLoader, name: "driverloadfailurepolicy", words: loadWords},
	{number: 0x250000c2, app: appOSLoader, name: "bootmenupolicy", words: menuWords},
	{number: 0x250000e0, app: appOSLoader, name: "bootstatuspolicy", words: statusWords},
	{number: 0x250000f0, app: appOSLoader, name: "hypervisorlaunchtype", words: launchWords},
	{number: 0x250000f3, app: appOSLoader, name: "hypervisordebugtype", words: hyperDebugWords},
	{number: 0x250000f4, app: appOSLoader, name: "hypervisordebugport"},
	{number: 0x250000f5, app: appOSLoader, name: "hypervisorbaudrate"},
	{number: 0x250000f6, app: appOSLoader, name: "hypervisorchannel"},
	{number: 0x250000f7, app: appOSLoader, name: "bootux"},
	{number: 0x250000fa, app: appOSLoader, name: "hypervisornumproc"},
	{number: 0x250000fb, app: appOSLoader, name: "hypervisorrootprocpernode"},
	{number: 0x250000fd, app: appOSLoader, name: "hypervisorhostip", hex: true},
	{number: 0x250000fe, app: appOSLoader, name: "hypervisorhostport"},
	{number: 0x25000100, app: appOSLoader, name: "tpmbootentropy"},
	{number: 0x25000113, app: appOSLoader, name: "hypervisorrootproc"},
	{number: 0x25000115, app: appOSLoader, name: "hypervisoriommupolicy"},
	{number: 0x25000120, app: appOSLoader, name: "xsavepolicy"},
	{number: 0x25000121, app: appOSLoader, name: "xsaveaddfeature0", hex: true},
	{number: 0x25000122, app: appOSLoader, name: "xsaveaddfeature1", hex: true},
	{number: 0x25000123, app: appOSLoader, name: "xsaveaddfeature2", hex: true},
	{number: 0x25000124, app: appOSLoader, name: "xsaveaddfeature3", hex: true},
	{number: 0x25000125, app: appOSLoader, name: "xsaveaddfeature4", hex: true},
	{number: 0x25000126, app: appOSLoader, name: "xsaveaddfeature5", hex: true},
	{number: 0x25000127, app: appOSLoader, name: "xsaveaddfeature6", hex: true},
	{number: 0x25000128, app: appOSLoader, name: "xsaveaddfeature7", hex: true},
	{number: 0x25000129, app: appOSLoader, name: "xsaveremovefeature", hex: true},
	{number: 0x2500012a, app: appOSLoader, name: "xsaveprocessorsmask", hex: true},
	{number: 0x2500012b, app: appOSLoader, name: "xsavedisable"},
	{number: 0x25000130, app: appOSLoader, name: "claimedtpmcounter"},
	{number: 0x26000004, app: appOSLoader, name: "stampdisks"},
	{number: 0x26000010, app: appOSLoader, name: "detecthal"},
	{number: 0x26000022, app: appOSLoader, name: "winpe"},
	{number: 0x26000024, app: appOSLoader, name: "nocrashautoreboot"},
	{number: 0x26000025, app: appOSLoader, name: "lastknowngood"},
	{number: 0x26000030, app: appOSLoader, name: "nolowmem"},
	{number: 0x26000040, app: appOSLoader, name: "vga"},
	{number: 0x26000041, app: appOSLoader, name: "quietboot"},
	{number: 0x26000042, app: appOSLoader, name: "novesa"},
	{number: 0x26000043, app: appOSLoader, name: "novga"},
	{number: 0x26000051, app: appOSLoader, name: "usephysicaldestination"},
	{number: 0x26000054, app: appOSLoader, name: "uselegacyapicmode"},
	{number: 0x26000060, app: appOSLoader, name: "onecpu"},
	{number: 0x26000062, app: appOSLoader, name: "maxproc"},
	{number: 0x26000064, app: appOSLoader, name: "maxgroup"},
	{number: 0x26000065, app: appOSLoader, name: "groupaware"},
	{number: 0x26000070, app: appOSLoader, name: "usefirmwarepcisettings"},
	{number: 0x26000081, app: appOSLoader, name: "safebootalternateshell"},
	{number: 0x26000090, app: appOSLoader, name: "bootlog"},
	{number: 0x26000091, app: appOSLoader, name: "sos"},
	{number: 0x260000a0, app: appOSLoader, name: "debug"},
	{number: 0x260000a1, app: appOSLoader, name: "halbreakpoint"},
	{number: 0x260000a2, app: appOSLoader, name: "useplatformclock"},
	{number: 0x260000a3, app: appOSLoader, name: "forcelegacyplatform"},
	{number: 0x260000a4, app: appOSLoader, name: "useplatformtick"},
	{number: 0x260000a5, app: appOSLoader, name: "disabledynamictick"},
	{number: 0x260000b0, app: appOSLoader, name: "ems"},
	{number: 0x260000c3, app: appOSLoader, name: "onetimeadvancedoptions"},
	{number: 0x260000c4, app: appOSLoader, name: "onetimeoptionsedit"},
	{number: 0x260000e1, app: appOSLoader, name: "disableelamdrivers"},
	{number: 0x260000f2, app: appOSLoader, name: "hypervisordebug"},
	{number: 0x260000f8, app: appOSLoader, name: "hypervisordisableslat"},
	{number: 0x260000fc, app: appOSLoader, name: "hypervisoruselargevtlb"},
	{number: 0x26000114, app: appOSLoader, name: "hypervisordhcp"},
	{number: 0x26000116, app: appOSLoader, name: "hypervisorusevapic"},

	{number: 0x21000001, app: appResume, name: "filedevice"},
	{number: 0x21000005, app: appResume, name: "associatedosdevice"},
	{number: 0x22000002, app: appResume, name: "filepath"},
	{number: 0x25000007, app: appResume, name: "bootux"},
	{number: 0x25000008, app: appResume, name: "bootmenupolicy", words: menuWords},
	{number: 0x26000003, app: appResume, name: "customsettings"},
	{number: 0x26000004, app: appResume, name: "pae"},
	{number: 0x26000006, app: appResume, name: "debugoptionenabled"},

	{number: 0x25000001, app: appMemoryTester, name: "passcount"},
	{number: 0x25000002, app: appMemoryTester, name: "testmix"},
	{number: 0x25000005, app: appMemoryTester, name: "stridefailcount"},
	{number: 0x25000006, app: appMemoryTester, name: "invcfailcount"},
	{number: 0x25000007, app: appMemoryTester, name: "matsfailcount"},
	{number: 0x25000008, app: appMemoryTester, name: "randfailcount"},
	{number: 0x25000009, app: appMemoryTester, name: "chckrfailcount"},
	{number: 0x26000003, app: appMemoryTester, name: "cacheenable"},
	{number: 0x26000004, app: appMemoryTester, name: "failuresenabled"},
}

// documentedDefaults are what counts where an element is set nowhere, as far as Microsoft says so
// for every version of Windows alike: nx, pae and x2apicpolicy in the enumeration
// BcdOSLoaderElementTypes, the others in the reference of bcdedit /set.
var documentedDefaults = map[string]uint64{
	"nx": 2, "pae": 0, "x2apicpolicy": 0, "groupsize": 64, "increaseuserva": 2048, "maxgroup": 0, "testsigning": 0,
}

// infoOf finds what is known about a number in an object of this type.
func infoOf(t ElementType, in ObjectType) (elementInfo, bool) {
	for _, i := range elementTypes {
		if i.number == t && i.fits(in) {
			return i, true
		}
	}
	return elementInfo{}, false
}

// fits says whether an element of the application class means what is said here in such an object.
// The firmware's boot manager has the elements of Windows' own.
func (i elementInfo) fits(in ObjectType) bool {
	app := in.application()
	if app == appFirmwareManager {
		app = appBootManager
	}
	return !i.number.isApplication() || i.app == app
}

// typeNamed finds the number of an element's name, or of the number itself written as "0x16000009",
// in an object of this type.
func typeNamed(name string, in ObjectType) (ElementType, bool) {
	for _, i := range elementTypes {
		if i.name == name && i.fits(in) {
			return i.number, true
		}
	}
	var n uint32
	if _, err := fmt.Sscanf(name, "0x%08x", &n); err == nil {
		return ElementType(n), true
	}
	return 0, false
}

// CrashElements are the names of the loader's elements that decide whether a hang at boot or after
// it leaves a dump, what stands in its way, and how much memory there is to dump.
func CrashElements() []string {
	return []string{
		"recoveryenabled", "recoverysequence", "bootstatuspolicy", "nocrashautoreboot", "bootlog", "sos", "quietboot",
		"safeboot", "safebootalternateshell", "lastknowngood", "bootmenupolicy", "advancedoptions", "optionsedit",
		"onetimeadvancedoptions", "debug", "bootdebug", "debugtype", "ems", "bootems", "truncatememory", "removememory",
		"relocatephysical", "nolowmem", "onecpu", "numproc", "nx", "hypervisorlaunchtype", "hypervisordebug", "winpe", "resumeobject",
	}
}
