// Package dumptest makes synthetic Windows kernel dumps.
//
// A Spec says which; the result is the same for the same Spec on every
// machine. A dump has a header as a recent Windows writes it, seeded pages, and
// among them as much of a kernel as a debugger looks at without symbols: page
// tables, KDDEBUGGER_DATA64, KUSER_SHARED_DATA, the lists of modules and
// processes, and the headers and version of ntoskrnl.exe. Large pages, a page
// in transition and one behind a prototype entry lie on the way to them.
//
// The offsets here are written down a second time, apart from those of package
// dumpfile, so that a wrong one there does not prove itself.
package dumptest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"time"

	"hangkit/collect/dumpfile"
)

// Space is what RequiredDumpSpace says.
type Space int

// What RequiredDumpSpace can say.
const (
	SpaceRight  Space = iota // the size of the dump
	SpaceFill                // nothing: it was never written
	SpaceAbsurd              // far more than any disk holds
)

// Spec describes a dump. The zero value is a 64-bit kernel dump (type 6) of
// 4 MiB, made with the keyboard.
type Spec struct {
	Bits    int              // 64 (0) or 32
	Machine dumpfile.Machine // x64 (0), x86 or ARM64; x86 means 32 bits
	Levels  int              // of page tables on x64: 4 (0) or 5
	NoPAE   bool             // page tables of x86 without PAE

	Type  dumpfile.Type // 6 (0), 1, 2, 4, 5, or a debugger's 8, 9 or 10; 32 bits have 1, 2, 4 and 5
	Seed  uint64        // of the contents
	Pages int           // stored pages; 0 means 1024; at least 64
	Runs  []dumpfile.Run
	// Runs are the stored pages, ascending; nil means Pages pages with holes.
	// They must hold the pages SystemFirst to SystemLast.

	Build   int    // of the Windows; 0 means 19045
	Release string // its branch and date; "" means those of 19041, which 19045 is

	BugCheck   uint32 // 0 means 0xE2
	Parameters [4]uint64
	Time       time.Time     // of the crash; zero means DefaultTime
	UpTime     time.Duration // 0 means four minutes
	BootID     uint32        // 0 means 7
	Attributes uint32
	Space      Space
	SpaceBytes uint64 // overrides Space

	Modules        []string                      // loaded beside ntoskrnl.exe; nil means some; at most 30
	EncodeDebugger bool                          // KDDEBUGGER_DATA64 as a running kernel keeps it
	Plain          bool                          // no page in transition, none behind a prototype entry
	Lost           []uint64                      // frames that the dump leaves out
	Edit           func(pfn uint64, page []byte) // damages pages; nil for none

	FullMark  bool  // 'FDMP' instead of 'SDMP'
	Blobs     []int // sizes of the secondary data
	WipeFirst bool  // zero the first page, as a later boot does
	Cut       int64 // keep this many bytes; 0 means all
}

// DefaultTime is when a dump crashed whose Spec does not say.
var DefaultTime = time.Date(2026, 3, 4, 5, 6, 7, 891011200, time.UTC)

const (
	pageSize    = 4096
	minPages    = 64
	defaultSize = 1024
)

var le = binary.LittleEndian

// Reader is a synthetic dump that is made as it is read, so that a dump of any
// size takes no memory to speak of.
type Reader struct {
	spec Spec
	runs []dumpfile.Run
	ends []int64 // pages up to the end of each run
	head []byte  // everything before the pages
	tail []byte  // everything behind them
	size int64

	kernel *system
	system map[uint64][]byte // its frames
}

// NewReader prepares the dump that s describes.
func NewReader(s Spec) (*Reader, error) {
	s.fillIn()
	if err := s.check(); err != nil {
		return nil, err
	}
	d := &Reader{spec: s, kernel: newSystem(&s)}
	d.system = d.kernel.frames
	if s.Type != dumpfile.TypeTriage {
		d.runs = withoutFrames(s.Runs, s.Lost)
	}
	var n int64
	for _, r := range d.runs {
		n += int64(r.Count)
		d.ends = append(d.ends, n)
	}
	d.tail = blobs(&s)
	d.head = d.makeHead()
	d.size = d.end()
	if s.WipeFirst {
		clear(d.head[:pageSize])
	}
	if s.Cut > 0 {
		d.size = min(d.size, s.Cut)
	}
	return d, nil
}

// Build makes the whole dump in memory.
func Build(s Spec) ([]byte, error) {
	d, err := NewReader(s)
	if err != nil {
		return nil, err
	}
	b := make([]byte, d.size)
	_, err = d.ReadAt(b, 0)
	return b, err
}

