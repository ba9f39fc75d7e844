package kernel_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hangkit/collect/dumpfile/kernel"
)

var le = binary.LittleEndian

// frames is a machine's memory by frame number.
type frames struct {
	pages map[uint64]*[kernel.PageSize]byte
	end   uint64
	fail  map[uint64]bool // frames whose reading fails
}

var errBadSector = errors.New("bad sector")

func (f *frames) EndFrame() uint64 { return f.end }

func (f *frames) ReadFrame(pfn uint64, page *[kernel.PageSize]byte) error {
	if f.fail[pfn] {
		return errBadSector
	}
	p := f.pages[pfn]
	if p == nil {
		return kernel.ErrNotStored
	}
	*page = *p
	return nil
}

// set writes entries, of the given size in bytes, into a frame.
func (f *frames) set(pfn uint64, size int, entries map[int]uint64) {
	p := new([kernel.PageSize]byte)
	for i, e := range entries {
		if size == 4 {
			le.PutUint32(p[i*size:], uint32(e))
		} else {
			le.PutUint64(p[i*size:], e)
		}
	}
	f.pages[pfn] = p
}

// newFrames has the tables 1 to 4 for the address 0 of a space with levels of
// 512 entries, down to the given entry of the last table.
func newFrames(levels int, last map[int]uint64) *frames {
	f := &frames{pages: map[uint64]*[kernel.PageSize]byte{}, end: 0x10000}
	for i := 1; i < levels; i++ {
		f.set(uint64(i), 8, map[int]uint64{0: uint64(i+1)<<12 | 3})
	}
	f.set(uint64(levels), 8, last)
	return f
}

