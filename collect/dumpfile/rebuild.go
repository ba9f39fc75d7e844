package dumpfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"hangkit/collect/dumpfile/kernel"
)

// ErrNotRebuildable means that a wiped first page cannot be made anew.
var ErrNotRebuildable = errors.New("the first page cannot be rebuilt")

// Rebuilt is the first page of a dump whose own a later boot zeroed, made anew
// from what is left: the second half of the header, the bitmap header, and the
// kernel's memory.
type Rebuilt struct {
	Page    []byte   // one page, to be written over the zeros
	Origins []Origin // where each field comes from, in the header's order
}

// Over reads the dump in r with the rebuilt page in the place of the zeros.
func (b *Rebuilt) Over(r io.ReaderAt) io.ReaderAt { return &overlaid{r, b.Page} }

// overlaid is a dump whose first bytes are replaced.
type overlaid struct {
	r     io.ReaderAt
	first []byte
}

func (o *overlaid) ReadAt(b []byte, off int64) (int, error) {
	n, err := o.r.ReadAt(b, off)
	if off >= 0 && off < int64(len(o.first)) {
		copy(b[:n], o.first[off:])
	}
	return n, err
}

// Origin says where a rebuilt field comes from.
type Origin struct {
	Field, From string
}

// rebuilder finds out, one after the other, what the lost page said.
type rebuilder struct {
	r    io.ReaderAt
	size int64
	h    *Header // what is known of it
	l    *Layout
	f    *frames

	views []view // ways to read the first top table that was found
	tries int    // kernels that were searched for their KDDEBUGGER_DATA64
	view         // the one that led to the kernel
	kdbg  uint64 // its virtual address
	d     *kernel.DebuggerData
}

// view is the kernel's memory through page tables of one layout. Those of x64
// and ARM64 resemble each other; only large pages tell them apart.
type view struct {
	space *kernel.Space
	root  uint64
	k     *kernel.Kernel
}

// Rebuild makes the first page of the dump in r anew, which Identify told to
// be of the given kind, KindWiped64 or KindWiped32. It reads the dump from the
// beginning until it has found a top page table and KDDEBUGGER_DATA64, and so
// may read all of it; progress, where it is not nil, is told the pages done.
// The result is a guess that fits together: it should be verified, and called
// rebuilt wherever it is shown.
func Rebuild(ctx context.Context, r io.ReaderAt, size int64, kind Kind, progress func(done, total int64)) (*Rebuilt, error) {
	b := &rebuilder{r: r, size: size, l: LayoutWiped(r, size, kind), h: &Header{Bits: 64, Size: headerSize64}}
	switch {
	case kind == KindWiped32:
		b.h.Bits, b.h.Size = 32, headerSize32
	case kind != KindWiped64:
		return nil, fmt.Errorf("%s: %w", kind, ErrNotRebuildable)
	}
	if b.l.Pages == nil {
		return nil, fmt.Errorf("%w: no page bitmap is left that says which pages are there", ErrNotRebuildable)
	}
	b.f = &frames{r, size, b.l.Pages}
	if err := b.search(ctx, progress); err != nil {
		return nil, err
	}
	return b.page()
}

// search goes through the pages for a top page table, and then for the
// KDDEBUGGER_DATA64 of the kernel that it maps.
func (b *rebuilder) search(ctx context.Context, progress func(done, total int64)) error {
	for _, step := range []struct {
		look func(pfn uint64, page *[PageSize]byte) bool
		what string
	}{
		{b.lookForRoot, "no page table leads to a Windows kernel"},
		{b.lookForDebugger, "no KDDEBUGGER_DATA64 of the kernel is there"},
	} {
		found, err := b.eachPage(ctx, progress, step.look)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%w: %s", ErrNotRebuildable, step.what)
		}
	}
	return nil
}

// eachPage shows every stored page to look until it is satisfied. Pages that
// cannot be read are passed over.
func (b *rebuilder) eachPage(ctx context.Context, progress func(done, total int64), look func(pfn uint64, page *[PageSize]byte) bool) (bool, error) {
	const often = 1024
	var page [PageSize]byte
	off, n := b.l.Pages.First, int64(0)
	for run, err := range b.l.Pages.Runs() {
		if err != nil {
			return false, err
		}
		for pfn := run.Base; pfn < run.End() && off <= b.size-PageSize; pfn, off = pfn+1, off+PageSize {
			if n++; n%often == 0 {
				if err := ctx.Err(); err != nil {
					return false, fmt.Errorf("rebuilding the header: %w", err)
				}
				if progress != nil {
					progress(n, int64(b.l.Pages.Count))
				}
			}
			if got, _ := b.r.ReadAt(page[:], off); got == PageSize && look(pfn, &page) {
				return true, nil
			}
		}
	}
	return false, nil
}

