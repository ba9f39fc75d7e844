package wim

import (
	"crypto/sha1" //nolint:gosec // the format's
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"hangkit/image"
	"hangkit/ntfs/chunked"
)

// A resource header (offsets in bytes): where something is and how long.
const (
	resourceHeaderSize = 24

	storedOff    = 0 // 56 bits; the flags are the high byte
	resFlagsOff  = 7
	resOffsetOff = 8
	resSizeOff   = 16

	storedMask = 1<<56 - 1
)

// Flags of a resource.
const (
	resFree       = 0x01
	resMetadata   = 0x02
	resCompressed = 0x04
	resSpanned    = 0x08
	resSolid      = 0x10
)

// resource is a view of a resource header.
type resource []byte

func (r resource) stored() uint64 { return le.Uint64(r[storedOff:]) & storedMask }
func (r resource) flags() byte    { return r[resFlagsOff] }
func (r resource) offset() uint64 { return le.Uint64(r[resOffsetOff:]) }
func (r resource) size() uint64   { return le.Uint64(r[resSizeOff:]) }
func (r resource) absent() bool   { return r.stored() == 0 && r.offset() == 0 }

// set makes it the header of size bytes that are stored as they are.
func (r resource) set(flags byte, off, size int64) {
	le.PutUint64(r[storedOff:], uint64(size))
	r[resFlagsOff] = flags
	le.PutUint64(r[resOffsetOff:], uint64(off))
	le.PutUint64(r[resSizeOff:], uint64(size))
}

// contents is a resource that can be read.
type contents struct {
	io.ReaderAt
	size int64
}

// open opens a resource. Nothing is read yet.
func (a *Archive) open(r resource) (contents, error) {
	off, stored, size := r.offset(), r.stored(), r.size()
	if off > uint64(a.size) || stored > uint64(a.size)-off {
		return contents{}, &image.TruncatedError{Off: int64(min(off, storedMask)), Len: int64(stored), Have: a.size}
	}
	if size > storedMask {
		return contents{}, damaged(int64(off), "resource: size", "at most 56 bits", size)
	}
	section := io.NewSectionReader(a.r, int64(off), int64(stored))
	switch {
	case r.flags()&resSolid != 0:
		return contents{}, &UnsupportedError{"a solid resource of a WIM archive", exportCommand}
	case r.flags()&resSpanned != 0:
		return contents{}, &UnsupportedError{"a resource of a split WIM archive", joinCommand}
	case r.flags()&resCompressed == 0:
		if stored != size {
			return contents{}, damaged(int64(off), "resource: stored size", size, stored)
		}
		return contents{section, int64(size)}, nil
	}
	c, err := chunked.NewReader(section, int64(stored), int64(size), a.header.codec(), int64(a.header.chunkSize()))
	if err != nil {
		return contents{}, decodeError(int64(off), err)
	}
	return contents{decoded{c, int64(off)}, int64(size)}, nil
}

// decoded names the errors of compressed contents.
type decoded struct {
	io.ReaderAt
	off int64 // of the resource
}

func (d decoded) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.ReaderAt.ReadAt(p, off)
	return n, decodeError(d.off, err)
}

func decodeError(off int64, err error) error {
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return err
	case errors.Is(err, chunked.ErrCorrupt):
		return fmt.Errorf("wim: resource at 0x%x: %w", off, errors.Join(image.ErrFormat, err))
	case errors.Is(err, chunked.ErrCodec):
		return fmt.Errorf("wim: resource at 0x%x: %w: %w", off, image.ErrUnsupported, err)
	}
	return err
}

// readAll reads a resource of at most limit bytes. Memory grows with what was decoded,
// not with what the header claims.
func (a *Archive) readAll(r resource, what string, limit int64) ([]byte, error) {
	c, err := a.open(r)
	if err != nil {
		return nil, fmt.Errorf("wim: %s: %w", what, err)
	}
	if c.size > limit {
		return nil, damaged(int64(r.offset()), what+": size", fmt.Sprintf("at most %d", limit), c.size)
	}
	var b []byte
	for at := int64(0); at < c.size; at = int64(len(b)) {
		b = append(b, make([]byte, min(max(firstBatch, at), c.size-at))...)
		if err := a.readParts(r, b[at:], at); err != nil {
			return nil, fmt.Errorf("wim: %s: %w", what, err)
		}
	}
	return b, nil
}

// firstBatch is read at first, then as much again as was read so far. It is a multiple of
// every chunk, so that none is decoded twice.
const firstBatch = 2 << 20

// readParts reads a part of a resource on all cores: decoding is what takes the time.
func (a *Archive) readParts(r resource, p []byte, off int64) error {
	part := max(int64(a.header.chunkSize()), minPart)
	part *= max(1, int64(len(p))/part/int64(runtime.GOMAXPROCS(0)))
	var errs []error
	var mu sync.Mutex
	var all sync.WaitGroup
	for at := int64(0); at < int64(len(p)); at += part {
		all.Go(func() {
			if err := a.readPart(r, p[at:min(at+part, int64(len(p)))], off+at); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

// minPart keeps a part from being less work than starting it.
const minPart = 256 << 10

// readPart reads exactly p, with a decoder of its own.
func (a *Archive) readPart(r resource, p []byte, off int64) error {
	c, err := a.open(r)
	if err != nil {
		return err
	}
	if n, err := c.ReadAt(p, off); n < len(p) {
		return truncated(int64(r.offset()), int64(len(p)), int64(n), err)
	}
	return nil
}

// Hash is the SHA-1 of contents, by which an archive knows them. That of an empty file
// is zeros.
type Hash [sha1.Size]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return fmt.Sprintf("%x", h[:]) }

func hashOf(b []byte) Hash { return sha1.Sum(b) } //nolint:gosec // the format's
