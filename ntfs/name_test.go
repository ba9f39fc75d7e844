package ntfs

import (
	"io/fs"
	"slices"
	"testing"
	"unicode/utf16"
)

func TestEscapeName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   []uint16
		want string
	}{
		{"plain", utf16.Encode([]rune("ünï-日本")), "ünï-日本"},
		{"surrogate pair", utf16.Encode([]rune("a\U0001f600")), "a\U0001f600"},
		{"lone high surrogate", []uint16{'a', 0xd83d, 'b'}, `a<d83d>b`},
		{"lone low surrogate", []uint16{0xde00}, `<de00>`},
		{"surrogates the wrong way round", []uint16{0xde00, 0xd83d}, `<de00><d83d>`},
		{"slash", []uint16{'a', '/', 'b'}, `a<002f>b`},
		{"backslash", []uint16{'\\'}, `<005c>`},
		{"NUL", []uint16{0, 'a'}, `<0000>a`},
		{"colon", []uint16{'a', ':', 'b'}, `a<003a>b`},
		{"dot", []uint16{'.'}, `<002e>`},
		{"dots", []uint16{'.', '.'}, `<002e><002e>`},
		{"three dots", []uint16{'.', '.', '.'}, "..."},
		{"replacement character", []uint16{0xfffd}, "\ufffd"},
		{"what looks like an escape", utf16.Encode([]rune(`<0041>`)), `<003c>0041>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := escapeName(c.in)
			if got != c.want || !fs.ValidPath(got) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if back, ok := unescapeName(got); !ok || !slices.Equal(back, c.in) {
				t.Errorf("back: %x (%v)", back, ok)
			}
		})
	}
	for _, bad := range []string{`<`, `a\b`, `<00`, `<00zz>`, `<00410`, `<+041>`, `<0041>`, `<D83D>`, `<d83d><de00>`, `a:b`} {
		if name, ok := unescapeName(bad); ok {
			t.Errorf("%q gives %x", bad, name)
		}
	}
}

func FuzzEscapeName(f *testing.F) {
	f.Add([]byte("a\x00b\x00"))
	f.Add([]byte{0x3d, 0xd8, 0x00, 0xde, 0x3d, 0xd8})
	f.Fuzz(func(t *testing.T, b []byte) {
		name := units(b)
		s := escapeName(name)
		if len(name) > 0 && !fs.ValidPath(s) {
			t.Fatalf("%x becomes %q", name, s)
		}
		if back, ok := unescapeName(s); !ok || !slices.Equal(back, name) {
			t.Fatalf("%x becomes %q becomes %x", name, s, back)
		}
	})
}