func (b *rebuilder) pagings() []*kernel.Paging {
	if b.h.Bits == 32 {
		return []*kernel.Paging{kernel.PAE, kernel.X86}
	}
	return []*kernel.Paging{kernel.X64, kernel.X64Level5, kernel.ARM64}
}

// lookForRoot tries the page as a top page table: the page that the kernel
// shares with every process must be behind it.
func (b *rebuilder) lookForRoot(pfn uint64, page *[PageSize]byte) bool {
	for _, p := range b.pagings() {
		for _, root := range p.Roots(page, pfn, b.f.EndFrame()) {
			s := kernel.NewSpace(b.f, p, root)
			k := kernel.New(s, b.h.Bits)
			if d, err := k.SharedData(); err == nil && d.Plausible() {
				b.views = append(b.views, view{s, root, k})
			}
		}
	}
	return len(b.views) > 0
}

// lookForDebugger tries what has the tag of a KDDEBUGGER_DATA64.
func (b *rebuilder) lookForDebugger(pfn uint64, page *[PageSize]byte) bool {
	for _, v := range b.views {
		for _, tagged := range v.k.TaggedDebuggerData(page[:]) {
			if b.accept(v, pfn*PageSize+uint64(tagged.Offset), tagged.KernBase) {
				return true
			}
		}
	}
	return false
}

// accept takes a KDDEBUGGER_DATA64 at a physical address for the kernel's own
// if its kernel is there, of the right machine, and holds it.
func (b *rebuilder) accept(v view, physical, base uint64) bool {
	image, err := v.k.Image(base)
	if err != nil || !slices.Contains((&Header{Machine: known(Machine(image.Machine))}).pagings(), v.space.Paging()) {
		return false
	}
	if b.tries++; b.tries > maxTries {
		return false
	}
	va, ok := v.space.AddressOf(physical, base)
	if !ok {
		return false
	}
	d, err := v.k.DebuggerData(va, 0, 0)
	if err != nil || d.Encoded {
		return false
	}
	b.view, b.kdbg, b.d = v, va, d
	return true
}

// page writes the page down. What is not known stays fill.
func (b *rebuilder) page() (*Rebuilt, error) {
	w := newPageWriter(b.h.offsets())
	shared, err := b.k.SharedData()
	if err != nil {
		return nil, err
	}
	bugCheck, err := b.k.BugCheckData(b.d.BugCheckData)
	if err != nil {
		return nil, err
	}
	image, err := b.k.Image(b.d.KernBase)
	if err != nil {
		return nil, err
	}
	b.writeKernel(w, shared, image)
	w.bugCheck(bugCheck)
	b.registers(w, bugCheck, Machine(image.Machine))
	w.body(b.dumpType(), b.l)
	w.times(shared)
	return &Rebuilt{w.page, w.origins}, nil
}

// writeKernel writes what leads to the kernel.
func (b *rebuilder) writeKernel(w *pageWriter, shared *kernel.SharedData, image *kernel.Image) {
	m := w.m
	w.u32("MajorVersion", m.major, freeBuild, "assumed: a free build")
	w.u32("MinorVersion", m.minor, b.buildNumber(shared), "KUSER_SHARED_DATA, else NtBuildLab")
	w.word("DirectoryTableBase", m.directoryTableBase, b.root, "search for a top page table: "+b.space.Paging().Name)
	w.word("PfnDataBase", m.pfnDatabase, b.d.PfnDatabase, fromDebugger)
	w.word("PsLoadedModuleList", m.loadedModules, b.d.LoadedModules, fromDebugger)
	w.word("PsActiveProcessHead", m.activeProcesses, b.d.ActiveProcesses, fromDebugger)
	w.u32("MachineImageType", m.machine, uint32(image.Machine), "headers of the kernel's image")
	w.u32("NumberProcessors", m.processors, uint32(len(b.k.ProcessorBlocks(b.d.ProcessorBlock, kernel.MaxProcessors))), "KiProcessorBlock")
	w.word("KdDebuggerDataBlock", m.debuggerData, b.kdbg, "search for its tag, and the kernel's page tables")
	if m.paeEnabled != 0 {
		w.page[m.paeEnabled] = 0
		if b.space.Paging() == kernel.PAE {
			w.page[m.paeEnabled] = 1
		}
		w.origin("PaeEnabled", "search for a top page table")
	}
}

const (
	freeBuild    = 0xF
	maxTries     = 256        // memory made to hurt could hold a tag in every line
	breakpoint   = 0x80000003 // STATUS_BREAKPOINT
	fromDebugger = "KDDEBUGGER_DATA64"
)

