package lz

import (
	"bytes"
	"errors"
	"testing"
)

func TestCodeLengths(t *testing.T) {
	t.Parallel()
	long := []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 16}
	for _, c := range []struct {
		name    string
		lengths []uint8
		want    error
	}{
		{"complete", []uint8{2, 0, 1, 2}, nil},
		{"complete with the longest codewords", long, nil},
		{"one symbol", []uint8{0, 1}, ErrCode},
		{"oversubscribed", []uint8{1, 1, 1}, ErrCode},
		{"incomplete", []uint8{2, 2, 2}, ErrCode},
		{"too long a codeword", []uint8{1, 17}, ErrCode},
		{"empty", []uint8{0, 0}, nil},
	} {
		if err := new(Code).Build(c.lengths); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestSymbols decodes every codeword of a code that has one of each length.
func TestSymbols(t *testing.T) {
	t.Parallel()
	var c Code
	if err := c.Build([]uint8{16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}); err != nil {
		t.Fatal(err)
	}
	for symbol := range 17 {
		ones := max(symbol-1, 0) // codewords are ones and a zero, those of 16 bits the last
		if symbol == 0 {
			ones = 15
		}
		codeword := uint16(0xffff) << (16 - ones)
		if symbol == 16 {
			codeword = 0xffff
		}
		b := NewBits(le.AppendUint16(nil, codeword))
		if got, err := c.Symbol(&b); got != symbol || err != nil || b.Overrun() {
			t.Errorf("symbol %d: %d, %v", symbol, got, err)
		}
	}
	empty, b := Code{}, NewBits(nil)
	if err := empty.Build(make([]uint8, 8)); err != nil {
		t.Error(err)
	}
	if _, err := empty.Symbol(&b); !errors.Is(err, ErrCode) {
		t.Errorf("symbol of the empty code: %v", err)
	}
}

func TestBits(t *testing.T) {
	t.Parallel()
	src := []byte{0x34, 0x12, 0x78, 0x56, 0xaa, 0xbb, 0xcc, 0xdd}
	b := NewBits(src)
	if v := b.Read(4); v != 1 {
		t.Errorf("first bits %x", v)
	}
	if p, err := b.Bytes(1); err != nil || p[0] != 0xaa {
		t.Errorf("byte behind two units: %x (%v)", p, err)
	}
	if v := b.Read(16); v != 0x2345 {
		t.Errorf("bits across units %x", v)
	}
	if _, err := b.Bytes(10); !errors.Is(err, ErrInput) {
		t.Errorf("bytes past the end: %v", err)
	}
	for b = NewBits(src[:2]); !b.Overrun(); b.Skip(1) {
		if b.padded > 64 {
			t.Fatal("no overrun")
		}
	}
}

func TestAlign(t *testing.T) {
	t.Parallel()
	src := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for skip, want := range map[uint]byte{0: 3, 1: 3, 15: 3, 16: 5, 17: 5, 31: 5, 32: 7} {
		b := NewBits(src)
		for range skip {
			b.Skip(1)
		}
		b.Align()
		if p, err := b.Bytes(2); err != nil || p[0] != want {
			t.Errorf("after %d bits: byte %d, want %d (%v)", skip, p[0], want, err)
		}
		b.Restart()
		if got := b.Read(8); got != int(want)+3 {
			t.Errorf("after %d bits, restarted: %d, want %d", skip, got, want+3)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at, distance, length int
		want                 string
	}{
		{3, 3, 3, "abcabc"}, {3, 1, 4, "abccccc"}, {3, 2, 5, "abcbcbcb"}, {3, 3, 7, "abcabcabca"},
		{3, 4, 1, ""}, {3, 0, 1, ""}, {3, -1, 1, ""}, {3, 1, 8, ""},
	} {
		dst := make([]byte, 10)
		copy(dst, "abc")
		end, err := Match(dst, c.at, c.distance, c.length)
		if c.want == "" {
			if !errors.Is(err, ErrMatch) {
				t.Errorf("%+v: %v", c, err)
			}
		} else if !bytes.Equal(dst[:end], []byte(c.want)) || err != nil {
			t.Errorf("%+v: %q (%v)", c, dst[:end], err)
		}
	}
}
