package kernel

import (
	"bytes"
	"fmt"
)

// The parts of an image that are read (PE format specification).
const (
	dosHeaderSize   = 0x40
	dosNewHeader    = 0x3C
	ntHeaders       = 0x18 // signature and COFF header; the optional header follows
	coffMachine     = 0x04
	coffTime        = 0x08
	optionalSize    = 56
	optionalSum     = 64
	dirResource     = 2
	dirDebug        = 6
	dirEntry        = 8
	magicMZ         = "MZ"
	magicPE         = "PE\x00\x00"
	maxNewHeader    = 0x1000
	resourceVersion = 16
	resourceHeader  = 0x10
	resourceEntry   = 8
	resourceIsDir   = 1 << 31
	versionRead     = 0x200
	debugEntry      = 28
	debugCodeView   = 2
	maxDebugEntries = 16
	magicFixedInfo  = 0xFEEF04BD
)

// Image is what the headers of a loaded image say.
type Image struct {
	Machine       uint16
	TimeDateStamp uint32
	Size          uint32
	CheckSum      uint32
	Version       string // of its version resource; "" where that is not in memory
	PDB           string // the name of its symbol file; "" likewise
	PDBKey        string // what a symbol server files it under: GUID and age
}

// Image reads the headers of the image loaded at base.
func (k *Kernel) Image(base uint64) (*Image, error) {
	b, err := k.read(base, dosHeaderSize)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	at := uint64(le.Uint32(b[dosNewHeader:]))
	if string(b[:2]) != magicMZ || at > maxNewHeader {
		return nil, fmt.Errorf("image at %#x begins with %q instead of %q: %w", base, b[:2], magicMZ, ErrNotThere)
	}
	nt, err := k.read(base+at, ntHeaders+k.o.dataDir+(dirDebug+1)*dirEntry)
	if err != nil {
		return nil, fmt.Errorf("image headers: %w", err)
	}
	if string(nt[:4]) != magicPE {
		return nil, fmt.Errorf("image at %#x has %q for its signature: %w", base, nt[:4], ErrNotThere)
	}
	optional := nt[ntHeaders:]
	m := &Image{
		Machine:       le.Uint16(nt[coffMachine:]),
		TimeDateStamp: le.Uint32(nt[coffTime:]),
		Size:          le.Uint32(optional[optionalSize:]),
		CheckSum:      le.Uint32(optional[optionalSum:]),
	}
	directory := func(i int) uint64 { return uint64(le.Uint32(optional[k.o.dataDir+i*dirEntry:])) }
	m.Version = k.version(base, directory(dirResource))
	m.PDB, m.PDBKey = k.symbolFile(base, directory(dirDebug))
	return m, nil
}

// version reads the file version of an image out of its resources: type 16,
// its first name, its first language.
func (k *Kernel) version(base, resources uint64) string {
	if resources == 0 {
		return ""
	}
	dir := base + resources
	off, ok := k.resource(dir, func(id uint32) bool { return id == resourceVersion })
	for range 2 {
		if !ok || off&resourceIsDir == 0 {
			return ""
		}
		off, ok = k.resource(dir+uint64(off&^uint32(resourceIsDir)), func(uint32) bool { return true })
	}
	if !ok || off&resourceIsDir != 0 {
		return ""
	}
	data, err := k.read(dir+uint64(off), 8)
	if err != nil {
		return ""
	}
	return fixedVersion(k.readSome(base+uint64(le.Uint32(data)), versionRead))
}

// resource finds the first entry of a resource directory that is wanted.
func (k *Kernel) resource(dir uint64, wanted func(id uint32) bool) (off uint32, ok bool) {
	h, err := k.read(dir, resourceHeader)
	if err != nil {
		return 0, false
	}
	n := int(le.Uint16(h[12:])) + int(le.Uint16(h[14:]))
	const most = 64 // types of resources, and languages, are few
	b := k.readSome(dir+resourceHeader, min(n, most)*resourceEntry)
	for ; len(b) >= resourceEntry; b = b[resourceEntry:] {
		if wanted(le.Uint32(b)) {
			return le.Uint32(b[4:]), true
		}
	}
	return 0, false
}

// fixedVersion reads a VS_FIXEDFILEINFO, which stands behind a text and its
// padding.
func fixedVersion(b []byte) string {
	at := bytes.Index(b, le.AppendUint32(nil, magicFixedInfo))
	if at < 0 || at+16 > len(b) {
		return ""
	}
	high, low := le.Uint32(b[at+8:]), le.Uint32(b[at+12:])
	return fmt.Sprintf("%d.%d.%d.%d", high>>16, high&0xFFFF, low>>16, low&0xFFFF)
}

// symbolFile reads which PDB an image was linked with: the entry 'RSDS' of its
// debug directory.
func (k *Kernel) symbolFile(base, debug uint64) (name, key string) {
	if debug == 0 {
		return "", ""
	}
	list := k.readSome(base+debug, maxDebugEntries*debugEntry)
	for ; len(list) >= debugEntry; list = list[debugEntry:] {
		if le.Uint32(list[12:]) != debugCodeView {
			continue
		}
		b := k.readSome(base+uint64(le.Uint32(list[20:])), 24+maxName)
		if len(b) < 24 || string(b[:4]) != "RSDS" {
			continue
		}
		if name, ok := printable(b[24:]); ok {
			return name, pdbKey(b[4:])
		}
	}
	return "", ""
}

// pdbKey writes GUID and age the way symbol servers name folders.
func pdbKey(b []byte) string {
	return fmt.Sprintf("%08X%04X%04X%X%X", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:16], le.Uint32(b[16:]))
}
