package ewf_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/adler32"
	"slices"
	"testing"

	"hangkit/image/container"
	"hangkit/image/container/containertest"
	"hangkit/image/ewf"
)

var le = binary.LittleEndian

const (
	chunk = 4096
	size  = 3*chunk + 512
)

// sum adds the Adler-32 of b to it.
func sum(b []byte) []byte { return le.AppendUint32(b, adler32.Checksum(b)) }

// builder writes a segment.
type builder struct{ b []byte }

func newSegment(number uint16) *builder {
	b := append([]byte("EVF\x09\x0d\x0a\xff\x00\x01"), 0, 0, 0, 0)
	le.PutUint16(b[9:], number)
	return &builder{b}
}

// add appends a section; the last one points to itself.
func (w *builder) add(kind string, data []byte) int {
	d := make([]byte, 72)
	copy(d, kind)
	next := len(w.b) + 76 + len(data)
	if kind == "next" || kind == "done" {
		next = len(w.b)
	}
	le.PutUint64(d[16:], uint64(next))
	le.PutUint64(d[24:], uint64(76+len(data)))
	w.b = append(append(w.b, sum(d)...), data...)
	return len(w.b) - len(data)
}

func (w *builder) volume() {
	v := make([]byte, 1048)
	le.PutUint32(v[4:], 4)
	le.PutUint32(v[8:], chunk/512)
	le.PutUint32(v[12:], 512)
	le.PutUint64(v[16:], size/512)
	w.add("volume", sum(v))
}

// chunks appends chunks, every other compressed, and their tables.
func (w *builder) chunks(content []byte, from, to int) {
	var data []byte
	offsets := []uint32{}
	start := uint32(len(w.b) + 76)
	for i := from; i < to; i++ {
		piece := content[i*chunk : min((i+1)*chunk, size)]
		at := start + uint32(len(data))
		if i%2 == 0 {
			data = append(data, pack(piece)...)
			at |= 1 << 31
		} else {
			data = append(data, sum(bytes.Clone(piece))...)
		}
		offsets = append(offsets, at)
	}
	w.add("sectors", data)
	for _, kind := range []string{"table", "table2"} {
		h := make([]byte, 20)
		le.PutUint32(h, uint32(len(offsets)))
		var entries []byte
		for _, o := range offsets {
			entries = le.AppendUint32(entries, o)
		}
		w.add(kind, append(sum(h), sum(entries)...))
	}
}

func pack(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b) // memory takes it
	_ = w.Close()
	return out.Bytes()
}

func content() []byte {
	b := bytes.Repeat([]byte("evidence "), size)[:size]
	for i := range b {
		b[i] += byte(i >> 12)
	}
	return b
}

// two is an image in two segments.
func two() (first, second []byte) {
	a, b := newSegment(1), newSegment(2)
	a.volume()
	a.chunks(content(), 0, 3)
	a.add("next", nil)
	b.chunks(content(), 3, 4)
	b.add("done", nil)
	return a.b, b.b
}

func open(first, second []byte) (*container.Disk, error) {
	return ewf.Open(containertest.Load(first), func(int) (container.Storage, error) {
		return containertest.Load(second), nil
	})
}

func read(first, second []byte) ([]byte, error) {
	d, err := open(first, second)
	if err != nil {
		return nil, err
	}
	b := make([]byte, d.Size())
	_, err = d.ReadAt(b, 0)
	return b, err
}

func TestOpen(t *testing.T) {
	t.Parallel()
	first, second := two()
	got, err := read(first, second)
	if err != nil || !bytes.Equal(got, content()) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	d, err := open(first, second)
	if err != nil {
		t.Fatal(err)
	}
	var refused *container.RefusedError
	if !errors.As(d.Writable(), &refused) || refused.Hint() == "" || d.SectorSize() != 512 {
		t.Errorf("writable: %v, sectors of %d", d.Writable(), d.SectorSize())
	}
	if n, err := d.ReadAt(make([]byte, 700), chunk-100); n != 700 || err != nil {
		t.Errorf("read across chunks: %d, %v", n, err)
	}
}

