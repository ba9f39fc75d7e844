package collect

import (
	"bytes"
	"errors"
	"fmt"

	"hangkit/collect/dumpfile"
)

// Located is a Volume that knows where the clusters of its files lie.
type Located interface {
	Volume
	// EachExtent tells the stretches of a file in the file's order, neighbours joined:
	// where each begins in the file and on the volume, negative for a hole, and how
	// long it is. A file inside its own metadata has none.
	EachExtent(name string, each func(file, volume, length int64)) error
	// DiskOffset is where the volume begins on its disk, negative where there is no
	// saying.
	DiskOffset() int64
}

// Extent is a stretch of a file, and where it lies. A stretch that was never allocated
// lies nowhere.
type Extent struct {
	Off    int64  `json:"offset"` // in the file
	Len    int64  `json:"length"`
	Volume *int64 `json:"volume,omitempty"` // offset on the volume
	Disk   *int64 `json:"disk,omitempty"`   // offset on the disk, where that is known
}

// Extents are where the bytes of the candidate lie that Extract copies: the first most
// of them, and how many more there are. The error is errors.ErrUnsupported where the
// volume does not tell, and where its clusters hold something else than the file shows,
// as those of a compressed file do.
func (c *Candidate) Extents(most int) (first []Extent, more int, err error) {
	v, ok := c.Place.Volume.(Located)
	if !ok || !c.raw && !c.showsClusters() {
		return nil, 0, fmt.Errorf("extents of %s: %w", c.Name(), errors.ErrUnsupported)
	}
	start := v.DiskOffset()
	err = v.EachExtent(c.Path, func(file, volume, length int64) {
		length = min(length, c.Have-file)
		switch {
		case length <= 0:
		case len(first) < most:
			first = append(first, newExtent(file, length, volume, start))
		default:
			more++
		}
	})
	if err != nil {
		return nil, 0, fmt.Errorf("extents of %s: %w", c.Name(), err)
	}
	return first, more, nil
}

// showsClusters tells whether the file system shows what the file's clusters hold.
func (c *Candidate) showsClusters() bool {
	raw, err := openRaw(c.Place.Volume, c.Path)
	if err != nil {
		return false
	}
	file, err := openFile(c.Place.Volume, c.Path)
	if err != nil {
		return false
	}
	defer file.Close()
	a, b := make([]byte, dumpfile.PageSize), make([]byte, dumpfile.PageSize)
	for i := range int64(compareSpots) {
		off := file.size / compareSpots * i &^ (dumpfile.PageSize - 1)
		n := min(int64(len(a)), file.size-off)
		if !readSpot(file, a[:n], off) || !readSpot(raw, b[:n], off) || !bytes.Equal(a[:n], b[:n]) {
			return false
		}
	}
	return true
}

func newExtent(off, length, volume, start int64) Extent {
	e := Extent{Off: off, Len: length}
	if volume >= 0 {
		e.Volume = &volume
		if start >= 0 {
			disk := start + volume
			e.Disk = &disk
		}
	}
	return e
}

// maxManifestExtents is how many extents a manifest lists of one dump: more than the
// page file of a machine that ran for years has.
const maxManifestExtents = 100_000

func (d *ManifestDump) addExtents(c *Candidate) {
	first, more, err := c.Extents(maxManifestExtents)
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			d.Problems = append(d.Problems, err.Error())
		}
		return
	}
	d.Extents, d.MoreExtents = first, more
}