func (s *Spec) fillIn() {
	if s.Machine == dumpfile.MachineX86 {
		s.Bits = 32
	}
	setDefault(&s.Bits, 64)
	if s.Bits == 32 {
		s.Machine = dumpfile.MachineX86
	}
	setDefault(&s.Machine, dumpfile.MachineX64)
	setDefault(&s.Levels, 4)
	if s.Modules == nil {
		s.Modules = []string{"hal.dll", "ACPI.sys", "disk.sys", "storahci.sys", "Ntfs.sys", "tcpip.sys", "win32k.sys"}
	}
	setDefault(&s.Type, dumpfile.TypeBitmapKernel)
	setDefault(&s.Pages, defaultSize)
	setDefault(&s.Build, defaultBuild)
	setDefault(&s.Release, "vb_release.191206-1406")
	setDefault(&s.BugCheck, 0xE2)
	setDefault(&s.UpTime, 4*time.Minute)
	setDefault(&s.BootID, 7)
	if s.Time.IsZero() {
		s.Time = DefaultTime
	}
	if s.Runs == nil {
		s.Runs = spread(max(s.Pages, minPages), s.Type == dumpfile.TypeFull, s.Seed)
	}
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (s *Spec) check() error {
	end := uint64(0)
	system := false
	for _, r := range s.Runs {
		if r.Count == 0 || r.Base < end {
			return fmt.Errorf("dumptest: run %+v does not ascend", r)
		}
		end = r.End()
		system = system || r.Base <= SystemFirst && SystemLast < end
	}
	types := []dumpfile.Type{dumpfile.TypeFull, dumpfile.TypeSummary, dumpfile.TypeTriage, dumpfile.TypeBitmapFull}
	if s.Bits == 64 {
		types = append(types, dumpfile.TypeBitmapKernel, dumpfile.TypeDebugKernel, dumpfile.TypeDebugKernelA, dumpfile.TypeDebugFull)
	}
	switch {
	case !system:
		return errors.New("dumptest: the system pages are not among the stored ones")
	case !slices.Contains(types, s.Type) || s.Bits != 64 && s.Bits != 32:
		return fmt.Errorf("dumptest: no dumps of %d bits and type %d", s.Bits, s.Type)
	case len(s.Modules) > maxModules:
		return fmt.Errorf("dumptest: %d modules are too many", len(s.Modules))
	case s.Type == dumpfile.TypeFull && len(s.Runs)+len(s.Lost) > 42:
		return fmt.Errorf("dumptest: %d runs do not fit a header", len(s.Runs))
	}
	return nil
}

// spread makes runs of n pages: few and long ones for a full dump, many with
// holes between them otherwise.
func spread(n int, full bool, seed uint64) []dumpfile.Run {
	runs := []dumpfile.Run{{Base: 0x1A0, Count: 32}}
	rnd := random(seed)
	longest := uint64(48)
	if full {
		longest = uint64(n)
	}
	for left := uint64(n - 32); left > 0; {
		last := runs[len(runs)-1].End()
		count := min(left, 1+rnd.next()%longest)
		if full && len(runs) == 5 {
			count = left
		}
		runs = append(runs, dumpfile.Run{Base: last + 1 + rnd.next()%24, Count: count})
		left -= count
	}
	return runs
}

// Size is the length of the dump in bytes.
func (d *Reader) Size() int64 { return d.size }

// Runs are the stored pages.
func (d *Reader) Runs() []dumpfile.Run { return d.runs }

// FirstPage is the file offset of the first stored page.
func (d *Reader) FirstPage() int64 { return int64(len(d.head)) }

func (d *Reader) pages() int64 {
	if len(d.ends) == 0 {
		return 0
	}
	return d.ends[len(d.ends)-1]
}

func (d *Reader) pagesEnd() int64 { return d.FirstPage() + d.pages()*pageSize }

func (d *Reader) end() int64 { return d.pagesEnd() + int64(len(d.tail)) }

// ReadAt implements io.ReaderAt.
func (d *Reader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("dumptest: negative offset")
	}
	n := 0
	for n < len(b) && off < d.size {
		m := d.fill(b[n:min(int64(len(b)), int64(n)+d.size-off)], off)
		n, off = n+m, off+int64(m)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// fill copies from the one piece of the dump that off lies in.
func (d *Reader) fill(b []byte, off int64) int {
	switch first, end := d.FirstPage(), d.pagesEnd(); {
	case off < first:
		return copy(b, d.head[off:])
	case off >= end:
		return copy(b, d.tail[off-end:])
	default:
		var page [pageSize]byte
		rel := off - first
		d.Page(d.pfn(rel/pageSize), page[:])
		return copy(b, page[rel%pageSize:])
	}
}

// WriteTo writes the dump to w.
func (d *Reader) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(w, io.NewSectionReader(d, 0, d.size), make([]byte, 1<<20))
}

// pfn is the page frame number of the i-th stored page.
func (d *Reader) pfn(i int64) uint64 {
	k := sort.Search(len(d.ends), func(k int) bool { return d.ends[k] > i })
	r := d.runs[k]
	return r.End() - uint64(d.ends[k]-i)
}
