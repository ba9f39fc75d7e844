package regtext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"
)

// text5 is a version 5 text with one key.
func text5(values string) string {
	return headerUnicode + "\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\k]\r\n" + values
}

// text4 is a REGEDIT4 text with one key.
func text4(values string) string {
	return headerANSI + "\n\n[HKEY_LOCAL_MACHINE\\SYSTEM\\k]\n" + values
}

func mustParse(tb testing.TB, text string) *File {
	tb.Helper()
	f, err := Parse([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// show is what a text says, one line each, with bytes in hex.
func show(f *File) string {
	var s strings.Builder
	for _, k := range f.Keys {
		if k.Delete {
			s.WriteByte('-')
		}
		s.WriteString(k.Path + "\n")
		for _, v := range k.Values {
			if v.Delete {
				fmt.Fprintf(&s, "%q -\n", v.Name)
			} else {
				fmt.Fprintf(&s, "%q %d %x\n", v.Name, uint32(v.Type), v.Data)
			}
		}
	}
	return s.String()
}

func TestParseValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, values, want string }{
		{"string", `"a"="b"`, `"a" 1 62000000`},
		{"empty string", `"a"=""`, `"a" 1 0000`},
		{"default value", `@="b"`, `"" 1 62000000`},
		{"empty name is the default value", `""="b"`, `"" 1 62000000`},
		{"escapes", `"a\\b\"c"="\\\"\\\\"`, `"a\\b\"c" 1 5c0022005c005c000000`},
		{"no other escapes are needed", `"a;#[]=,"=";#[]=,"`, `"a;#[]=," 1 3b0023005b005d003d002c000000`},
		{"several lines", "\"a\"=\"b\r\nc\"", `"a" 1 62000d000a0063000000`},
		{"several lines, LF", "\"a\"=\"b\nc\"", `"a" 1 62000a0063000000`},
		{"name on several lines", "\"a\r\nb\"=dword:1", `"a\r\nb" 4 01000000`},
		{"dword", `"a"=dword:12345678`, `"a" 4 78563412`},
		{"short dword", `"a"=dword:1`, `"a" 4 01000000`},
		{"dword in capitals", `"a"=DWORD:ABCDEF01`, `"a" 4 01efcdab`},
		{"hex", `"a"=hex:01,02,ff`, `"a" 3 0102ff`},
		{"hex, one digit, capitals", `"a"=HEX:1,2,F,FF`, `"a" 3 01020fff`},
		{"empty hex", `"a"=hex:`, `"a" 3 `},
		{"typed hex", `"a"=hex(b):01,02`, `"a" 11 0102`},
		{"typed hex in capitals", `"a"=hex(B):01,02`, `"a" 11 0102`},
		{"type 0", `"a"=hex(0):01`, `"a" 0 01`},
		{"dword of another length", `"a"=hex(4):01`, `"a" 4 01`},
		{"highest type", `"a"=hex(ffffffff):01`, `"a" 4294967295 01`},
		{"no NUL is added", `"a"=hex(1):41,00`, `"a" 1 4100`},
		{"comma at the end", `"a"=hex:01,02,`, `"a" 3 0102`},
		{"continuation", "\"a\"=hex:01,\\\r\n  02,\\\r\n  03", `"a" 3 010203`},
		{"continuation at the start", "\"a\"=hex:\\\n  01", `"a" 3 01`},
		{"continuation with blanks, comments and blank lines", "\"a\"=hex:01, \\ ;c\n\n \t\n;c\n  ;c\n 02", `"a" 3 0102`},
		{"bytes apart", `"a"=hex: 01 , 02`, `"a" 3 0102`},
		{"blanks", "  \t\"a\" \t=\t \"b\" \t", `"a" 1 62000000`},
		{"comment behind a string", `"a"="b";c`, `"a" 1 62000000`},
		{"comment behind a dword", `"a"=dword:1 ;2`, `"a" 4 01000000`},
		{"comment behind hex", `"a"=hex:01,02;c`, `"a" 3 0102`},
		{"comment behind a deletion", `"a"=- ;c`, `"a" -`},
		{"deletion", `"a"=-`, `"a" -`},
		{"deletion of the default value", `@=-`, `"" -`},
		{"comments on their own", ";a\n  ;\"b\"=dword:1\n#c\n\"a\"=-", `"a" -`},
		{"comments do not go on", ";a\\\n\"a\"=-", `"a" -`},
		{"beyond Latin-1", `"ж"="😀"`, `"ж" 1 3dd800de0000`},
		{"unpaired surrogates", "\"\xed\xa0\x80\"=\"\xed\xb0\x80\"", `"\xed\xa0\x80" 1 00dc0000`},
		{"NUL in a name", "\"a\x00b\"=dword:1", `"a\x00b" 4 01000000`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := "HKEY_LOCAL_MACHINE\\SYSTEM\\k\n" + c.want + "\n"
			for _, end := range []string{"", "\n", "\r\n", "\r\n\r\n"} {
				if got := show(mustParse(t, text5(c.values+end))); got != want {
					t.Errorf("end %q:\n%s\nwant\n%s", end, got, want)
				}
			}
		})
	}
}

