package offline

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"hangkit/offline/windows"
)

var (
	kernel32         = syscall.NewLazyDLL("kernel32.dll")
	getFirmwareTable = kernel32.NewProc("GetSystemFirmwareTable")
	getInstalledRAM  = kernel32.NewProc("GetPhysicallyInstalledSystemMemory")
)

// thisRAM is the memory of the machine hangkit runs on, in bytes; 0 if unknown.
func thisRAM() int64 {
	var kib uint64
	if getInstalledRAM.Find() != nil {
		return 0
	}
	if ok, _, _ := getInstalledRAM.Call(uintptr(unsafe.Pointer(&kib))); ok == 0 || kib > 1<<50 {
		return 0
	}
	return int64(kib) << 10
}

// thisMachine is what the firmware of the machine hangkit runs on says of itself.
func thisMachine() windows.SMBIOS { return windows.ParseSMBIOS(smbiosTable()) }

// The firmware table provider 'RSMB', and the header before its table: calling method,
// version and revision in four bytes, then the table's length ("GetSystemFirmwareTable
// function", Microsoft).
const (
	rawSMBIOS       = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B'
	rawSMBIOSLength = 4
	rawSMBIOSHeader = 8
	maxSMBIOS       = 1 << 20
)

// smbiosTable is nil where Windows has none, or is too old to tell.
func smbiosTable() []byte {
	if getFirmwareTable.Find() != nil {
		return nil
	}
	size, _, _ := getFirmwareTable.Call(rawSMBIOS, 0, 0, 0)
	if size < rawSMBIOSHeader || size > maxSMBIOS {
		return nil
	}
	b := make([]byte, size)
	got, _, _ := getFirmwareTable.Call(rawSMBIOS, 0, uintptr(unsafe.Pointer(&b[0])), size)
	if got < rawSMBIOSHeader || got > size {
		return nil
	}
	table := b[rawSMBIOSHeader:got]
	return table[:min(len(table), int(binary.LittleEndian.Uint32(b[rawSMBIOSLength:])))]
}
