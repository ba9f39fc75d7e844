// Package kernel follows a crashed Windows kernel through the memory it left.
//
// A dump's header names four things, and everything else hangs on them:
//
//	DirectoryTableBase   the top page table; every address goes through it
//	KdDebuggerDataBlock  KDDEBUGGER_DATA64: where the kernel keeps its lists
//	PsLoadedModuleList   head of the KLDR_DATA_TABLE_ENTRYs
//	PsActiveProcessHead  head of the EPROCESSes
//
// None of it needs symbols: the offsets used here have been the same since
// Windows Vista, those within KPRCB, KTHREAD and EPROCESS stand in
// KDDEBUGGER_DATA64, and the one that moves, a process's name, is found by what
// stands there. The memory is that of a machine that failed, or was made to
// hurt: every walk is bounded, loops are seen, and what cannot be read is
// told apart from what is wrong.
//
// The layouts follow the public headers wdbgexts.h, ntddk.h and winnt.h, the
// System Informer headers (ntldr.h), and the processor manuals.
package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
)

// PageSize is the size of a page frame, on every architecture.
const PageSize = 4096

// ErrNotStored is what reading a frame gives that the dump does not hold.
var ErrNotStored = errors.New("the page is not in the dump")

// ErrNotThere means that memory could be read and holds something else than
// what was looked for.
var ErrNotThere = errors.New("not there")

// Memory is the kernel's virtual memory. ReadVirtual fills b or fails.
type Memory interface {
	ReadVirtual(b []byte, va uint64) error
}

var le = binary.LittleEndian

// Kernel reads structures out of a crashed kernel's memory.
type Kernel struct {
	mem Memory
	o   *offsets
}

// offsets are the places of what is read, which follow from the width of a
// pointer.
type offsets struct {
	word int // bytes of a pointer

	// KLDR_DATA_TABLE_ENTRY, whose links come first
	dllBase, entryPoint, sizeOfImage, fullName, baseName, checkSum, timeDateStamp, kldrSize int

	sharedData uint64 // where KUSER_SHARED_DATA is mapped
	lowest     uint64 // no kernel address lies below
	dataDir    int    // of the optional header of an image
}

var offsets64 = offsets{
	word:    8,
	dllBase: 0x30, entryPoint: 0x38, sizeOfImage: 0x40, fullName: 0x48, baseName: 0x58,
	checkSum: 0x78, timeDateStamp: 0x9C, kldrSize: 0xA0,
	sharedData: 0xFFFFF78000000000, lowest: 1 << 63, dataDir: 112,
}

var offsets32 = offsets{
	word:    4,
	dllBase: 0x18, entryPoint: 0x1C, sizeOfImage: 0x20, fullName: 0x24, baseName: 0x2C,
	checkSum: 0x40, timeDateStamp: 0x58, kldrSize: 0x5C,
	sharedData: 0xFFDF0000, lowest: 1 << 31, dataDir: 96,
}

// New reads a kernel whose pointers have the given number of bits, 64 or 32.
func New(mem Memory, bits int) *Kernel {
	if bits == 32 {
		return &Kernel{mem, &offsets32}
	}
	return &Kernel{mem, &offsets64}
}

func (k *Kernel) read(va uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	return b, k.mem.ReadVirtual(b, va)
}

// readSome reads up to n bytes and no further than the first page that is not
// there.
func (k *Kernel) readSome(va uint64, n int) []byte {
	var out []byte
	for n > 0 {
		b, err := k.read(va, min(n, int(PageSize-va%PageSize)))
		if err != nil {
			break
		}
		out, va, n = append(out, b...), va+uint64(len(b)), n-len(b)
	}
	return out
}

// pointer decodes the pointer at the start of b.
func (k *Kernel) pointer(b []byte) uint64 {
	if k.o.word == 4 {
		return uint64(le.Uint32(b))
	}
	return le.Uint64(b)
}