func TestParseANSI(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ values, want string }{
		{"\"\x80\"=\"\xe9\x9f\"", `"€" 1 e90078010000`},
		{`"a"=hex(2):25,80,00`, `"a" 2 2500ac200000`},
		{`"a"=hex(7):41,00,42,00,00`, `"a" 7 41000000420000000000`},
		{`"a"=hex(1):41,00`, `"a" 1 41000000`},
		{`"a"=hex(2):41`, `"a" 2 41000000`},
		{`"a"=hex(2):`, `"a" 2 `},
		{`"a"=hex(0):41,00`, `"a" 0 4100`},
		{`"a"=hex:80`, `"a" 3 80`},
	} {
		want := "HKEY_LOCAL_MACHINE\\SYSTEM\\k\n" + c.want + "\n"
		if got := show(mustParse(t, text4(c.values))); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.values, got, want)
		}
	}
}

// encoded is a text in each of the encodings that Parse takes.
func encoded(text string) map[string][]byte {
	wide := func(mark []byte, order binary.AppendByteOrder) []byte {
		p := bytes.Clone(mark)
		for _, u := range utf16.Encode([]rune(text)) {
			p = order.AppendUint16(p, u)
		}
		return p
	}
	return map[string][]byte{
		"UTF-8": []byte(text), "UTF-8 with a mark": append(bytes.Clone(markUTF8), text...),
		"UTF-16LE": wide(markUTF16LE, binary.LittleEndian), "UTF-16BE": wide(markUTF16BE, binary.BigEndian),
	}
}

