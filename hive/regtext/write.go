package regtext

import (
	"bufio"
	"encoding/binary"
	"io"
	"strconv"
	"strings"

	"hangkit/hive"
)

// WriteTo writes the text with CRLF line ends, laid out as regedit does. A key whose name no line
// can hold is left out, which the error, a *LeftOutError, says when all else is written.
func (f *File) WriteTo(w io.Writer, e Encoding) error {
	t := newTextWriter(w, e)
	for _, k := range f.Keys {
		if !t.key(k.Path, k.Delete) {
			continue
		}
		for _, v := range k.Values {
			t.value(v)
		}
		t.endLine()
	}
	return t.close()
}

// A LeftOutError names the keys that a text cannot hold: their names have line breaks.
type LeftOutError struct {
	Paths []string
}

func (e *LeftOutError) Error() string {
	return "keys whose names hold line breaks: " + strconv.Quote(strings.Join(e.Paths, "; "))
}

// Unwrap makes every LeftOutError an ErrLeftOut.
func (e *LeftOutError) Unwrap() error { return ErrLeftOut }

// textWriter writes line by line. The first error of the writer below stays in it.
type textWriter struct {
	w        *bufio.Writer
	encoding Encoding
	line     []byte // in WTF-8, not written yet
	leftOut  []string
}

func newTextWriter(w io.Writer, e Encoding) *textWriter {
	t := &textWriter{w: bufio.NewWriterSize(w, 64<<10), encoding: e}
	if e == UTF16 {
		_, _ = t.w.Write(markUTF16LE) // bufio keeps the error for Flush
	}
	t.text(headerUnicode)
	t.endLine()
	t.endLine()
	return t
}

// close flushes and gives what went wrong.
func (t *textWriter) close() error {
	if err := t.w.Flush(); err != nil {
		return err
	}
	if t.leftOut != nil {
		return &LeftOutError{t.leftOut}
	}
	return nil
}

// text adds to the line.
func (t *textWriter) text(s string) { t.line = append(t.line, s...) }

func (t *textWriter) endLine() {
	t.text("\r\n")
	t.flushLine()
}

func (t *textWriter) flushLine() {
	if t.encoding == UTF8 {
		_, _ = t.w.Write(t.line) // bufio keeps the error for Flush
	} else {
		t.flushUTF16()
	}
	t.line = t.line[:0]
}

func (t *textWriter) flushUTF16() {
	for i, c := range t.line {
		if c >= 0x80 {
			t.units(hive.EncodeUTF16(string(t.line[i:])))
			return
		}
		_, _ = t.w.Write([]byte{c, 0}) // bufio keeps the error for Flush
	}
}

func (t *textWriter) units(units []uint16) {
	for _, u := range units {
		_, _ = t.w.Write(binary.LittleEndian.AppendUint16(t.w.AvailableBuffer(), u)) // bufio keeps the error for Flush
	}
}

// key writes a [key] line unless its path would not stay in one.
func (t *textWriter) key(path string, deleted bool) bool {
	if strings.ContainsAny(path, "\r\n") {
		t.leftOut = append(t.leftOut, path)
		return false
	}
	t.text("[")
	if deleted {
		t.text("-")
	}
	t.text(path)
	t.text("]")
	t.endLine()
	return true
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (t *textWriter) quoted(s string) {
	t.text(`"`)
	t.text(escaper.Replace(s))
	t.text(`"`)
}

func (t *textWriter) value(v Value) {
	if v.Name == "" {
		t.text("@")
	} else {
		t.quoted(v.Name)
	}
	t.text("=")
	s, plain := t.plainText(v)
	switch {
	case v.Delete:
		t.text("-")
	case plain:
		t.quoted(s)
	case v.Type == hive.DWORD && len(v.Data) == 4:
		t.line = append(t.line, "dword:"...)
		t.line = appendHex(t.line, binary.LittleEndian.Uint32(v.Data), maxDigits)
	default:
		t.hex(v)
	}
	t.endLine()
}

// plainText is the text of a REG_SZ that says all there is in its data.
func (t *textWriter) plainText(v Value) (string, bool) {
	if v.Type != hive.SZ {
		return "", false
	}
	s := hive.Value{Type: v.Type, Data: v.Data}.Text()
	return s, string(hive.EncodeSZ(s)) == string(v.Data)
}

func appendHex(p []byte, n uint32, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		p = append(p, "0123456789abcdef"[n>>shift&0xF])
	}
	return p
}

// lineWidth is how many characters a line of bytes may have before the backslash that ends it.
const lineWidth = 77

func (t *textWriter) hex(v Value) {
	if v.Type == hive.Binary {
		t.text("hex:")
	} else {
		t.text("hex(" + strconv.FormatUint(uint64(v.Type), 16) + "):")
	}
	column := len(hive.EncodeUTF16(string(t.line)))
	for i, b := range v.Data {
		last := i == len(v.Data)-1
		if column+3 > lineWidth {
			t.text(`\`)
			t.endLine()
			t.text("  ")
			column = 2
		}
		t.line = appendHex(t.line, uint32(b), 2)
		if !last {
			t.text(",")
		}
		column += 3
	}
}
