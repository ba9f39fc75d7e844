package sample

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// BCDOptions describe a store of boot configuration data. The zero value is that of a BIOS machine
// with one Windows and its recovery environment, as setup leaves it.
type BCDOptions struct {
	EFI      bool
	System   windows.VolumeID // the partition of the boot manager
	Volume   windows.VolumeID // the partition of the Windows
	Windows  string           // its name in the menu; "Windows Server" if empty
	Elements BCDElements      // further elements of the Windows' entry
	Now      time.Time        // of the hive and its keys
}

// BCDElements are elements of an object by the number of their type. The values are a bool, an int,
// a string, the []byte of a device, a []string of objects' IDs, or an []int; anything else is put in
// as the hive.Value it is.
type BCDElements map[windows.ElementType]any

// IDs of the objects that are made new for every store.
const (
	LoaderID   = "{5f2e8e10-11aa-11ee-8d2f-00155d012a00}"
	ResumeID   = "{5f2e8e0f-11aa-11ee-8d2f-00155d012a00}"
	RecoveryID = "{5f2e8e12-11aa-11ee-8d2f-00155d012a00}"
)

// IDs that are the same in every store.
const (
	bootManager        = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
	memoryTester       = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
	globalSettings     = "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"
	bootLoaderSettings = "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
	debuggerSettings   = "{4636856e-540f-4170-a130-a84776f4c654}"
	emsSettings        = "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}"
)

// Types of objects.
const (
	typeBootManager  = 0x10100002
	typeOSLoader     = 0x10200003
	typeResume       = 0x10200004
	typeMemoryTester = 0x10200005
	typeSettings     = 0x20100000
	typeForLoader    = 0x20200003
)

// BCD builds a store.
func BCD(o BCDOptions) (*hive.Hive, error) {
	b := &builder{h: hive.New(hive.NewOptions{Minor: 3, RootName: "NewStoreRoot", Now: o.Now})}
	b.sz("Description", "KeyName", "BCD00000000")
	b.dword("Description", "System", 1)
	b.dword("Description", "TreatAsSystem", 1)
	b.bootManager(o)
	b.loaders(o)
	b.object(memoryTester, typeMemoryTester, BCDElements{
		0x12000002: o.program(`\boot\memtest.exe`, `\EFI\Microsoft\Boot\memtest.efi`), 0x12000004: "Windows Memory Diagnostic", 0x1600000b: true,
	})
	b.object(globalSettings, typeSettings, BCDElements{0x14000006: []string{debuggerSettings, emsSettings}})
	b.object(bootLoaderSettings, typeForLoader, BCDElements{0x14000006: []string{globalSettings}})
	b.object(debuggerSettings, typeSettings, BCDElements{0x15000011: 4})
	b.object(emsSettings, typeSettings, BCDElements{0x16000020: false})
	return b.h, b.err
}

func (o BCDOptions) program(bios, efi string) string {
	if o.EFI {
		return efi
	}
	return bios
}

func (b *builder) bootManager(o BCDOptions) {
	manager := BCDElements{
		0x11000001: PartitionDevice(o.System), 0x12000004: "Windows Boot Manager", 0x14000006: []string{globalSettings},
		0x23000003: []string{LoaderID}, 0x23000006: []string{ResumeID}, 0x24000001: []string{LoaderID}, 0x24000010: []string{memoryTester},
		0x25000004: 30,
	}
	if o.EFI {
		manager[0x12000002] = `\EFI\Microsoft\Boot\bootmgfw.efi`
	}
	b.object(bootManager, typeBootManager, manager)
}

func (b *builder) loaders(o BCDOptions) {
	name := o.Windows
	if name == "" {
		name = "Windows Server"
	}
	volume := PartitionDevice(o.Volume)
	winload := o.program(`\Windows\system32\winload.exe`, `\Windows\system32\winload.efi`)
	loader := BCDElements{
		0x11000001: volume, 0x12000002: winload, 0x12000004: name, 0x12000005: "en-US", 0x14000006: []string{bootLoaderSettings},
		0x14000008: []string{RecoveryID}, 0x16000009: true, 0x21000001: volume, 0x22000002: `\Windows`, 0x23000003: []string{ResumeID}, 0x25000020: 1,
	}
	maps.Copy(loader, o.Elements)
	b.object(LoaderID, typeOSLoader, loader)
	b.object(ResumeID, typeResume, BCDElements{
		0x11000001: volume, 0x12000002: o.program(`\Windows\system32\winresume.exe`, `\Windows\system32\winresume.efi`),
		0x12000004: "Windows Resume Application", 0x21000001: volume, 0x22000002: `\hiberfil.sys`,
	})
	b.object(RecoveryID, typeOSLoader, BCDElements{
		0x12000002: winload, 0x12000004: "Windows Recovery Environment", 0x14000006: []string{bootLoaderSettings}, 0x22000002: `\Windows`, 0x26000022: true,
	})
}

// object sets an object. A value of nil removes the element that others gave.
func (b *builder) object(id string, kind uint32, elements BCDElements) {
	key := `Objects\` + id
	b.dword(key+`\Description`, "Type", kind)
	b.key(key + `\Elements`)
	for _, t := range slices.Sorted(maps.Keys(elements)) {
		if elements[t] != nil {
			b.element(key+fmt.Sprintf(`\Elements\%08x`, uint32(t)), t, elements[t])
		}
	}
}

func (b *builder) element(key string, t windows.ElementType, value any) {
	const name = "Element"
	switch v := value.(type) {
	case bool:
		b.set(key, name, hive.Binary, []byte{boolByte(v)})
	case int:
		b.set(key, name, hive.Binary, binary.LittleEndian.AppendUint64(nil, uint64(v)))
	case []int:
		var p []byte
		for _, n := range v {
			p = binary.LittleEndian.AppendUint64(p, uint64(n))
		}
		b.set(key, name, hive.Binary, p)
	case string:
		b.sz(key, name, v)
	case []string:
		if t.Format() == windows.FormatObject {
			b.sz(key, name, v[0])
		} else {
			b.multi(key, name, v...)
		}
	case []byte:
		b.set(key, name, hive.Binary, v)
	case hive.Value:
		b.set(key, name, v.Type, v.Data)
	}
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// PartitionDevice is the value of a device element that names a partition.
func PartitionDevice(id windows.VolumeID) []byte {
	const size, gpt, mbr = 72, 0, 1
	le := binary.LittleEndian
	p := make([]byte, 16, 16+size)
	for _, n := range []uint32{6, 0, size, 0} {
		p = le.AppendUint32(p, n)
	}
	if id.PartitionGUID != "" {
		p = append(p, guidBytes(id.PartitionGUID)...)
		p = le.AppendUint64(p, gpt<<32)
		return append(p, make([]byte, 32)...)
	}
	p = append(le.AppendUint64(p, uint64(id.Offset)), make([]byte, 8)...)
	p = le.AppendUint64(p, mbr<<32)
	p = le.AppendUint32(p, id.MBRSignature)
	return append(p, make([]byte, 28)...)
}