func TestParseEncodings(t *testing.T) {
	t.Parallel()
	const want = "HKEY_LOCAL_MACHINE\\SYSTEM\\k\n\"ж\" 1 3dd800de0000\n\"b\" 2 250041000000\n"
	for name, p := range encoded(text5("\"ж\"=\"😀\"\r\n\"b\"=hex(2):25,00,41,00,00,00\r\n")) {
		f, err := Parse(p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := show(f); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// In REGEDIT4 strings in hex are bytes of the code page, unless the text itself is UTF-16.
func TestParseANSIEncodings(t *testing.T) {
	t.Parallel()
	want := map[string]string{"UTF-8": "250000000000", "UTF-8 with a mark": "250000000000", "UTF-16LE": "250000", "UTF-16BE": "250000"}
	for name, p := range encoded(text4("\"b\"=hex(2):25,00,00\n")) {
		f, err := Parse(p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := fmt.Sprintf("%x", f.Keys[0].Values[0].Data); got != want[name] {
			t.Errorf("%s: %s, want %s", name, got, want[name])
		}
	}
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "  "+headerUnicode+" \n[HKLM\\a]\n  [HKLM\\b ] ;c\n[-HKLM\\c]\n[HKLM\\a[1] x]\n\"v\"=-\n[HKLM\\\"d/e]\n[HKLM\\a;[b]\\;c]")
	want := &File{Keys: []Key{
		{Line: 2, Path: `HKLM\a`}, {Line: 3, Path: `HKLM\b `}, {Line: 4, Path: `HKLM\c`, Delete: true},
		{Line: 5, Path: `HKLM\a[1] x`, Values: []Value{{Line: 6, Name: "v", Delete: true}}}, {Line: 7, Path: `HKLM\"d/e`},
		{Line: 8, Path: `HKLM\a;[b]\;c`},
	}}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("got %+v\nwant %+v", f, want)
	}
}

// Lines count line ends inside strings and continuations.
func TestParseLines(t *testing.T) {
	t.Parallel()
	f := mustParse(t, text5("\"a\"=\"1\n2\n\"\n\"b\"=hex:1,\\\n\n;\n2\n\"c\"=-"))
	var lines []int
	for _, v := range f.Keys[0].Values {
		lines = append(lines, v.Line)
	}
	if want := []int{4, 7, 11}; !reflect.DeepEqual(lines, want) {
		t.Errorf("lines %v, want %v", lines, want)
	}
}

// What regedit would skip is an error: the line and what was expected.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	const head = headerUnicode + "\n[HKLM\\k]\n"
	for _, c := range []struct {
		text string
		line int
		want string
	}{
		{"", 1, "want \"Windows Registry"},
		{"\nREGEDIT4\n", 1, "want \"Windows Registry"},
		{"REGEDIT5\n", 1, `got "REGEDIT5"`},
		{"regedit4\n", 1, "want \"Windows Registry"},
		{"REGEDIT4 x\n", 1, "want \"Windows Registry"},
		{"Windows Registry Editor Version 4.00\n", 1, "want \"Windows Registry"},
		{"R\x00E\x00G\x00", 1, "want \"Windows Registry"},
		{"\xff\xfeR\x00E", 1, "odd number of bytes"},
		{head + "\"a\"=\"\xff\"", 3, "want UTF-8"},
		{head + "\"a\"=\"\xed\xa0\x80\xed\xb0\x80\"", 3, "want UTF-8"},
		{headerUnicode + "\n\"a\"=-\n", 2, "want a [key]"},
		{head + "a\"=-\n", 3, "want the end of the line"},
		{head + "\n\nHKLM\\k]\n", 5, "want the end of the line"},
		{head + "[HKLM\\k\n", 3, "want ]"},
		{head + "[]\n", 3, "want the path"},
		{head + "[-]\n", 3, "want the path"},
		{head + "[HKLM\\a] x\n", 3, "want the end of the line"},
		{head + "[HKLM\\a] ; see [1]\n", 3, "want no ] in a comment"},
		{head + "[-HKLM\\a[1]];]\n", 3, "want no ] in a comment"},
		{head + "\n[HKLM\\a]] \t\r;[b]\n", 4, "want no ] in a comment"},
		{head + "[-HKLM\\a]\n\"a\"=-\n", 4, "want no value"},
		{head + "\"a\n\"b\"=-\n", 4, "want = after"},
		{head + "\"a=-\n", 3, "want \" at the end"},
		{head + "\"a\"\n", 3, "want = after"},
		{head + "\"a\"=\n", 3, "want \"text\""},
		{head + "\"a\"=b\n", 3, "want \"text\""},
		{head + "\"a\"=\"b\n", 3, "want \" at the end"},
		{head + "\"a\"=\"b\"c\"\n", 3, "want the end of the line"},
		{head + "\"a\"=\"b\" #c\n", 3, "want the end of the line"},
		{head + "\"a\"=\"C:\\x\"\n", 3, "want \\\\ or"},
		{head + "\"a\"=\"\\", 3, "want \\\\ or"},
		{head + "\"a\"=-\"b\"\n", 3, "want the end of the line"},
		{head + "\"a\"=dword:\n", 3, "want a number of 1 to 8"},
		{head + "\"a\"=dword:123456789\n", 3, "want a number of 1 to 8"},
		{head + "\"a\"=dword:0x12\n", 3, "want the end of the line"},
		{head + "\"a\"=dword:12 34\n", 3, "want the end of the line"},
		{head + "\"a\"=dword:12\\\n34\n", 3, "want the end of the line"},
		{head + "\"a\"=hex\n", 3, "want :"},
		{head + "\"a\"=hex()\n", 3, "want a number"},
		{head + "\"a\"=hex(1\n", 3, "want )"},
		{head + "\"a\"=hex(100000000):\n", 3, "want a number of 1 to 8"},
		{head + "\"a\"=hex(0x1):\n", 3, "want )"},
		{head + "\"a\"=hex:100\n", 3, "want a number of 1 to 2"},
		{head + "\"a\"=hex:1,,2\n", 3, "want a number of 1 to 2"},
		{head + "\"a\"=hex:,1\n", 3, "want a number of 1 to 2"},
		{head + "\"a\"=hex:1 2\n", 3, "want the end of the line"},
		{head + "\"a\"=hex:1\\\n,2\n", 3, "want the end of the line"},
		{head + "\"a\"=hex:1,\\2\n", 3, "want the end of the line"},
		{head + "\"a\"=hex:1,\\\\\n2\n", 3, "want the end of the line"},
		{head + "\"a\"=hex:1,\\\n\\\n2\n", 4, "want a number of 1 to 2"},
		{head + "\"a\"=hex:1,\\\n#c\n2\n", 4, "want a number of 1 to 2"},
		{head + "\"a\"=hex:1,\n2\n", 4, "want the end of the line"},
		{head + "\"a\"=hex:1,\\\n\"b\"=-\n", 4, "want a number of 1 to 2"},
		{head + "\"a\"=hex:1,\\\n\n[HKLM\\x]\n", 5, "want a number of 1 to 2"},
		{head + "\"a\"=hex:1,\\", 3, "got the end of the text"},
		{head + "\"a\"=hex:1,\\\n ", 4, "got the end of the text"},
		{head + "\x00", 3, "want the end of the line"},
	} {
		_, err := Parse([]byte(c.text))
		e, ok := errors.AsType[*SyntaxError](err)
		if !ok || !errors.Is(err, ErrSyntax) || e.Line != c.line || !strings.Contains(e.What, c.want) {
			t.Errorf("%q: %v; want line %d: … %s", c.text, err, c.line, c.want)
		}
	}
}

// Texts that a parser with two loops would never finish.
func TestParseLarge(t *testing.T) {
	t.Parallel()
	const n = 400_000
	many := func(s string) string { return strings.Repeat(s, n) }
	for name, c := range map[string]struct {
		values string
		bytes  int // of the first value
	}{
		"continuations": {`"a"=hex:` + many("0,\\\n\n") + "0", n + 1},
		"bytes":         {`"a"=hex:` + many("00,"), n},
		"escapes":       {`"a"="` + many(`\\`) + `"`, 2*n + 2},
		"line breaks":   {`"a"="` + many("\n") + `"`, 2*n + 2},
		"long name":     {`"` + many(`\"`) + `"=hex:0`, 1},
		"keys":          {"\"a\"=hex:0\n" + many("[HKLM\\x]\n"), 1},
		"brackets":      {"\"a\"=hex:0\n[" + many("]"), 1},
		"comments":      {many(";\n") + "\"a\"=hex:0", 1},
		"blanks":        {many(" ") + "\"a\"" + many("\t") + "=hex:0" + many("\r\n"), 1},
	} {
		f := mustParse(t, text5(c.values))
		if v := f.Keys[0].Values; len(v[0].Data) != c.bytes {
			t.Errorf("%s: %d bytes, want %d", name, len(v[0].Data), c.bytes)
		}
	}
	for _, values := range []string{many(`"a`), `"a"=` + many("hex"), `"a"="` + many("x\n"), `"a"=hex:` + many("0"), many("["), many("\xff")} {
		if _, err := Parse([]byte(text5(values))); !errors.Is(err, ErrSyntax) {
			t.Errorf("%.20q…: %v", values, err)
		}
	}
}