// TestTranslate takes every kind of entry, and expects the address or the
// reason why there is none.
func TestTranslate(t *testing.T) {
	t.Parallel()
	type entries = map[int]uint64
	protoVA := uint64(0xFFFFF80000001008)
	x64 := newFrames(4, entries{
		0: 0x7003, 1: 0x8803 | 1<<63, 2: 0, 3: 0x9880, 4: 0x9880 | 1<<45, 5: 0x9480, 6: 0x00001000_00000080,
		7: 1<<10 | protoVA<<16, 8: 1<<10 | (protoVA+8)<<16, 9: 1<<10 | (protoVA+16)<<16, 10: 1<<10 | 0xFFFFFFFF0000<<16, 11: 0xFFFF00083,
	})
	x64.set(2, 8, entries{0: 0x3003, 1: 0x40000083, 2: 0x3880})               // a 1 GiB page, a table in transition
	x64.set(3, 8, entries{0: 0x4003, 1: 0x60E003, 2: 0x600083, 3: 0x10_1083}) // a table that is lost, a 2 MiB page
	x64.set(1, 8, entries{0: 0x2003, 496: 0x20003, 511: 0x83})
	x64.set(0x20, 8, entries{0: 0x21003})
	x64.set(0x21, 8, entries{0: 0x22003})
	x64.set(0x22, 8, entries{1: 0x23003})
	x64.set(0x23, 8, entries{1: 0xA003, 2: 0xB880, 3: protoVA<<16 | 1<<10})
	arm := newFrames(4, entries{0: 0x7703, 1: 0x7701, 2: 0x8880})
	arm.set(3, 8, entries{0: 0x4003, 1: 0x600701})
	arm.set(1, 8, entries{0: 0x2003, 1: 0x2001})
	pae := newFrames(3, entries{0: 0x7003, 1: 0x8880, 2: 0x80000008<<32 | 1<<10, 3: 0x80001008<<32 | 1<<10})
	pae.set(7, 8, entries{1: 0xA003})
	pae.set(1, 8, entries{4: 0x2001, 6: 0x2001})
	pae.set(2, 8, entries{0: 0x3003, 1: 0x600083})
	x86 := &frames{pages: map[uint64]*[kernel.PageSize]byte{}, end: 0x10000}
	x86.set(1, 4, entries{0: 0x2003, 1: 0x800083, 2: 0x802083})
	x86.set(2, 4, entries{0: 0x7003, 1: 0x8880, 2: 0x400})
	five := newFrames(5, entries{0: 0x7003})

	for _, c := range []struct {
		name   string
		f      *frames
		p      *kernel.Paging
		root   uint64
		va     uint64
		want   uint64
		detail string // of the translation, or of the fault
	}{
		{"page", x64, kernel.X64, 0x1002, 0x123, 0x7123, "page of 0x1000"},
		{"no-execute is no address", x64, kernel.X64, 0x1000, 0x1000, 0x8000, "page of 0x1000"},
		{"empty", x64, kernel.X64, 0x1000, 0x2000, 0, "not mapped (level 1)"},
		{"transition", x64, kernel.X64, 0x1000, 0x3010, 0x9010, "transition"},
		{"transition with a high bit", x64, kernel.X64, 0x1000, 0x4010, 0x9010, "transition"},
		{"prototype wins over nothing", x64, kernel.X64, 0x1000, 0x5000, 0, "shared page"},
		{"page file", x64, kernel.X64, 0x1000, 0x6000, 0, "paged out"},
		{"prototype to a page", x64, kernel.X64, 0x1000, 0x7008, 0xA008, "prototype"},
		{"prototype to a transition", x64, kernel.X64, 0x1000, 0x8008, 0xB008, "prototype, transition"},
		{"prototype to a prototype", x64, kernel.X64, 0x1000, 0x9000, 0, "shared page"},
		{"prototype to be looked up in a VAD", x64, kernel.X64, 0x1000, 0xA000, 0, "shared page"},
		{"1 GiB page", x64, kernel.X64, 0x1000, 0x40012345, 0x40012345, "page of 0x40000000"},
		{"table in transition", x64, kernel.X64, 0x1000, 0x80000123, 0x7123, "page of 0x1000"},
		{"table that is lost", x64, kernel.X64, 0x1000, 0x200000, 0, "page table (level 1, page 0x60e) is not in the dump"},
		{"2 MiB page", x64, kernel.X64, 0x1000, 0x412345, 0x612345, "page of 0x200000"},
		{"2 MiB page with attributes below its address", x64, kernel.X64, 0x1000, 0x600000, 0, "page of 0x200000"},
		{"a large page on the top level", x64, kernel.X64, 0x1000, 0xFFFFFF8000000000, 0, "page table (level 3, page 0x0) is not in the dump"},
		{"not canonical", x64, kernel.X64, 0x1000, 1 << 47, 0, "not mapped"},
		{"no top table", x64, kernel.X64, 0x99000, 0, 0, "page table (level 4, page 0x99) is not in the dump"},
		{"five levels", five, kernel.X64Level5, 0x1000, 0x10, 0x7010, "page of 0x1000"},
		{"five levels, 57 bits", five, kernel.X64Level5, 0x1000, 1 << 56, 0, "not mapped"},
		{"ARM64 page", arm, kernel.ARM64, 0x1000, 0x123, 0x7123, "page of 0x1000"},
		{"ARM64 reserved entry", arm, kernel.ARM64, 0x1000, 0x1000, 0, "not mapped"},
		{"ARM64 transition", arm, kernel.ARM64, 0x1000, 0x2000, 0x8000, "transition"},
		{"ARM64 block", arm, kernel.ARM64, 0x1000, 0x212345, 0x612345, "page of 0x200000"},
		{"ARM64 block on the top level", arm, kernel.ARM64, 0x1000, 1 << 39, 0, "not mapped"},
		{"PAE", pae, kernel.PAE, 0x1020, 0x123, 0x7123, "page of 0x1000"},
		{"PAE, another quarter", pae, kernel.PAE, 0x1020, 0x80000123, 0x7123, "page of 0x1000"},
		{"PAE transition", pae, kernel.PAE, 0x1020, 0x1000, 0x8000, "transition"},
		{"PAE 2 MiB page", pae, kernel.PAE, 0x1020, 0x212345, 0x612345, "page of 0x200000"},
		{"PAE prototype", pae, kernel.PAE, 0x1020, 0x2345, 0xA345, "prototype"},
		{"PAE prototype in a page in transition", pae, kernel.PAE, 0x1020, 0x3000, 0, "shared page"},
		{"PAE, 33 bits", pae, kernel.PAE, 0x1020, 1 << 32, 0, "not mapped"},
		{"x86", x86, kernel.X86, 0x1000, 0x123, 0x7123, "page of 0x1000"},
		{"x86 4 MiB page", x86, kernel.X86, 0x1000, 0x412345, 0x812345, "page of 0x400000"},
		{"x86 4 MiB page above 4 GiB", x86, kernel.X86, 0x1000, 0x812345, 0x1_00812345, "page of 0x400000"},
		{"x86 transition", x86, kernel.X86, 0x1000, 0x1000, 0x8000, "transition"},
		{"x86 prototype", x86, kernel.X86, 0x1000, 0x2000, 0, "shared page"},
	} {
		got, err := kernel.NewSpace(c.f, c.p, c.root).Translate(c.va)
		if detail := words(got, err); !strings.Contains(detail, c.detail) || got.Physical != c.want {
			t.Errorf("%s: %#x, %s; want %#x, %s", c.name, got.Physical, detail, c.want, c.detail)
		}
	}
}

