package format

// What a BitLocker boot sector has beside the file system's own parameters: enough to be taken
// for FAT32 by what knows no better (libbde documentation, "Volume header").
const (
	parametersOff = 11
	parametersEnd = 36
	guidOff       = 160
)

// normalGUID marks an encrypted volume.
var normalGUID = []byte{0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01}

// bootSector is the new start of the volume, BootSize bytes of it.
func (m *maker) bootSector(plain []byte) []byte {
	b := make([]byte, BootSize)
	copy(b, "\xeb\x58\x90-FVE-FS-")
	copy(b[parametersOff:parametersEnd], plain[parametersOff:])
	le.PutUint32(b[36:], 0x1fe0) // sectors of a FAT
	le.PutUint16(b[48:], 1)      // information sector
	le.PutUint16(b[50:], 6)      // backup boot sector
	b[64], b[66] = 0x80, 0x29    // drive number, extended signature
	copy(b[71:], "NO NAME    FAT32   ")
	copy(b[guidOff:], normalGUID)
	for i, off := range m.Areas.Metadata {
		le.PutUint64(b[guidOff+len(normalGUID)+8*i:], uint64(off))
	}
	b[510], b[511] = 0x55, 0xaa
	return b
}
