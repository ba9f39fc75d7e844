package ntfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"testing/iotest"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/woftest"
)

// compressedTree has a compressed file for each way a unit can be stored.
func compressedTree(cluster int) []format.Entry {
	unit := int64(16 * cluster)
	half := unit + unit/2
	mixed := woftest.Contents(int(8*unit) + 777)
	return []format.Entry{
		{Name: "packed", Dir: []format.Entry{
			{Name: "text", Data: bytes.Repeat([]byte("all units shrink "), int(3*unit/17)), Compressed: true},
			{Name: "mixed", Data: mixed, Compressed: true},
			{Name: "noise", Data: patterned(2*unit + 5), Compressed: true, Fragments: 3},
			{Name: "zeros", Data: make([]byte, 3*unit+9), Compressed: true},
			{Name: "holes", Data: mixed, Compressed: true, Holes: []format.Range{{Off: unit, Len: unit}, {Off: 4 * unit, Len: 2 * unit}}},
			{Name: "scattered", Data: mixed, Compressed: true, Fragments: 30},
			{Name: "uninitialized", Data: mixed, Compressed: true, InitializedSize: &half},
			{Name: "one unit", Data: mixed[:unit], Compressed: true},
			{Name: "a byte more", Data: mixed[:unit+1], Compressed: true},
			{Name: "small", Data: []byte("resident"), Compressed: true},
		}},
	}
}

func TestCompressed(t *testing.T) {
	t.Parallel()
	for _, cluster := range []int{512, 1024, 4096} {
		t.Run(fmt.Sprint(cluster), func(t *testing.T) {
			t.Parallel()
			tree := compressedTree(cluster)
			m, _ := build(t, 64<<20, format.Options{ClusterSize: cluster, Root: tree})
			v := open(t, m)
			for _, e := range tree[0].Dir {
				want := shown(e)
				got, err := fs.ReadFile(v, "packed/"+e.Name)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: contents differ (%v)", e.Name, err)
				}
				readInPieces(t, v, "packed/"+e.Name, want)
			}
			if d, err := v.Detail("packed/text"); err != nil || !d.Compressed {
				t.Errorf("%+v (%v)", d, err)
			}
			if _, err := v.OpenRaw("packed/text"); !errors.Is(err, ntfs.ErrUnsupported) {
				t.Errorf("open raw: %v", err)
			}
		})
	}
}

// shown is what programs see of an entry.
func shown(e format.Entry) []byte {
	b := bytes.Clone(e.Data)
	for _, h := range e.Holes {
		clear(b[h.Off:][:h.Len])
	}
	if e.InitializedSize != nil {
		clear(b[*e.InitializedSize:])
	}
	return b
}

// readInPieces reads a file from many places in many lengths.
func readInPieces(t *testing.T, v *ntfs.Volume, name string, want []byte) {
	t.Helper()
	f, err := v.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := f.(io.ReaderAt)
	for _, length := range []int{1, 511, 9000, 70_000, 200_000} {
		p := make([]byte, length)
		for off := 0; off < len(want); off += 1 + len(want)/13 {
			n, err := r.ReadAt(p, int64(off))
			if wanted := min(length, len(want)-off); n != wanted || err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(p[:n], want[off:off+n]) {
				t.Errorf("%s: %d bytes at %d: got %d, %v", name, length, off, n, err)
			}
		}
	}
}

// TestCompressedReads: reading on reads each cluster once.
func TestCompressedReads(t *testing.T) {
	t.Parallel()
	want := woftest.Contents(1 << 20)
	m, _ := build(t, 32<<20, format.Options{Root: []format.Entry{{Name: "file", Data: want, Compressed: true}}})
	f, err := open(t, m).Open("file")
	if err != nil {
		t.Fatal(err)
	}
	m.reads, m.bytes = 0, 0
	if err := iotest.TestReader(io.LimitReader(f, 1000), want[:1000]); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(iotest.HalfReader(f)); err != nil || !bytes.Equal(got, want[1000:]) {
		t.Errorf("contents differ (%v)", err)
	}
	if units := len(want) / (64 << 10); m.reads > units || m.bytes > int64(len(want)) {
		t.Errorf("%d reads of %d bytes for %d units", m.reads, m.bytes, units)
	}
}

func TestCompressedDamage(t *testing.T) {
	t.Parallel()
	contents := bytes.Repeat([]byte("shrinks "), 20_000)
	m, layout := build(t, 32<<20, format.Options{Root: []format.Entry{{Name: "file", Data: contents, Compressed: true}}})
	healthy := &patient{m, layout}
	first := layout.Files["file"].Extents[0].DeviceOffset
	lcn := byte(first / int64(layout.ClusterSize))
	for name, damage := range map[string]func(p *patient){
		"a chunk past the unit": func(p *patient) { p.patch(first, 0xff, 0xbf) },
		"a match to nowhere":    func(p *patient) { p.patch(first+2, 0xff) },
		"clusters behind a hole": func(p *patient) {
			p.runs("file", func(runs []byte) {
				copy(runs, []byte{0x21, 1, lcn, byte(first >> 20), 0x01, 1, 0x11, 1, 1, 0x01, 45, 0})
			})
		},
		"units of two clusters": func(p *patient) {
			p.attribute("file", 0x80, func(a []byte) { a[0x22] = 1 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := healthy.clone()
			damage(p)
			refused(t, open(t, p), "file", ntfs.ErrFormat)
		})
	}
}
