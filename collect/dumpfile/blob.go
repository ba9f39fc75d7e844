package dumpfile

import (
	"errors"
	"fmt"
	"io"
)

// magicBlob is 'DumpBlob', before the secondary data of a dump.
const magicBlob uint64 = 0x626F6C42706D7544

const (
	blobFileHeaderLen = 0x10 // 'DumpBlob', its length, build number
	blobHeaderLen     = 0x20 // length, GUID, data size, pre-pad, post-pad
	blobTag           = 0x04
	blobDataSize      = 0x14
	blobPrePad        = 0x18
	blobPostPad       = 0x1C

	maxBlobs   = 4096
	maxBlobPad = PageSize // pads align to 8; more is not a blob header
)

// GUID is a GUID in its on-disk byte order.
type GUID [16]byte

func (g GUID) String() string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(g[:]), le.Uint16(g[4:]), le.Uint16(g[6:]), g[8:10], g[10:])
}

// Blob is one piece of secondary data.
type Blob struct {
	Tag  GUID
	Off  int64 // file offset of the data
	Size int64
}

// Blobs is the secondary data of a dump. There is no count: the list ends
// where no further blob header stands.
type Blobs struct {
	Off   int64 // of 'DumpBlob'
	End   int64 // behind the last blob, beyond the file where it is cut short
	List  []Blob
	Whole bool // the last blob ends within the file
}

// walkBlobs reads the secondary data at off and looks no further than limit.
// It gives nil where there is none; only a failing read is an error.
func walkBlobs(r io.ReaderAt, off, limit int64) (*Blobs, error) {
	head, err := readFull(r, limit, off, blobFileHeaderLen, "secondary data")
	if errors.Is(err, ErrTruncated) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if le.Uint64(head) != magicBlob || le.Uint32(head[8:]) != blobFileHeaderLen {
		return nil, nil
	}
	b := &Blobs{Off: off, End: off + blobFileHeaderLen, Whole: true}
	for len(b.List) < maxBlobs && b.Whole {
		more, err := b.next(r, limit)
		if err != nil || !more {
			return b, err
		}
	}
	return b, nil
}

// next reads the blob at the end of the walk and reports whether there was one.
func (b *Blobs) next(r io.ReaderAt, limit int64) (bool, error) {
	if limit-b.End < blobHeaderLen {
		return false, nil
	}
	h, err := readFull(r, limit, b.End, blobHeaderLen, "secondary data")
	if errors.Is(err, ErrTruncated) {
		b.Whole = false
		return false, nil
	}
	if err != nil {
		return false, err
	}
	data := int64(le.Uint32(h[blobDataSize:]))
	pre, post := int64(le.Uint32(h[blobPrePad:])), int64(le.Uint32(h[blobPostPad:]))
	// Real dumps hold empty blobs with a zero GUID, so the GUID tells nothing.
	if le.Uint32(h) != blobHeaderLen || pre > maxBlobPad || post > maxBlobPad {
		return false, nil
	}
	b.List = append(b.List, Blob{GUID(h[blobTag:]), b.End + blobHeaderLen + pre, data})
	b.End += blobHeaderLen + pre + data + post
	b.Whole = b.End <= limit
	return true, nil
}
