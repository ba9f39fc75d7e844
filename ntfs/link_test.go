package ntfs

import (
	"errors"
	"io/fs"
	"testing"
)

// linkBuffer is a reparse buffer with two names behind a header.
func linkBuffer(tag uint32, header int, substitute, show string) []byte {
	b := make([]byte, header)
	le.PutUint32(b, tag)
	for _, name := range []struct {
		field int
		text  string
	}{{linkSubstitute, substitute}, {linkPrint, show}} {
		le.PutUint16(b[name.field:], uint16(len(b)-header))
		le.PutUint16(b[name.field+2:], uint16(2*len(name.text)))
		for _, c := range []byte(name.text) {
			b = append(b, c, 0)
		}
	}
	return b
}

func TestLinkTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   []byte
		want string
		err  error
	}{
		{"junction", linkBuffer(tagMountPoint, mountPointNames, `\??\C:\Users`, `C:\Users`), `C:\Users`, nil},
		{"junction without a name for people", linkBuffer(tagMountPoint, mountPointNames, `\??\C:\Users`, ""), `C:\Users`, nil},
		{"relative symbolic link", linkBuffer(tagSymlink, symlinkNames, `..\x`, `..\x`), `..\x`, nil},
		{"no names", linkBuffer(tagSymlink, symlinkNames, "", ""), "", ErrFormat},
		{"cut short", linkBuffer(tagSymlink, symlinkNames, "abc", "abc")[:0x18], "", ErrFormat},
		{"header alone", []byte{0x0c, 0, 0, 0xa0, 0, 0, 0, 0}, "", ErrFormat},
		{"no link", linkBuffer(tagWOF, symlinkNames, "a", "a"), "", fs.ErrInvalid},
		{"no reparse point", nil, "", fs.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got, err := linkTarget(c.in, 0); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func FuzzLinkTarget(f *testing.F) {
	f.Add(linkBuffer(tagMountPoint, mountPointNames, `\??\C:\Users`, `C:\Users`))
	f.Add(linkBuffer(tagSymlink, symlinkNames, `..\x`, `..\x`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < reparseHeader {
			return // reparse lets no shorter value through
		}
		if target, err := linkTarget(b, 0); err == nil && len(target) > 3*len(b) {
			t.Fatalf("%d bytes of target from %d", len(target), len(b))
		}
	})
}
