package live

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadDeb(t *testing.T) {
	t.Parallel()
	good := madeDeb(t, map[string][]byte{"usr/a": []byte("alpha"), "b/../usr/c": []byte("gamma")})
	got := map[string]string{}
	err := readDeb(bytes.NewReader(good), func(name string, _ int64, r io.Reader) error {
		data, err := io.ReadAll(r)
		got[name] = string(data)
		return err
	})
	if err != nil || len(got) != 2 || got["usr/a"] != "alpha" || got["usr/c"] != "gamma" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestReadDebRefuses(t *testing.T) {
	t.Parallel()
	good := madeDeb(t, map[string][]byte{"usr/a": []byte("alpha")})
	for name, deb := range map[string][]byte{
		"empty":           nil,
		"no archive":      []byte("PK\x03\x04 and more than enough bytes"),
		"no data":         madeAr([2]string{"debian-binary", "2.0\n"}),
		"half a header":   append(madeAr([2]string{"debian-binary", "2.0\n"}), "data"...),
		"member cut":      madeAr([2]string{"control.tar", "x"})[:len(arMagic)+arHeaderSize],
		"size of letters": bytes.Replace(good, []byte("4         `\n"), []byte("four      `\n"), 1),
		"size below zero": bytes.Replace(good, []byte("4         `\n"), []byte("-4        `\n"), 1),
		"data is no xz":   madeAr([2]string{"data.tar.xz", "no xz"}),
		"unknown packing": madeAr([2]string{"data.tar.lzo", "no"}),
		"data is no tar":  madeAr([2]string{"data.tar", strings.Repeat("no tar", 200)}),
		"data cut short":  good[:len(good)-40],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := readDeb(bytes.NewReader(deb), func(string, int64, io.Reader) error { return nil })
			if err == nil {
				t.Error("was read")
			}
		})
	}
}

func TestReadSized(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size, limit int64
		want        error
	}{
		"whole": {5, 5, nil}, "part": {3, 5, nil}, "too large": {6, 5, ErrFormat}, "below zero": {-1, 5, ErrFormat},
		"promised and not there": {1 << 40, 1 << 41, ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readSized(strings.NewReader("alpha"), c.size, c.limit)
			if !errors.Is(err, c.want) || err == nil && int64(len(got)) != c.size {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func FuzzReadDeb(f *testing.F) {
	f.Add(madeDeb(f, map[string][]byte{"usr/a": []byte("alpha")}))
	f.Add(madeAr([2]string{"data.tar", "x"}))
	f.Add(madeAr([2]string{"data.tar.zst", "\x28\xb5\x2f\xfd"}))
	f.Fuzz(func(_ *testing.T, deb []byte) {
		_ = readDeb(bytes.NewReader(deb), func(_ string, size int64, r io.Reader) error {
			_, err := readSized(r, size, 1<<20)
			return err
		})
	})
}
