package dumpfile

import (
	"fmt"
	"io"
)

// Length is one opinion on how long a dump is.
type Length struct {
	Bytes  int64
	Known  bool
	Reason string // what it rests on, or why it is not known
}

// Layout is how a dump lies in its file and how long it is.
type Layout struct {
	Need     int64  // bytes the whole dump takes
	Reason   string // why that many
	Format   Length // by runs, bitmap or triage header, and secondary data
	Required Length // by RequiredDumpSpace

	Pages  *PageSet      // nil where the dump has none, or the list of them is lost
	Bitmap *BitmapHeader // types 2, 5, 6
	Triage *TriageHeader // type 4
	Debug  *DebugHeader  // types 8, 9, 10
	Blobs  *Blobs        // nil where no secondary data was found

	Primary  Length // what Format knows before secondary data
	Problems []error
}

// maxDumpSize bounds every length a header claims: 64 TiB.
const maxDumpSize = 1 << 46

// maxSecondary bounds how much longer than its pages a dump is believed to be.
const maxSecondary = 1 << 30

// Layout finds out how long the dump is whose header h is. r holds size
// bytes, which may be fewer than the dump needs (a page file too small) or
// more (a page file with room left). Damage and reads that fail are noted in
// Problems, and the length comes from what is left.
func (h *Header) Layout(r io.ReaderAt, size int64) *Layout {
	l := &Layout{Required: h.requiredLength()}
	if h.Encrypted() {
		l.Format.Reason = "the dump is encrypted"
		l.decide(h)
		return l
	}
	switch h.Type {
	case TypeFull:
		h.layoutRuns(l)
	case TypeSummary, TypeBitmapFull, TypeBitmapKernel:
		h.layoutBitmap(l, r, size)
	case TypeTriage:
		h.layoutTriage(l, r, size)
	case TypeDebugKernel, TypeDebugKernelA, TypeDebugFull:
		h.layoutDebug(l, r, size)
	case TypeHeader:
		l.Primary = Length{h.Size, true, "the dump is a header alone"}
	default:
		l.Primary.Reason = fmt.Sprintf("dump type %d is not known", uint32(h.Type))
		l.problem(&FormatError{int64(h.offsets().dumpType), "DumpType", "1, 2, 4, 5, 6 or a debugger's", uint32(h.Type)})
	}
	l.addSecondary(r, size)
	l.decide(h)
	return l
}

// LayoutWiped finds the layout of a dump whose first page was zeroed, of the
// kind that Identify told. Where a bitmap header follows, it gives the length;
// nothing else of the dump is known.
func LayoutWiped(r io.ReaderAt, size int64, kind Kind) *Layout {
	h := &Header{Bits: 64, Size: headerSize64, Type: TypeBitmapKernel}
	if kind == KindWiped32 {
		h.Bits, h.Size = 32, headerSize32
	}
	l := h.Layout(r, size)
	if !l.Format.Known {
		l.Reason = "the header is gone and no page bitmap follows it"
	}
	return l
}

// requiredLength judges RequiredDumpSpace by itself.
func (h *Header) requiredLength() Length {
	v := h.RequiredSpace
	switch {
	case !v.Known:
		return Length{Reason: "RequiredDumpSpace was never written"}
	case v.Value < uint64(h.Size) || v.Value > maxDumpSize:
		return Length{Reason: fmt.Sprintf("RequiredDumpSpace %#x is absurd", v.Value)}
	}
	return Length{int64(v.Value), true, "RequiredDumpSpace"}
}

func (h *Header) layoutRuns(l *Layout) {
	m := &h.Memory
	pages := m.NumberOfPages
	if m.Plausible {
		l.Pages = newRunPages(h.Size, m.Runs)
		l.Primary = Length{l.Pages.End(), true, fmt.Sprintf("%s in %s", count(pages.Value, "page"), count(len(m.Runs), "run"))}
		return
	}
	l.problem(&FormatError{int64(h.offsets().memory), "physical memory runs",
		fmt.Sprintf("at most %d ascending runs that add up to NumberOfPages", m.MaxRuns),
		fmt.Sprintf("NumberOfRuns %d, NumberOfPages %d", m.NumberOfRuns.Value, pages.Value)})
	if !pages.Known || pages.Value == 0 || pages.Value > maxDumpSize/PageSize {
		l.Primary.Reason = "the run list is damaged"
		return
	}
	l.Primary = Length{h.Size + int64(pages.Value)*PageSize, true, fmt.Sprintf("NumberOfPages %d; the run list is damaged", pages.Value)}
}

func (h *Header) offsets() *headerMap {
	if h.Bits == 32 {
		return &header32
	}
	return &header64
}

func (h *Header) layoutBitmap(l *Layout, r io.ReaderAt, size int64) {
	b, err := parseBitmapHeader(r, size, h.Size, h.Type, h.Bits)
	if err != nil {
		l.Primary.Reason = "the bitmap header is missing"
		l.problem(err)
		return
	}
	l.Bitmap = b
	if err := b.checkLengths(); err != nil {
		l.Primary.Reason = "the bitmap header is damaged"
		l.problem(err)
		return
	}
	m := &bitmap{r: r, off: b.BitsOff, bits: b.Bits}
	n, err := m.countWithin(size)
	if err != nil {
		l.problem(err)
		l.Primary = Length{int64(b.HeaderSize) + int64(b.Pages)*PageSize, true, fmt.Sprintf("Pages %d; the bitmap is not whole", b.Pages)}
		return
	}
	if n != b.Pages {
		l.problem(&FormatError{b.Off, "Pages", count(n, "bit") + " set in the bitmap", b.Pages})
	}
	l.Pages = &PageSet{First: int64(b.HeaderSize), Count: n, bitmap: m}
	l.Primary = Length{l.Pages.End(), true, count(n, "page") + " set in the bitmap"}
	if n < b.Pages { // bits were lost: rather too much is taken than too little
		l.Primary = Length{int64(b.HeaderSize) + int64(b.Pages)*PageSize, true, fmt.Sprintf("Pages %d; bits are missing in the bitmap", b.Pages)}
	}
}

