package dumpfile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// badRange is a dump of which some bytes cannot be read.
type badRange struct {
	io.ReaderAt
	from, to int64
}

func (r *badRange) ReadAt(b []byte, off int64) (int, error) {
	if off < r.to && off+int64(len(b)) > r.from {
		return 0, errBadSector
	}
	return r.ReaderAt.ReadAt(b, off)
}

func findCheck(t *testing.T, r *dumpfile.Report, name string) dumpfile.Check {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c dumpfile.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %q among %+v", name, r.Checks)
	}
	return r.Checks[i]
}

func TestVerifyFull(t *testing.T) {
	t.Parallel()
	for _, s := range allSpecs() {
		b := build(t, s)
		var last, total int64
		r, err := dumpfile.VerifyFull(t.Context(), bytes.NewReader(b), int64(len(b)), func(done, all int64) { last, total = done, all })
		if err != nil || r.Verdict != dumpfile.Usable || last != int64(len(b)) || total != last {
			t.Errorf("%s: %v, %v, read %d of %d", specName(s), r.Reasons, err, last, total)
		}
		if c := findCheck(t, r, "every byte"); c.Status != dumpfile.StatusOK {
			t.Errorf("%s: %+v", specName(s), c)
		}
	}
}

func TestVerifyFullFindsBadSectors(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{})
	r, err := dumpfile.VerifyFull(t.Context(), &badRange{bytes.NewReader(b), 0x200200, 0x202A00}, int64(len(b)), nil)
	c := findCheck(t, r, "every byte")
	if err != nil || r.Verdict != dumpfile.Gaps || !strings.Contains(c.Detail, "12288 of ") || !strings.Contains(c.Detail, "first at 0x200000") {
		t.Errorf("%s, %+v, %v", r.Verdict, c, err)
	}
}

// TestVerifyFullFindsDebuggerData bends the header's pointer: the block is
// found where it is.
func TestVerifyFullFindsDebuggerData(t *testing.T) {
	t.Parallel()
	for _, s := range []dumptest.Spec{{}, {Bits: 32, Type: dumpfile.TypeFull}} {
		d, _ := dumptest.NewReader(s)
		at := d.FirstPage() + (dumptest.FrameData-0x1A0)*4096
		b := edit(build(t, s), func(b []byte) {
			if s.Bits == 32 {
				b[0x60] ^= 8
			} else {
				b[0x80] ^= 8
			}
		})
		r, err := dumpfile.VerifyFull(t.Context(), bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := findCheck(t, r, "KDBG"); c.Status != dumpfile.StatusBad {
			t.Errorf("%s: %+v", specName(s), c)
		}
		want := map[int]int64{0: at + 0xB20, 32: at + 0xBE8}[s.Bits]
		if c := findCheck(t, r, "KDBG elsewhere"); !strings.Contains(c.Detail, hex(want)) {
			t.Errorf("%s: %+v, want %#x", specName(s), c, want)
		}
	}
}

func TestVerifyFullStops(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dumpfile.VerifyFull(ctx, bytes.NewReader(b), int64(len(b)), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// counter counts what is read of a dump.
type counter struct {
	io.ReaderAt
	reads, bytes int64
}

func (c *counter) ReadAt(b []byte, off int64) (int, error) {
	c.reads++
	c.bytes += int64(len(b))
	return c.ReaderAt.ReadAt(b, off)
}

// huge are dumps of 8 GiB.
func huge(tb testing.TB) []*dumptest.Reader {
	tb.Helper()
	const pages = 8 << 30 / dumpfile.PageSize
	var list []*dumptest.Reader
	for _, s := range []dumptest.Spec{
		{Type: dumpfile.TypeFull, Pages: pages},
		{Runs: []dumpfile.Run{{Base: 0x1A0, Count: 0x20}, {Base: 0x1000, Count: pages - 0x20}}},
	} {
		d, err := dumptest.NewReader(s)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, d)
	}
	return list
}

// TestVerifyReadsLittle judges dumps of 8 GiB by seeking, not by reading: what
// it takes is counted, for time depends on the machine.
func TestVerifyReadsLittle(t *testing.T) {
	t.Parallel()
	for _, d := range huge(t) {
		c := &counter{ReaderAt: d}
		r := dumpfile.Verify(c, d.Size())
		t.Logf("%d bytes: %d reads of %d bytes", d.Size(), c.reads, c.bytes)
		if r.Verdict != dumpfile.Usable || c.bytes > 8<<20 || c.reads > 100 {
			t.Errorf("%s %v; %d reads of %d bytes", r.Verdict, r.Reasons, c.reads, c.bytes)
		}
	}
}

func BenchmarkVerify8GiB(b *testing.B) {
	for _, d := range huge(b) {
		b.Run(dumpfile.Verify(d, d.Size()).Header.Type.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dumpfile.Verify(d, d.Size())
			}
		})
	}
}
