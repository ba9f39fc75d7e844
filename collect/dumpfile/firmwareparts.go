package dumpfile

import (
	"fmt"
	"io"
	"strings"
)

// Further fields of RAW_DUMP_HEADER, its sections, and ENC_DUMP_HEADER with the
// ENC_DUMP_KEY_INFO it leads to (the public headers of OfflineDumpPkg).
const (
	rawDumpMajor  = 0x08
	rawDumpMinor  = 0x0A
	rawDumpOsData = 0x10

	rawSectionLen    = 0x40
	rawSectionFlags  = 0x00
	rawSectionType   = 0x08
	rawSectionOffset = 0x0C
	rawSectionSize   = 0x14
	rawSectionBase   = 0x1C // of a section of memory
	rawSectionName   = 0x2C

	// maxRawSections bounds the sections: one for each range of memory, and a
	// few more.
	maxRawSections = 1024

	encDumpHeader   = 0x18
	encDumpKeyInfo  = 0x0C
	encDumpRaw      = 0x10
	encKeyInfo      = 0x10
	encKeyAlgorithm = 0x04
	encKeyWrapped   = 0x0C
)

// firmwareParts is a firmware dump with all it tells of itself.
type firmwareParts struct {
	*Firmware

	major, minor uint16
	flags        uint32
	osData, size uint64
	list         []firmwareSection

	// Of an encrypted dump.
	algorithm, keyInfo, raw, wrappedKey uint32

	problems []error
}

// firmwareSection is one part of a firmware dump.
type firmwareSection struct {
	kind         uint32
	flags        uint32
	offset, size uint64 // as written, from the start of the dump
	base         uint64 // physical address of a section of memory
	name         string
	outside      bool // not wholly in the file
}

// firmwareDetail reads what a firmware dump tells of itself. Damage is noted
// in problems.
func firmwareDetail(r io.ReaderAt, size int64) *firmwareParts {
	f := &firmwareParts{Firmware: &Firmware{}}
	head, err := ParseFirmware(r, size)
	if err == nil {
		f.Firmware = head
		if f.Encrypted {
			err = f.readKeyInfo(r, size)
		} else {
			err = f.readRaw(r, size)
		}
	}
	if err != nil {
		f.problems = append(f.problems, err)
	}
	return f
}

func (f *firmwareParts) readRaw(r io.ReaderAt, size int64) error {
	b, err := readFull(r, size, 0, rawDumpHeader, "firmware dump header")
	if err != nil {
		return err
	}
	f.major, f.minor = le.Uint16(b[rawDumpMajor:]), le.Uint16(b[rawDumpMinor:])
	f.flags, f.osData, f.size = le.Uint32(b[rawDumpFlags:]), le.Uint64(b[rawDumpOsData:]), le.Uint64(b[rawDumpSize:])
	switch {
	case !f.Size.Known:
		f.problems = append(f.problems, &FormatError{rawDumpSize, "DumpSize", "the length of a dump", f.size})
	case f.Size.Bytes > size:
		f.problems = append(f.problems, fmt.Errorf("%d of the %d bytes are there: %w", size, f.Size.Bytes, ErrTruncated))
	}
	n := min(f.Sections, maxRawSections)
	if n < f.Sections {
		f.problems = append(f.problems, &FormatError{rawDumpSections, "SectionsCount", fmt.Sprintf("at most %d", maxRawSections), f.Sections})
	}
	list, err := readFull(r, size, rawDumpHeader, int(n)*rawSectionLen, "sections of the firmware dump")
	if err != nil {
		return err
	}
	for ; len(list) > 0; list = list[rawSectionLen:] {
		f.addSection(list[:rawSectionLen], uint64(size))
	}
	return nil
}

func (f *firmwareParts) addSection(b []byte, size uint64) {
	s := firmwareSection{
		kind: le.Uint32(b[rawSectionType:]), flags: le.Uint32(b[rawSectionFlags:]),
		offset: le.Uint64(b[rawSectionOffset:]), size: le.Uint64(b[rawSectionSize:]),
	}
	s.name, _, _ = strings.Cut(string(b[rawSectionName:]), "\x00")
	if s.kind == rawMemory {
		s.base = le.Uint64(b[rawSectionBase:])
	}
	if s.outside = s.offset > size || s.size > size-s.offset; s.outside {
		f.problems = append(f.problems, fmt.Errorf("section %d, %s at %#x: %w", len(f.list), count(s.size, "byte"), s.offset, ErrTruncated))
	}
	f.list = append(f.list, s)
}

