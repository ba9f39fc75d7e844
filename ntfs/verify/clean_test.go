package verify_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

// household has one of everything that fits clusters of the size.
func household(cluster int) []format.Entry {
	none, half := int64(0), int64(300_001)
	pieces := func(n int) int { return max(2, min(n, 1<<20/cluster)) }
	entries := []format.Entry{
		{Name: "Windows", Dir: []format.Entry{
			{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: []format.Entry{{Name: "SYSTEM", Data: noise(1 << 20)}}}}},
			{Name: "many", Dir: numbered("ä Ö ǆ файл", 1500), Deleted: []string{"gone.txt", "long ago.dmp"}},
			{Name: strings.Repeat("ä", 255), ShortName: "LANG~1", Dir: numbered("x", 40)},
		}},
		{Name: "Program Files", ShortName: "PROGRA~1", Dir: []format.Entry{{Name: "long name.text", ShortName: "LONGNA~1.TEX"}}},
		{Name: "pieces.bin", Data: noise(max(1<<20, 3*cluster)), Fragments: pieces(700)},
		{Name: "few.bin", Data: noise(max(1<<20, 3*cluster)), Fragments: pieces(250)},
		{Name: "half.bin", Data: noise(600_000), InitializedSize: &half},
		{Name: "none.bin", Data: noise(600_000), InitializedSize: &none},
		{Name: "streams", Data: []byte("main"), Streams: []format.Stream{
			{Name: "Zone.Identifier", Data: noise(30)}, {Name: "big", Data: noise(100_000)}, {Name: "again", Data: noise(100)},
		}},
		{Name: "link", Reparse: &format.Reparse{Tag: 0xa000000c, Data: make([]byte, 40)}},
	}
	if cluster <= 65536 {
		unit := int64(cluster) << 4
		entries = append(entries,
			format.Entry{Name: "sparse.bin", Data: noise(int(3 * unit)), Holes: []format.Range{{Off: unit, Len: unit}}},
			format.Entry{Name: "hole.bin", Size: 3*unit + 7, Holes: []format.Range{{Len: 3*unit + 7}}})
	}
	if cluster <= 4096 {
		entries = append(entries, format.Entry{Name: "packed.bin", Data: noise(100_000), Compressed: true, Fragments: 3})
	}
	return entries
}

// TestFormatted proves that nothing is found where nothing is wrong.
func TestFormatted(t *testing.T) {
	t.Parallel()
	for _, s := range [][2]int{
		{512, 512}, {512, 1024}, {512, 2048}, {512, 4096}, {512, 8192}, {512, 65536}, {512, 131072}, {512, 2 << 20},
		{4096, 4096}, {4096, 65536}, {4096, 2 << 20},
	} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			t.Parallel()
			m := build(t, max(64<<20, 400*int64(s[1])), format.Options{SectorSize: s[0], ClusterSize: s[1], Label: "Größe", Root: household(s[1])})
			spotless(t, check(t, m))
		})
	}
}

func TestFormattedOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]format.Options{
		"empty":             {},
		"$MFT in pieces":    {MFTFragments: 12, ExtraRecords: 500, Root: numbered("f", 900)},
		"clean log":         {Log: format.LogClean},
		"healthy flag":      {VolumeFlags: format.VolumeMounted},
		"list of a list":    {ClusterSize: 512, Root: []format.Entry{{Name: "page", Size: 11 << 20, Content: bytes.NewReader(make([]byte, 11<<20)), Fragments: 20_000}}},
		"odd size":          {Size: 30<<20 + 512*3},
		"three-level index": {Root: []format.Entry{{Name: "many", Dir: numbered(strings.Repeat("long ", 40), 4000)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spotless(t, check(t, build(t, 64<<20, o)))
		})
	}
}

// TestStates proves that what the last use of a volume left behind is found.
func TestStates(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		o    format.Options
		want verify.Kind
	}{
		{format.Options{Log: format.LogDirty}, verify.LogFile},
		{format.Options{Log: format.LogV2}, verify.LogFile},
		{format.Options{Log: format.LogV2Clean}, verify.LogFile},
		{format.Options{Log: format.LogGarbage}, verify.LogFile},
		{format.Options{VolumeFlags: format.VolumeDirty}, verify.VolumeFlags},
		{format.Options{VolumeFlags: format.VolumeChkdskUnderway}, verify.VolumeFlags},
	} {
		r := check(t, build(t, 8<<20, s.o))
		if len(r.Counts) != 1 || r.Counts[s.want] != 1 || r.Clean() {
			t.Errorf("%v, flags %#x: %v", s.o.Log, s.o.VolumeFlags, r.Counts)
		}
	}
}

