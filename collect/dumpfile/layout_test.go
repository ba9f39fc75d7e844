package dumpfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

func allSpecs() []dumptest.Spec {
	return []dumptest.Spec{
		{Type: dumpfile.TypeFull}, {Type: dumpfile.TypeSummary}, {Type: dumpfile.TypeBitmapFull},
		{Type: dumpfile.TypeBitmapKernel}, {Type: dumpfile.TypeTriage},
		{Type: dumpfile.TypeFull, Bits: 32}, {Type: dumpfile.TypeSummary, Bits: 32}, {Type: dumpfile.TypeBitmapFull, Bits: 32},
		{Type: dumpfile.TypeTriage, Bits: 32}, {Type: dumpfile.TypeBitmapFull, FullMark: true},
		{Type: dumpfile.TypeDebugKernel}, {Type: dumpfile.TypeDebugKernelA}, {Type: dumpfile.TypeDebugFull},
	}
}

func specName(s dumptest.Spec) string { return fmt.Sprintf("type %d, bits %d", s.Type, s.Bits) }

// TestLayoutNeed hides every kind of dump in a bigger file, as in a page
// file, and expects its exact length, whatever RequiredDumpSpace says.
func TestLayoutNeed(t *testing.T) {
	t.Parallel()
	for _, s := range allSpecs() {
		for _, space := range []dumptest.Space{dumptest.SpaceRight, dumptest.SpaceFill, dumptest.SpaceAbsurd} {
			for _, blobs := range [][]int{nil, {100, 0, 7, 4096}} {
				s.Space, s.Blobs, s.Pages = space, blobs, 128
				b := build(t, s)
				for _, behind := range []int{0, 1, 4096, 100000} {
					file := append(bytes.Clone(b), bytes.Repeat([]byte{0xA5}, behind)...)
					l := layout(t, file)
					if l.Need != int64(len(b)) || len(l.Problems) > 0 {
						t.Errorf("%s, space %d, %d blobs, %d behind: needs %d, want %d (%s) %v",
							specName(s), space, len(blobs), behind, l.Need, len(b), l.Reason, l.Problems)
					}
				}
			}
		}
	}
}

// TestLayoutPages expects the very pages that were stored, each where it is.
func TestLayoutPages(t *testing.T) {
	t.Parallel()
	for _, s := range allSpecs() {
		d, err := dumptest.NewReader(s)
		if err != nil {
			t.Fatal(err)
		}
		l := layout(t, build(t, s))
		if s.Type == dumpfile.TypeTriage {
			continue
		}
		var got []dumpfile.Run
		for r, err := range l.Pages.Runs() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		if !slices.Equal(got, d.Runs()) || l.Pages.First != d.FirstPage() {
			t.Errorf("%s: pages %v from %#x, want %v from %#x", specName(s), got, l.Pages.First, d.Runs(), d.FirstPage())
		}
	}
}

// TestSummaryBitmapSizes takes away one of the two places that give the size
// of a summary dump's bitmap.
func TestSummaryBitmapSizes(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{Type: dumpfile.TypeSummary})
	for _, off := range []int{0x2010, 0x2018} {
		for _, v := range []uint32{0, fill32} {
			l := layout(t, edit(b, func(b []byte) { le.PutUint32(b[off:], v) }))
			if l.Need != int64(len(b)) || len(l.Problems) > 0 {
				t.Errorf("%#x is %#x: needs %d, %v", off, v, l.Need, l.Problems)
			}
		}
	}
}

