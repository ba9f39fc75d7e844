package regtext

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"hangkit/hive"
)

// What Parse takes reads back from either encoding as the same, apart from the lines it stands in.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", headerUnicode, headerANSI + "\n", base, text5("@=-\n\"a\\\\b\"=\"c\\\"\r\n\"\r\n;x\n\"d\"=dword:1 ;y\n"), text4("\"\x80\"=hex(2):80,41\n"),
		text5("\"a\"=hex(ffff0012):1,\\ ;c\n\n;c\n  2,\n\"b\"=hex:\\\n3"), text5("\"\xed\xa0\x80\"=\"\xed\xb0\x80\""), "\xef\xbb\xbf" + text4("\"b\"=hex(7):1"),
		headerUnicode + "\n[-HKLM\\a]\n[HKLM\\a] ;]\n[HKLM\\]\x00]", text5("\"a\x00\n\"=\"\x00\""), text5("\"a\"=hex:100\n"),
	} {
		f.Add([]byte(text))
		f.Add(append(bytes.Clone(markUTF16LE), appendUTF16(nil, []byte(text))...))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(text)
		if err != nil {
			checkSyntaxError(t, err, text)
			return
		}
		want := show(file)
		for _, e := range []Encoding{UTF16, UTF8} {
			var out bytes.Buffer
			if err := file.WriteTo(&out, e); errors.Is(err, ErrLeftOut) {
				continue // a line break by a lone CR
			} else if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(out.Bytes())
			if err != nil {
				t.Fatalf("encoding %d: %v\n%q", e, err, out.Bytes())
			}
			if got := show(again); got != want {
				t.Fatalf("encoding %d: %q, want %q", e, got, want)
			}
		}
	})
}

// checkSyntaxError checks that an error names a line of the text.
func checkSyntaxError(t *testing.T, err error, text []byte) {
	t.Helper()
	e, ok := errors.AsType[*SyntaxError](err)
	if !ok || e.Line < 1 || e.Line > 1+bytes.Count(text, []byte("\n")) || e.What == "" {
		t.Errorf("%v", err)
	}
}

// A value of any name, type and data comes back from a hive's export as it was, and the inverse of
// setting it leaves nothing of it.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a", "v", uint32(hive.SZ), []byte("t\x00\x00\x00"))
	f.Add("a/b", "", uint32(hive.DWORD), []byte{1, 2, 3, 4})
	f.Add("\xed\xa0\x80", "\xed\xb0\x80\"\\\r\n", uint32(hive.SZ), []byte{0, 0xD8, 0, 0})
	f.Add("[1];", "x", uint32(hive.Binary), []byte{1})
	f.Add("]", "\x00", uint32(0xFFFF0012), count(200))
	f.Add("ж", strings.Repeat("n", 80), uint32(hive.Binary), count(100))
	f.Fuzz(func(t *testing.T, key, name string, kind uint32, data []byte) {
		h := newHive(t, base)
		before := dump(t, h)
		file := &File{Keys: []Key{{Path: system + `\a\` + key, Values: []Value{{Name: name, Type: hive.Type(kind), Data: data}}}}}
		undo, lost, err := file.Inverse(t.Context(), h, Below(system))
		if err != nil || len(lost) > 0 {
			t.Fatal(lost, err)
		}
		if _, err := file.Apply(t.Context(), h, Below(system)); err != nil {
			if !errors.Is(err, hive.ErrUnsupported) {
				t.Fatal(err)
			}
			return // a name no hive can hold
		}
		want := dump(t, h)
		for _, e := range []Encoding{UTF16, UTF8} {
			var out bytes.Buffer
			if _, err := Export(&out, mustKey(t, h, ""), system, e); errors.Is(err, ErrLeftOut) {
				continue // a line break in the key's name, or ];
			} else if err != nil {
				t.Fatal(err)
			}
			rebuilt := newHive(t, out.String())
			if got := dump(t, rebuilt); got != want {
				t.Errorf("encoding %d: %q, want %q", e, got, want)
			}
		}
		mustApply(t, h, undo)
		if got := dump(t, h); got != before {
			t.Errorf("after undo %q, want %q", got, before)
		}
	})
}
