package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUpCase pins the table: that of Windows 10 18348 and 20H1, and of mkntfs.
// A newer Go with newer Unicode data may need more ranges in newUnicode.
func TestUpCase(t *testing.T) {
	t.Parallel()
	const want = "41c26bc7a12bdaeb26025c93118697c7e3ef81ee048b00fe5cce2a472e0e0742"
	table := upCaseBytes()
	if sum := sha256.Sum256(table); hex.EncodeToString(sum[:]) != want {
		t.Errorf("$UpCase: sha256 %x, want %s", sum, want)
	}
	if crc := le.Uint64(upCaseInfo(table)[upCaseInfoCRC:]); crc != 0xdadc7e776b1b690c {
		t.Errorf("$UpCase:$Info: CRC %#x", crc)
	}
}

func TestCollationKey(t *testing.T) {
	t.Parallel()
	names := []string{"$MFT", ".", "1", "a", "A b", "ab", "Abc", "B", "ä", "Ä!", "ß", "ÿ", "ω", "文", "😀", "～"}
	if !slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(collationKey(a), collationKey(b)) }) {
		t.Errorf("%q are out of order", names)
	}
	if collationKey("straße Ä") != collationKey("STRAßE ä") {
		t.Error("case counts")
	}
}

func TestMappingPairs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		runs runList
		want string
	}{
		{"empty", nil, "00"},
		{"at cluster 0", runList{{0, 2}}, "11020000"},
		{"largest in one byte", runList{{127, 127}}, "117f7f00"},
		{"smallest in two bytes", runList{{128, 128}}, "22800080" + "0000"},
		{"backwards", runList{{0x1000, 1}, {0xfff, 2}}, "210100101102ff00"},
		{"far backwards", runList{{0x12345678, 0x1234}, {0, 1}}, "42341278563412" + "410188a9cbed" + "00"},
		{"hole", runList{{5, 1}, {hole, 300}, {6, 1}}, "110105" + "022c01" + "110101" + "00"},
		{"minus 128", runList{{128, 1}, {0, 1}}, "21018000" + "110180" + "00"},
		{"minus 129", runList{{129, 1}, {0, 1}}, "21018100" + "21017fff" + "00"},
	} {
		got := c.runs.appendMappingPairs(nil)
		if hex.EncodeToString(got) != c.want {
			t.Errorf("%s: %x, want %s", c.name, got, c.want)
		}
		if len(got) != c.runs.mappingPairsSize() {
			t.Errorf("%s: size %d, want %d", c.name, c.runs.mappingPairsSize(), len(got))
		}
	}
}

func TestRunListSplit(t *testing.T) {
	t.Parallel()
	var runs runList
	for i := range 100 {
		runs = append(runs, run{LCN(1000 + i*i*7919%5000), int64(1 + i)})
	}
	parts := runs.split(40)
	for _, p := range parts {
		if p.mappingPairsSize() > 40 {
			t.Errorf("a part of %d bytes", p.mappingPairsSize())
		}
	}
	if !slices.Equal(slices.Concat(parts...), runs) {
		t.Error("the parts are not the whole")
	}
}

func TestBitset(t *testing.T) {
	t.Parallel()
	b := newBitset(70)
	b.setRange(3, 62)
	want := []byte{0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc1 &^ 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	want[8] = 0x01 | 0xc0 // bit 64, and the end of the volume at bit 70
	if got := b.bytes(); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
	for _, c := range []struct{ from, limit, set, clear int64 }{
		{0, 70, 3, 0}, {3, 70, 3, 65}, {64, 70, 64, 65}, {65, 70, 70, 65}, {65, 68, 68, 65}, {4, 20, 4, 20}, {70, 70, 70, 70},
	} {
		if set, clear := b.nextSet(c.from, c.limit), b.nextClear(c.from, c.limit); set != c.set || clear != c.clear {
			t.Errorf("from %d to %d: set %d, clear %d, want %d, %d", c.from, c.limit, set, clear, c.set, c.clear)
		}
	}
}

func TestScatter(t *testing.T) {
	t.Parallel()
	for _, fragments := range []int{2, 3, 100, 999} {
		a := newAllocator(20_000, 1)
		runs, err := a.scatter(1000, 1, fragments)
		if err != nil {
			t.Fatal(err)
		}
		if len(runs) != fragments || runs.clusters() != 1000 {
			t.Errorf("%d runs of %d clusters, want %d of 1000", len(runs), runs.clusters(), fragments)
		}
		for i := 1; i < len(runs); i++ {
			if int64(runs[i-1].lcn)+runs[i-1].len == int64(runs[i].lcn) {
				t.Errorf("%d fragments: runs %d and %d are one", fragments, i-1, i)
			}
		}
	}
}

func TestShortName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"SYSTEM": true, "MEMORY.DMP": true, "A": true, "PROGRA~1": true, "12345678.123": true, "$MFT": true, "A-B_C!": true,
		"": false, "System": false, "SYSTEM.": false, ".DMP": false, "123456789": false, "A.1234": false,
		"A B": false, "A+B": false, "A.B.C": false, "Ä": false, "A,B": false, "A[1]": false,
	} {
		if isShortName(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

func TestFiletime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t    time.Time
		want uint64
	}{
		{time.Date(1601, time.January, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(1600, time.December, 31, 0, 0, 0, 0, time.UTC), 0},
		{time.Unix(0, 0), 116444736000000000},
		{time.Unix(1, 123456789), 116444736011234567},
	} {
		if got := filetime(c.t); got != c.want {
			t.Errorf("%v: %d, want %d", c.t, got, c.want)
		}
	}
}

func TestSecurityHash(t *testing.T) {
	t.Parallel()
	// 1 then 2: 2 + rol(1, 3); a byte left over does not count.
	e := securityEntry{descriptor: []byte{1, 0, 0, 0, 2, 0, 0, 0, 9}}
	if h := e.hash(); h != 10 {
		t.Errorf("hash %d, want 10", h)
	}
}