func (f *firmwareParts) readKeyInfo(r io.ReaderAt, size int64) error {
	b, err := readFull(r, size, 0, encDumpHeader, "encrypted firmware dump header")
	if err != nil {
		return err
	}
	f.keyInfo, f.raw = le.Uint32(b[encDumpKeyInfo:]), le.Uint32(b[encDumpRaw:])
	info, err := readFull(r, size, int64(f.keyInfo), encKeyInfo, "key of the encrypted firmware dump")
	if err != nil {
		return err
	}
	f.algorithm, f.wrappedKey = le.Uint32(info[encKeyAlgorithm:]), le.Uint32(info[encKeyWrapped:])
	if int64(f.raw) >= size {
		return fmt.Errorf("the encrypted dump at %#x: %w", f.raw, ErrTruncated)
	}
	return nil
}

// rawMemory is the type of a section that holds a range of memory.
const rawMemory = 1

func sectionKind(kind uint32) string {
	names := []string{"none", "memory", "registers of the processors", "of the chip's maker", "reason of the dump", "system"}
	if kind < uint32(len(names)) {
		return names[kind]
	}
	return fmt.Sprintf("type %d", kind)
}

// firmware looks at a firmware dump.
func (v *verifier) firmware() {
	const name = "firmware's note"
	f := firmwareDetail(v.r, v.size)
	v.report.firmware = f
	for _, err := range f.problems[:min(len(f.problems), maxProblemsTold)] {
		v.add("firmware dump", StatusBad, "%v", err)
	}
	switch {
	case f.Encrypted:
		v.add(contentsCheck, StatusUnknown, "encrypted: %s", firmwareNeedsKey)
	case !f.Valid:
		v.add(name, StatusBad, "the firmware did not mark the dump as valid")
	case f.Insufficient:
		v.add(name, StatusBad, "the storage was too small: %d bytes are needed", f.Required)
	default:
		v.add(name, StatusOK, "valid, %s", count(len(f.list), "section"))
	}
}

// maxProblemsTold keeps a header made to hurt from filling the screen.
const maxProblemsTold = 8

const firmwareNeedsKey = "reading it takes the private key of the certificate in the firmware variable OfflineMemoryDumpEncryptionPublicKey"

// describe tells a firmware dump.
func (f *firmwareParts) describe(report *Report, size int64) *Description {
	d := &Description{Story: []string{
		"A firmware (offline) dump: the firmware wrote it to its own partition when the machine was reset. It has no kernel dump's header, so that no debugger opens it as it is.",
	}}
	if f.Encrypted {
		d.Story = append(d.Story, "The contents are encrypted: "+firmwareNeedsKey+".")
		d.add(f.keySection())
	} else {
		d.add(f.rawSection())
		d.add(f.sectionsSection())
	}
	d.add(Section{"Length", []Line{{"Of the file", fmt.Sprint(size), ""}}})
	d.add(report.section())
	return d
}

func (f *firmwareParts) rawSection() Section {
	s := Section{Title: "RAW_DUMP_HEADER"}
	s.text("Version", fmt.Sprintf("%d.%d", f.major, f.minor), "")
	s.text("Flags", fmt.Sprintf("%08x", f.flags), bitNames(f.flags, []string{"valid", "insufficient storage", "Hyper-V data protected", "cache flushed"}, ", "))
	s.text("OsData", hexWord(f.osData, 64), "")
	s.text("DumpSize", fmt.Sprint(f.size), "")
	s.text("TotalDumpSizeRequired", fmt.Sprint(f.Required), "")
	s.text("SectionsCount", fmt.Sprint(f.Sections), "")
	return s
}

func (f *firmwareParts) sectionsSection() Section {
	s := Section{Title: "Sections"}
	for i, part := range f.list {
		words := fmt.Sprintf("%s at %#x", count(part.size, "byte"), part.offset)
		if part.kind == rawMemory {
			words += fmt.Sprintf(", of the memory from %#x", part.base)
		}
		if part.flags&rawDumpValid == 0 {
			words += ", not marked as valid"
		}
		if part.outside {
			words += ", not wholly in the file"
		}
		if part.name != "" {
			words += fmt.Sprintf(" %q", part.name)
		}
		s.text(fmt.Sprint(i), sectionKind(part.kind), words)
	}
	return s
}

func (f *firmwareParts) keySection() Section {
	algorithms := []string{"none", "AES-128 CTR", "AES-192 CTR", "AES-256 CTR"}
	name := "not known"
	if f.algorithm < uint32(len(algorithms)) {
		name = algorithms[f.algorithm]
	}
	s := Section{Title: "ENC_DUMP_HEADER"}
	s.text("KeyInfoOffset", fmt.Sprintf("%08x", f.keyInfo), "")
	s.text("RawDumpOffset", fmt.Sprintf("%08x", f.raw), "")
	s.text("Algorithm", fmt.Sprintf("%08x", f.algorithm), name)
	s.text("EncryptedKeyCmsSize", fmt.Sprint(f.wrappedKey), "")
	return s
}
