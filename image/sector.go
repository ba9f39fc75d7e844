package image

import "io"

// guessSectorSize tells the sector size of the disk that an image file was
// taken from. The file does not say; what lies in it does: the volume or the
// GPT on the whole disk, or where the volumes of an MBR are found.
func guessSectorSize(r io.ReaderAt, size int64) int {
	b, err := readFull(r, 0, bootSectorSize)
	if err != nil {
		return minSectorSize
	}
	sector0 := bootRecord(b)
	switch {
	case sector0.volume() != "" && !sector0.plausible(size, minSectorSize):
		return max(minSectorSize, sector0.volumeSectorSize())
	case sector0.signed() && !sector0.protective():
		return guessFromMBR(r, sector0)
	}
	return max(minSectorSize, findGPT(r, size, sectorSizes))
}

// sectorSizes are those of disks that exist.
var sectorSizes = []int{minSectorSize, maxSectorSize}

// guessFromMBR looks for the volumes where either sector size puts them.
func guessFromMBR(r io.ReaderAt, mbr bootRecord) int {
	for _, sector := range sectorSizes {
		for _, e := range mbr.entries() {
			b, err := readFull(r, int64(e.first())*int64(sector), bootSectorSize)
			if err == nil && e.startsWith(bootRecord(b)) {
				return sector
			}
		}
	}
	return minSectorSize
}

// startsWith says whether b can be the first sector of the entry's
// partition.
func (e mbrEntry) startsWith(b bootRecord) bool {
	if e.extended() {
		return b.signed() && b.volume() == ""
	}
	return b.volume() != ""
}

// WithSectorSize is d with a sector size that is known better than d can
// know it: an image file that holds no table yet, or a wish of the user.
func WithSectorSize(d Disk, sector int) Disk { return resectored{d, sector} }

type resectored struct {
	Disk
	sector int
}

func (r resectored) SectorSize() int { return r.sector }