func TestTriageHeaderFields(t *testing.T) {
	t.Parallel()
	for bits, base := range map[int]int{64: 0x2000, 32: 0x1000} {
		b := build(t, dumptest.Spec{Type: dumpfile.TypeTriage, Bits: bits})
		h := layout(t, b).Triage
		name := map[int]uint32{64: 0x5A8, 32: 0x16C}[bits]
		if string(b[h.DebuggerOffset+0x10:][:4]) != "KDBG" || h.DebuggerSize != 0x380 || h.CallStackSize != 0x400 {
			t.Errorf("%d bits: %+v", bits, h)
		}
		if bits == 64 && (h.DriverCount != 2 || int(h.UnloadedOffset) != base+0x80 || b[h.UnloadedOffset] != 2) {
			t.Errorf("%d bits: %+v", bits, h)
		}
		if string(b[h.ProcessOffset+name:][:12]) != "winlogon.exe" {
			t.Errorf("%d bits: %+v", bits, h)
		}
		if top := map[int]uint64{64: 0xFFFFF80005A11C28, 32: 0x85A11C28}[bits]; h.TopOfStack != top || h.BlocksCount != uint32(bits/64+3) {
			t.Errorf("%d bits: %+v", bits, h)
		}
	}
}

// TestLayoutCut cuts dumps short and expects the full length and the exact
// pages that are gone.
func TestLayoutCut(t *testing.T) {
	t.Parallel()
	for _, s := range allSpecs() {
		if s.Type == dumpfile.TypeTriage {
			continue
		}
		d, err := dumptest.NewReader(s)
		if err != nil {
			t.Fatal(err)
		}
		b := build(t, s)
		first := int(d.FirstPage())
		for _, keep := range []int{first, first + 1, first + 4096, first + 700*4096, len(b) - 1, len(b)} {
			l := layout(t, b[:keep])
			m, err := l.Missing(int64(keep))
			gone := uint64((len(b) - keep + 4095) / 4096)
			if l.Need != int64(len(b)) || err != nil || m.Bytes != int64(len(b)-keep) || m.Pages != gone {
				t.Errorf("%s cut at %d: needs %d, %d bytes and %d pages missing, %v; want %d, %d and %d",
					specName(s), keep, l.Need, m.Bytes, m.Pages, err, len(b), len(b)-keep, gone)
			}
		}
	}
}

func TestLayoutCutWithinBitmap(t *testing.T) {
	t.Parallel()
	for _, space := range []dumptest.Space{dumptest.SpaceRight, dumptest.SpaceFill} {
		b := build(t, dumptest.Spec{Space: space})
		l := layout(t, b[:0x2040])
		m, err := l.Missing(0x2040)
		if l.Need != int64(len(b)) || err != nil || !m.PagesUnknown || l.Pages != nil {
			t.Errorf("needs %d of %d (%s), missing %+v, %v", l.Need, len(b), l.Reason, m, err)
		}
	}
}

func TestLayoutSecondaryMissing(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{Blobs: []int{5000, 5000}})
	l := layout(t, b[:len(b)-100])
	m, err := l.Missing(int64(len(b) - 100))
	if l.Need != int64(len(b)) || err != nil || !m.SecondaryOnly || m.Pages != 0 || m.Bytes != 100 {
		t.Errorf("needs %d of %d, missing %+v, %v", l.Need, len(b), m, err)
	}
	if l.Blobs == nil || l.Blobs.Whole {
		t.Errorf("the cut blob counts as whole: %+v", l.Blobs)
	}
}

