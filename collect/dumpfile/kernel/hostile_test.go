package kernel_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"hangkit/collect/dumpfile/kernel"
)

// scattered is memory made to hurt: a list whose every entry lies in a page of
// its own, behind page tables of its own, so that no page is read for two.
type scattered struct{ reads int }

// The frames of scattered: page tables by level, then the entries.
const (
	scatteredTop      = 1
	scatteredSecond   = 2
	scatteredThird    = 0x1000
	scatteredLast     = 0x100000
	scatteredPages    = 0x10000000
	scatteredBase     = 0xFFFF800000000000
	scatteredDistance = 2 << 20
)

func (s *scattered) EndFrame() uint64 { return 1 << 32 }

func (s *scattered) ReadFrame(pfn uint64, page *[kernel.PageSize]byte) error {
	s.reads++
	put := func(i, v uint64) { le.PutUint64(page[i*8:], v) }
	switch {
	case pfn >= scatteredPages:
		n := pfn - scatteredPages
		put(1, scatteredBase+(n+1)*scatteredDistance+8)
		put(2, scatteredBase+(n-1)*scatteredDistance+8)
		if n == 1 {
			put(0, 4)
			copy(page[0x100:], "System")
		}
	case pfn >= scatteredLast:
		put(0, (pfn-scatteredLast+scatteredPages)<<12|3)
	default:
		for i := range uint64(512) {
			switch pfn {
			case scatteredTop:
				put(i, scatteredSecond<<12|3)
			case scatteredSecond:
				put(i, (scatteredThird+i)<<12|3)
			default:
				put(i, (scatteredLast+(pfn-scatteredThird)*512+i)<<12|3)
			}
		}
	}
	return nil
}

// TestScatteredLists bounds what a list costs a disk that seeks.
func TestScatteredLists(t *testing.T) {
	t.Parallel()
	m := &scattered{}
	k := kernel.New(kernel.NewSpace(m, kernel.X64, scatteredTop<<12), 64)
	list, err := k.Processes(scatteredBase + 8)
	if err == nil || !strings.Contains(err.Error(), "pages would have to be read") || len(list) < 10000 || m.reads > 1<<15 {
		t.Errorf("%d processes, %d pages read, %v", len(list), m.reads, err)
	}
	modules, err := k.Modules(scatteredBase + 8)
	if err == nil || m.reads > 1<<15 {
		t.Errorf("%d modules, %d pages read, %v", len(modules), m.reads, err)
	}
}

