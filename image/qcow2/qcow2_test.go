package qcow2_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"hangkit/image/container"
	"hangkit/image/container/containertest"
	"hangkit/image/qcow2"
)

var be = binary.BigEndian

const (
	kib     = 1 << 10
	mib     = 1 << 20
	cluster = 4 * kib
)

func open(s container.Storage) (containertest.Disk, error) { return qcow2.Open(s, nil) }

// create makes a disk with some clusters.
func create(tb testing.TB, o qcow2.Options) *containertest.Medium {
	tb.Helper()
	m := containertest.NewMedium()
	d, err := qcow2.Create(m, o)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := d.WriteAt(bytes.Repeat([]byte("old"), 4000), 0); err != nil {
		tb.Fatal(err)
	}
	if err := d.Close(); err != nil {
		tb.Fatal(err)
	}
	return m
}

func small(tb testing.TB) *containertest.Medium {
	tb.Helper()
	return create(tb, qcow2.Options{Size: mib + 512, Cluster: cluster})
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(tb testing.TB) *containertest.Medium{
		"version 3": small,
		"version 2": func(tb testing.TB) *containertest.Medium {
			tb.Helper()
			return create(tb, qcow2.Options{Size: mib + 512, Cluster: 8 * kib, Version: 2})
		},
		"snapshot":   snapshot,
		"compressed": compressed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			containertest.Run(t, containertest.Format{Make: make, Open: open, Piece: 100 * kib, Check: check, Oracle: containertest.QEMU("qcow2"), Variant: name == "version 2"})
		})
	}
}

// TestBacking runs the suite on an empty image with a backing file that is
// smaller than it.
func TestBacking(t *testing.T) {
	t.Parallel()
	base := bytes.NewReader(bytes.Repeat([]byte("backing "), 70*kib))
	opener := func(r container.Reference) (container.Source, error) {
		if r.Names[0] != "base.img" || r.Format != "raw" {
			t.Errorf("asked for %+v", r)
		}
		return base, nil
	}
	containertest.Run(t, containertest.Format{
		Make:  overlay,
		Open:  func(s container.Storage) (containertest.Disk, error) { return qcow2.Open(s, opener) },
		Piece: 100 * kib, Check: check,
	})
}

// overlay is an image with the backing file base.img.
func overlay(tb testing.TB) *containertest.Medium {
	tb.Helper()
	m := containertest.NewMedium()
	if _, err := qcow2.Create(m, qcow2.Options{Size: mib, Cluster: cluster}); err != nil {
		tb.Fatal(err)
	}
	extension := append(be.AppendUint32(be.AppendUint32(nil, 0xe2792aca), 3), "raw\x00\x00\x00\x00\x00"...)
	put(tb, m, 104, extension)
	put(tb, m, 512, []byte("base.img"))
	put(tb, m, 8, be.AppendUint32(be.AppendUint64(nil, 512), 8))
	return m
}

func put(tb testing.TB, m *containertest.Medium, off int64, b []byte) {
	tb.Helper()
	if _, err := m.WriteAt(b, off); err != nil {
		tb.Fatal(err)
	}
}

// Where images made here have their tables, in clusters.
const (
	refcountTable = 1
	refcountBlock = 2
	l1Table       = 3
)

// snapshot is an image in which something else has a copy of the L1 table:
// every refcount but those of the header is two, and nothing is the disk's
// alone.
func snapshot(tb testing.TB) *containertest.Medium {
	tb.Helper()
	m := small(tb)
	size, _ := m.Size()
	b := m.Bytes()
	l2 := int64(be.Uint64(b[l1Table*cluster:]) & 0x00fffffffffffe00)
	be.PutUint64(b[l1Table*cluster:], uint64(l2))
	for i := l2; i < l2+cluster; i += 8 {
		be.PutUint64(b[i:], be.Uint64(b[i:])&^(1<<63))
	}
	for c := int64(l1Table) + 1; c < size/cluster; c++ {
		be.PutUint16(b[refcountBlock*cluster+2*c:], 2)
	}
	return containertest.Load(b)
}

// compressed is an image whose first two clusters are packed into one.
func compressed(tb testing.TB) *containertest.Medium {
	tb.Helper()
	b := small(tb).Bytes()
	l2 := int64(be.Uint64(b[l1Table*cluster:]) & 0x00fffffffffffe00)
	place := int64(len(b))
	b = append(b, make([]byte, cluster)...)
	at := place
	for i := range int64(2) {
		p := pack(tb, bytes.Repeat([]byte{byte('a' + i)}, cluster))
		copy(b[at:], p)
		sectors := (at%512 + int64(len(p)) - 1) / 512
		const width = 62 - (12 - 8)
		old := int64(be.Uint64(b[l2+8*i:]) & 0x00fffffffffffe00)
		be.PutUint16(b[refcountBlock*cluster+2*(old/cluster):], 0)
		be.PutUint64(b[l2+8*i:], 1<<62|uint64(sectors)<<width|uint64(at))
		at += int64(len(p))
	}
	be.PutUint16(b[refcountBlock*cluster+2*(place/cluster):], 2)
	return containertest.Load(b)
}