// TestTable2: of a table and its copy one may be damaged.
func TestTable2(t *testing.T) {
	t.Parallel()
	first, second := two()
	at := bytes.Index(first, []byte("table\x00"))
	first[at+76+24] ^= 1
	if got, err := read(first, second); err != nil || !bytes.Equal(got, content()) {
		t.Errorf("the copy was not taken: %v", err)
	}
	first[bytes.Index(first, []byte("table2\x00"))+76+24] ^= 1
	if _, err := read(first, second); !errors.Is(err, container.ErrFormat) {
		t.Errorf("both damaged: %v", err)
	}
}

// TestEveryByte: there is no byte of the chunks whose change goes unseen.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	first, second := two()
	start, end := bytes.Index(first, []byte("sectors"))+76, bytes.Index(first, []byte("table\x00"))
	for at := start; at < end; at += 97 {
		b := slices.Clone(first)
		b[at] ^= 0x10
		if got, err := read(b, second); err == nil && !bytes.Equal(got, content()) {
			t.Fatalf("byte 0x%x changed the content unseen", at)
		}
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	good, second := two()
	for name, edit := range map[string]func(b []byte) []byte{
		"signature":      func(b []byte) []byte { b[0] = 'x'; return b },
		"segment":        func(b []byte) []byte { b[9] = 3; return b },
		"section":        func(b []byte) []byte { b[13+70] = 1; return b },
		"volume":         func(b []byte) []byte { b[13+76+8]++; return b },
		"cut short":      func(b []byte) []byte { return b[:len(b)/2] },
		"no last one":    func(b []byte) []byte { return b[:len(b)-76] },
		"another number": func(b []byte) []byte { return append(b[:9:9], second[9:]...) },
	} {
		if _, err := read(edit(slices.Clone(good)), second); !errors.Is(err, container.ErrFormat) && !errors.Is(err, container.ErrTruncated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := read(append([]byte("LVF"), good[3:]...), second); !errors.Is(err, container.ErrUnsupported) {
		t.Errorf("logical: %v", err)
	}
}

func TestSegmentName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first  string
		number int
		want   string
	}{
		{"a.E01", 2, "a.E02"}, {"dir/x.e01", 99, "dir/x.e99"}, {"a.E01", 100, "a.EAA"}, {"a.E01", 125, "a.EAZ"},
		{"a.E01", 126, "a.EBA"}, {"a.E01", 776, "a.FAA"}, {"a.e01", 775, "a.ezz"}, {"a.s01", 3, "a.s03"}, {"odd", 2, "odd"},
	} {
		if got := ewf.SegmentName(c.first, c.number); got != c.want {
			t.Errorf("%s %d: %s, want %s", c.first, c.number, got, c.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	first, second := two()
	containertest.Fuzz(f, [][]byte{first}, seal, func(s container.Storage) (containertest.Disk, error) {
		return ewf.Open(s, func(int) (container.Storage, error) { return containertest.Load(second), nil })
	})
}

// seal makes the checksums right of the sections that can be found.
func seal(b []byte) {
	for off := 13; off+76 <= len(b); {
		d := b[off:][:76]
		le.PutUint32(d[72:], adler32.Checksum(d[:72]))
		next := le.Uint64(d[16:])
		if data := b[off+76:]; string(d[:5]) == "volum" && len(data) >= 1052 {
			le.PutUint32(data[1048:], adler32.Checksum(data[:1048]))
		} else if string(d[:5]) == "table" && len(data) >= 24 {
			le.PutUint32(data[20:], adler32.Checksum(data[:20]))
		}
		if next <= uint64(off) || next > uint64(len(b)) {
			return
		}
		off = int(next)
	}
}
