// Package chunk reads contents that are kept in chunks of one size, each
// decoded as a whole.
package chunk

import (
	"io"
	"sync"
)

// Reader is contents of Size bytes. It may be used concurrently: one call at a
// time works.
type Reader struct {
	Size      int64
	ChunkSize int64
	// Decode fills dst with a chunk, the last of which may be shorter. It is
	// never called twice at a time, nor again for the chunk it decoded last.
	Decode func(dst []byte, chunk int64) error

	mu     sync.Mutex
	cache  []byte
	cached int64 // the chunk in cache, plus one
}

// ReadAt implements [io.ReaderAt].
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.Size {
		return 0, io.EOF
	}
	var eof error
	if rest := r.Size - off; int64(len(p)) > rest {
		p, eof = p[:rest], io.EOF
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	done := 0
	for done < len(p) {
		n, err := r.read(p[done:], off+int64(done))
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, eof
}

// read takes what it can from one chunk: the whole of it straight into p.
func (r *Reader) read(p []byte, off int64) (int, error) {
	chunk, skip := off/r.ChunkSize, off%r.ChunkSize
	length := min(r.ChunkSize, r.Size-chunk*r.ChunkSize)
	if skip == 0 && int64(len(p)) >= length && r.cached != chunk+1 {
		return int(length), r.Decode(p[:length], chunk)
	}
	if r.cached != chunk+1 {
		if r.cache == nil {
			r.cache = make([]byte, min(r.ChunkSize, r.Size))
		}
		r.cached = 0
		if err := r.Decode(r.cache[:length], chunk); err != nil {
			return 0, err
		}
		r.cached = chunk + 1
	}
	return copy(p, r.cache[skip:length]), nil
}