func (h *Header) layoutTriage(l *Layout, r io.ReaderAt, size int64) {
	t, err := parseTriageHeader(r, size, h.Size, h.Bits)
	if err != nil {
		l.Primary.Reason = "the triage header is missing"
		l.problem(err)
		return
	}
	l.Triage = t
	if err := t.checkLengths(); err != nil {
		l.Primary.Reason = "the triage header is damaged"
		l.problem(err)
		return
	}
	l.Primary = Length{int64(t.SizeOfDump), true, "SizeOfDump of the triage header"}
	if err := t.checkEndMark(r, size); err != nil {
		l.problem(err)
	}
}

func (h *Header) layoutDebug(l *Layout, r io.ReaderAt, size int64) {
	d, err := parseDebugHeader(r, size, h.Size, h.Type)
	if err != nil {
		l.Primary.Reason = "the 'RDMP' header is missing or damaged"
		l.problem(err)
		return
	}
	l.Debug = d
	l.Pages, err = d.pages(r, size, h.Size)
	if err != nil {
		l.Primary.Reason = "the debugger's page ranges are damaged"
		l.problem(err)
		return
	}
	l.Primary = Length{l.Pages.End(), true, fmt.Sprintf("%s in %s", count(l.Pages.Count, "page"), count(d.Ranges, "range"))}
}

// addSecondary follows the secondary data behind the primary dump.
func (l *Layout) addSecondary(r io.ReaderAt, size int64) {
	l.Format = l.Primary
	if !l.Primary.Known || l.Primary.Bytes >= size {
		return
	}
	// Behind the dump in a page file lie old pages: look no further than the
	// kernel meant to write.
	limit := size
	if l.Required.Known && l.Required.Bytes > l.Primary.Bytes {
		limit = min(size, l.Required.Bytes)
	}
	b, err := walkBlobs(r, l.Primary.Bytes, limit)
	if err != nil {
		l.problem(err)
	}
	if b == nil {
		return
	}
	l.Blobs = b
	l.Format.Bytes = b.End
	l.Format.Reason += fmt.Sprintf(", %s of secondary data", count(len(b.List), "blob"))
	if !b.Whole {
		l.problem(fmt.Errorf("secondary data up to %#x: %w", b.End, ErrTruncated))
	}
}

// decide chooses between the format's length and RequiredDumpSpace, which is
// what Windows itself would cut the page file to.
func (l *Layout) decide(h *Header) {
	f, r := l.Format, l.Required
	switch {
	case !f.Known && !r.Known:
		l.Reason = fmt.Sprintf("unknown: %s, and %s", f.Reason, r.Reason)
	case !f.Known:
		l.Need, l.Reason = r.Bytes, fmt.Sprintf("RequiredDumpSpace; %s", f.Reason)
	case !r.Known:
		l.Need, l.Reason = f.Bytes, fmt.Sprintf("%s; %s", f.Reason, r.Reason)
	case h.Type == TypeTriage:
		// Real triage dumps are shorter than their RequiredDumpSpace.
		l.Need, l.Reason = f.Bytes, f.Reason
	case r.Bytes > f.Bytes+maxSecondary:
		l.Need, l.Reason = f.Bytes, fmt.Sprintf("%s; RequiredDumpSpace %#x is absurd", f.Reason, r.Bytes)
	case r.Bytes < f.Bytes:
		l.Need, l.Reason = f.Bytes, fmt.Sprintf("%s; RequiredDumpSpace %#x is too small for them", f.Reason, r.Bytes)
	case r.Bytes == f.Bytes:
		l.Need, l.Reason = r.Bytes, f.Reason+", as RequiredDumpSpace says"
	default:
		l.Need, l.Reason = r.Bytes, fmt.Sprintf("RequiredDumpSpace; %s end at %#x", f.Reason, f.Bytes)
	}
}

func (l *Layout) problem(err error) { l.Problems = append(l.Problems, err) }

// Missing is what a dump of this layout lacks when only its first have bytes
// exist.
type Missing struct {
	Bytes         int64 // of everything the dump should have
	MissingPages        // zero where the dump's page list is lost
	PagesUnknown  bool  // pages may be missing, which ones is not known
	SecondaryOnly bool  // every page is there, only what follows them is not
}

// Missing says what lies behind the first have bytes of the dump.
func (l *Layout) Missing(have int64) (Missing, error) {
	m := Missing{Bytes: max(l.Need-have, 0)}
	if m.Bytes == 0 {
		return m, nil
	}
	m.SecondaryOnly = l.Primary.Known && have >= l.Primary.Bytes
	if l.Pages == nil {
		m.PagesUnknown = !m.SecondaryOnly
		return m, nil
	}
	var err error
	m.MissingPages, err = l.Pages.MissingFrom(have)
	return m, err
}
