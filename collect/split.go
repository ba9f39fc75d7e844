package collect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
)

// A copy that is cut is a folder with its parts, so that it too gets its name in
// one step:
//
//	part.0001 …  the parts; every one but the last has the same size
//	parts.json   what they make together
//	join.sh      joins them on Unix
//	join.cmd     joins them on Windows
const (
	partsSuffix = ".parts"
	maxParts    = 9999
)

// checkParts refuses beforehand what cannot fit its parts; how small a packed dump comes out nobody
// knows before.
func (o *Options) checkParts(size int64) error {
	if !o.Compress && o.PartSize > 0 && (size-1)/o.PartSize >= maxParts {
		return ErrTooManyParts
	}
	return nil
}

// ErrTooManyParts means parts so small that there would be too many of them.
var ErrTooManyParts = errors.New("too many parts: cut into larger ones")

// partName is the name of a part in its folder, counted from 0.
func partName(i int) string { return fmt.Sprintf("part.%04d", i+1) }

// splitFile is an output that is cut into parts. It is written forwards: one part
// is open at a time.
type splitFile struct {
	open func(i int) (outFile, error)
	part int64 // size of one

	at  int // number of the open part
	cur outFile
}

// WriteAt writes to the open part and those behind it.
func (s *splitFile) WriteAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		at := off + int64(done)
		if err := s.advance(int(at / s.part)); err != nil {
			return done, err
		}
		within := at % s.part
		n, err := s.cur.WriteAt(b[done:done+int(min(int64(len(b)-done), s.part-within))], within)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// advance finishes parts until part i is the open one.
func (s *splitFile) advance(i int) error {
	if i >= maxParts {
		return ErrTooManyParts
	}
	for s.cur == nil || s.at < i {
		if s.cur != nil {
			if err := s.finish(); err != nil {
				return err
			}
			s.at++
		}
		f, err := s.open(s.at)
		if err != nil {
			return err
		}
		s.cur = f
	}
	return nil
}

// finish ends a part behind which there is another. Its end may be a hole.
func (s *splitFile) finish() error {
	err := s.cur.Truncate(s.part)
	if err == nil {
		err = s.cur.Sync()
	}
	forgetFlushed(s.cur, 0)
	err = errors.Join(err, s.cur.Close())
	s.cur = nil
	return err
}

// Truncate sets the size of all parts together; it never takes away a part.
func (s *splitFile) Truncate(size int64) error {
	if err := s.advance(int(max(size-1, 0) / s.part)); err != nil {
		return err
	}
	return s.cur.Truncate(size - int64(s.at)*s.part)
}

// Sync flushes the open part; those before it have been.
func (s *splitFile) Sync() error { return s.cur.Sync() }

// Stat describes the open part.
func (s *splitFile) Stat() (fs.FileInfo, error) { return s.cur.Stat() }

// Close closes the open part.
func (s *splitFile) Close() error {
	if s.cur == nil {
		return nil
	}
	err := s.cur.Close()
	s.cur = nil
	return err
}

// partsReader reads parts as the one file they make. One part is open at a time.
type partsReader struct {
	root  *os.Root
	owned bool   // root is closed with it
	dir   string // in root
	part  int64  // size of every part but the last
	size  int64  // of all

	mu  sync.Mutex
	at  int
	cur *os.File
}

// ReadAt reads across the parts.
func (p *partsReader) ReadAt(b []byte, off int64) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := 0
	for done < len(b) {
		at := off + int64(done)
		if at >= p.size {
			return done, io.EOF
		}
		f, err := p.open(int(at / p.part))
		if err != nil {
			return done, err
		}
		want := min(int64(len(b)-done), p.part-at%p.part, p.size-at)
		n, err := f.ReadAt(b[done:done+int(want)], at%p.part)
		done += n
		if int64(n) < want {
			return done, fmt.Errorf("%s: %w", partName(int(at/p.part)), noEOF(err))
		}
	}
	return done, nil
}

// noEOF says that a part ended before the whole did.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *partsReader) open(i int) (*os.File, error) {
	if p.cur != nil && p.at == i {
		return p.cur, nil
	}
	f, err := openRegular(p.root, path.Join(p.dir, partName(i)))
	if err != nil {
		return nil, err
	}
	if p.cur != nil {
		p.cur.Close()
	}
	p.at, p.cur = i, f
	return f, nil
}

// Close closes the open part.
func (p *partsReader) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.cur != nil {
		err = p.cur.Close()
	}
	if p.owned {
		err = errors.Join(err, p.root.Close())
	}
	return err
}

// removeParts takes away the parts of a folder from number from on, and the folder
// itself if that is all of them.
func removeParts(root *os.Root, dir string, from int) error {
	entries, err := fs.ReadDir(root.FS(), dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if from == 0 || e.Name() >= partName(from) {
			errs = append(errs, removeFrom(root, path.Join(dir, e.Name())))
		}
	}
	if from == 0 {
		errs = append(errs, removeFrom(root, dir))
	}
	return errors.Join(errs...)
}