// TestDeterministic proves that a report is the same whenever it is made.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	p := newPatient(t, build(t, 32<<20, format.Options{Root: sickroom()}))
	for _, d := range matrix {
		if d.want != verify.BadRecord && d.want != verify.AttributeOrder {
			d.do(p)
		}
	}
	first := check(t, p)
	if len(first.Findings) < 15 {
		t.Errorf("%d findings", len(first.Findings))
	}
	for range 3 {
		if again := check(t, p); fmt.Sprint(again.Findings) != fmt.Sprint(first.Findings) {
			t.Fatal("two reports differ")
		}
	}
	r, err := verify.Check(t.Context(), p, p.size, verify.Options{MaxFindings: 3})
	if err != nil || len(r.Findings) != 3 || r.Omitted != int64(len(first.Findings)-3) || fmt.Sprint(r.Counts) != fmt.Sprint(first.Counts) {
		t.Errorf("%d kept, %d omitted (%v)", len(r.Findings), r.Omitted, err)
	}
}

// faulty fails reads in a range.
type faulty struct {
	*memory
	from, to int64
}

var errFault = errors.New("injected read error")

func (f faulty) ReadAt(p []byte, off int64) (int, error) {
	if off < f.to && off+int64(len(p)) > f.from {
		return 0, errFault
	}
	return f.memory.ReadAt(p, off)
}

// TestErrors proves that what is no finding is an error.
func TestErrors(t *testing.T) {
	t.Parallel()
	m := build(t, 32<<20, format.Options{Root: sickroom()})
	p := newPatient(t, m)
	for _, at := range []int64{0, p.mft, p.recordAt("victim"), p.blockAt("many"), p.clusterOf("$Bitmap", 0x80) * p.cluster, m.size - 512} {
		if _, err := verify.Check(t.Context(), faulty{m, at, at + 512}, m.size, verify.Options{}); !errors.Is(err, errFault) {
			t.Errorf("unreadable at %#x: %v", at, err)
		}
	}
	if _, err := verify.Check(t.Context(), newMemory(1<<20), 1<<20, verify.Options{}); !errors.Is(err, verify.ErrNotNTFS) {
		t.Errorf("no volume: %v", err)
	}
	if _, err := verify.Check(t.Context(), bytes.NewReader(p.peek(0, 4<<20)), m.size, verify.Options{}); !errors.Is(err, verify.ErrTruncated) {
		t.Errorf("cut short: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify.Check(ctx, m, m.size, verify.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for name, shorten := range map[string]int64{"a sector": 512, "a half": m.size / 2} {
		r, err := verify.Check(t.Context(), io.NewSectionReader(m, 0, m.size-shorten), m.size-shorten, verify.Options{})
		if err != nil || r.Clean() {
			t.Errorf("device shorter by %s: %v", name, err)
		}
	}
}

// TestNoContents proves that file contents are never read.
func TestNoContents(t *testing.T) {
	t.Parallel()
	m := build(t, 64<<20, format.Options{Root: []format.Entry{{Name: "victim", Data: noise(20 << 20)}}})
	p := newPatient(t, m)
	at := p.clusterOf("victim", 0x80) * p.cluster
	spotless(t, check(t, faulty{m, at, at + 20<<20}))
}

// TestMillionRecords checks a volume of a million files in seconds, and with
// little memory.
func TestMillionRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	var dirs []format.Entry
	const count, each = 40, 1000
	for i := range count {
		dirs = append(dirs, format.Entry{Name: fmt.Sprintf("dir %d", i), Dir: numbered("name of a file", each)})
	}
	m := build(t, 4<<30, format.Options{Root: dirs, ExtraRecords: 1_000_000})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	r := check(t, m)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	spotless(t, r)
	if r.Records < 1_000_000 || r.RecordsInUse < count*each {
		t.Errorf("%d records, %d in use", r.Records, r.RecordsInUse)
	}
	t.Logf("%d records, %d in use, %d entries: %v, %d MiB allocated", r.Records, r.RecordsInUse, r.Entries, took, (after.TotalAlloc-before.TotalAlloc)>>20)
	if took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}
