package format_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"hangkit/ntfs/format"
)

type sizes struct{ sector, cluster int }

func (s sizes) String() string { return fmt.Sprintf("sector %d cluster %d", s.sector, s.cluster) }

var allSizes = []sizes{
	{512, 512}, {512, 1024}, {512, 2048}, {512, 4096}, {512, 8192}, {512, 65536}, {512, 131072}, {512, 2 << 20},
	{4096, 4096}, {4096, 65536}, {4096, 2 << 20},
}

func TestStructure(t *testing.T) {
	t.Parallel()
	for _, s := range allSizes {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			entries := sampleTree(s.cluster)
			m := newMemory(max(256<<20, 4000*int64(s.cluster)))
			l, c := buildChecked(t, m, format.Options{
				SectorSize: s.sector, ClusterSize: s.cluster, Label: "Größe", Root: entries, HiddenSectors: 2048,
			})
			checkContents(t, c, l, entries)
		})
	}
}

// buildChecked builds a volume in which nothing is wrong.
func buildChecked(t *testing.T, m *memory, o format.Options) (*format.Layout, *checker) {
	t.Helper()
	l := build(t, m, o)
	c, err := checkVolume(m)
	if err != nil {
		t.Fatal(err)
	}
	return l, c
}

// checkContents compares every file with what went in, through the records
// and through the extents of the layout.
func checkContents(t *testing.T, c *checker, l *format.Layout, entries []format.Entry) {
	t.Helper()
	walkEntries("", entries, func(path string, e *format.Entry) {
		f, ok := l.Files[path]
		if !ok {
			t.Fatalf("%q is not in the layout", path)
		}
		for _, s := range e.Streams {
			if got := c.contents(*c.attr(f.Record, 0x80, s.Name)); !bytes.Equal(got, s.Data) {
				t.Errorf("%q: stream %q differs", path, s.Name)
			}
		}
		if e.Dir != nil {
			return
		}
		data := c.attr(f.Record, 0x80, "")
		if e.Compressed && !f.Resident {
			return // TestReadBack reads it decompressed
		}
		if !bytes.Equal(c.contents(*data), visible(e)) {
			t.Errorf("%q: contents differ", path)
		}
		if data.resident != f.Resident {
			t.Errorf("%q: resident %v, in the layout %v", path, data.resident, f.Resident)
		}
		if !f.Resident && !bytes.Equal(readExtents(c, f.Extents)[:data.size], allocatedContents(e)) {
			t.Errorf("%q: the layout's extents hold something else", path)
		}
		if e.Fragments > 0 && e.Holes == nil && len(f.Extents) != e.Fragments {
			t.Errorf("%q: %d extents, want %d", path, len(f.Extents), e.Fragments)
		}
	})
}

func readExtents(c *checker, extents []format.Extent) (b []byte) {
	for _, e := range extents {
		if e.DeviceOffset < 0 {
			b = append(b, make([]byte, e.Length)...)
			continue
		}
		b = append(b, c.read(e.DeviceOffset, e.Length)...)
	}
	return b
}

// TestFragmentedMFT reads records from all extents of $MFT.
func TestFragmentedMFT(t *testing.T) {
	t.Parallel()
	for _, s := range []sizes{{512, 512}, {512, 4096}, {4096, 65536}} {
		m := newMemory(256 << 20)
		entries := []format.Entry{{Name: "many", Dir: numbered(2000)}}
		l, c := buildChecked(t, m, format.Options{
			SectorSize: s.sector, ClusterSize: s.cluster, Root: entries, MFTFragments: 12, ExtraRecords: 500,
		})
		checkContents(t, c, l, entries)
		if n := len(l.Files["$MFT"].Extents); n != 12 {
			t.Errorf("%v: $MFT has %d extents", s, n)
		}
	}
}

func TestManyFragments(t *testing.T) {
	t.Parallel()
	m := newMemory(96 << 20)
	e := format.Entry{Name: "pagefile.sys", Content: pattern{11 << 20}, Size: 11 << 20, Fragments: 20_000}
	l, c := buildChecked(t, m, format.Options{ClusterSize: 512, Root: []format.Entry{e}})
	checkContents(t, c, l, []format.Entry{e})
	f := l.Files["pagefile.sys"]
	if f.Extensions < 22 {
		t.Errorf("%d extension records", f.Extensions)
	}
	if slices.IsSortedFunc(f.Extents, func(a, b format.Extent) int { return int(a.DeviceOffset - b.DeviceOffset) }) {
		t.Error("extents are in order")
	}
	list := c.records[f.Record].attrs[0]
	if list.typ != 0x20 || list.resident {
		t.Errorf("no non-resident attribute list: %#x resident %v", list.typ, list.resident)
	}
}

// TestThousandsOfRecords makes one file of as many records as a directory of
// thousands has files.
func TestThousandsOfRecords(t *testing.T) {
	t.Parallel()
	m := newMemory(1 << 30)
	e := format.Entry{Name: "pagefile.sys", Data: []byte("PAGEDU64"), Size: 200_000 * 512, Fragments: 200_000}
	l, c := buildChecked(t, m, format.Options{ClusterSize: 512, Root: []format.Entry{e}})
	if n := l.Files["pagefile.sys"].Extensions; n < 1000 {
		t.Errorf("%d extension records", n)
	}
	checkContents(t, c, l, []format.Entry{e})
}

func TestResidentAttributeList(t *testing.T) {
	t.Parallel()
	m := newMemory(64 << 20)
	l, c := buildChecked(t, m, format.Options{Root: []format.Entry{{Name: "a.bin", Data: noise(1, 1<<20), Fragments: 250}}})
	if list := c.records[l.Files["a.bin"].Record].attrs[0]; list.typ != 0x20 || !list.resident {
		t.Errorf("no resident attribute list: %#x resident %v", list.typ, list.resident)
	}
}

func TestManyEntries(t *testing.T) {
	t.Parallel()
	m := newMemory(128 << 20)
	if err := format.Write(m, format.Options{Root: []format.Entry{{Name: "many", Dir: numbered(20_000)}}}); err != nil {
		t.Fatal(err)
	}
	c, err := checkVolume(m)
	if err != nil {
		t.Fatal(err)
	}
	if bitmap := c.attr(64, 0xb0, "$I30"); bitmap == nil || bitmap.resident {
		t.Error("no non-resident index bitmap")
	}
}

// TestFullVolume fills a volume to the last cluster: contents go into every
// gap, in as many pieces as it takes.
func TestFullVolume(t *testing.T) {
	t.Parallel()
	const size = 32 << 20
	scattered := format.Entry{Name: "scattered.bin", Data: noise(1, 2<<20), Fragments: 200}
	largest := int64(0)
	for n := int64(size); n > 0; n /= 2 {
		o := format.Options{Root: []format.Entry{scattered, {Name: "rest.bin", Content: pattern{largest + n}, Size: largest + n}}}
		if format.Write(newMemory(size), o) == nil {
			largest += n
		}
	}
	entries := []format.Entry{scattered, {Name: "rest.bin", Content: pattern{largest}, Size: largest}}
	m := newMemory(size)
	l, c := buildChecked(t, m, format.Options{Root: entries})
	checkContents(t, c, l, entries)
	if n := len(l.Files["rest.bin"].Extents); n < 100 {
		t.Errorf("the rest is in %d pieces", n)
	}
}
