package regtext

import (
	"bufio"
	"encoding/binary"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

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

// A LeftOutError names the keys that a text cannot hold: their names have line breaks, or brackets
// with what looks like a comment behind them.
type LeftOutError struct {
	Paths []string
}

func (e *LeftOutError) Error() string {
	return "left out keys whose names no line can hold: " + strconv.Quote(strings.Join(e.Paths, "; "))
}

// Unwrap makes every LeftOutError an ErrLeftOut.
func (e *LeftOutError) Unwrap() error { return ErrLeftOut }

// textWriter writes line by line.
type textWriter struct {
	w        *bufio.Writer
	err      error // the first of the writer below
	encoding Encoding
	line     []byte // in WTF-8, not written yet
	wide     []byte // the line in UTF-16
	leftOut  []string
}

const (
	lineEnd     = "\r\n"
	writeBuffer = 64 << 10
)

func newTextWriter(w io.Writer, e Encoding) *textWriter {
	t := &textWriter{w: bufio.NewWriterSize(w, writeBuffer), encoding: e}
	if e == UTF16 {
		_, t.err = t.w.Write(markUTF16LE)
	}
	t.text(headerUnicode)
	t.endLine()
	t.endLine()
	return t
}

// close flushes and gives what went wrong.
func (t *textWriter) close() error {
	if t.err == nil {
		t.err = t.w.Flush()
	}
	if t.err == nil && t.leftOut != nil {
		return &LeftOutError{t.leftOut}
	}
	return t.err
}

// text adds to the line.
func (t *textWriter) text(s string) { t.line = append(t.line, s...) }

func (t *textWriter) endLine() {
	t.text(lineEnd)
	out := t.line
	if t.encoding == UTF16 {
		t.wide = appendUTF16(t.wide[:0], t.line)
		out = t.wide
	}
	if t.err == nil {
		_, t.err = t.w.Write(out)
	}
	t.line = t.line[:0]
}

// fitsLine says whether a [key] line with this path reads back as it.
func fitsLine(path string) bool { return !strings.ContainsAny(path, lineEnd) && !hasComment(path) }

// key writes a [key] line if one can hold the path.
func (t *textWriter) key(path string, deleted bool) bool {
	if !fitsLine(path) {
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

func (t *textWriter) value(v Value) {
	if v.Name == "" {
		t.text("@")
	} else {
		t.quoted(v.Name)
	}
	t.text("=")
	if v.Delete {
		t.text("-")
	} else {
		t.data(v)
	}
	t.endLine()
}

func (t *textWriter) data(v Value) {
	if s, ok := t.plainText(v); ok {
		t.quoted(s)
		return
	}
	if v.Type == hive.DWORD && len(v.Data) == 4 {
		t.text("dword:")
		n := binary.LittleEndian.Uint32(v.Data)
		t.line = appendHex(t.line, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		return
	}
	t.hex(v)
}

// plainText is the text of a REG_SZ whose data are that text and one NUL.
func (t *textWriter) plainText(v Value) (string, bool) {
	if v.Type != hive.SZ {
		return "", false
	}
	s := hive.Value{Data: v.Data}.Text()
	if t.encoding == UTF8 && !utf8.ValidString(s) { // an unpaired surrogate
		return "", false
	}
	return s, string(hive.EncodeSZ(s)) == string(v.Data)
}

// escaper marks what ends a string or marks: everything else, line breaks included, stands for
// itself.
var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (t *textWriter) quoted(s string) {
	t.text(`"`)
	t.text(escaper.Replace(s))
	t.text(`"`)
}

// fullLine is the column from which a line of bytes goes on in the next one. So a line has at most
// 80 characters, unless its name is long: one byte stands behind any name.
const fullLine = 77

func (t *textWriter) hex(v Value) {
	t.text("hex")
	if v.Type != hive.Binary {
		t.text("(" + strconv.FormatUint(uint64(v.Type), 16) + ")")
	}
	t.text(":")
	column := len(hive.EncodeUTF16(string(t.line)))
	for i, b := range v.Data {
		t.line = appendHex(t.line, b)
		if i == len(v.Data)-1 {
			return
		}
		t.text(",")
		if column += len("00,"); column >= fullLine {
			t.text(`\`)
			t.endLine()
			t.text("  ")
			column = len("  ")
		}
	}
}

func appendHex(p []byte, data ...byte) []byte {
	const digits = "0123456789abcdef"
	for _, b := range data {
		p = append(p, digits[b>>4], digits[b&0xF])
	}
	return p
}
