package xpress

import (
	"bytes"
	"errors"
	"testing"

	"hangkit/ntfs/internal/woftest"
)

// abc is an example of [MS-XCA] 3.2: the alphabet, as literals alone.
func alphabet() []byte {
	table := make([]byte, tableSize)
	copy(table[0x30:], []byte{0x50, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x45, 0x44, 0x04})
	table[0x80] = 0x04
	return append(table, 0xd8, 0x52, 0x3e, 0xd7, 0x94, 0x11, 0x5b, 0xe9, 0x19, 0x5f, 0xf9, 0xd6, 0x7c, 0xdf, 0x8d, 0x04, 0x00, 0x00, 0x00, 0x00)
}

// repeated is the other example there: abc, a hundred times.
func repeated() []byte {
	table := make([]byte, tableSize)
	copy(table[0x30:], []byte{0x30, 0x23})
	table[0x80], table[0x8f] = 0x02, 0x20
	return append(table, 0xa8, 0xdc, 0x00, 0x00, 0xff, 0x26, 0x01)
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var d Decoder
	for _, c := range []struct {
		src  []byte
		want string
	}{
		{alphabet(), "abcdefghijklmnopqrstuvwxyz"},
		{repeated(), string(bytes.Repeat([]byte("abc"), 100))},
	} {
		got := make([]byte, len(c.want))
		if err := d.Decode(got, c.src); err != nil || string(got) != c.want {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	var d Decoder
	for _, c := range []struct {
		name string
		src  []byte
		size int
	}{
		{"less than the table", alphabet()[:200], 26},
		{"a code that is none", make([]byte, 300), 26},
		{"a buffer too long", alphabet(), MaxSize + 1},
		{"input cut", alphabet()[:tableSize+8], 26},
		{"a long length cut", repeated()[:tableSize+5], 300},
		{"a match past the end", repeated(), 299},
	} {
		if err := d.Decode(make([]byte, c.size), c.src); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzDecode: the first chunk of each sample is a seed.
func FuzzDecode(f *testing.F) {
	f.Add(alphabet())
	f.Add(repeated())
	for _, format := range woftest.Formats {
		if stream := format.Sample(f); format.Codec == "XPRESS" {
			table := (woftest.SampleSize - 1) / format.ChunkSize * 4
			f.Add(stream[table:][:le.Uint32(stream)])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Decoder
		for _, size := range []int{0, 1, 4 << 10, MaxSize} {
			if err := d.Decode(make([]byte, size), b); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
		}
	})
}