// TestLayoutDamaged gives lengths that must not be believed.
func TestLayoutDamaged(t *testing.T) {
	t.Parallel()
	full := build(t, dumptest.Spec{Type: dumpfile.TypeFull})
	kernel := build(t, dumptest.Spec{})
	noSpace := build(t, dumptest.Spec{Space: dumptest.SpaceFill})
	summary := build(t, dumptest.Spec{Type: dumpfile.TypeSummary})
	triage := build(t, dumptest.Spec{Type: dumpfile.TypeTriage})
	for _, c := range []struct {
		name   string
		b      []byte
		change func(b []byte)
		need   int
	}{
		{"43 runs", full, func(b []byte) { le.PutUint32(b[0x88:], 43) }, len(full)},
		{"four billion runs", full, func(b []byte) { le.PutUint32(b[0x88:], 1<<32-1) }, len(full)},
		{"run count is fill", full, func(b []byte) { le.PutUint32(b[0x88:], fill32) }, len(full)},
		{"runs overlap", full, func(b []byte) { le.PutUint64(b[0xA8:], 0x1A0) }, len(full)},
		{"run without end", full, func(b []byte) { le.PutUint64(b[0xA0:], 1<<63) }, len(full)},
		{"no runs, no page count", full, func(b []byte) { clear(b[0x88:0x98]) }, len(full)},
		{"page count too high", full, func(b []byte) { le.PutUint64(b[0x90:], 1<<62) }, len(full)},
		{"bitmap of 2^60 bits", kernel, func(b []byte) { le.PutUint64(b[0x2030:], 1<<60) }, len(kernel)},
		{"bitmap of all ones", kernel, func(b []byte) { le.PutUint64(b[0x2030:], 1<<64-1) }, len(kernel)},
		{"no bits", kernel, func(b []byte) { le.PutUint64(b[0x2030:], 0) }, len(kernel)},
		{"HeaderSize inside the bitmap", kernel, func(b []byte) { le.PutUint64(b[0x2020:], 0x2038) }, len(kernel)},
		{"HeaderSize far away", kernel, func(b []byte) { le.PutUint64(b[0x2020:], 1<<62) }, len(kernel)},
		{"Pages too many", kernel, func(b []byte) { le.PutUint64(b[0x2028:], 1<<50) }, len(kernel)},
		{"Pages one too few", noSpace, func(b []byte) { le.PutUint64(b[0x2028:], 1023) }, len(kernel)},
		{"no bitmap header", kernel, func(b []byte) { clear(b[0x2000:0x2008]) }, len(kernel)},
		{"no bitmap header, no space", noSpace, func(b []byte) { clear(b[0x2000:0x2008]) }, 0},
		{"summary bits", summary, func(b []byte) { le.PutUint32(b[0x2018:], 1<<32-1); le.PutUint32(b[0x2010:], 1<<32-1) }, len(summary)},
		{"space too small", kernel, func(b []byte) { le.PutUint64(b[0xFA0:], 0x3000) }, len(kernel)},
		{"space zero", kernel, func(b []byte) { le.PutUint64(b[0xFA0:], 0) }, len(kernel)},
		{"space negative", kernel, func(b []byte) { le.PutUint64(b[0xFA0:], 1<<63) }, len(kernel)},
		{"type unknown", kernel, func(b []byte) { le.PutUint32(b[0xF98:], 99) }, len(kernel)},
		{"type is fill", kernel, func(b []byte) { le.PutUint32(b[0xF98:], fill32) }, len(kernel)},
		{"triage too big", triage, func(b []byte) { le.PutUint32(b[0x2004:], 1<<31) }, len(triage) + 0x36000},
		{"triage end mark outside", triage, func(b []byte) { le.PutUint32(b[0x2008:], 1<<31) }, len(triage) + 0x36000},
		{"triage without end mark", triage, func(b []byte) { clear(b[len(b)-4:]) }, len(triage)},
	} {
		l := layout(t, edit(c.b, c.change))
		if l.Need != int64(c.need) {
			t.Errorf("%s: needs %d, want %d: %s", c.name, l.Need, c.need, l.Reason)
		}
		if l.Reason == "" {
			t.Errorf("%s: no reason given", c.name)
		}
		if len(l.Problems) == 0 && c.name[:5] != "space" {
			t.Errorf("%s: nothing noted", c.name)
		}
		for _, p := range l.Problems {
			if !errors.Is(p, dumpfile.ErrFormat) && !errors.Is(p, dumpfile.ErrTruncated) {
				t.Errorf("%s: %v is neither damage nor a cut", c.name, p)
			}
		}
	}
}

func TestLayoutEncrypted(t *testing.T) {
	t.Parallel()
	b := edit(build(t, dumptest.Spec{Attributes: uint32(dumpfile.AttrEncrypted)}), func(b []byte) {
		for i := 0x2000; i < len(b); i++ {
			b[i] ^= byte(i * 7)
		}
	})
	l := layout(t, b)
	if l.Need != int64(len(b)) || l.Format.Known || len(l.Problems) > 0 {
		t.Errorf("needs %d of %d, format %+v, %v", l.Need, len(b), l.Format, l.Problems)
	}
}

