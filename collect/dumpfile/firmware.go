package dumpfile

import (
	"fmt"
	"io"
)

// Firmware is the header of a dump that the firmware wrote, not Windows: the
// offline crash dump of development machines, on a partition of its own.
//
// The layout follows the public header of Microsoft's firmware sample,
// OfflineCrashDumpUefi. It is packed: the 64-bit fields are not aligned.
type Firmware struct {
	Encrypted    bool   // all but where the header lies is unreadable
	Valid        bool   // the firmware finished writing
	Insufficient bool   // the partition was too small
	Size         Length // from the header to the end of the last section
	Required     uint64 // bytes the whole dump would have taken, where it was cut short
	Sections     uint32
}

// The fields of RAW_DUMP_HEADER.
const (
	rawDumpFlags    = 0x0C
	rawDumpSize     = 0x24
	rawDumpRequired = 0x2C
	rawDumpSections = 0x34
	rawDumpHeader   = 0x38

	rawDumpValid        = 1 << 0
	rawDumpInsufficient = 1 << 1
)

// ParseFirmware reads the header of a firmware dump in r, which holds size
// bytes. What begins otherwise gives ErrNotDump.
func ParseFirmware(r io.ReaderAt, size int64) (*Firmware, error) {
	kind, err := Identify(r, size)
	if err != nil {
		return nil, err
	}
	switch kind {
	case KindFirmware:
	case KindFirmwareEncrypted:
		return &Firmware{Encrypted: true, Size: Length{Reason: "the header with the length is encrypted"}}, nil
	default:
		return nil, fmt.Errorf("%s: %w", kind, ErrNotDump)
	}
	b, err := readFull(r, size, 0, rawDumpHeader, "firmware dump header")
	if err != nil {
		return nil, err
	}
	flags := le.Uint32(b[rawDumpFlags:])
	return &Firmware{
		Valid: flags&rawDumpValid != 0, Insufficient: flags&rawDumpInsufficient != 0,
		Size:     firmwareLength(le.Uint64(b[rawDumpSize:])),
		Required: le.Uint64(b[rawDumpRequired:]),
		Sections: le.Uint32(b[rawDumpSections:]),
	}, nil
}

// firmwareLength judges DumpSize.
func firmwareLength(n uint64) Length {
	if n < rawDumpHeader || n > maxDumpSize {
		return Length{Reason: fmt.Sprintf("DumpSize %#x is absurd", n)}
	}
	return Length{int64(n), true, "DumpSize"}
}
