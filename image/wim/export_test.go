package wim

import (
	"bytes"
	"strings"
	"testing"
	"time"
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

// ChangedXML is the XML behind a change that grew image n by 10 bytes, in an archive of
// 1000; empty where it cannot be changed.
func ChangedXML(doc string, n int, now time.Time) string {
	a := &Archive{xml: encodeUTF16(byteOrderMark + doc), infos: []Info{{}}}
	b := a.changedXML(n, 10, 1000, now)
	if b == nil {
		return ""
	}
	return strings.TrimPrefix(decodeUTF16(b), byteOrderMark)
}

// Count is how many entries are below the root.
func (m *Image) Count() (n int, err error) {
	err = m.walk(m.root, func(*dentry) { n++ })
	return n, err
}
