package ntfs_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"hangkit/ntfs/format"
)

// hinted is a device that takes note of what it is told will be needed.
type hinted struct {
	*memory
	told map[int64]int // how often, by cluster
}

const hintUnit = 4096

func (h *hinted) WillNeed(off, length int64) {
	for at := off; at < off+length; at += hintUnit {
		h.told[at/hintUnit]++
	}
}

// TestReadAhead: a file in pieces that is read from front to end is asked for
// once, before it is read, and nothing but the file is.
func TestReadAhead(t *testing.T) {
	t.Parallel()
	const size, pieces = 48 << 20, 300
	m, layout := build(t, 128<<20, format.Options{Root: []format.Entry{
		{Name: "pieces", Size: size, Fragments: pieces}, {Name: "whole", Size: size},
	}})
	for _, step := range []int64{64 << 10, 1 << 20, 40 << 20} {
		t.Run(fmt.Sprintf("in steps of %d KiB", step>>10), func(t *testing.T) {
			dev := &hinted{m, map[int64]int{}}
			v := open(t, dev)
			raw, err := v.OpenRaw("pieces")
			if err != nil {
				t.Fatal(err)
			}
			own := map[int64]bool{} // clusters of the file
			longest := int64(0)
			for _, e := range layout.Files["pieces"].Extents {
				longest = max(longest, e.Length)
				for at := e.DeviceOffset; at < e.DeviceOffset+e.Length; at += hintUnit {
					own[at/hintUnit] = true
				}
			}
			buf := make([]byte, step)
			for off := int64(0); off < size; off += step {
				if _, err := raw.ReadAt(buf, off); err != nil && err != io.EOF {
					t.Fatal(err)
				}
				if off == 0 && int64(len(dev.told))*hintUnit > step {
					t.Errorf("one read, and %d clusters asked for", len(dev.told))
				}
			}
			for cluster, times := range dev.told {
				if !own[cluster] || times != 1 {
					t.Fatalf("cluster %d asked for %d times; the file's: %t", cluster, times, own[cluster])
				}
			}
			// The first two reads fetch the piece they begin in themselves.
			if missing := int64(len(own)-len(dev.told)) * hintUnit; missing > 2*longest {
				t.Errorf("%d bytes read without being asked for", missing)
			}
		})
	}
	t.Run("here and there", func(t *testing.T) {
		dev := &hinted{m, map[int64]int{}}
		raw, err := open(t, dev).OpenRaw("pieces")
		if err != nil {
			t.Fatal(err)
		}
		for _, off := range []int64{40 << 20, 0, 20 << 20, 10 << 20} {
			if _, err := raw.ReadAt(make([]byte, hintUnit), off); err != nil {
				t.Fatal(err)
			}
		}
		if len(dev.told) > 0 {
			t.Errorf("%d clusters asked for", len(dev.told))
		}
	})
	t.Run("in one piece", func(t *testing.T) {
		dev := &hinted{m, map[int64]int{}}
		f, err := open(t, dev).Open("whole")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, f); err != nil || len(dev.told) > 0 {
			t.Errorf("%d clusters asked for (%v)", len(dev.told), err)
		}
	})
}

// TestReadAheadContents: hints change nothing of what is read.
func TestReadAheadContents(t *testing.T) {
	t.Parallel()
	want := patterned(3<<20 + 77)
	m, _ := build(t, 32<<20, format.Options{Root: []format.Entry{
		{Name: "pieces", Data: want, Fragments: 100},
		{Name: "holes", Data: want, Fragments: 20, Holes: []format.Range{{Off: 1 << 20, Len: 1 << 20}}},
		{Name: "packed", Data: want, Compressed: true, Fragments: 9},
	}})
	v := open(t, &hinted{m, map[int64]int{}})
	for name, want := range map[string][]byte{
		"pieces": want, "packed": want,
		"holes": bytes.Join([][]byte{want[:1<<20], make([]byte, 1<<20), want[2<<20:]}, nil),
	} {
		f, err := v.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := io.CopyBuffer(&got, struct{ io.Reader }{f}, make([]byte, 100_000)); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: contents differ (%v)", name, err)
		}
	}
}
