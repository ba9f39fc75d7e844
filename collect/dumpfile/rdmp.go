package dumpfile

import (
	"fmt"
	"io"
)

// DebugHeader is the 'RDMP' header of the dumps a kernel debugger writes with
// .dump /k, /ka and /f. They do not come out of a crash. Ranges of pages
// follow it, and at FirstPage the pages themselves.
type DebugHeader struct {
	FirstPage uint64 // file offset
	Pages     uint64 // type 10 only: 8 and 9 do not count them
	Ranges    int    // how many there are
}

const (
	debugHeaderLen = 0x30
	debugMark      = 0x04 // 'RDMP' 'DUMP'
	debugFirstPage = 0x18
	debugPages     = 0x28
	debugRangeLen  = 0x10 // first page frame number, number of pages

	// maxDebugRanges bounds the ranges: a machine with 16 TiB whose every
	// second run of 16 MiB was left out.
	maxDebugRanges = 1 << 20
)

func parseDebugHeader(r io.ReaderAt, size, off int64, kind Type) (*DebugHeader, error) {
	b, err := readFull(r, size, off, debugHeaderLen, "'RDMP' header")
	if err != nil {
		return nil, err
	}
	if le.Uint32(b[debugMark:]) != magicRDMP || le.Uint32(b[debugMark+4:]) != magicDump {
		return nil, &FormatError{off + debugMark, "debugger's dump header", "'RDMP' 'DUMP'", fmt.Sprintf("%q", b[debugMark:debugMark+8])}
	}
	d := &DebugHeader{FirstPage: le.Uint64(b[debugFirstPage:])}
	if kind == TypeDebugFull {
		d.Pages = le.Uint64(b[debugPages:])
	}
	return d, d.check(off)
}

// check says what is wrong with the header's numbers.
func (d *DebugHeader) check(off int64) error {
	list := uint64(off) + debugHeaderLen
	if d.FirstPage < list || d.FirstPage > list+maxDebugRanges*debugRangeLen {
		return &FormatError{off + debugFirstPage, "offset of the first page", fmt.Sprintf("behind the page ranges at %#x", list), fmt.Sprintf("%#x", d.FirstPage)}
	}
	if d.Pages > maxDumpSize/PageSize {
		return &FormatError{off + debugPages, "number of pages", fmt.Sprintf("at most %d", int64(maxDumpSize/PageSize)), d.Pages}
	}
	return nil
}

// pages reads the ranges that stand between the header, at the file offset
// off, and the first page. They end with the counted pages, or at an empty
// range.
func (d *DebugHeader) pages(r io.ReaderAt, size, off int64) (*PageSet, error) {
	at := off + debugHeaderLen
	b, err := readFull(r, size, at, int(int64(d.FirstPage)-at), "page ranges")
	if err != nil {
		return nil, err
	}
	var runs []Run
	var sum uint64
	for ; len(b) >= debugRangeLen && (d.Pages == 0 || sum < d.Pages); b = b[debugRangeLen:] {
		run := Run{le.Uint64(b), le.Uint64(b[8:])}
		if run == (Run{}) || run.Base == 0 && d.Pages == 0 {
			break
		}
		if run.Count == 0 || run.Base > MaxPFN || run.Count > MaxPFN-run.Base || sum+run.Count > maxDumpSize/PageSize {
			return nil, &FormatError{at + int64(len(runs))*debugRangeLen, "page range", "pages a machine can have", fmt.Sprintf("%d from %#x", run.Count, run.Base)}
		}
		runs, sum = append(runs, run), sum+run.Count
	}
	d.Ranges = len(runs)
	if d.Pages != 0 && sum != d.Pages {
		return nil, &FormatError{off + debugPages, "number of pages", fmt.Sprintf("the %d of the ranges", sum), d.Pages}
	}
	return newRunPages(int64(d.FirstPage), runs), nil
}
