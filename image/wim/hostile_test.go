package wim_test

import (
	"bytes"
	"errors"
	"runtime/debug"
	"testing"

	"hangkit/image"
	"hangkit/image/wim"
)

// folders are directory entries with room for an end of the directory behind each, every one
// of which is a directory whose entries begin where below says.
func folders(n int, below func(i int) int) []byte {
	const start, length, size = 8, 104, 112
	m := make([]byte, start+n*size)
	le.PutUint32(m, start)
	for i := range n {
		d := m[start+i*size:]
		le.PutUint64(d, length)
		le.PutUint32(d[8:], 0x10)
		if next := below(i); next < n {
			le.PutUint64(d[16:], uint64(start+next*size))
		}
		le.PutUint16(d[100:], 2)
		d[102] = 'a'
	}
	return m
}

// TestWalkDeep: however deep directories lie, the stack stays small.
func TestWalkDeep(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(2 << 20)) // more than this would end the process
	const depth = 50_000
	m, err := wim.FromMetadata(folders(depth, func(i int) int { return i + 1 }))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := m.Count(); n != depth-1 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
}

// TestWalkShared: directories that hold one another's entries end as damage, not after a
// square of their number.
func TestWalkShared(t *testing.T) {
	t.Parallel()
	b := folders(400, func(i int) int { return i + 1 })
	for i := 8 + 112; i+112 < len(b); i += 112 {
		le.PutUint64(b[i:], 112) // no end of the directory before the next entry
	}
	m, err := wim.FromMetadata(b)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := m.Count(); !errors.Is(err, image.ErrFormat) || n > len(b)/100 {
		t.Errorf("%d entries, %v", n, err)
	}
}

// TestSharedMetadata: no two images are of one metadata resource.
func TestSharedMetadata(t *testing.T) {
	t.Parallel()
	b := sample(t)
	table := b[le.Uint64(b[48+8:]):][:le.Uint64(b[48:])&(1<<56-1)]
	var first []byte
	for ; len(table) >= 50; table = table[50:] {
		if table[7]&2 == 0 {
			continue
		}
		if first == nil {
			first = table[:50]
		}
		copy(table[:50], first)
	}
	if _, err := wim.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, image.ErrFormat) {
		t.Errorf("two images of one resource: %v", err)
	}
}
