package ntfstest

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
)

// TestDifferences compares trees that differ in every way.
func TestDifferences(t *testing.T) {
	t.Parallel()
	ours, err := readAll(fstest.MapFS{
		"same/file": {Data: []byte("same")}, "mine": {}, "other": {Data: []byte("ours")}, "tree": {Data: []byte("file")}, "link": {Data: []byte("read by us")},
	})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := readAll(fstest.MapFS{
		"same/file": {Data: []byte("same")}, "yours": {}, "other": {Data: []byte("them")}, "tree/leaf": {},
	})
	if err != nil {
		t.Fatal(err)
	}
	theirs["link"] = unreadable
	var names []string
	for _, d := range ours.differences(theirs) {
		var name string
		if _, err := fmt.Sscanf(d, "%q", &name); err != nil {
			t.Error(err)
		}
		names = append(names, name)
	}
	if want := []string{"mine", "other", "tree", "tree/leaf", "yours"}; !slices.Equal(names, want) {
		t.Errorf("%q differ, want %q", names, want)
	}
}
