// Package sample builds the registry of a made-up Windows, as a demonstration and the tests want it: small, but with
// every key that decides about crash dumps, at the values a default installation has.
package sample

import (
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf16"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// Options describe the installation. Start from one of the presets.
type Options struct {
	Build         int
	UBR           int
	Product       string
	Edition       string
	Type          string // InstallationType: Client, Server, Server Core
	Role          string // ProductType: WinNT, ServerNT, LanmanNT
	Arch          string // AMD64, x86, ARM64
	Name          string // of the machine
	Domain        string
	Manufacturer  string
	Model         string
	Chassis       uint32 // SMBIOS chassis type
	DumpType      uint32 // CrashDumpEnabled
	PageFiles     []string
	FastStartup   bool
	Volume        windows.VolumeID // of drive C:
	Services      []string         // further services, with Start 2
	Keyboards     []string         // keyboards that were connected, by service
	SecondSet     bool             // a ControlSet002 as Last Known Good
	Now           time.Time        // of the hive and its keys
	HardwareUUID  string
	BuildLab      string
	DriverVersion uint32 // DriverDatabase\Version, 0 = no such key
	ServicePack   uint32 // CSDBuildNumber, the service pack's own build; 0 = absent

	Pack        int       // number of the service pack
	Devices     []string  // devices that were connected, by bus and device id
	BIOSVersion string    // of the firmware
	FirmwareID  string    // ACPI OEM id in front of SystemBiosVersion
	BootID      uint32    // counts the boots; 0 = not noted
	Shutdown    time.Time // the last clean one; zero = not noted
}

// Client is Windows 10 22H2 on a VMware virtual machine, as installed: automatic dumps, a page file that Windows
// manages, no key combination.
func Client() Options {
	return Options{
		Build: 19045, UBR: 4170, Product: "Windows 10 Pro", Edition: "Professional", Type: "Client", Role: "WinNT", Arch: "AMD64",
		Name: "DEMO-PC", Manufacturer: "VMware, Inc.", Model: "VMware7,1", Chassis: 1,
		DumpType: 7, PageFiles: []string{`?:\pagefile.sys`}, FastStartup: true,
		Keyboards:    []string{windows.PS2Keyboard, windows.HIDKeyboard},
		HardwareUUID: "{67314d56-e237-4c1c-9d3f-5a0c7c1b2a31}", BuildLab: "19045.vb_release.191206-1406", DriverVersion: 0x0A000000,
	}
}

// Laptop is Windows 11 on a portable machine.
func Laptop() Options {
	o := Client()
	o.Build, o.UBR, o.Name, o.BuildLab = 22631, 3296, "DEMO-LAPTOP", "22631.ni_release.220506-1250"
	o.Manufacturer, o.Model, o.Chassis, o.HardwareUUID = "LENOVO", "21CB000JGE", 10, "{9b0ef3cc-28b3-11b2-a85c-c4b0e4f2a7d1}"
	return o
}

// Server is Windows Server 2022 on an HPE ProLiant with its health monitor, dumps switched off and a small fixed page
// file: the machine that hangs and leaves nothing.
func Server() Options {
	return Options{
		Build: 20348, UBR: 2340, Product: "Windows Server 2022 Standard", Edition: "ServerStandard", Type: "Server", Role: "ServerNT", Arch: "AMD64",
		Name: "DEMO-SRV", Domain: "example.test", Manufacturer: "HPE", Model: "ProLiant DL380 Gen10", Chassis: 23,
		DumpType: 0, PageFiles: []string{`C:\pagefile.sys 256 256`},
		Keyboards: []string{windows.HIDKeyboard}, Services: []string{"ProLiantMonitor", "ams"},
		HardwareUUID: "{30373237-3132-584d-5136-333930345a4b}", BuildLab: "20348.fe_release.210507-1500", DriverVersion: 0x0A000000,
	}
}

// Windows7 is Windows 7 SP1 on a PC.
func Windows7() Options {
	return Options{
		Build: 7601, Product: "Windows 7 Professional", Edition: "Professional", Type: "Client", Role: "WinNT", Arch: "x86",
		Name: "DEMO-W7", ServicePack: 17514, DumpType: 2, PageFiles: []string{`?:\pagefile.sys`}, Keyboards: []string{windows.HIDKeyboard}, SecondSet: true,
	}
}

// WindowsXP is Windows XP SP3 on a PC: minidumps, PS/2 keyboard only.
func WindowsXP() Options {
	return Options{
		Build: 2600, Product: "Microsoft Windows XP", Role: "WinNT", Arch: "x86",
		Name: "DEMO-XP", DumpType: 3, PageFiles: []string{`C:\pagefile.sys 768 1536`}, Keyboards: []string{windows.PS2Keyboard}, SecondSet: true,
	}
}

// spare is the free room left inside the hive, so that it can be edited without growing. Real hives have some, too.
const spare = 64 << 10

// System builds the SYSTEM hive.
func System(o Options) (*hive.Hive, error) {
	b := &builder{h: hive.New(hive.NewOptions{RootName: "ROOT", Now: o.Now})}
	b.selectKey(o)
	b.controlSet("ControlSet001", o)
	if o.SecondSet {
		b.controlSet("ControlSet002", o)
	}
	b.mountedDevices(o)
	b.hardware(o)
	b.dword("Setup", "SystemSetupInProgress", 0)
	b.leaveRoom()
	return b.h, b.err
}

// Software builds the SOFTWARE hive.
func Software(o Options) (*hive.Hive, error) {
	b := &builder{h: hive.New(hive.NewOptions{RootName: "ROOT", Now: o.Now})}
	const key = `Microsoft\Windows NT\CurrentVersion`
	build := fmt.Sprint(o.Build)
	b.sz(key, "ProductName", o.Product)
	b.sz(key, "CurrentBuildNumber", build)
	b.sz(key, "SystemRoot", `C:\Windows`)
	if o.Build >= windows.Build7 {
		b.sz(key, "CurrentBuild", build)
		b.sz(key, "EditionID", o.Edition)
		b.sz(key, "InstallationType", o.Type)
	}
	if o.Build >= windows.Build10 {
		b.dword(key, "UBR", uint32(o.UBR))
		b.dword(key, "CurrentMajorVersionNumber", 10)
	}
	if o.Build >= 19042 {
		b.sz(key, "DisplayVersion", displayVersion(o.Build))
	} else if id := releaseIDs[o.Build]; id != "" {
		b.sz(key, "ReleaseId", id)
	}
	if o.Pack != 0 {
		b.sz(key, "CSDVersion", fmt.Sprintf("Service Pack %d", o.Pack))
	}
	return b.h, b.err
}

// releaseIDs are what the versions of Windows 10 were called before DisplayVersion.
var releaseIDs = map[int]string{14393: "1607", 17763: "1809"}

// displayVersion names the releases of the presets.
func displayVersion(build int) string {
	switch build {
	case 20348:
		return "21H2"
	case 22631:
		return "23H2"
	case 26100:
		return "24H2"
	}
	return "22H2"
}

// builder sets values until the first error.
type builder struct {
	h   *hive.Hive
	err error
}

func (b *builder) set(key, name string, t hive.Type, data []byte) {
	if b.err == nil {
		b.err = b.h.SetValue(key, hive.Value{Name: name, Type: t, Data: data})
	}
}

func (b *builder) dword(key, name string, n uint32) {
	b.set(key, name, hive.DWORD, hive.EncodeDWORD(n))
}
func (b *builder) sz(key, name, s string)     { b.set(key, name, hive.SZ, hive.EncodeSZ(s)) }
func (b *builder) expand(key, name, s string) { b.set(key, name, hive.ExpandSZ, hive.EncodeSZ(s)) }

func (b *builder) multi(key, name string, list ...string) {
	b.set(key, name, hive.MultiSZ, hive.EncodeMultiSZ(list))
}

func (b *builder) key(path string) {
	if b.err == nil {
		_, b.err = b.h.CreateKey(path)
	}
}

func (b *builder) leaveRoom() {
	const cell = 16_000 // below the size from which data are split
	for i := range spare / cell {
		b.set("spare", fmt.Sprint(i), hive.Binary, make([]byte, cell))
	}
	if b.err == nil {
		b.err = b.h.DeleteKey("spare")
	}
}

func (b *builder) selectKey(o Options) {
	b.dword("Select", "Current", 1)
	b.dword("Select", "Default", 1)
	b.dword("Select", "Failed", 0)
	good := uint32(1)
	if o.SecondSet {
		good = 2
	}
	b.dword("Select", "LastKnownGood", good)
}

func (b *builder) controlSet(set string, o Options) {
	b.control(set+`\Control`, o)
	b.crashControl(set+`\Control\CrashControl`, o)
	b.memory(set+`\Control\Session Manager\Memory Management`, o)
	b.services(set+`\Services`, o)
	b.devices(set+`\Enum`, o)
}

func (b *builder) control(key string, o Options) {
	b.sz(key+`\ComputerName\ComputerName`, "ComputerName", o.Name)
	b.sz(key+`\ProductOptions`, "ProductType", o.Role)
	b.sz(key+`\Session Manager\Environment`, "PROCESSOR_ARCHITECTURE", o.Arch)
	b.expand(key+`\Windows`, "Directory", "%SystemRoot%")
	b.key(key + `\Power`)
	if o.ServicePack != 0 {
		b.dword(key+`\Windows`, "CSDBuildNumber", o.ServicePack)
	}
	if o.Pack != 0 {
		b.dword(key+`\Windows`, "CSDVersion", uint32(o.Pack)<<8)
	}
	if !o.Shutdown.IsZero() {
		b.set(key+`\Windows`, "ShutdownTime", hive.Binary, binary.LittleEndian.AppendUint64(nil, fileTime(o.Shutdown)))
	}
	if o.BuildLab != "" {
		b.sz(key+`\Windows`, "ShutdownStopTimePerfCounterBuildLab", o.BuildLab)
	}
	if o.FastStartup {
		b.dword(key+`\Session Manager\Power`, windows.HiberbootEnabled, 1)
	}
}

func (b *builder) crashControl(key string, o Options) {
	b.dword(key, windows.AutoReboot, 1)
	b.dword(key, windows.CrashDumpEnabled, o.DumpType)
	b.expand(key, windows.DumpFile, windows.DefaultDumpFile)
	b.expand(key, windows.MinidumpDir, windows.DefaultMinidumpDir)
	b.dword(key, windows.LogEvent, 1)
	b.dword(key, windows.Overwrite, 1)
	switch {
	case o.Build < windows.BuildVista:
		b.dword(key, "SendAlert", 1)
		return
	case o.Build < windows.Build10:
		b.dword(key, "MinidumpsCount", 50)
	default:
		b.dword(key, "MinidumpsCount", 5)
	}
	b.multi(key, windows.DumpFilters, "dumpfve.sys")
	if o.Build >= buildDumpLog {
		b.dword(key, windows.EnableLogFile, 1)
		b.dword(key, "DumpLogLevel", 0)
	}
}

// buildDumpLog is Windows 10 2004: later installations have the log of the dump stack switched on.
const buildDumpLog = 19041

func (b *builder) memory(key string, o Options) {
	b.multi(key, windows.PagingFiles, o.PageFiles...)
	b.dword(key, windows.ClearPageFileAtShutdown, 0)
	if o.Build >= windows.BuildVista {
		b.multi(key, windows.ExistingPageFiles, `\??\C:\pagefile.sys`)
	}
	if o.BootID != 0 {
		b.dword(key+`\PrefetchParameters`, "BootId", o.BootID)
	}
}

// demandStart is the Start of a driver that is loaded when its device is there.
const demandStart = 3

func (b *builder) services(key string, o Options) {
	b.dword(key+`\i8042prt`, "Start", demandStart)
	b.key(key + `\i8042prt\Parameters`)
	if o.Build >= windows.Build7 {
		b.dword(key+`\kbdhid`, "Start", demandStart)
		b.key(key + `\kbdhid\Parameters`)
	}
	if o.Build >= windows.Build81 {
		b.dword(key+`\hyperkbd`, "Start", demandStart)
	}
	for _, name := range o.Services {
		b.dword(key+`\`+name, "Start", 2)
	}
	b.sz(key+`\Tcpip\Parameters`, "NV Domain", o.Domain)
	b.sz(key+`\Tcpip\Parameters`, "Domain", o.Domain)
}

// devices leaves the traces of connected keyboards.
func (b *builder) devices(key string, o Options) {
	ids := map[string]string{
		windows.PS2Keyboard: `ACPI\PNP0303\4&1bd7f811&0`, windows.HIDKeyboard: `HID\VID_0E0F&PID_0003&MI_00\7&1f3a8c1&0&0000`,
		windows.HyperVKeyboard: `VMBUS\{d34b2567-b9b6-42b9-8778-0a4ec0b955bf}\5&1ac8f6e1&0&{d34b2567-b9b6-42b9-8778-0a4ec0b955bf}`,
	}
	b.key(key)
	for _, service := range o.Keyboards {
		instance := key + `\` + ids[service]
		b.sz(instance, "ClassGUID", "{4d36e96b-e325-11ce-bfc1-08002be10318}")
		b.sz(instance, "Service", service)
	}
	for _, id := range o.Devices {
		b.key(key + `\` + id + `\3&2b8e0b4b&0&78`)
	}
}

func (b *builder) mountedDevices(o Options) {
	const key = "MountedDevices"
	switch v := o.Volume; {
	case v.PartitionGUID != "":
		b.set(key, `\DosDevices\C:`, hive.Binary, append([]byte("DMIO:ID:"), guidBytes(v.PartitionGUID)...))
	default:
		if v.MBRSignature == 0 {
			v = windows.VolumeID{MBRSignature: 0x5CBEA03E, Offset: 1 << 20}
		}
		data := binary.LittleEndian.AppendUint32(nil, v.MBRSignature)
		b.set(key, `\DosDevices\C:`, hive.Binary, binary.LittleEndian.AppendUint64(data, uint64(v.Offset)))
	}
	cd := `\??\SCSI#CdRom&Ven_NECVMWar&Prod_VMware_SATA_CD01#5&2b5a0a5c&0&010000#{53f5630d-b6bf-11d0-94f2-00a0c91efb8b}`
	var units []byte
	for _, u := range utf16.Encode([]rune(cd)) {
		units = binary.LittleEndian.AppendUint16(units, u)
	}
	b.set(key, `\DosDevices\D:`, hive.Binary, units)
}

// fileTime is a time in the form of Windows: 100 ns since 1601.
func fileTime(t time.Time) uint64 {
	const to1970, perSecond = 11644473600, 10_000_000
	return uint64(t.Unix()+to1970)*perSecond + uint64(t.Nanosecond()/100)
}

// guidBytes turns the text of a GUID into Windows' little-endian form; nonsense becomes zeros.
func guidBytes(s string) []byte {
	var a uint32
	var b, c, d uint16
	var e uint64
	_, _ = fmt.Sscanf(trimBraces(s), "%08x-%04x-%04x-%04x-%012x", &a, &b, &c, &d, &e)
	out := binary.LittleEndian.AppendUint32(nil, a)
	out = binary.LittleEndian.AppendUint16(out, b)
	out = binary.LittleEndian.AppendUint16(out, c)
	out = binary.BigEndian.AppendUint16(out, d)
	return append(out, binary.BigEndian.AppendUint64(nil, e)[2:]...)
}

func trimBraces(s string) string {
	if len(s) > 2 && s[0] == '{' {
		return s[1 : len(s)-1]
	}
	return s
}

func (b *builder) hardware(o Options) {
	if o.DriverVersion != 0 {
		b.dword("DriverDatabase", "Version", o.DriverVersion)
	}
	if o.HardwareUUID == "" {
		return
	}
	b.sz("HardwareConfig", "LastConfig", o.HardwareUUID)
	key := `HardwareConfig\` + o.HardwareUUID
	if o.FirmwareID != "" {
		b.multi(key, "SystemBiosVersion", o.FirmwareID+" - 1")
	}
	if o.Build < windows.Build10 {
		return // it notes no more
	}
	if o.BIOSVersion != "" {
		b.sz(key, "BIOSVersion", o.BIOSVersion)
	}
	b.sz(key, "SystemManufacturer", o.Manufacturer)
	b.sz(key, "SystemProductName", o.Model)
	b.dword(key, "EnclosureType", o.Chassis)
}
