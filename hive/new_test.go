package hive

import (
	"bytes"
	"errors"
	"testing"
)

// shortWriter takes so many bytes and then fails.
type shortWriter struct {
	bytes.Buffer
	left int
}

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	w.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errFault
	}
	return n, nil
}

func TestWriteTo(t *testing.T) {
	t.Parallel()
	edited := mustOpen(t, smallHive(t, 5))
	edited.AllowGrowth(1 << 30)
	setValue(t, edited, "New", Value{"v", Binary, pattern(300_000)})
	for _, h := range []*Hive{New(NewOptions{Now: testTime}), mustOpen(t, smallHive(t, 5)), mustOpen(t, systemB(t)), edited} {
		size := h.Size()
		want := mustBytes(t, h)
		if size != int64(len(want)) {
			t.Errorf("size %d, want %d", size, len(want))
		}
		for _, room := range []int{0, 1, baseBlockSize - 1, baseBlockSize, baseBlockSize + 1, len(want) - 1, len(want)} {
			w := &shortWriter{left: room}
			n, err := h.WriteTo(w)
			if n != int64(room) || !bytes.Equal(w.Bytes(), want[:room]) {
				t.Errorf("room for %d: %d bytes, first difference at %#x", room, n, firstDifference(w.Bytes(), want))
			}
			if errors.Is(err, errFault) != (room < len(want)) {
				t.Errorf("room for %d of %d: %v", room, len(want), err)
			}
		}
	}
}
