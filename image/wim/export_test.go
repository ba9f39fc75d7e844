package wim

import (
	"bytes"
	"testing"
)

// MetadataOf is the metadata of an image.
func MetadataOf(tb testing.TB, b []byte, n int) []byte {
	tb.Helper()
	a, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	m, err := a.Image(n)
	if err != nil {
		tb.Fatal(err)
	}
	return m.metadata
}

// FromMetadata is an image of metadata whose contents are nowhere.
func FromMetadata(m []byte) (*Image, error) {
	img := &Image{archive: &Archive{r: bytes.NewReader(nil)}, metadata: m}
	var err error
	img.root, err = img.metadata.root()
	return img, err
}
