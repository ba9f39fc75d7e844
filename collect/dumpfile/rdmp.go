package dumpfile

import (
	"fmt"
	"io"
)

// DebugHeader is the 'RDMP' header of the dumps a kernel debugger writes with
// .dump /k, /ka and /f. They do not come out of a crash; they are recognised
// so that nobody takes them for damaged.
type DebugHeader struct {
	FirstPage uint64 // file offset
	Pages     uint64 // type 10 only
}

const (
	debugHeaderLen = 0x30
	debugMark      = 0x04 // 'RDMP' 'DUMP'
	debugFirstPage = 0x18
	debugPages     = 0x28
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
	return d, nil
}

// length is known for .dump /f, which counts its pages.
func (d *DebugHeader) length() Length {
	if d.Pages == 0 || d.Pages > maxDumpSize/PageSize || d.FirstPage > maxDumpSize {
		return Length{Reason: "a debugger's dump does not count its pages"}
	}
	return Length{int64(d.FirstPage) + int64(d.Pages)*PageSize, true, fmt.Sprintf("%d pages counted by the debugger", d.Pages)}
}
