package regtext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"hangkit/hive"
)

// count is n bytes 00, 01, 02…
func count(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i)
	}
	return p
}

func mustWrite(tb testing.TB, f *File, e Encoding) string {
	tb.Helper()
	var out bytes.Buffer
	if err := f.WriteTo(&out, e); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

func TestWriteValues(t *testing.T) {
	t.Parallel()
	sz := hive.EncodeSZ
	for _, c := range []struct {
		v    Value
		want string
	}{
		{Value{Type: hive.SZ, Data: sz("x")}, `@="x"`},
		{Value{Name: "a", Type: hive.SZ, Data: sz("")}, `"a"=""`},
		{Value{Name: `a\b"c`, Type: hive.SZ, Data: sz(`"\"\`)}, `"a\\b\"c"="\"\\\"\\"`},
		{Value{Name: "a", Type: hive.SZ, Data: sz("b\r\nc\td")}, "\"a\"=\"b\r\nc\td\""},
		{Value{Name: "a\nb", Type: hive.DWORD, Data: []byte{0x78, 0x56, 0x34, 0xAB}}, "\"a\nb\"=dword:ab345678"},
		{Value{Name: "ж", Type: hive.SZ, Data: sz("😀")}, `"ж"="😀"`},
		{Value{Name: "no NUL", Type: hive.SZ, Data: []byte{0x41, 0}}, `"no NUL"=hex(1):41,00`},
		{Value{Name: "two NULs", Type: hive.SZ, Data: sz("\x00")}, `"two NULs"=hex(1):00,00,00,00`},
		{Value{Name: "NUL within", Type: hive.SZ, Data: sz("a\x00b")}, `"NUL within"=hex(1):61,00,00,00,62,00,00,00`},
		{Value{Name: "odd", Type: hive.SZ, Data: []byte{0x41, 0, 0, 0, 0}}, `"odd"=hex(1):41,00,00,00,00`},
		{Value{Name: "empty", Type: hive.SZ}, `"empty"=hex(1):`},
		{Value{Name: "a", Type: hive.ExpandSZ, Data: sz("%")}, `"a"=hex(2):25,00,00,00`},
		{Value{Name: "a", Type: hive.MultiSZ, Data: hive.EncodeMultiSZ([]string{"a"})}, `"a"=hex(7):61,00,00,00,00,00`},
		{Value{Name: "a", Type: hive.Binary, Data: []byte{1, 0xFF}}, `"a"=hex:01,ff`},
		{Value{Name: "a", Type: hive.Binary}, `"a"=hex:`},
		{Value{Name: "a", Type: hive.None}, `"a"=hex(0):`},
		{Value{Name: "a", Type: hive.DWORD, Data: []byte{1, 0, 0}}, `"a"=hex(4):01,00,00`},
		{Value{Name: "a", Type: hive.DWORD}, `"a"=hex(4):`},
		{Value{Name: "a", Type: hive.DWORDBigEndian, Data: []byte{1, 2, 3, 4}}, `"a"=hex(5):01,02,03,04`},
		{Value{Name: "a", Type: hive.Link, Data: []byte{'\\', 0}}, `"a"=hex(6):5c,00`},
		{Value{Name: "a", Type: hive.QWORD, Data: count(8)}, `"a"=hex(b):00,01,02,03,04,05,06,07`},
		{Value{Name: "a", Type: 0xFFFF0012, Data: []byte{1}}, `"a"=hex(ffff0012):01`},
		{Value{Name: "a", Delete: true}, `"a"=-`},
		{Value{Delete: true}, `@=-`},
	} {
		f := &File{Keys: []Key{{Path: system + `\k`, Values: []Value{c.v}}}}
		if got, want := mustWrite(t, f, UTF8), text5(c.want+"\r\n\r\n"); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if got, want := show(mustParse(t, mustWrite(t, f, UTF16))), show(f); got != want {
			t.Errorf("read back from UTF-16:\n%s\nwant\n%s", got, want)
		}
	}
}

// Measured on texts that regedit exported: how many bytes stand in the first line, by the number of
// characters before them. All lines behind it have 25. (Names beyond 69 characters: as Wine does.)
func TestWriteWraps(t *testing.T) {
	t.Parallel()
	const around = len(`""=hex:`)
	for before, want := range map[int]int{
		15: 21, 18: 20, 19: 20, 21: 19, 22: 19, 23: 18, 25: 18, 26: 17, 28: 17, 29: 16, 32: 15, 36: 14, 73: 2, 74: 1, 76: 1, 77: 1, 200: 1,
	} {
		for _, letter := range []string{"n", "ж"} { // characters count, not bytes
			v := Value{Name: strings.Repeat(letter, before-around), Type: hive.Binary, Data: count(want + 50)}
			lines := hexLines(t, v)
			if len(lines) != 3 || lines[0] != want || lines[1] != 25 || lines[2] != 25 {
				t.Errorf("%d characters before: lines of %v bytes, want %d, 25, 25", before, lines, want)
			}
		}
	}
	if lines := hexLines(t, Value{Name: strings.Repeat(`\`, 8), Type: 0x12, Data: count(23)}); lines[0] != 17 { // 8 + 8 escapes + ""=hex(12):
		t.Errorf("escaped name: lines of %v bytes", lines)
	}
}

// hexLines is the number of bytes in each line of a value.
func hexLines(t *testing.T, v Value) (lines []int) {
	t.Helper()
	text := mustWrite(t, &File{Keys: []Key{{Path: "k", Values: []Value{v}}}}, UTF8)
	_, text, _ = strings.Cut(text, "[k]\r\n")
	for line := range strings.Lines(strings.TrimSuffix(text, "\r\n\r\n")) {
		_, bytes, isFirst := strings.Cut(line, ":")
		if !isFirst {
			bytes = line
		}
		lines = append(lines, strings.Count(strings.TrimRight(bytes, ",\\\r\n"), ",")+1)
	}
	return lines
}

// Behind the last byte there is neither comma nor continuation, however full the line.
func TestWriteLastByte(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{18: ",10,11\r\n\r\n", 19: ",10,11,\\\r\n  12\r\n\r\n"} {
		f := &File{Keys: []Key{{Path: "k", Values: []Value{{Name: "DigitalProductId", Type: hive.Binary, Data: count(n)}}}}}
		if got := mustWrite(t, f, UTF8); !strings.HasSuffix(got, want) {
			t.Errorf("%d bytes:\n%s", n, got)
		}
	}
}

func TestWriteKeys(t *testing.T) {
	t.Parallel()
	f := &File{Keys: []Key{{Path: `HKLM\a]`}, {Path: `HKLM\b`, Delete: true}, {Path: `HKLM\"c/`, Values: []Value{{Name: "v", Delete: true}}}}}
	const want = headerUnicode + "\r\n\r\n[HKLM\\a]]\r\n\r\n[-HKLM\\b]\r\n\r\n[HKLM\\\"c/]\r\n\"v\"=-\r\n\r\n"
	if got := mustWrite(t, f, UTF8); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	wide := mustWrite(t, f, UTF16)
	if !strings.HasPrefix(wide, "\xff\xfeW\x00i\x00") || len(wide) != 2+2*len(want) {
		t.Errorf("UTF-16: %q", wide)
	}
}

// Units that are no characters: UTF-16 carries them as they are, UTF-8 in names only.
func TestWriteSurrogates(t *testing.T) {
	t.Parallel()
	const odd = "\xed\xa0\x80" // U+D800 in WTF-8
	f := &File{Keys: []Key{{Path: "k" + odd, Values: []Value{{Name: "n" + odd, Type: hive.SZ, Data: hive.EncodeSZ("s" + odd)}}}}}
	wide := mustWrite(t, f, UTF16)
	for _, want := range []string{"k\x00\x00\xd8]\x00", "n\x00\x00\xd8\"\x00=\x00", "s\x00\x00\xd8\"\x00"} {
		if !strings.Contains(wide, want) {
			t.Errorf("UTF-16 lacks %q: %q", want, wide)
		}
	}
	narrow := mustWrite(t, f, UTF8)
	if want := "[k" + odd + "]\r\n\"n" + odd + "\"=hex(1):73,00,00,d8,00,00\r\n"; !strings.Contains(narrow, want) {
		t.Errorf("UTF-8: %q", narrow)
	}
	for _, text := range []string{wide, narrow} {
		if got, want := show(mustParse(t, text)), show(f); got != want {
			t.Errorf("read back %q, want %q", got, want)
		}
	}
}

// A name with a line break could pass for a line of its own, one with ]; for a comment.
func TestWriteLeavesOut(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{"HKLM\\a]\r\n[-HKLM\\SYSTEM", "HKLM\\a] ;b"} {
		f := &File{Keys: []Key{{Path: evil}, {Path: `HKLM\b`}}}
		var out bytes.Buffer
		err := f.WriteTo(&out, UTF8)
		if e, ok := errors.AsType[*LeftOutError](err); !ok || !errors.Is(err, ErrLeftOut) || len(e.Paths) != 1 || e.Paths[0] != evil {
			t.Errorf("error %v", err)
		}
		if want := headerUnicode + "\r\n\r\n[HKLM\\b]\r\n\r\n"; out.String() != want {
			t.Errorf("got\n%s", out.String())
		}
	}
}

// failingWriter takes n bytes.
type failingWriter struct{ n int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.n -= len(p); w.n < 0 {
		return 0, iotest.ErrTimeout
	}
	return len(p), nil
}

func TestWriteFails(t *testing.T) {
	t.Parallel()
	h := hive.New(hive.NewOptions{})
	for i := range 40 {
		if err := h.SetValue(fmt.Sprintf(`k%d`, i), hive.Value{Name: "v", Type: hive.Binary, Data: count(10000)}); err != nil {
			t.Fatal(err)
		}
	}
	k := mustKey(t, h, "")
	var whole bytes.Buffer
	if _, err := Export(&whole, k, system, UTF16); err != nil {
		t.Fatal(err)
	}
	f, err := Parse(whole.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < whole.Len(); n += whole.Len()/9 + 1 {
		if _, err := Export(&failingWriter{n}, k, system, UTF16); !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("export, %d bytes: %v", n, err)
		}
		if err := f.WriteTo(&failingWriter{n}, UTF16); !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("write, %d bytes: %v", n, err)
		}
	}
	if _, err := Export(io.Discard, k, system, UTF16); err != nil {
		t.Error(err)
	}
}
