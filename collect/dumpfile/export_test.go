package dumpfile

import "io"

// NewBitmapPages makes a page set over a bare bitmap, for tests.
func NewBitmapPages(r io.ReaderAt, bits uint64) *PageSet {
	m := &bitmap{r: r, bits: bits}
	n, _ := m.countWithin(1 << 40)
	return &PageSet{First: 0x3000, Count: n, bitmap: m}
}

// WalkBlobs lets the fuzz target reach the walk without a dump around it.
var WalkBlobs = walkBlobs

// StoryProcessors is the sentence on the processors, for machines that no dump
// shows.
func (m *Memory) StoryProcessors(running bool) string { return m.storyProcessors(running) }
