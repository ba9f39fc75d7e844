package format

import (
	"fmt"
	"sort"
)

// copyBuffer is how much of a file is in memory at a time.
const copyBuffer = 1 << 20

// writeTo writes the planned volume. The boot sector goes first, whatever was
// there, and comes last, so that what was cut short is not taken for a volume.
func (v *volume) writeTo(dev Device) error {
	for _, step := range []func(Device) error{
		v.eraseBoot, v.writeContents, v.writeMetadata, v.writeMFT, v.writeBitmap, v.writeBoot,
	} {
		if err := step(dev); err != nil {
			return err
		}
	}
	return nil
}

func (v *volume) eraseBoot(dev Device) error {
	return writeAt(dev, make([]byte, v.g.sectorSize), 0)
}

func (v *volume) writeContents(dev Device) error {
	buffer := make([]byte, copyBuffer)
	for n := range v.nodes() {
		for _, s := range n.streams {
			if err := s.writeTo(dev, v.g, buffer); err != nil {
				return fmt.Errorf("%s: %w", n.path(), err)
			}
		}
	}
	return nil
}

// nodes yields all files that exist, system files first.
func (v *volume) nodes() func(yield func(*node) bool) {
	return func(yield func(*node) bool) {
		for number := range recordFirstUser {
			if n := v.system[number]; n != nil && !yield(n) {
				return
			}
		}
		for _, n := range v.users {
			if !yield(n) {
				return
			}
		}
	}
}

// writeTo copies the source's ranges into the stream's clusters.
func (s *stream) writeTo(dev Device, g geometry, buffer []byte) error {
	if s.resident() || s.source == nil {
		return nil
	}
	w := newRunWriter(dev, g, s.runs)
	for _, r := range s.written {
		for r.Len > 0 {
			p := buffer[:min(r.Len, int64(len(buffer)))]
			if err := readFull(s.source, p, r.Off); err != nil {
				return err
			}
			if err := w.writeAt(p, r.Off); err != nil {
				return err
			}
			r.Off += int64(len(p))
			r.Len -= int64(len(p))
		}
	}
	return nil
}

// runWriter writes to the clusters of a run list by offset in the attribute.
type runWriter struct {
	dev    Device
	g      geometry
	runs   runList
	starts []int64 // offset in the attribute at which each run begins
}

func newRunWriter(dev Device, g geometry, runs runList) *runWriter {
	w := &runWriter{dev: dev, g: g, runs: runs, starts: make([]int64, len(runs))}
	offset := int64(0)
	for i, r := range runs {
		w.starts[i] = offset
		offset += r.len * g.clusterSize
	}
	return w
}

// writeAt writes p at off; what falls into a hole is dropped.
func (w *runWriter) writeAt(p []byte, off int64) error {
	for len(p) > 0 {
		i := sort.Search(len(w.starts), func(i int) bool { return w.starts[i] > off }) - 1
		r, within := w.runs[i], off-w.starts[i]
		n := min(int64(len(p)), r.len*w.g.clusterSize-within)
		if r.lcn != hole {
			if err := writeAt(w.dev, p[:n], int64(r.lcn)*w.g.clusterSize+within); err != nil {
				return err
			}
		}
		p, off = p[n:], off+n
	}
	return nil
}

// sequentialWriter writes to the clusters of a run list from front to back.
type sequentialWriter struct {
	to     *runWriter
	offset int64
}

func (w *sequentialWriter) Write(p []byte) (int, error) {
	if err := w.to.writeAt(p, w.offset); err != nil {
		return 0, err
	}
	w.offset += int64(len(p))
	return len(p), nil
}

func writeAt(dev Device, p []byte, off int64) error {
	if _, err := dev.WriteAt(p, off); err != nil {
		return fmt.Errorf("write %d bytes at %#x: %w", len(p), off, err)
	}
	return nil
}

func (v *volume) writeMetadata(dev Device) error {
	for _, m := range v.metadata {
		if err := newRunWriter(dev, v.g, m.runs).writeAt(m.data, 0); err != nil {
			return err
		}
	}
	return nil
}

func (v *volume) writeBitmap(dev Device) error {
	return newRunWriter(dev, v.g, v.bitmap.runs).writeAt(v.alloc.used.bytes(), 0)
}

func (v *volume) writeBoot(dev Device) error {
	sector := v.g.bootSector(v.mft.runs[0].lcn, v.mirror.runs[0].lcn, v.options.Serial, v.options.HiddenSectors)
	if err := writeAt(dev, sector, v.g.sectors*v.g.sectorSize); err != nil {
		return err
	}
	file := make([]byte, v.boot.size)
	copy(file, sector)
	return writeAt(dev, file, 0)
}