func pack(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, 9)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(b); err != nil || w.Close() != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// check judges an image as qemu-img check does, with code of its own: what
// is used is counted at least so often, and what is marked as the disk's
// alone is counted once.
func check(s container.Storage) error {
	size, err := s.Size()
	if err != nil {
		return err
	}
	b := make([]byte, size)
	if err := container.ReadFull(s, b, 0); err != nil {
		return err
	}
	c := checker{b: b, size: int64(1) << be.Uint32(b[20:]), used: map[int64]int{}}
	c.walk()
	return errors.Join(c.faults...)
}

type checker struct {
	b      []byte
	size   int64
	used   map[int64]int
	faults []error
}

func (c *checker) u64(off int64) uint64 {
	if off+8 > int64(len(c.b)) {
		return 0
	}
	return be.Uint64(c.b[off:])
}

func (c *checker) count(off int64) int {
	table := int64(be.Uint64(c.b[48:]))
	if off >= int64(be.Uint32(c.b[56:]))*c.size/8*(c.size/2)*c.size {
		return 0
	}
	block := int64(c.u64(table + 8*(off/c.size/(c.size/2))))
	at := block + 2*(off/c.size%(c.size/2))
	if block == 0 || at+2 > int64(len(c.b)) {
		return 0
	}
	return int(be.Uint16(c.b[at:]))
}

func (c *checker) use(entry uint64) int64 {
	off := int64(entry & 0x00fffffffffffe00)
	if off == 0 {
		return 0
	}
	c.used[off]++
	n := c.count(off)
	if n < c.used[off] {
		c.faults = append(c.faults, fmt.Errorf("cluster 0x%x used %d times, counted %d times", off, c.used[off], n))
	}
	if own := entry>>63 != 0; own != (n == 1) {
		c.faults = append(c.faults, fmt.Errorf("cluster 0x%x: own %v, counted %d times", off, own, n))
	}
	return off
}

