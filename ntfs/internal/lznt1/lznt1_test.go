package lznt1

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"hangkit/ntfs/internal/woftest"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		src  []byte
		want string // zeros follow
	}{
		{"nothing", nil, ""},
		{"end mark", []byte{0, 0, 1, 2}, ""},
		{"half a header", []byte{0x05}, ""},
		{"stored", []byte{0x02, 0x30, 'a', 'b', 'c'}, "abc"},
		{"literals", []byte{0x03, 0xb0, 0x00, 'a', 'b', 'c'}, "abc"},
		{"match that repeats", []byte{0x03, 0xb0, 0x02, 'a', 0x03, 0x00}, "aaaaaaa"},
		{"two chunks", []byte{0x00, 0x30, 'a', 0x01, 0xb0, 0x00, 'b'}, "a" + strings.Repeat("\x00", chunkSize-1) + "b"},
		// Example of [MS-XCA] 3.3.
		{"specification", []byte{
			0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2, 0x47, 0x01,
			0xa0, 0x45, 0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0, 0x45, 0x20, 0x05, 0x24,
			0x13, 0x88, 0x05, 0xb4, 0x02, 0x4a, 0x44, 0xef, 0x03, 0x58, 0x02, 0x8c, 0x09, 0x16, 0x01, 0x48,
			0x45, 0x00, 0xbe, 0x00, 0x9e, 0x00, 0x04, 0x01, 0x18, 0x90, 0x00,
		}, "F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\x00"},
	} {
		got := bytes.Repeat([]byte{0xff}, 2*chunkSize)
		if err := Decode(got, c.src); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if !bytes.Equal(got, append([]byte(c.want), make([]byte, len(got)-len(c.want))...)) {
			t.Errorf("%s: %q", c.name, bytes.TrimRight(got, "\x00"))
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	for name, src := range map[string][]byte{
		"a chunk past the end":      {0x10, 0xb0, 0x00, 'a'},
		"half a match":              {0x02, 0xb0, 0x02, 'a', 0x03},
		"a match at the start":      {0x02, 0xb0, 0x01, 0x00, 0x00},
		"a match before the start":  {0x03, 0xb0, 0x02, 'a', 0x03, 0x10},
		"a match past the chunk":    {0x03, 0xb0, 0x02, 'a', 0xff, 0x0f},
		"more matches than a chunk": {0x05, 0xb0, 0x06, 'a', 0xfb, 0x0f, 0x00, 0x00},
	} {
		if err := Decode(make([]byte, 2*chunkSize), src); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 2, 3, 17, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 5, 16 * chunkSize} {
		want := woftest.Contents(size)
		checkRoundTrip(t, want)
		checkRoundTrip(t, make([]byte, size))
		checkRoundTrip(t, bytes.Repeat([]byte("ab"), size))
	}
	if packed := Encode(nil, make([]byte, chunkSize)); len(packed) > 10 {
		t.Errorf("a chunk of zeros takes %d bytes", len(packed))
	}
}

func checkRoundTrip(t *testing.T, want []byte) {
	t.Helper()
	packed := Encode(nil, want)
	for _, size := range []int{len(want), len(want) / 2} {
		got := make([]byte, size)
		if err := Decode(got, packed); err != nil || !bytes.Equal(got, want[:size]) {
			t.Errorf("%d of %d bytes come back otherwise (%v)", size, len(want), err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47})
	f.Add(Encode(nil, woftest.Contents(9000)))
	f.Add([]byte{0x02, 0x30, 'a', 'b', 'c', 0x03, 0xb0, 0x02, 'a', 0x03, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		dst := make([]byte, 16*chunkSize)
		if err := Decode(dst, b); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		checkRoundTrip(t, b)
	})
}

func BenchmarkDecode(b *testing.B) {
	const size = 64 << 10
	packed, dst := Encode(nil, woftest.Contents(size)), make([]byte, size)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if err := Decode(dst, packed); err != nil {
			b.Fatal(err)
		}
	}
}
