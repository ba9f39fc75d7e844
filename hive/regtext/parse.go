package regtext

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"hangkit/hive"
)

// The first line of a text.
const (
	headerUnicode = "Windows Registry Editor Version 5.00"
	headerANSI    = "REGEDIT4"
)

// Parse reads a .reg text: UTF-16 of either byte order with its mark, UTF-8 with or without one, or
// a REGEDIT4 text in Windows-1252.
//
// It takes what regedit takes: comments, blank lines, either kind of line end, spaces around the
// parts of a value, numbers in either case and without leading zeros. But where regedit skips a line
// that it does not understand, Parse fails: a typo must not end as half of an edit.
func Parse(text []byte) (*File, error) {
	s, ansi, err := decode(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: s, ansi: ansi, line: 1}
	if err := p.header(); err != nil {
		return nil, err
	}
	for {
		if err := p.item(); err != nil {
			return nil, err
		}
		if p.pos == len(p.text) {
			return &p.file, nil
		}
	}
}

// parser is a place in a text and what was read before it.
type parser struct {
	text string
	pos  int
	line int
	ansi bool // strings in hex are bytes of the code page, not UTF-16
	file File
}

func (p *parser) fail(format string, args ...any) error {
	return &SyntaxError{p.line, fmt.Sprintf(format, args...)}
}

// peek is the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