func TestLayoutWiped(t *testing.T) {
	t.Parallel()
	for _, s := range allSpecs() {
		s.WipeFirst = true
		b := build(t, s)
		kind, _ := dumpfile.Identify(bytes.NewReader(b), int64(len(b)))
		bitmap := s.Type == dumpfile.TypeBitmapFull || s.Type == dumpfile.TypeBitmapKernel
		want := int64(0)
		if bitmap {
			want = int64(len(b))
		}
		if s.Bits == 32 && !bitmap {
			continue // nothing tells such a dump from a summary or from data
		}
		if s.Type == dumpfile.TypeSummary {
			continue
		}
		l := dumpfile.LayoutWiped(bytes.NewReader(b), int64(len(b)), kind)
		if l.Need != want {
			t.Errorf("%s: needs %d, want %d: %s", specName(s), l.Need, want, l.Reason)
		}
	}
}

// TestLayoutReadFails lets each read fail in turn: the length then comes from
// what could be read, and the failure is told.
func TestLayoutReadFails(t *testing.T) {
	t.Parallel()
	for _, s := range allSpecs() {
		s.Blobs = []int{64}
		b := build(t, s)
		h := parse(t, b)
		for n := range 4 {
			r := &failing{bytes.NewReader(b), n}
			l := h.Layout(r, int64(len(b)))
			failed := r.n < 0
			if noted := errors.Is(errors.Join(l.Problems...), errBadSector); noted != failed {
				t.Errorf("%s, read %d: failed %t, noted %t", specName(s), n, failed, noted)
			}
			if l.Need != int64(len(b)) && s.Type != dumpfile.TypeTriage {
				t.Errorf("%s, read %d: needs %d, want %d", specName(s), n, l.Need, len(b))
			}
		}
	}
}

// TestDebuggerDump damages the header and the page ranges of a debugger's dump.
func TestDebuggerDump(t *testing.T) {
	t.Parallel()
	full := build(t, dumptest.Spec{Type: dumpfile.TypeDebugFull, Space: dumptest.SpaceFill})
	kernel := build(t, dumptest.Spec{Type: dumpfile.TypeDebugKernel, Space: dumptest.SpaceFill})
	for _, c := range []struct {
		name   string
		b      []byte
		change func(b []byte)
		whole  bool
	}{
		{"whole", full, func([]byte) {}, true},
		{"whole, uncounted", kernel, func([]byte) {}, true},
		{"uncounted, number in the count's place", kernel, func(b []byte) { le.PutUint64(b[0x2028:], 1<<63) }, true},
		{"no mark", full, func(b []byte) { b[0x2004] = 'X' }, false},
		{"first page in the header", full, func(b []byte) { le.PutUint64(b[0x2018:], 0x2000) }, false},
		{"first page absurd", full, func(b []byte) { le.PutUint64(b[0x2018:], 1<<63) }, false},
		{"first page behind the file", full, func(b []byte) { le.PutUint64(b[0x2018:], 0x1000000) }, false},
		{"count absurd", full, func(b []byte) { le.PutUint64(b[0x2028:], 1<<63) }, false},
		{"count too small", full, func(b []byte) { le.PutUint64(b[0x2028:], 7) }, false},
		{"range absurd", full, func(b []byte) { le.PutUint64(b[0x2038:], 1<<63) }, false},
		{"range empty", kernel, func(b []byte) { le.PutUint64(b[0x2038:], 0) }, false},
	} {
		b := edit(c.b, c.change)
		l := layout(t, b)
		if whole := l.Need == int64(len(b)) && len(l.Problems) == 0 && l.Pages != nil; whole != c.whole {
			t.Errorf("%s: needs %#x: %s, %v", c.name, l.Need, l.Reason, l.Problems)
		}
	}
}
