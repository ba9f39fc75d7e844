package bitlocker

import (
	"bytes"
	"fmt"
	"io"
)

// The boot sector. Only these fields are BitLocker's; the rest pretends to be FAT32.
const (
	bootSectorSize = 512
	oemOff         = 3  // 8 bytes
	bytesPerSector = 11 // u16; 0 means 512

	oemBitLocker = "-FVE-FS-"
	oemToGo      = "MSWIN4.1"

	guidSize        = 16
	metadataCopies  = 3
	eowCopies       = 2
	normalRecordLen = guidSize + 8*metadataCopies
	eowRecordLen    = normalRecordLen + 8*eowCopies
)

// vistaJump begins the boot sector of Windows Vista, which has no GUID in it.
var vistaJump = []byte{0xeb, 0x52, 0x90}

// The GUIDs that Windows' driver looks for anywhere in the sector; behind them stand the
// offsets of the metadata and, for the second, those of the encrypt-on-write information.
var (
	normalGUID = GUID{0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01} // 4967d63b-2e29-4ad8-8399-f6a339e3d001
	eowGUID    = GUID{0x3b, 0x4d, 0xa8, 0x92, 0x80, 0xdd, 0x0e, 0x4d, 0x9e, 0x4e, 0xb1, 0xe3, 0x28, 0x4e, 0xae, 0xd8} // 92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8
)

// The sectors that Windows encrypts by.
const (
	sector512 = 512
	sector4K  = 4096
)

type bootSector struct {
	sector   int64 // bytes
	metadata [metadataCopies]int64
	onWrite  bool // encrypt-on-write has not ended
	eow      [eowCopies]int64
}

// Probe recognises a BitLocker volume by its first sector, any kind of it.
func Probe(r io.ReaderAt) bool {
	b := make([]byte, bootSectorSize)
	if n, _ := r.ReadAt(b, 0); n < len(b) {
		return false
	}
	switch string(b[oemOff : oemOff+len(oemBitLocker)]) {
	case oemBitLocker:
		return true
	case oemToGo: // many a FAT volume says so
		at, _ := findGUID(b)
		return at >= 0
	}
	return false
}

// findGUID gives the offset of the GUID, negative if there is none.
func findGUID(b []byte) (at int, onWrite bool) {
	if at = bytes.Index(b, eowGUID[:]); at >= 0 && at+eowRecordLen <= len(b) {
		return at, true
	}
	if at = bytes.Index(b, normalGUID[:]); at >= 0 && at+normalRecordLen <= len(b) {
		return at, false
	}
	return -1, false
}

func parseBootSector(b []byte) (bootSector, error) {
	var s bootSector
	at, onWrite := findGUID(b)
	if at < 0 {
		if bytes.HasPrefix(b, vistaJump) && string(b[oemOff:oemOff+len(oemBitLocker)]) == oemBitLocker {
			return s, errVista
		}
		return s, damaged(0, "boot sector: GUID", "one of two", "neither")
	}
	s.onWrite = onWrite
	switch n := le.Uint16(b[bytesPerSector:]); n {
	case 0, sector512:
		s.sector = sector512
	case sector4K:
		s.sector = sector4K
	default:
		return s, damaged(bytesPerSector, "boot sector: bytes per sector", "512 or 4096", n)
	}
	offsets := b[at+guidSize:]
	for i := range s.metadata {
		s.metadata[i] = int64(le.Uint64(offsets[8*i:]))
	}
	if onWrite {
		for i := range s.eow {
			s.eow[i] = int64(le.Uint64(offsets[8*(metadataCopies+i):]))
		}
	}
	return s, nil
}

var errVista = fmt.Errorf("%w: Windows Vista wrote it; a later Windows or dislocker opens it", ErrUnsupported)
