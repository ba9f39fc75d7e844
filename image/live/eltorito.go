package live

import (
	"encoding/binary"
	"slices"
)

var le = binary.LittleEndian

// Platforms and sizes of the boot catalog ("El Torito" specification 1.0; 0xEF is UEFI's).
const (
	platformBIOS = 0
	platformUEFI = 0xEF

	catalogEntry  = 32
	catalogSector = 512 // what the catalog counts a boot file in
	bootable      = 0x88
	lastSection   = 0x91

	biosSectors = 4 // of isolinux.bin, which loads the rest of itself
)

// bootRecord is the volume descriptor that points at the catalog.
func bootRecord() []byte {
	b := make([]byte, isoBlock)
	copy(b, "\x00CD001\x01EL TORITO SPECIFICATION")
	le.PutUint32(b[0x47:], isoCatalog)
	return b
}

// catalog is the boot catalog: the BIOS's file first, where there is one, because a BIOS reads no
// further, then UEFI's.
func catalog(bios, esp *isoFile) []byte {
	b := make([]byte, isoBlock)
	efi := entryOf(esp, min(len(esp.data)/catalogSector, 0xFFFF))
	if bios == nil {
		copy(b, validation(platformUEFI))
		copy(b[catalogEntry:], efi)
		return b
	}
	copy(b, validation(platformBIOS))
	copy(b[catalogEntry:], entryOf(bios, biosSectors))
	copy(b[2*catalogEntry:], []byte{lastSection, platformUEFI, 1, 0})
	copy(b[3*catalogEntry:], efi)
	return b
}

// validation is the catalog's first entry, whose 16-bit words add up to zero.
func validation(platform byte) []byte {
	b := make([]byte, catalogEntry)
	b[0], b[1], b[30], b[31] = 1, platform, 0x55, 0xAA
	var sum uint16
	for i := 0; i < catalogEntry; i += 2 {
		sum += le.Uint16(b[i:])
	}
	le.PutUint16(b[28:], -sum)
	return b
}

func entryOf(f *isoFile, sectors int) []byte {
	b := make([]byte, catalogEntry)
	b[0] = bootable
	le.PutUint16(b[6:], uint16(sectors))
	le.PutUint32(b[8:], f.block)
	return b
}

// The boot information table lies in isolinux.bin from byte 8 on, and its sum covers what is
// behind it (mkisofs(8), -boot-info-table).
const (
	infoTable    = 8
	infoTableEnd = 64
)

// tellISOLINUX writes into isolinux.bin where it lies.
func tellISOLINUX(f *isoFile) {
	var sum uint32
	padded := slices.Concat(f.data[infoTableEnd:], make([]byte, -len(f.data)&3))
	for i := 0; i < len(padded); i += 4 {
		sum += le.Uint32(padded[i:])
	}
	clear(f.data[infoTable:infoTableEnd])
	for i, n := range []uint32{isoPVD, f.block, uint32(len(f.data)), sum} {
		le.PutUint32(f.data[infoTable+4*i:], n)
	}
}
