package format

import (
	"encoding/hex"
	"slices"
	"testing"
)

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
