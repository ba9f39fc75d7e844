package dumpfile

import (
	"context"
	"fmt"
	"io"

	"hangkit/collect/dumpfile/kernel"
)

// chunkSize is how much VerifyFull reads at a time.
const chunkSize = 1 << 20

// VerifyFull is Verify, and then reads every byte of the dump: it finds what
// cannot be read, counts the pages that are zeros, and looks for
// KDDEBUGGER_DATA64 where the header's pointer does not lead to one. progress,
// where it is not nil, is told the bytes done and the bytes in all. The only
// error is that of ctx.
func VerifyFull(ctx context.Context, r io.ReaderAt, size int64, progress func(done, total int64)) (*Report, error) {
	v := &verifier{r: r, size: size, report: &Report{}}
	v.verify()
	if v.l != nil {
		w := &wholeRead{v: v, end: size}
		if v.l.Need > 0 {
			w.end = min(size, v.l.Need)
		}
		if err := w.read(ctx, progress); err != nil {
			return nil, err
		}
		w.judge()
	}
	v.report.conclude()
	return v.report, nil
}

// wholeRead is a dump being read from end to end.
type wholeRead struct {
	v   *verifier
	end int64

	zeros    uint64 // pages of the page area that are zeros
	bad      int64  // bytes that cannot be read
	firstBad int64
	firstErr error
	kdbg     int64 // where a KDDEBUGGER_DATA64 of this kernel stands, 0 for nowhere
}

func (w *wholeRead) read(ctx context.Context, progress func(done, total int64)) error {
	buf := make([]byte, chunkSize)
	for at := int64(0); at < w.end; at += chunkSize {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading the dump: %w", err)
		}
		w.chunk(at, buf[:min(chunkSize, w.end-at)])
		if progress != nil {
			progress(min(at+chunkSize, w.end), w.end)
		}
	}
	return nil
}

// chunk reads a piece, and page by page where that fails.
func (w *wholeRead) chunk(at int64, b []byte) {
	n, err := w.v.r.ReadAt(b, at)
	if n == len(b) {
		w.look(at, b)
		return
	}
	if len(b) <= PageSize {
		if w.bad == 0 {
			w.firstBad, w.firstErr = at, err
		}
		w.bad += int64(len(b))
		return
	}
	for off := 0; off < len(b); off += PageSize {
		w.chunk(at+int64(off), b[off:min(off+PageSize, len(b))])
	}
}

// look goes through the pages in b. Pages and the reading both begin at
// multiples of the page size in all but a few foreign dumps.
func (w *wholeRead) look(at int64, b []byte) {
	p := w.v.l.Pages
	if p == nil {
		return
	}
	k := kernel.New(nil, w.v.h.Bits)
	h := w.v.h
	for ; len(b) >= PageSize; at, b = at+PageSize, b[PageSize:] {
		switch page := b[:PageSize]; {
		case at < p.First || at >= p.End():
		case allZero(page):
			w.zeros++
		case w.kdbg == 0:
			if off := k.FindDebuggerData(page, h.LoadedModules.Value, h.ActiveProcesses.Value); off >= 0 {
				w.kdbg = at + int64(off)
			}
		}
	}
}

func (w *wholeRead) judge() {
	const name = "every byte"
	v := w.v
	switch {
	case w.bad > 0:
		v.add(name, StatusBad, "%d of %d bytes cannot be read, the first at %#x: %v", w.bad, w.end, w.firstBad, w.firstErr)
	case v.l.Pages != nil:
		v.add(name, StatusOK, "%d bytes read; only zeros: %d of %s", w.end, w.zeros, count(v.l.Pages.Count, "page"))
	default:
		v.add(name, StatusOK, "%d bytes read", w.end)
	}
	if m := v.report.Memory; w.kdbg > 0 && (m == nil || m.Debugger.Value == nil) {
		v.add("KDBG elsewhere", StatusUnknown, "one of this kernel stands at %#x of the dump, where the header does not point", w.kdbg)
	}
}
