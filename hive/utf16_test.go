package hive

import (
	"slices"
	"testing"
	"unicode/utf16"
)

func TestUTF16(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		units []uint16
		text  string
	}{
		{"empty", []uint16{}, ""},
		{"ascii", []uint16{'a', 'Z'}, "aZ"},
		{"three bytes", []uint16{0x20AC}, "€"},
		{"pair", []uint16{0xD83D, 0xDE00}, "😀"},
		{"high alone", []uint16{'a', 0xD83D}, "a\xED\xA0\xBD"},
		{"low alone", []uint16{0xDE00, 'b'}, "\xED\xB8\x80b"},
		{"wrong order", []uint16{0xDE00, 0xD83D}, "\xED\xB8\x80\xED\xA0\xBD"},
		{"high before a pair", []uint16{0xD800, 0xD83D, 0xDE00}, "\xED\xA0\x80😀"},
		{"replacement character itself", []uint16{0xFFFD}, "\uFFFD"},
		{"NUL", []uint16{0, 'a'}, "\x00a"},
	} {
		if got := DecodeUTF16(c.units); got != c.text {
			t.Errorf("%s: decoded %q, want %q", c.name, got, c.text)
		}
		if got := EncodeUTF16(c.text); !slices.Equal(got, c.units) {
			t.Errorf("%s: encoded %x, want %x", c.name, got, c.units)
		}
	}
}

func TestEncodeUTF16OfBadText(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"\xFF", "a\xEDb", "\xED\xA0", "\xED\x9F\xBF"} {
		if got, want := EncodeUTF16(s), utf16.Encode([]rune(s)); !slices.Equal(got, want) {
			t.Errorf("%q: %x, want %x", s, got, want)
		}
	}
}

func FuzzUTF16(f *testing.F) {
	f.Add([]byte{0x3D, 0xD8, 0, 0xDE, 'a', 0, 0x3D, 0xD8})
	f.Fuzz(func(t *testing.T, raw []byte) {
		units := unitsOf(raw)
		s := DecodeUTF16(units)
		if got := EncodeUTF16(s); !slices.Equal(got, units) {
			t.Fatalf("%x became %q and then %x", units, s, got)
		}
		if want := string(utf16.Decode(units)); len([]rune(want)) > len([]rune(s)) {
			t.Fatalf("%x: %q is shorter than %q", units, s, want)
		}
	})
}