// accept steps over c if it is next.
func (p *parser) accept(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

const blanks = " \t"

// spaces steps over blanks within a line.
func (p *parser) spaces() {
	for p.pos < len(p.text) && strings.IndexByte(blanks+"\r", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// restOfLine is the line from here on; its end stays unread.
func (p *parser) restOfLine() string {
	rest := p.text[p.pos:]
	if end := strings.IndexByte(rest, '\n'); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// endLine steps over the end of a line, with a comment before it.
func (p *parser) endLine() error {
	p.spaces()
	if p.peek() == ';' {
		p.pos += len(p.restOfLine())
	}
	switch {
	case p.pos == len(p.text):
	case p.accept('\n'):
		p.line++
	default:
		return p.fail("want the end of the line, got %s", p.here())
	}
	return nil
}

// here shows what stands where something else was expected.
func (p *parser) here() string {
	const enough = 20
	s := strings.TrimRight(p.restOfLine(), "\r")
	if s == "" {
		return "the end of the line"
	}
	if len(s) > enough {
		s = s[:enough]
	}
	return strconv.Quote(s)
}

func (p *parser) header() error {
	first := strings.TrimSpace(p.restOfLine())
	if first != headerUnicode && first != headerANSI {
		return p.fail("want %q or %q, got %s", headerUnicode, headerANSI, p.here())
	}
	p.pos += len(p.restOfLine())
	return p.endLine()
}

// item reads a key, a value, a comment or a blank line.
func (p *parser) item() error {
	p.spaces()
	switch p.peek() {
	case '[':
		return p.key()
	case '"', '@':
		return p.value()
	case '#':
		p.pos += len(p.restOfLine())
	}
	return p.endLine()
}

// key reads a line like [path] or [-path]. The path goes up to the last bracket of the line: names
// may hold brackets. That bracket may as well end a comment, and nothing tells which is meant.
func (p *parser) key() error {
	line := p.restOfLine()
	end := strings.LastIndexByte(line, ']')
	if end < 0 {
		return p.fail("want ] after %s", p.here())
	}
	path, deleted := strings.CutPrefix(line[1:end], "-")
	if path == "" {
		return p.fail("want the path of a key in the brackets")
	}
	if hasComment(path) {
		return p.fail("want no ] in a comment behind a key, nor ]; in its name, got %s", p.here())
	}
	p.file.Keys = append(p.file.Keys, Key{Line: p.line, Path: path, Delete: deleted})
	p.pos += end + 1
	return p.endLine()
}

// hasComment says whether a path, up to the last bracket of its line, may be a shorter one with a
// comment behind it.
func hasComment(path string) bool {
	for {
		_, behind, found := strings.Cut(path, "]")
		if !found {
			return false
		}
		if path = strings.TrimLeft(behind, blanks+"\r"); strings.HasPrefix(path, ";") {
			return true
		}
	}
}

// value reads "name"=data.
func (p *parser) value() error {
	v := Value{Line: p.line}
	if len(p.file.Keys) == 0 {
		return p.fail("want a [key] before the first value")
	}
	key := &p.file.Keys[len(p.file.Keys)-1]
	if key.Delete {
		return p.fail("want no value below a key that is deleted")
	}
	var err error
	if !p.accept('@') {
		if v.Name, err = p.quoted(); err != nil {
			return err
		}
	}
	p.spaces()
	if !p.accept('=') {
		return p.fail("want = after the name of a value, got %s", p.here())
	}
	p.spaces()
	if err := p.data(&v); err != nil {
		return err
	}
	key.Values = append(key.Values, v)
	return p.endLine()
}

// data reads what stands behind the = of a value.
func (p *parser) data(v *Value) error {
	switch {
	case p.peek() == '"':
		s, err := p.quoted()
		v.Type, v.Data = hive.SZ, hive.EncodeSZ(s)
		return err
	case p.accept('-'):
		v.Delete = true
		return nil
	case p.word("dword:"):
		return p.dword(v)
	case p.word("hex"):
		return p.hex(v)
	}
	return p.fail("want \"text\", dword:, hex: or -, got %s", p.here())
}

// word steps over a word, in any case, if it is next.
func (p *parser) word(w string) bool {
	rest := p.text[p.pos:]
	if len(rest) < len(w) || !strings.EqualFold(rest[:len(w)], w) {
		return false
	}
	p.pos += len(w)
	return true
}

// quoted reads a string in quotes. It may go over several lines.
func (p *parser) quoted() (string, error) {
	start := *p
	p.pos++
	var s strings.Builder
	for {
		rest := p.text[p.pos:]
		n := strings.IndexAny(rest, `"\`)
		if n < 0 {
			return "", start.fail("want \" at the end of %s", start.here())
		}
		s.WriteString(rest[:n])
		p.line += strings.Count(rest[:n], "\n")
		p.pos += n + 1
		if rest[n] == '"' {
			return s.String(), nil
		}
		c := p.peek()
		if c != '"' && c != '\\' {
			return "", p.fail(`want \\ or \" for a backslash or a quote, got a backslash and %s`, p.here())
		}
		s.WriteByte(c)
		p.pos++
	}
}

const maxDigits = 8 // of a 32-bit number

// number reads a hexadecimal number of at most so many digits.
func (p *parser) number(most int) (uint32, error) {
	var n uint32
	start := p.pos
	for ; p.pos < len(p.text); p.pos++ {
		d, ok := digit(p.text[p.pos])
		if !ok {
			break
		}
		n = n<<4 | d
	}
	if count := p.pos - start; count == 0 || count > most {
		p.pos = start
		return 0, p.fail("want a number of 1 to %d hexadecimal digits, got %s", most, p.here())
	}
	return n, nil
}

func digit(c byte) (uint32, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint32(c - '0'), true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return uint32(c|0x20-'a') + 10, true
	}
	return 0, false
}

func (p *parser) dword(v *Value) error {
	p.spaces()
	n, err := p.number(maxDigits)
	v.Type, v.Data = hive.DWORD, binary.LittleEndian.AppendUint32(nil, n)
	return err
}

// hex reads what follows the word in hex:… or hex(type):…
func (p *parser) hex(v *Value) error {
	v.Type = hive.Binary
	if p.accept('(') {
		n, err := p.number(maxDigits)
		if err != nil {
			return err
		}
		if !p.accept(')') {
			return p.fail("want ) after the type, got %s", p.here())
		}
		v.Type = hive.Type(n)
	}
	if !p.accept(':') {
		return p.fail("want : after hex, got %s", p.here())
	}
	var err error
	v.Data, err = p.bytes()
	if p.ansi {
		v.Data = widen(v.Type, v.Data)
	}
	return err
}

// bytes reads hexadecimal bytes up to the end of a line that does not go on.
func (p *parser) bytes() ([]byte, error) {
	data := []byte{}
	for {
		if err := p.continuation(); err != nil {
			return nil, err
		}
		if c := p.peek(); c == 0 || c == '\n' || c == ';' {
			return data, nil
		}
		b, err := p.number(2)
		if err != nil {
			return nil, err
		}
		data = append(data, byte(b))
		p.spaces()
		if !p.accept(',') {
			return data, nil
		}
	}
}

// continuation steps over blanks and, after a backslash at the end of a line, over that end and the
// blank lines and comments behind it.
func (p *parser) continuation() error {
	p.spaces()
	if !p.accept('\\') {
		return nil
	}
	for more := true; more; more = p.peek() == '\n' || p.peek() == ';' {
		if err := p.endLine(); err != nil {
			return err
		}
		p.spaces()
	}
	if p.pos == len(p.text) {
		return p.fail("want more bytes after the backslash, got the end of the text")
	}
	return nil
}
