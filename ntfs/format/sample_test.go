package format_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"hangkit/ntfs/format"
)

// noise is reproducible contents of any size.
func noise(seed uint64, size int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// shrinking is contents of which some parts compress well and some do not.
func shrinking(size int) []byte {
	b := noise(16, size)
	for i := range b {
		if i>>13&3 != 0 {
			b[i] = byte(i) & 0x55
		}
	}
	return b
}

// numbered makes n small files with names of many scripts and lengths.
func numbered(n int) []format.Entry {
	stems := []string{"file", "Datei ä", "DATEI Ö", "файл", "檔案", "😀 face", "Ωmega", "ǆ", strings.Repeat("long ", 40) + "name"}
	entries := make([]format.Entry, n)
	for i := range entries {
		entries[i] = format.Entry{Name: fmt.Sprintf("%s %05d.txt", stems[i%len(stems)], i), Data: noise(uint64(i), i%800)}
	}
	return entries
}

// sampleTree has one of everything, for a volume of 64 MiB or more, in no more
// fragments than there are clusters.
func sampleTree(cluster int) []format.Entry {
	entries := fullSampleTree(cluster)
	if cluster <= 65536 {
		unit := int64(cluster) << 4
		entries = append(entries,
			format.Entry{Name: "sparse.bin", Data: noise(12, int(5*unit)+1), Fragments: 2, Holes: []format.Range{{Off: unit, Len: unit}, {Off: 4 * unit, Len: unit + 1}}},
			format.Entry{Name: "hole.bin", Size: 3*unit + 7, Holes: []format.Range{{Len: 3*unit + 7}}},
			format.Entry{Name: "many holes.bin", Data: noise(13, int(200*unit>>(cluster/4096))), Holes: alternate(unit, 200>>(cluster/4096))})
	}
	if cluster <= 4096 {
		entries = append(entries,
			format.Entry{Name: "compressed.bin", Data: noise(14, 100_000), Compressed: true, Fragments: 3},
			format.Entry{Name: "shrinking.bin", Data: shrinking(300_000), Compressed: true, Fragments: 2},
			format.Entry{Name: "zeros.bin", Size: 200_000, Compressed: true})
	}
	walkEntries("", entries, func(_ string, e *format.Entry) {
		e.Fragments = min(e.Fragments, (int(max(e.Size, int64(len(e.Data))))+cluster-1)/cluster)
		for i := range e.Streams {
			s := &e.Streams[i]
			s.Fragments = min(s.Fragments, (len(s.Data)+cluster-1)/cluster)
		}
	})
	return entries
}

// alternate makes every other of n units a hole.
func alternate(unit int64, n int) (holes []format.Range) {
	for i := 0; i < n; i += 2 {
		holes = append(holes, format.Range{Off: int64(i) * unit, Len: unit})
	}
	return holes
}

// symbolicLink to a file beside it, as mklink makes it.
func symbolicLink(target string) *format.Reparse {
	name := make([]byte, 0, 2*len(target))
	for _, c := range []byte(target) {
		name = append(name, c, 0)
	}
	n := byte(len(name))
	head := []byte{0, 0, n, 0, n, 0, n, 0, 1, 0, 0, 0} // substitute and print name; relative
	return &format.Reparse{Tag: 0xa000000c, Data: append(append(head, name...), name...)}
}

func fullSampleTree(cluster int) []format.Entry {
	half := int64(600_000)
	none := int64(0)
	old := time.Date(2009, time.July, 14, 4, 34, 57, 123456700, time.UTC)
	return []format.Entry{
		{Name: "Windows", Dir: []format.Entry{
			{Name: "System32", Dir: []format.Entry{
				{Name: "config", Dir: []format.Entry{
					{Name: "SYSTEM", Data: noise(1, 3<<20)},
					{Name: "SYSTEM.LOG1", Data: noise(2, 256<<10), Attributes: format.AttrHidden | format.AttrSystem | format.AttrArchive},
					{Name: "SYSTEM.LOG2", Data: noise(3, 128<<10), Fragments: 2},
					{Name: "RegBack", Dir: []format.Entry{}},
				}},
				{Name: "drivers", Dir: numbered(30)},
			}},
			{Name: "many", Dir: numbered(2500), Deleted: []string{"gone.txt", "GONE.DMP", "deleted long ago.bin"}},
			{Name: strings.Repeat("ä", 255), ShortName: "LANG~1", Dir: numbered(40)},
		}},
		{Name: "Program Files", ShortName: "PROGRA~1", Dir: []format.Entry{
			{Name: "long file name.text", ShortName: "LONGFI~1.TEX", Data: []byte("two names")},
		}},
		{Name: "pagefile.sys", Content: bytes.NewReader(noise(4, 8<<20)), Size: 8 << 20, Fragments: 1000, Attributes: format.AttrHidden | format.AttrSystem},
		{Name: "half.bin", Data: noise(5, 1_000_003), InitializedSize: &half, Fragments: 3},
		{Name: "uninitialized.dmp", Data: noise(6, 700_000), InitializedSize: &none},
		{Name: "empty", Data: nil},
		{Name: "one.bin", Data: []byte{1}},
		{Name: strings.Repeat("d", 255), ShortName: "DDDDDD~1", Dir: []format.Entry{}, Streams: []format.Stream{{Name: "of a directory", Data: noise(15, 300)}}},
		{Name: "one cluster.bin", Data: noise(7, cluster), Fragments: 1},
		{Name: "cluster+1.bin", Data: noise(8, cluster+1), Times: format.Times{Created: old, Modified: old, Changed: old, Accessed: old}},
		{Name: "almost resident.bin", Data: noise(9, 700)},
		{Name: "streams.txt", Data: []byte("main"), Streams: []format.Stream{
			{Name: "Zone.Identifier", Data: []byte("[ZoneTransfer]\r\nZoneId=3\r\n")},
			{Name: "big", Data: noise(10, 300_000), Fragments: 9},
			{Name: "text", Data: noise(11, 600)},
		}},
		{Name: "reserved.sys", Size: 1 << 20},
		{Name: "link", Reparse: symbolicLink("one.bin")},
		{Name: "stale", Dir: []format.Entry{}, Deleted: []string{"a.txt", "b.txt", "c.txt"}},
	}
}

// walkEntries visits all entries below, parents first.
func walkEntries(prefix string, entries []format.Entry, visit func(path string, e *format.Entry)) {
	for i := range entries {
		path := prefix + entries[i].Name
		visit(path, &entries[i])
		walkEntries(path+"/", entries[i].Dir, visit)
	}
}

// visible is what a reader of the file must see.
func visible(e *format.Entry) []byte {
	b := allocatedContents(e)
	if e.InitializedSize != nil {
		clear(b[*e.InitializedSize:])
	}
	return b
}

// isLink tells whether a mounted file is followed instead of read.
func isLink(e *format.Entry) bool { return e.Reparse != nil }

// allocatedContents is what the file's clusters hold.
func allocatedContents(e *format.Entry) []byte {
	size := max(e.Size, int64(len(e.Data)))
	b := make([]byte, size)
	copy(b, e.Data)
	if e.Content != nil {
		ranges := e.Written
		if ranges == nil {
			ranges = []format.Range{{Len: size}}
		}
		for _, r := range ranges {
			_, _ = e.Content.ReadAt(b[r.Off:r.Off+r.Len], r.Off)
		}
	}
	for _, h := range e.Holes {
		clear(b[h.Off : h.Off+h.Len])
	}
	return b
}

// pattern is contents of any length that never stands in memory whole.
type pattern struct{ size int64 }

func (p pattern) ReadAt(b []byte, off int64) (int, error) {
	for i := range b {
		at := off + int64(i)
		if at >= p.size {
			return i, io.EOF
		}
		b[i] = byte(at>>12) ^ byte(at*7)
	}
	return len(b), nil
}
