package format

// Fields of an entry of $AttrDef.
const (
	defType    = 0x80
	defFlags   = 0x8c
	defMinSize = 0x90
	defMaxSize = 0x98
	defSize    = 0xa0

	attrDefSize = 2560 // of the file, empty entries included
)

// Flags of an entry of $AttrDef.
const (
	defIndexable   = 0x02
	defResident    = 0x40
	defNonResident = 0x80 // may be
)

const noLimit = -1

// attributeDefinitions are the attribute types of NTFS 3.1.
var attributeDefinitions = []struct {
	name     string
	typ      attrType
	flags    uint32
	min, max int64
}{
	{"$STANDARD_INFORMATION", typeStandardInformation, defResident, 48, infoSize},
	{"$ATTRIBUTE_LIST", typeAttributeList, defNonResident, 0, noLimit},
	{"$FILE_NAME", typeFileName, defResident | defIndexable, 68, nameText + 2*(maxNameLength+1)},
	{"$OBJECT_ID", 0x40, defResident, 0, 256},
	{"$SECURITY_DESCRIPTOR", 0x50, defNonResident, 0, noLimit},
	{"$VOLUME_NAME", typeVolumeName, defResident, 2, 256},
	{"$VOLUME_INFORMATION", typeVolumeInformation, defResident, 12, 12},
	{"$DATA", typeData, 0, 0, noLimit},
	{"$INDEX_ROOT", typeIndexRoot, defResident, 0, noLimit},
	{"$INDEX_ALLOCATION", typeIndexAllocation, defNonResident, 0, noLimit},
	{"$BITMAP", typeBitmap, defNonResident, 0, noLimit},
	{"$REPARSE_POINT", typeReparsePoint, defNonResident, 0, 16384},
	{"$EA_INFORMATION", 0xd0, defResident, 8, 8},
	{"$EA", 0xe0, 0, 0, 65536},
	{"$LOGGED_UTILITY_STREAM", 0x100, defNonResident, 0, 65536},
}

// attrDef is the contents of $AttrDef.
func attrDef() []byte {
	b := make([]byte, attrDefSize)
	for i, d := range attributeDefinitions {
		e := b[i*defSize:]
		copy(e, utf16Bytes(d.name))
		le.PutUint32(e[defType:], uint32(d.typ))
		le.PutUint32(e[defFlags:], d.flags)
		le.PutUint64(e[defMinSize:], uint64(d.min))
		le.PutUint64(e[defMaxSize:], uint64(d.max))
	}
	return b
}