// isKernel tells whether an address can be one of the kernel's, aligned as
// its structures are.
func (k *Kernel) isKernel(va uint64) bool {
	return va >= k.o.lowest && va%4 == 0
}

// maxName bounds a name: NTFS and the object manager know none longer.
const maxName = 1 << 10

// unicodeString reads the text of the UNICODE_STRING in b: a length in bytes,
// a capacity, and a pointer.
func (k *Kernel) unicodeString(b []byte) (string, error) {
	n := int(le.Uint16(b))
	buffer := k.pointer(b[k.o.word:])
	switch {
	case n == 0:
		return "", nil
	case n%2 != 0 || n > maxName:
		return "", fmt.Errorf("a name of length %d: %w", n, ErrNotThere)
	}
	text, err := k.read(buffer, n)
	if err != nil {
		return "", fmt.Errorf("name: %w", err)
	}
	return DecodeUTF16(text), nil
}

// DecodeUTF16 reads little-endian UTF-16. Halves of characters become U+FFFD.
func DecodeUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = le.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// cString reads a text of bytes up to its NUL, which must be printable. Where
// so much cannot be read at once, as out of a block of a small dump, less is.
func (k *Kernel) cString(va uint64, longest int) string {
	for n := longest; n > 0; n /= 2 {
		if b := k.readSome(va, n); len(b) > 0 {
			text, _ := printable(b)
			return text
		}
	}
	return ""
}

// printable is the text before the first NUL; ok is false where there is no
// such text or it holds anything but letters a person reads.
func printable(b []byte) (text string, ok bool) {
	for i, c := range b {
		switch {
		case c == 0:
			return string(b[:i]), i > 0
		case c < ' ' || c > '~':
			return "", false
		}
	}
	return string(b), len(b) > 0
}

// BugCheckData reads KiBugCheckData: the stop code and its four parameters.
func (k *Kernel) BugCheckData(va uint64) (data [5]uint64, err error) {
	b, err := k.read(va, len(data)*k.o.word)
	if err != nil {
		return data, fmt.Errorf("KiBugCheckData: %w", err)
	}
	for i := range data {
		data[i] = k.pointer(b[i*k.o.word:])
	}
	return data, nil
}

// The fields of KUSER_SHARED_DATA, which have not moved since Windows NT.
const (
	sharedInterruptTime = 0x008
	sharedSystemTime    = 0x014
	sharedSystemRoot    = 0x030
	sharedBuild         = 0x260
	sharedMajor         = 0x26C
	sharedMinor         = 0x270
	sharedBootID        = 0x2C4
	sharedSize          = 0x2C8
	sharedRootLetters   = 260
)

// SharedData is what KUSER_SHARED_DATA says.
type SharedData struct {
	UpTime       uint64 // InterruptTime, in 100 ns
	SystemTime   uint64 // FILETIME
	Major, Minor uint32
	Build        uint32 // 0 before Windows 10
	BootID       uint32
	SystemRoot   string
}

// SharedData reads the page that the kernel shares with every process.
func (k *Kernel) SharedData() (*SharedData, error) {
	b, err := k.read(k.o.sharedData, sharedSize)
	if err != nil {
		return nil, fmt.Errorf("KUSER_SHARED_DATA: %w", err)
	}
	root := DecodeUTF16(b[sharedSystemRoot : sharedSystemRoot+2*sharedRootLetters])
	for i, r := range root {
		if r == 0 {
			root = root[:i]
			break
		}
	}
	return &SharedData{
		UpTime:     le.Uint64(b[sharedInterruptTime:]),
		SystemTime: le.Uint64(b[sharedSystemTime:]),
		Major:      le.Uint32(b[sharedMajor:]),
		Minor:      le.Uint32(b[sharedMinor:]),
		Build:      le.Uint32(b[sharedBuild:]),
		BootID:     le.Uint32(b[sharedBootID:]),
		SystemRoot: root,
	}, nil
}
