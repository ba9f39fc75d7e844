package lzx

import (
	"bytes"
	"errors"
	"testing"

	"hangkit/ntfs/internal/woftest"
)

// stored is a chunk of one stored block.
func stored(data []byte) []byte {
	b := []byte{0, blockStored << 5, 0, 0} // type, not the default size, 16 bits of it
	le.PutUint16(b, le.Uint16(b)|uint16(len(data)>>4))
	le.PutUint16(b[2:], uint16(len(data)<<12))
	b = append(b, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
	return append(b, data...)
}

func TestStored(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"a", "stored", "odd", string(woftest.Contents(30_000))} {
		d := New(MinWindow)
		got := make([]byte, len(want))
		err := d.Decode(got, stored([]byte(want)))
		translated := []byte(want)
		translateCalls(translated)
		if err != nil || !bytes.Equal(got, translated) {
			t.Errorf("%.20q: %v", want, err)
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	d := New(MinWindow)
	for _, c := range []struct {
		name string
		src  []byte
		size int
	}{
		{"nothing", nil, 10},
		{"block type 0", []byte{0, 0, 0, 0x10, 0, 0}, 1},
		{"a block larger than the chunk", stored([]byte("ten bytes ")), 9},
		{"a stored block cut", stored([]byte("ten bytes "))[:20], 10},
		{"recent distances cut", stored([]byte("ten bytes "))[:10], 10},
		{"a chunk too long", stored([]byte("ten bytes ")), MinWindow + 1},
		{"codes of nothing", []byte{0, blockVerbatim<<5 | 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, MinWindow},
	} {
		if err := d.Decode(make([]byte, c.size), c.src); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestCalls: what a call's target becomes, by hand.
func TestCalls(t *testing.T) {
	t.Parallel()
	const at = 7
	for absolute, want := range map[int32]int32{
		1000: 993, 0: -7, callFileSize - 1: callFileSize - 8, callFileSize: callFileSize,
		-1: callFileSize - 1, -7: callFileSize - 7, -8: -8,
	} {
		b := make([]byte, 32)
		b[at] = callOpcode
		le.PutUint32(b[at+1:], uint32(absolute))
		translateCalls(b)
		if got := int32(le.Uint32(b[at+1:])); got != want {
			t.Errorf("target %d became %d, want %d", absolute, got, want)
		}
	}
	tail := bytes.Repeat([]byte{callOpcode}, callsUntouched)
	translateCalls(tail)
	if !bytes.Equal(tail, bytes.Repeat([]byte{callOpcode}, callsUntouched)) {
		t.Error("the end of a chunk was changed")
	}
}

// FuzzDecode: the chunks of the sample are seeds.
func FuzzDecode(f *testing.F) {
	f.Add(stored([]byte("stored")))
	for _, format := range woftest.Formats {
		if stream := format.Sample(f); format.Codec == "LZX" {
			table := (woftest.SampleSize - 1) / format.ChunkSize * 4
			first, second := le.Uint32(stream), le.Uint32(stream[4:])
			f.Add(stream[table:][:first])
			f.Add(stream[table:][first:second])
			f.Add(stream[table:][second:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := New(MinWindow)
		for _, size := range []int{1, 7001, MinWindow} {
			if err := d.Decode(make([]byte, size), b); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
		}
	})
}
