package wim

import (
	"fmt"
	"io"
	"sync"

	"hangkit/image"
)

// Archive is a WIM archive, opened for reading. It may be used concurrently.
type Archive struct {
	r        io.ReaderAt
	size     int64
	header   header
	blobs    blobTable
	metadata []int // entries of the blob table, one for each image
	xml      []byte
	infos    []Info
	warnings []string

	indexOnce sync.Once
	index     map[Hash]int
}

// Open reads the tables of an archive of size bytes. Bytes behind its end are no
// matter. An archive in a form that is not read here is an [UnsupportedError].
func Open(r io.ReaderAt, size int64) (*Archive, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	a := &Archive{r: r, size: size, header: h}
	if err := a.readBlobTable(); err != nil {
		return nil, err
	}
	return a, a.readInfo()
}

// Images is the number of images. They are counted from 1.
func (a *Archive) Images() int { return len(a.metadata) }

// Boot is the image that boots from the archive, 0 for none.
func (a *Archive) Boot() int { return int(a.header.bootIndex()) }

// Compression names how the archive compresses what is added to it.
func (a *Archive) Compression() string {
	if a.header.flags()&flagCompressed == 0 {
		return "none"
	}
	return a.header.codec().String()
}

// Warnings are what is odd about the archive and does not keep it from being read.
func (a *Archive) Warnings() []string { return a.warnings }

// Writable is nil, or why the archive must not be changed.
func (a *Archive) Writable() error {
	switch {
	case a.header.flags()&flagReadOnly != 0:
		return ErrReadOnly
	case a.header.flags()&flagInProgress != 0:
		return ErrInProgress
	}
	return nil
}

// maxMetadata bounds what describes the files of one image; that of Windows takes some
// 30 MB.
const maxMetadata = 512 << 20

// MetadataSize is how much memory an open image takes.
func (a *Archive) MetadataSize(n int) int64 {
	return int64(min(a.blobs.entry(a.metadata[n-1]).resource().size(), maxMetadata))
}

// Image opens an image by its number.
func (a *Archive) Image(n int) (*Image, error) {
	if n < 1 || n > a.Images() {
		return nil, fmt.Errorf("wim: there is no image %d, only %d of them", n, a.Images())
	}
	b := a.blobs.entry(a.metadata[n-1])
	m, err := a.readAll(b.resource(), fmt.Sprintf("metadata of image %d", n), maxMetadata)
	if err != nil {
		return nil, err
	}
	if got := hashOf(m); got != b.hash() {
		return nil, fmt.Errorf("wim: metadata of image %d: %w: want %v, got %v", n, ErrHash, b.hash(), got)
	}
	img := &Image{archive: a, number: n, metadata: m}
	img.root, err = img.metadata.root()
	return img, err
}

// blobContents opens contents by their hash.
func (a *Archive) blobContents(h Hash) (contents, error) {
	if h == (Hash{}) {
		return contents{io.NewSectionReader(a.r, 0, 0), 0}, nil
	}
	b := a.find(h)
	if b == nil {
		return contents{}, missing(h)
	}
	return a.open(b.resource())
}

func missing(h Hash) error {
	return fmt.Errorf("wim: contents %v: %w: not in the blob table", h, image.ErrFormat)
}

// blobLength is the size of contents; those that are missing have none.
func (a *Archive) blobLength(h Hash) int64 {
	if b := a.find(h); b != nil {
		return int64(min(b.resource().size(), storedMask))
	}
	return 0
}