func words(got kernel.Translation, err error) string {
	if err != nil {
		return err.Error()
	}
	var w []string
	if got.Prototype {
		w = append(w, "prototype")
	}
	if got.Transition {
		w = append(w, "transition")
	}
	return strings.Join(append(w, fmt.Sprintf("page of %#x", got.Size)), ", ")
}

// TestReadFailures tells a disk that cannot be read from a dump without the
// page.
func TestReadFailures(t *testing.T) {
	t.Parallel()
	f := newFrames(4, map[int]uint64{0: 0x7003, 1: 0x8003})
	f.pages[7] = new([kernel.PageSize]byte)
	read := func(va uint64, n int) error {
		return kernel.NewSpace(f, kernel.X64, 0x1000).ReadVirtual(make([]byte, n), va)
	}
	if err := read(0, 4096); err != nil {
		t.Error(err)
	}
	var fault *kernel.FaultError
	if err := read(0xFF0, 32); !errors.As(err, &fault) || fault.Reason != kernel.PageMissing || fault.PFN != 8 || !errors.Is(err, kernel.ErrNotStored) {
		t.Errorf("the second page is not in the dump: %v", err)
	}
	f.fail = map[uint64]bool{7: true}
	if err := read(0, 1); !errors.Is(err, errBadSector) || errors.Is(err, kernel.ErrNotStored) {
		t.Errorf("the page cannot be read: %v", err)
	}
	f.fail = map[uint64]bool{3: true}
	if err := read(0, 1); !errors.Is(err, errBadSector) {
		t.Errorf("a table cannot be read: %v", err)
	}
	if _, err := kernel.NewSpace(f, kernel.X64, 0x1000).Census(100); err != nil {
		t.Errorf("user tables are not looked at: %v", err)
	}
}

// TestCensus counts the tables of the kernel's half, each once, and no more
// than it may.
func TestCensus(t *testing.T) {
	t.Parallel()
	f := &frames{pages: map[uint64]*[kernel.PageSize]byte{}, end: 0x10000}
	f.set(1, 8, map[int]uint64{0: 0x99003, 300: 0x2003, 301: 0x2003, 0x1ED: 0x1003})
	f.set(2, 8, map[int]uint64{0: 0x3003, 1: 0x40000083, 2: 0x55003})
	f.set(3, 8, map[int]uint64{0: 0x4003, 1: 0x56003, 2: 0x57003})
	f.set(4, 8, map[int]uint64{0: 0x5003})
	c, err := kernel.NewSpace(f, kernel.X64, 0x1000).Census(100)
	if err != nil || c.Tables != 7 || c.Lost != 3 || !slices.Equal(c.Missing, []uint64{0x55, 0x56, 0x57}) || c.Partly {
		t.Errorf("%+v, %v", c, err)
	}
	if c, _ := kernel.NewSpace(f, kernel.X64, 0x1000).Census(3); c.Tables != 3 || !c.Partly {
		t.Errorf("%+v", c)
	}
}

// flat is virtual memory without page tables, from base on.
type flat struct {
	base uint64
	b    []byte
}

func (f *flat) ReadVirtual(b []byte, va uint64) error {
	if va < f.base || va-f.base > uint64(len(f.b)) || uint64(len(b)) > uint64(len(f.b))-(va-f.base) {
		return kernel.ErrNotStored
	}
	copy(b, f.b[va-f.base:])
	return nil
}