func (c *checker) walk() {
	refcounts, clusters := int64(be.Uint64(c.b[48:])), int64(be.Uint32(c.b[56:]))
	for i := range clusters {
		c.use(1<<63 | uint64(refcounts+i*c.size))
	}
	for at := refcounts; at < refcounts+clusters*c.size; at += 8 {
		if block := c.u64(at); block != 0 {
			c.use(1<<63 | block)
		}
	}
	l1, n := int64(be.Uint64(c.b[40:])), int64(be.Uint32(c.b[36:]))
	for i := range n {
		table := c.use(c.u64(l1 + 8*i))
		if table == 0 {
			continue
		}
		for e := table; e < table+c.size; e += 8 {
			if v := c.u64(e); v>>62&1 == 0 {
				c.use(v)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		off     int
		value   byte
		writing bool // read, but not written
	}{
		"encrypted":        {35, 1, false},
		"external data":    {79, 4, false},
		"extended L2":      {79, 16, false},
		"unknown feature":  {78, 1, false},
		"dirty":            {79, 1, true},
		"corrupt":          {79, 2, true},
		"32-bit refcounts": {99, 5, true},
	} {
		m := small(t)
		put(t, m, int64(c.off), []byte{c.value})
		d, err := open(m)
		if c.writing {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			err = d.Writable()
		}
		var refused *container.RefusedError
		if !errors.As(err, &refused) || refused.Hint() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	good := small(t).Bytes()
	for name, c := range map[string]struct {
		off   int
		value []byte
	}{
		"magic":             {0, []byte("x")},
		"version":           {7, []byte{4}},
		"cluster bits":      {23, []byte{22}},
		"small clusters":    {23, []byte{8}},
		"disk size":         {24, []byte{0x7f}},
		"negative size":     {24, []byte{0xff}},
		"L1 entries":        {36, []byte{0xff}},
		"too few of them":   {39, []byte{0}},
		"L1 offset":         {47, []byte{1}},
		"refcount offset":   {55, []byte{1}},
		"L1 entry":          {l1Table*cluster + 6, []byte{2}},
		"backing name":      {8, []byte{0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}},
		"long backing name": {14, []byte{2, 0, 0, 0xff, 0, 0}},
	} {
		b := bytes.Clone(good)
		copy(b[c.off:], c.value)
		d, err := open(containertest.Load(b))
		if err == nil {
			_, err = d.ReadAt(make([]byte, 512), 0)
		}
		if !errors.Is(err, container.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDataOverTables: an entry that leads to the image's own tables is not
// written through, in place or by letting them go.
func TestDataOverTables(t *testing.T) {
	t.Parallel()
	good := small(t).Bytes()
	l2 := int64(be.Uint64(good[l1Table*cluster:]) & 0x00fffffffffffe00)
	for name, c := range map[string]struct{ at, place int64 }{
		"data over the header":         {l2, 0},
		"data over the L1 table":       {l2, l1Table * cluster},
		"data over the refcount table": {l2, refcountTable * cluster},
		"data over a refcount block":   {l2, refcountBlock * cluster},
		"data over its L2 table":       {l2, l2},
		"L2 table over the L1 table":   {l1Table * cluster, l1Table * cluster},
		"refcounts over the L2 table":  {refcountTable * cluster, l2},
	} {
		for _, own := range []uint64{1 << 63, 0} {
			b := bytes.Clone(good)
			be.PutUint64(b[c.at:], own|uint64(c.place))
			if c.place == 0 {
				be.PutUint64(b[c.at:], 1<<62) // packed, in the first sector
			}
			m := containertest.Load(b)
			d, err := open(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.WriteAt(make([]byte, 512), 0); !errors.Is(err, container.ErrFormat) {
				t.Errorf("%s: %v", name, err)
			}
			if !bytes.Equal(m.Bytes(), b) {
				t.Errorf("%s: written", name)
			}
		}
	}
}

// TestFullRefcounts: that the file cannot grow is known before anything is
// written.
func TestFullRefcounts(t *testing.T) {
	t.Parallel()
	const counted = 1 << 20 * 2048 * cluster // by the largest table
	m := create(t, qcow2.Options{Size: 16 * mib, Cluster: cluster})
	for end, refused := range map[int64]bool{counted - 17*mib: false, counted - 15*mib: true} {
		b := &sized{m, end}
		d, err := qcow2.Open(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Writable(); errors.Is(err, container.ErrRefused) != refused {
			t.Errorf("file of 0x%x bytes: %v", end, err)
		}
	}
}

// TestGrow: an image whose refcount table is full gets a longer one.
func TestGrow(t *testing.T) {
	t.Parallel()
	containertest.Run(t, containertest.Format{Make: nearlyFull, Open: open, Piece: 100 * kib, Check: check, Oracle: containertest.QEMU("qcow2"), Variant: true})
	m := nearlyFull(t)
	before := be.Uint32(m.Bytes()[56:])
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt(bytes.Repeat([]byte("x"), 100*kib), 500*kib); err != nil || d.Close() != nil {
		t.Fatal(err)
	}
	if after := be.Uint32(m.Bytes()[56:]); after <= before {
		t.Errorf("the table had %d clusters, and has %d", before, after)
	}
	if err := check(m); err != nil {
		t.Error(err)
	}
}

// TestGrowBehind: a file that is longer than what its refcount table counts, as a
// cut leaves it that came before the longer table counted, can be written again.
func TestGrowBehind(t *testing.T) {
	t.Parallel()
	for _, more := range []int64{1, 5*512 + 1, 40 * mib} {
		m := nearlyFull(t)
		size, _ := m.Size()
		put(t, m, container.RoundUp(size, mib)+more-1, []byte("x"))
		d, err := open(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteAt(bytes.Repeat([]byte("x"), 100*kib), 500*kib); err != nil || d.Close() != nil {
			t.Fatalf("%d bytes more: %v", more, err)
		}
		if err := check(m); err != nil {
			t.Errorf("%d bytes more: %v", more, err)
		}
	}
}

// nearlyFull is an image with room in its refcount table for a few clusters
// more: nobody uses most of its file.
func nearlyFull(tb testing.TB) *containertest.Medium {
	tb.Helper()
	const cluster, counted = 512, 64 * 256 * 512
	m := create(tb, qcow2.Options{Size: mib, Cluster: cluster})
	put(tb, m, counted-3*cluster-1, []byte{0})
	return m
}

// TestSnapshotShares: what a snapshot has is neither written in place nor taken
// for free, even where the disk's entry says that it is the disk's alone.
func TestSnapshotShares(t *testing.T) {
	t.Parallel()
	good := snapshot(t).Bytes()
	l1 := int64(be.Uint64(good[l1Table*cluster:]))
	be.PutUint64(good[l1Table*cluster:], 1<<63|uint64(l1)) // damage: counted twice
	first := int64(be.Uint64(good[l1:]))
	be.PutUint64(good[l1:], 1<<63|uint64(first))
	before := bytes.Clone(good[first:][:cluster])
	m := containertest.Load(good)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt(bytes.Repeat([]byte("new"), 100), 0); err != nil || d.Close() != nil {
		t.Fatal(err)
	}
	if after := m.Bytes(); !bytes.Equal(after[first:][:cluster], before) || !bytes.Equal(after[l1:][:cluster], good[l1:][:cluster]) {
		t.Error("written over what the snapshot has")
	}
}

// TestSurvey: an image of which the disk's entries lead to a snapshot's table,
// behind the end of the file, or twice to one place is not written.
func TestSurvey(t *testing.T) {
	t.Parallel()
	good := small(t).Bytes()
	end := int64(len(good))
	good = append(good, make([]byte, 3*cluster)...)
	be.PutUint32(good[60:], 1)
	be.PutUint64(good[64:], uint64(end)) // the snapshot table, its L1 table, and its L2 table
	be.PutUint64(good[end:], uint64(end+cluster))
	be.PutUint32(good[end+8:], 1)
	be.PutUint64(good[end+cluster:], uint64(end+2*cluster))
	l2 := int64(be.Uint64(good[l1Table*cluster:]) & 0x00fffffffffffe00)
	second := int64(be.Uint64(good[l2+8:]) & 0x00fffffffffffe00)
	for name, c := range map[string]struct {
		place int64
		want  error
	}{
		"whole":                  {second, nil},
		"L2 table of a snapshot": {end + 2*cluster, container.ErrFormat},
		"behind the end":         {end + 3*cluster, container.ErrTruncated},
		"of the first cluster":   {int64(be.Uint64(good[l2:]) & 0x00fffffffffffe00), container.ErrFormat},
	} {
		b := bytes.Clone(good)
		be.PutUint64(b[l2+8:], 1<<63|uint64(c.place))
		m := containertest.Load(b)
		d, err := open(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		} else if err != nil && !bytes.Equal(m.Bytes(), b) {
			t.Errorf("%s: written", name)
		}
	}
}

// TestTableTwice: a disk that has one L2 table twice is not written, for a write
// would change it in two places.
func TestTableTwice(t *testing.T) {
	t.Parallel()
	m := create(t, qcow2.Options{Size: 4 * mib, Cluster: cluster})
	b := m.Bytes()
	copy(b[l1Table*cluster+8:], b[l1Table*cluster:][:8])
	l2 := int64(be.Uint64(b[l1Table*cluster:]) & 0x00fffffffffffe00)
	clear(b[l2:][:cluster]) // no cluster gives it away
	m = containertest.Load(b)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, container.ErrFormat) || !bytes.Equal(m.Bytes(), b) {
		t.Errorf("written: %v", err)
	}
}

// TestBitmapsLost: what a write drops is said before.
func TestBitmapsLost(t *testing.T) {
	t.Parallel()
	for autoclear, want := range map[byte]int{0: 0, 1: 1, 2: 0} {
		m := small(t)
		put(t, m, 95, []byte{autoclear})
		if d, err := qcow2.Open(m, nil); err != nil || len(d.Loses()) != want {
			t.Errorf("autoclear %d: %v", autoclear, err)
		}
	}
}

// sized is a file that says how large it is.
type sized struct {
	container.Storage

	size int64
}

func (s *sized) Size() (int64, error) { return s.size, nil }

// TestSnapshotTable: data over the snapshot table, or the L1 table it names,
// is not written either.
func TestSnapshotTable(t *testing.T) {
	t.Parallel()
	good := small(t).Bytes()
	table := int64(len(good))
	good = append(good, make([]byte, 2*cluster)...)
	be.PutUint32(good[60:], 1)
	be.PutUint64(good[64:], uint64(table))
	be.PutUint64(good[table:], uint64(table+cluster))
	be.PutUint32(good[table+8:], 1)
	l2 := be.Uint64(good[l1Table*cluster:]) & 0x00fffffffffffe00
	for place, want := range map[int64]error{table: container.ErrFormat, table + cluster: container.ErrFormat, 0: nil} {
		b := bytes.Clone(good)
		if place > 0 {
			be.PutUint64(b[l2:], 1<<63|uint64(place))
		}
		d, err := open(containertest.Load(b))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteAt(make([]byte, 512), 0); !errors.Is(err, want) {
			t.Errorf("0x%x: %v", place, err)
		}
	}
}

// TestProtocols: a backing file that is not a file is named, not looked for.
func TestProtocols(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"json:{}{}", "nbd://ho", "ssh:host"} {
		m := overlay(t)
		put(t, m, 512, []byte(name)[:8])
		if _, err := open(m); !errors.Is(err, container.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	containertest.Fuzz(f, [][]byte{small(f).Bytes(), snapshot(f).Bytes(), compressed(f).Bytes()}, nil, open)
}
