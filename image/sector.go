package image

import "io"

// guessSectorSize tells the sector size of the disk that an image file was
// taken from. Only the table knows: a GPT header lies in sector 1, and the
// boot sector of a volume gives the size it was made for.
func guessSectorSize(r io.ReaderAt, size int64) int {
	for _, sector := range []int{minSectorSize, maxSectorSize} {
		b, err := readFull(r, int64(sector), len(gptSignature))
		if err == nil && string(b) == gptSignature {
			return sector
		}
	}
	return minSectorSize
}