// registers writes those of the processor that crashed, where it can be told
// from the others: a debugger shows them first.
func (b *rebuilder) registers(w *pageWriter, bugCheck [5]uint64, m Machine) {
	l := m.contextLayout()
	if l == nil {
		return
	}
	list := b.k.Processors(b.d, kernel.MaxProcessors, l, nil)
	i := slices.IndexFunc(list, func(p kernel.Processor) bool { return calledBugCheck(p.Context, bugCheck) })
	if len(list) == 1 {
		i = 0
	}
	if i < 0 || list[i].Context == nil {
		return
	}
	copy(w.page[w.m.context:w.m.exception], b.k.ContextRecord(&list[i], l))
	from := fmt.Sprintf("KPRCB of processor %d, which called KeBugCheckEx", i)
	w.origin("ContextRecord", from)
	w.word("ExceptionAddress", w.m.exception+8+w.m.bits/8, list[i].Context.PC, from)
}

// calledBugCheck tells whether registers are those with which x64 calls
// KeBugCheckEx: the code and the first parameter. Other architectures lose them.
func calledBugCheck(c *kernel.Context, bugCheck [5]uint64) bool {
	if c == nil {
		return false
	}
	matches := 0
	for _, r := range c.Registers {
		if r.Name == "rcx" && r.Value == bugCheck[0] || r.Name == "rdx" && r.Value == bugCheck[1] {
			matches++
		}
	}
	return matches == 2
}

// buildNumber is where Windows 10 keeps it, else what its name begins with.
func (b *rebuilder) buildNumber(s *kernel.SharedData) uint32 {
	if s.Build != 0 {
		return s.Build & 0xFFFF
	}
	var n uint32
	if _, err := fmt.Sscanf(b.k.BuildLab(b.d), "%d.", &n); err != nil {
		return 0
	}
	return n
}

// dumpType follows from the mark of the bitmap header, for an active dump from
// the attributes behind the lost page, and for 32 bits from there being one
// kind only.
func (b *rebuilder) dumpType() Type {
	if b.h.Bits == 32 {
		return TypeBitmapFull
	}
	return b.l.Bitmap.dumpType(b.attributes())
}

func (b *rebuilder) attributes() Attributes {
	raw, err := readFull(b.r, b.size, int64(header64.attributes), 4, "attributes")
	if err != nil || le.Uint32(raw) == fill32 {
		return 0
	}
	return Attributes(le.Uint32(raw))
}

// pageWriter fills in a first page and notes where each field comes from.
type pageWriter struct {
	m       *headerMap
	page    []byte
	origins []Origin
}

func newPageWriter(m *headerMap) *pageWriter {
	w := &pageWriter{m: m, page: make([]byte, PageSize)}
	for off := 0; off < PageSize; off += 4 {
		le.PutUint32(w.page[off:], fill32)
	}
	valid := magicDU64
	if m.bits == 32 {
		valid = magicDump
	}
	le.PutUint32(w.page[4:], valid)
	return w
}

func (w *pageWriter) bugCheck(data [5]uint64) {
	const from = "KiBugCheckData"
	w.u32("BugCheckCode", w.m.bugCheckCode, uint32(data[0]), from)
	for i, p := range data[1:] {
		w.word(fmt.Sprintf("BugCheckParameter%d", i+1), w.m.bugCheckParameters+i*w.m.bits/8, p, from)
	}
	w.u32("ExceptionCode", w.m.exception, breakpoint, "assumed: what a crash without an exception leaves")
}

// body writes what says how the rest of the dump lies.
func (w *pageWriter) body(t Type, l *Layout) {
	clear(w.page[w.m.memory : w.m.memory+memoryDescriptorSize])
	w.origin("PhysicalMemoryBlock", "left empty, as kernels do that write a bitmap")
	w.u32("DumpType", w.m.dumpType, uint32(t), "bitmap header")
	w.u64("RequiredDumpSpace", w.m.requiredDumpSpace, uint64(l.Need), l.Reason)
}

// times writes those that stood in the lost page. In 64-bit dumps the up time
// and the boot count stand behind it.
func (w *pageWriter) times(s *kernel.SharedData) {
	const from = "KUSER_SHARED_DATA"
	w.u64("SystemTime", w.m.systemTime, s.SystemTime, from)
	if w.m.systemUpTime < PageSize {
		w.u64("SystemUpTime", w.m.systemUpTime, s.UpTime, from)
	}
	if w.m.bootID < PageSize {
		w.u32("BootId", w.m.bootID, s.BootID, from)
	}
}

func (w *pageWriter) origin(field, from string) {
	w.origins = append(w.origins, Origin{field, from})
}

func (w *pageWriter) u32(field string, off int, v uint32, from string) {
	le.PutUint32(w.page[off:], v)
	w.origin(field, from)
}

func (w *pageWriter) u64(field string, off int, v uint64, from string) {
	le.PutUint64(w.page[off:], v)
	w.origin(field, from)
}

// word writes a field as wide as the header's pointers.
func (w *pageWriter) word(field string, off int, v uint64, from string) {
	if w.m.bits == 32 {
		w.u32(field, off, uint32(v), from)
		return
	}
	w.u64(field, off, v, from)
}
