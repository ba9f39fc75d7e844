package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"hangkit/hive"
)

// TestHiveGetShared walks a hive in which every key has both keys of the level below:
// each is shown once, and the second way to it ends the walk.
func TestHiveGetShared(t *testing.T) {
	t.Parallel()
	const levels = 40
	top, err := sharedHive(t, levels).Key("")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	err = (&HiveGetCmd{Recursive: true}).walk(t.Context(), top, func(*shownKey) { shown++ })
	if !errors.Is(err, hive.ErrFormat) || shown > 2*levels+1 {
		t.Errorf("%d keys, %v; want at most %d and %v", shown, err, 2*levels+1, hive.ErrFormat)
	}
}

// sharedHive has keys a and b on each of its levels; b has the subkeys of a.
func sharedHive(t *testing.T, levels int) *hive.Hive {
	t.Helper()
	h := hive.New(hive.NewOptions{Now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)})
	path := ""
	for range levels {
		for _, name := range []string{`\a`, `\b\c`} {
			if _, err := h.CreateKey(path + name); err != nil {
				t.Fatal(err)
			}
		}
		path += `\a`
	}
	data, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	// Offsets in the file from a key's cell: its size, then the key node.
	const numSubkeys, listOfSubkeys = 4 + 20, 4 + 28
	path = ""
	for range levels - 1 {
		a, b := offsetOf(t, h, path+`\a`), offsetOf(t, h, path+`\b`)
		copy(data[b+numSubkeys:][:4], data[a+numSubkeys:])
		copy(data[b+listOfSubkeys:][:4], data[a+listOfSubkeys:])
		path += `\a`
	}
	if h, err = hive.Open(hive.Source{Primary: bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
	return h
}

func offsetOf(t *testing.T, h *hive.Hive, path string) int64 {
	t.Helper()
	k, err := h.Key(path)
	if err != nil {
		t.Fatal(err)
	}
	return k.Offset()
}

// TestHiveGetTime writes keys of any time as JSON, which knows four digits of a year.
func TestHiveGetTime(t *testing.T) {
	t.Parallel()
	for year, named := range map[int]bool{1601: true, 2026: true, 12000: false} {
		data, err := hive.New(hive.NewOptions{Now: time.Date(year, 11, 21, 9, 0, 0, 0, time.UTC)}).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		h, err := hive.Open(hive.Source{Primary: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		key, err := h.Key("")
		if err != nil {
			t.Fatal(err)
		}
		shown, err := readKey(key, "")
		if err != nil {
			t.Fatal(err)
		}
		j := shown.describe()
		if _, err := json.Marshal(j); err != nil || (j.Written != nil) != named {
			t.Errorf("year %d: %v, written %v", year, err, j.Written)
		}
	}
}