// TestListsEnd builds lists that go wrong in every way and expects the entries
// before, and the reason.
func TestListsEnd(t *testing.T) {
	t.Parallel()
	const base = 0xFFFFF80000000000
	list := func(links ...uint64) *flat { // a pair of pointers every 0x20 bytes
		m := &flat{base, make([]byte, 0x20*len(links)/2+8)}
		for i, v := range links {
			le.PutUint64(m.b[i/2*0x20+i%2*8+8:], v)
		}
		return m
	}
	const n0, n1, n2 = base + 8, base + 0x28, base + 0x48
	for _, c := range []struct {
		name  string
		mem   *flat
		count int
		want  string
	}{
		{"closed", list(n1, n2, n2, n0, n0, n1), 2, ""},
		{"empty", list(n0, n0), 0, ""},
		{"leads nowhere", list(n1, n2, 0, n0, n0, n1), 1, "it leads to 0x0"},
		{"leads into user memory", list(n1, n2, 0x1000, n0, n0, n1), 1, "it leads to 0x1000"},
		{"not aligned", list(n1, n2, n2+1, n0, n0, n1), 1, "it leads to"},
		{"unreadable", list(n1, n2, n2+0x1000, n0, n0, n1), 2, "cannot be read"},
		{"loops without its head", list(n1, n2, n2, n0, n1, n1), 2, "it leads back to"},
		{"an entry is its own next", list(n1, n1, n1, n0), 1, "it leads back to"},
		{"wrong way back", list(n1, n2, n2, n2, n0, n1), 2, "instead of"},
		{"head's way back is wrong", list(n1, n1, n2, n0, n0, n1), 2, "instead of"},
	} {
		k := kernel.New(c.mem, 64)
		got, err := k.Processes(n0)
		if len(got) != c.count || (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d entries, %v; want %d, %q", c.name, len(got), err, c.count, c.want)
		}
		var broken *kernel.ListError
		if err != nil && !errors.As(err, &broken) {
			t.Errorf("%s: %T", c.name, err)
		}
	}
}

// endless is a list whose every entry leads to a new one.
type endless struct{ reads int }

func (e *endless) ReadVirtual(b []byte, va uint64) error {
	e.reads++
	clear(b)
	if len(b) >= 8 {
		le.PutUint64(b, va+0x40)
	}
	return nil
}

func TestEndlessLists(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{32, 64} {
		e := &endless{}
		k := kernel.New(e, bits)
		head := uint64(0xFFFFF80000000000) >> (64 - bits)
		modules, err := k.Modules(head)
		processes, err2 := k.Processes(head)
		if err == nil || err2 == nil || len(modules) > 1<<12 || len(processes) > 1<<14 || e.reads > 1<<17 {
			t.Errorf("%d bits: %d modules, %v; %d processes, %v; %d reads", bits, len(modules), err, len(processes), err2, e.reads)
		}
	}
}

// TestDebuggerDataRejected holds noise, zeros and near misses against the
// decoder: it must not find a block where none is.
func TestDebuggerDataRejected(t *testing.T) {
	t.Parallel()
	const modules, processes = 0xFFFFF8000422A2B0, 0xFFFFF80004216080
	k := kernel.New(&flat{}, 64)
	block := make([]byte, 0x380)
	if _, err := k.ParseDebuggerData(block, modules, processes); !errors.Is(err, kernel.ErrNotThere) {
		t.Errorf("zeros: %v", err)
	}
	for i := range block {
		block[i] = byte(i * i * 7)
	}
	if _, err := k.ParseDebuggerData(block, modules, processes); !errors.Is(err, kernel.ErrNotThere) {
		t.Errorf("noise: %v", err)
	}
	copy(block[0x10:], "KDBG")
	for size, good := range map[uint32]bool{0: false, 0x100: false, 0x380: true, 0x3A0: true, 1 << 31: false} {
		le.PutUint32(block[0x14:], size)
		if d, err := k.ParseDebuggerData(block, modules, processes); (err == nil) != good || good && d.Encoded {
			t.Errorf("size %#x: %+v, %v", size, d, err)
		}
	}
	if _, err := k.ParseDebuggerData(block[:0x100], modules, processes); !errors.Is(err, kernel.ErrNotThere) {
		t.Errorf("cut short: %v", err)
	}
}

