package image

// Types of GPT partitions, as [Partition.Type] gives them.
const (
	TypeEFISystem     = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	TypeMSReserved    = "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"
	TypeBasicData     = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
	TypeWinRecovery   = "DE94BBA4-06D1-4D40-A16A-BFD50179D6AC"
	TypeLDMMetadata   = "5808C8AA-7E8F-42E0-85D2-E1E90434CFB3"
	TypeLDMData       = "AF9B60A0-1431-4F62-BC68-3311714A69AD"
	TypeStorageSpaces = "E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D"
	TypeCrashDump     = "66C9B323-F7FC-48B6-BF96-6F32E335A428"
)

// gptTypeNames are the types in words.
var gptTypeNames = map[string]string{
	TypeEFISystem:                          "EFI System",
	TypeMSReserved:                         "Microsoft Reserved",
	TypeBasicData:                          "Basic data",
	TypeWinRecovery:                        "Windows Recovery",
	TypeLDMMetadata:                        "Windows dynamic disk (LDM) metadata",
	TypeLDMData:                            "Windows dynamic disk (LDM) data",
	TypeStorageSpaces:                      "Storage Spaces",
	TypeCrashDump:                          "Windows crash dump",
	"558D43C5-A1AC-43C0-AAC8-D1472B2923D1": "Storage Spaces replica",
	"E3C9E316-0B5C-4DB8-817D-F92DF00215AF": "Microsoft Reserved",
	"024DEE41-33E7-11D3-9D69-0008C781F39F": "MBR scheme",
	"21686148-6449-6E6F-744E-656564454649": "BIOS boot",
	"0FC63DAF-8483-4772-8E79-3D69D8477DE4": "Linux",
	"0657FD6D-A4AB-43C4-84E5-0933C84B4F4F": "Linux swap",
	"E6D6D379-F507-44C2-A23C-238F2A3DF928": "Linux LVM",
	"A19D880F-05FC-4D3B-A006-743F0F84911E": "Linux RAID",
	"CA7D7CCB-63ED-4C53-861C-1742536059CC": "Linux LUKS",
	"48465300-0000-11AA-AA11-00306543ECAC": "Apple HFS+",
	"7C3457EF-0000-11AA-AA11-00306543ECAC": "Apple APFS",
}

// Types of MBR partitions.
const (
	typeEmpty         = 0x00
	typeExtended      = 0x05
	typeNTFS          = 0x07
	typeExtendedLBA   = 0x0f
	typeLDM           = 0x42
	typeExtendedLinux = 0x85
	typeProtective    = 0xee
)

// Types of MBR partitions, as [Partition.Type] gives them.
const (
	TypeMBRNTFS = "0x07"
	TypeMBRLDM  = "0x42"
)

// mbrTypeNames are the types in words.
var mbrTypeNames = map[byte]string{
	0x01:           "FAT12",
	0x04:           "FAT16",
	0x06:           "FAT16",
	typeNTFS:       "NTFS or exFAT",
	0x0b:           "FAT32",
	0x0c:           "FAT32",
	0x0e:           "FAT16",
	0x11:           "FAT12, hidden",
	0x12:           "OEM recovery",
	0x14:           "FAT16, hidden",
	0x16:           "FAT16, hidden",
	0x17:           "NTFS or exFAT, hidden",
	0x1b:           "FAT32, hidden",
	0x1c:           "FAT32, hidden",
	0x1e:           "FAT16, hidden",
	0x27:           "Windows Recovery",
	typeLDM:        "Windows dynamic disk (LDM)",
	0x82:           "Linux swap",
	0x83:           "Linux",
	0x84:           "hibernation",
	0x8e:           "Linux LVM",
	0xa5:           "FreeBSD",
	0xaf:           "Apple HFS+",
	0xde:           "Dell utility",
	0xe7:           "Storage Spaces",
	typeProtective: "GPT protective",
	0xef:           "EFI System",
	0xfd:           "Linux RAID",
}

// Dynamic says that Windows, not the table, knows what lies in the
// partition: a dynamic disk or a pool of Storage Spaces. A volume cannot be
// expected at its start.
func (p Partition) Dynamic() bool {
	switch p.Type {
	case TypeLDMMetadata, TypeLDMData, TypeStorageSpaces, TypeMBRLDM, mbrType(0xe7):
		return true
	}
	return false
}