// TestProcessorsHostile gives a processor list that is longer than its memory,
// threads that are no kernel addresses, and a block without offsets.
func TestProcessorsHostile(t *testing.T) {
	t.Parallel()
	const base = 0xFFFFF80000000000
	m := &flat{base, make([]byte, 0x2000)}
	kdbg := m.b[0x1000:]
	copy(kdbg[0x10:], "KDBG")
	le.PutUint32(kdbg[0x14:], 0x360)
	le.PutUint64(kdbg[0x218:], base)
	for i := range 0x200 {
		le.PutUint64(m.b[i*8:], base+0x1800)
	}
	k := kernel.New(m, 64)
	read := func(count int) []kernel.Processor {
		d, err := k.DebuggerData(base+0x1000, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return k.Processors(d, count, kernel.ContextX64, nil)
	}
	if list := read(4); len(list) != 4 || list[0].Thread != 0 || !strings.Contains(list[0].Problem, "does not say") {
		t.Errorf("no offsets: %+v", list)
	}
	le.PutUint16(kdbg[0x2B4:], 8)
	for thread, want := range map[uint64]string{0: "current thread is 0x0", 0x1000: "current thread is 0x1000", base + 0x100000: "does not say"} {
		le.PutUint64(m.b[0x1808:], thread)
		if list := read(1); len(list) != 1 || !strings.Contains(list[0].Problem, want) || list[0].Context != nil || list[0].Idle {
			t.Errorf("thread %#x: %+v", thread, list)
		}
	}
	le.PutUint64(m.b[0x1808:], base+0x100000)
	le.PutUint16(kdbg[0x2A0:], 0xFFF8)
	le.PutUint16(kdbg[0x338:], 0xFFF8)
	if list := read(1); !strings.Contains(list[0].Problem, "not in the dump") || list[0].Process != 0 {
		t.Errorf("offsets out of memory: %+v", list)
	}
	if list := read(1 << 30); len(list) > kernel.MaxProcessors {
		t.Errorf("%d processors", len(list))
	}
	le.PutUint32(kdbg[0x14:], 0x340)
	le.PutUint16(kdbg[0x350:], 0x30) // behind the end that the block gives itself
	le.PutUint64(m.b[0x1808:], base+0x40)
	le.PutUint64(m.b[0x1818:], base+0x40)
	if list := read(1); !list[0].Idle {
		t.Errorf("an older block: %+v", list)
	}
}

func TestUnloadedHostile(t *testing.T) {
	t.Parallel()
	const base = 0xFFFFF80000000000
	m := &flat{base, make([]byte, 0x1000)}
	k := kernel.New(m, 64)
	d := &kernel.DebuggerData{UnloadedDrivers: base}
	read := func(array uint64) ([]kernel.UnloadedDriver, error) {
		le.PutUint64(m.b, array)
		return k.UnloadedDrivers(d)
	}
	if list, err := read(0); len(list) != 0 || err != nil {
		t.Errorf("none yet: %+v, %v", list, err)
	}
	if _, err := read(base + 0x100000); !errors.Is(err, kernel.ErrNotStored) {
		t.Errorf("an array that is not there: %v", err)
	}
	entry := func(i int, length uint16, name, start, end uint64) {
		b := m.b[0x100+i*0x28:]
		le.PutUint16(b, length)
		le.PutUint64(b[8:], name)
		le.PutUint64(b[16:], start)
		le.PutUint64(b[24:], end)
	}
	entry(0, 8, base+0x900, base, base+0x1000)
	copy(m.b[0x900:], "a\x00.\x00s\x00\x1b\x00")
	entry(1, 7, base+0x900, base, base+0x1000)    // half a letter
	entry(2, 8, base+0x100000, base, base+0x1000) // a name that is not there
	entry(3, 8, base+0x900, base+0x1000, base)    // backwards
	entry(4, 8, base+0x900, 0x1000, 0x2000)       // in user memory
	list, err := read(base + 0x100)
	var names []string
	for _, u := range list {
		names = append(names, u.Name)
	}
	if err != nil || fmt.Sprintf("%q", names) != `["a.s\x1b" "" ""]` {
		t.Errorf("%q, %v", names, err)
	}
}

// TestPhysicalMemoryHostile damages a descriptor in every number.
func TestPhysicalMemoryHostile(t *testing.T) {
	t.Parallel()
	const base = 0xFFFFF80000000000
	good := []uint64{2, 30, 1, 10, 16, 20}
	read := func(words []uint64) ([]kernel.FrameRange, error) {
		m := &flat{base, make([]byte, 0x100)}
		le.PutUint64(m.b, base+0x10)
		for i, v := range words {
			le.PutUint64(m.b[0x10+8*i:], v)
		}
		return kernel.New(m, 64).PhysicalMemory(&kernel.DebuggerData{PhysicalMemory: base})
	}
	if list, err := read(good); err != nil || len(list) != 2 || list[1] != (kernel.FrameRange{Base: 16, Count: 20}) {
		t.Errorf("%+v, %v", list, err)
	}
	for i, values := range [][]uint64{{0, 1, 3, 14, 1 << 20}, {0, 29}, {17, 1 << 50}, {0, 9, 16}, {10, 1 << 63}, {0, 1 << 63}} {
		for _, v := range values {
			words := append([]uint64{}, good...)
			words[i] = v
			if list, err := read(words); err == nil {
				t.Errorf("number %d is %#x: %+v", i, v, list)
			}
		}
	}
	if _, err := kernel.New(&flat{}, 64).PhysicalMemory(&kernel.DebuggerData{}); err == nil {
		t.Error("an older block that does not name it")
	}
}

func TestProcessNameByLooks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"\x00\x00\x00\x00winlogon.exe\x00\x00\x00", "winlogon.exe"},
		{"\x00\x00\x00\x00System\x00\x00\x00\x00\x00\x00\x00\x00\x00", "System"},
		{"\x00\x00\x00\xffEXCEL.EXE\x00\x00\x00\x00\x00\x00", "EXCEL.EXE"},
		{"C:\\aprogram.exe\x00\x00\x00\x00\x00", ""}, // a path
		{"\x00\x00\x00\x00notaprogram\x00\x00\x00\x00\x00", ""},
		{"\x00\x00\x00\x00a.exe\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", ""}, // not padded
		{"\x00\x00\x00\x00.exe\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", ""},
		{"\x00\x00\x00\x00one.exe\x00\x00\x00\x00\x00\x00\x00\x00\x00two.exe\x00\x00\x00\x00\x00\x00\x00\x00\x00", ""},
		{"", ""},
	} {
		if got := kernel.ProcessNameByLooks([]byte(c.text)); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// FuzzContext takes any record for any machine's.
func FuzzContext(f *testing.F) {
	f.Add(make([]byte, 0x4D0))
	f.Add([]byte(strings.Repeat("\x0f\x00\x10\x00", 0x100)))
	f.Add([]byte(strings.Repeat("\x07\x00\x40\x00", 0x100)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range []*kernel.ContextLayout{kernel.ContextX64, kernel.ContextX86, kernel.ContextARM64} {
			if c := l.Parse(b); c != nil && (len(b) < l.Length() || len(c.Registers) > 40) {
				t.Fatalf("%+v out of %d bytes", c, len(b))
			}
		}
		_ = kernel.ProcessNameByLooks(b)
		if list := kernel.ParseUnloaded(b); len(list) != len(b)/kernel.SmallUnloadedSize {
			t.Fatalf("%d entries out of %d bytes", len(list), len(b))
		}
	})
}