func TestFindDebuggerData(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{32, 64} {
		k := kernel.New(&flat{}, bits)
		modules, processes := uint64(0xFFFFF8008422A2B0)>>(64-bits), uint64(0xFFFFF80084216080)>>(64-bits)
		if bits == 32 {
			modules, processes = 0x8422A2B0, 0x84216080
		}
		page := make([]byte, kernel.PageSize)
		copy(page[0x410:], "KDBG") // one of another kernel
		copy(page[0x810:], "KDBG")
		extend := func(v uint64) uint64 {
			if bits == 32 {
				return v | 0xFFFFFFFF00000000
			}
			return v
		}
		le.PutUint64(page[0x848:], extend(modules))
		le.PutUint64(page[0x850:], extend(processes))
		if at := k.FindDebuggerData(page, modules, processes); at != 0x800 {
			t.Errorf("%d bits: found at %#x", bits, at)
		}
		page[0x848]++
		if at := k.FindDebuggerData(page, modules, processes); at != -1 {
			t.Errorf("%d bits: another kernel's found at %#x", bits, at)
		}
	}
}

// FuzzSpace lets everything loose on memory in which any bytes stand: page
// tables, lists, names and images are what the input says.
func FuzzSpace(f *testing.F) {
	f.Add([]byte{3, 0x10, 0, 0, 0, 0, 0, 0}, uint64(0x1000), uint64(0xFFFFF80000000000))
	f.Add([]byte{0x83, 0, 0, 0, 0, 0, 0, 0, 'M', 'Z'}, uint64(0), uint64(0xFFFFF80000000008))
	f.Add([]byte("KDBGKDBGKDBGKDBGMZ\x00\x00PE\x00\x00RSDS"), uint64(0x20), uint64(0x80000010))
	f.Fuzz(func(t *testing.T, seed []byte, root, va uint64) {
		if len(seed) == 0 {
			return
		}
		m := &frames{pages: map[uint64]*[kernel.PageSize]byte{}, end: 16}
		for pfn := range uint64(16) {
			p := new([kernel.PageSize]byte)
			for i := range p {
				p[i] = seed[(i+int(pfn)*len(seed)/2)%len(seed)]
			}
			m.pages[pfn] = p
		}
		for bits, pagings := range map[int][]*kernel.Paging{
			64: {kernel.X64, kernel.X64Level5, kernel.ARM64}, 32: {kernel.PAE, kernel.X86},
		} {
			for _, p := range pagings {
				tour(t, kernel.NewSpace(m, p, root), bits, va)
			}
		}
	})
}

func tour(t *testing.T, s *kernel.Space, bits int, va uint64) {
	t.Helper()
	k := kernel.New(s, bits)
	modules, _ := k.Modules(va)
	processes, _ := k.Processes(va)
	c, err := s.Census(64)
	if len(modules) > 1<<12 || len(processes) > 1<<14 || c.Tables > 64 || c.Lost > c.Tables || err != nil {
		t.Fatalf("%d modules, %d processes, census %+v, %v", len(modules), len(processes), c, err)
	}
	if d, err := k.DebuggerData(va, va, va); err == nil {
		k.BuildLab(d)
		for _, l := range []*kernel.ContextLayout{kernel.ContextX64, kernel.ContextX86, kernel.ContextARM64, nil} {
			if list := k.Processors(d, 1<<30, l, processes); len(list) > kernel.MaxProcessors {
				t.Fatalf("%d processors", len(list))
			}
		}
		if list, _ := k.PhysicalMemory(d); len(list) > 1024 {
			t.Fatalf("%d ranges of memory", len(list))
		}
		if list, _ := k.UnloadedDrivers(d); len(list) > kernel.MaxUnloaded {
			t.Fatalf("%d unloaded drivers", len(list))
		}
	}
	image, err := k.Image(va)
	if (image == nil) == (err == nil) {
		t.Fatalf("image %v with error %v", image, err)
	}
	_, _ = k.SharedData()
	_, _ = k.BugCheckData(va)
}

// FuzzDebuggerData decodes any block; what it takes for one has the tag or
// decodes to the heads it was given.
func FuzzDebuggerData(f *testing.F) {
	f.Add(make([]byte, 0x380), uint64(1), uint64(2))
	f.Add([]byte(strings.Repeat("KDBG", 0x100)), uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, b []byte, modules, processes uint64) {
		for _, bits := range []int{32, 64} {
			k := kernel.New(&flat{}, bits)
			d, err := k.ParseDebuggerData(slices.Clone(b), modules, processes)
			if err == nil && d.Encoded && bits == 64 && (d.LoadedModules != modules || d.ActiveProcesses != processes) {
				t.Fatalf("decoded to %+v, not to the heads", d)
			}
		}
		kernel.New(&flat{}, 64).FindDebuggerData(b, modules, processes)
	})
}
