package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"

	"hangkit/collect/dumpfile"
)

// Errors of Extract that callers branch on.
var (
	ErrNothing    = errors.New("there is no dump to copy")
	ErrTargetFull = errors.New("the target has no room for the dump")
	ErrFileTooBig = errors.New("the target's file system cannot hold a file this big")
)

// Options says how Extract copies.
type Options struct {
	Dir    string // the output folder, which exists
	Name   string // of the output file; empty means Candidate.DefaultName
	NoHash bool   // leave the SHA-256 out

	// Progress is told how many bytes are done, from one goroutine at a time.
	Progress func(done, total int64)
	// FreeSpace gives the free bytes of the file system that holds dir. It is
	// asked before the first write; nil means not to ask.
	FreeSpace func(dir string) (int64, error)

	create createFunc // replaced by tests
}

// Range is a span of bytes.
type Range struct {
	Off int64 `json:"offset"`
	Len int64 `json:"length"`
}

// Result is what Extract wrote.
type Result struct {
	Path   string // of the file
	Name   string // its last element
	Size   int64
	SHA256 string // hex; empty with NoHash

	Partial   bool    // something of the dump is missing, unreadable or damaged
	BadBytes  int64   // bytes that could not be read, written as zeros
	BadRanges []Range // the first of them, by offset in the dump
	Holes     int64   // bytes of zeros that take no room in the output

	// Verified is what whoever verified the copy found, for the manifest; Extract
	// leaves it nil.
	Verified *dumpfile.Report
}

// Extract copies the dump of c to a new file. It writes under a temporary
// name, flushes, and renames at the end; an existing file is never replaced,
// the copy gets a number instead. Places that cannot be read become zeros and
// are listed. On an error, or when ctx is cancelled, no file is left behind.
func Extract(ctx context.Context, c *Candidate, o Options) (*Result, error) {
	res, err := extract(ctx, c, o)
	if err != nil {
		return nil, fmt.Errorf("extract %s: %w", c.Name(), err)
	}
	return res, nil
}

func extract(ctx context.Context, c *Candidate, o Options) (_ *Result, err error) {
	if !c.Extractable() {
		return nil, fmt.Errorf("%s: %w", c.State, ErrNothing)
	}
	if err := o.checkRoom(c.Have); err != nil {
		return nil, err
	}
	src, err := c.open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	out, err := newOutput(o.Dir, o.create)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	cp := &copier{src: src, size: c.Have, out: out.file, progress: o.Progress}
	if !o.NoHash {
		cp.hash = sha256.New()
	}
	if err := cp.run(ctx); err != nil {
		return nil, targetError(err)
	}
	partial := !c.whole() || cp.bad.bytes > 0
	name, err := out.commit(c.outputName(o.Name, partial))
	if err != nil {
		return nil, targetError(err)
	}
	return &Result{
		Path: out.path(name), Name: name, Size: c.Have, SHA256: cp.sum(),
		Partial: partial, BadBytes: cp.bad.bytes, BadRanges: cp.bad.ranges,
		Holes: cp.holes,
	}, nil
}

func (o *Options) checkRoom(need int64) error {
	if o.FreeSpace == nil {
		return nil
	}
	free, err := o.FreeSpace(o.Dir)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", o.Dir, err)
	}
	if free < need {
		return fmt.Errorf("%s has %d bytes free, the dump needs %d: %w", o.Dir, free, need, ErrTargetFull)
	}
	return nil
}

const (
	chunkSize  = 2 << 20 // one read
	chunks     = 4       // chunks under way: read, written, hashed
	sparseUnit = 64 << 10
)

// copier moves size bytes from src to out. Reading, writing and hashing each
// have a goroutine and hand the chunks on, so that the slowest of the three
// sets the pace.
type copier struct {
	src      io.ReaderAt
	size     int64
	out      outFile
	hash     hash.Hash // nil for none
	progress func(done, total int64)

	bad   badRanges
	holes int64
}

type chunk struct {
	off int64
	b   []byte
}

func (cp *copier) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	free, filled, written := make(chan []byte, chunks), make(chan chunk, chunks), make(chan chunk, chunks)
	for range chunks {
		free <- make([]byte, min(chunkSize, cp.size))
	}
	hashed := make(chan struct{})
	go cp.read(ctx, free, filled)
	go cp.digest(written, free, hashed)
	err := cp.write(ctx, filled, written)
	stop(err)
	close(written)
	for range filled { // until the reader has gone: it may still be using src
	}
	<-hashed
	if err != nil {
		return err
	}
	return cp.out.Truncate(cp.size)
}

// read fills chunks until everything is read or ctx is done, and closes filled.
func (cp *copier) read(ctx context.Context, free <-chan []byte, filled chan<- chunk) {
	defer close(filled)
	for off := int64(0); off < cp.size; off += chunkSize {
		var b []byte
		select {
		case b = <-free:
		case <-ctx.Done():
			return
		}
		b = b[:min(int64(len(b)), cp.size-off)]
		if !cp.bad.readAt(ctx, cp.src, b, off) {
			return
		}
		filled <- chunk{off, b}
	}
}

// write puts chunks where they belong and hands them on.
func (cp *copier) write(ctx context.Context, filled <-chan chunk, written chan<- chunk) error {
	done := int64(0)
	for c := range filled {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := cp.writeSparse(c.b, c.off); err != nil {
			return err
		}
		done += int64(len(c.b))
		startWriteBack(cp.out, c.off, int64(len(c.b)))
		written <- c
		if cp.progress != nil {
			cp.progress(done, cp.size)
		}
	}
	if done < cp.size {
		return context.Cause(ctx)
	}
	return nil
}

// digest hashes chunks in order and gives their buffers back.
func (cp *copier) digest(written <-chan chunk, free chan<- []byte, hashed chan<- struct{}) {
	defer close(hashed)
	for c := range written {
		if cp.hash != nil {
			cp.hash.Write(c.b)
		}
		free <- c.b[:cap(c.b)]
	}
}

// writeSparse writes b without its zero stretches. They cost no room on file
// systems with holes, and read as zeros on all of them.
func (cp *copier) writeSparse(b []byte, off int64) error {
	for len(b) > 0 {
		zero, n := stretch(b)
		if zero {
			cp.holes += int64(n)
		} else if _, err := cp.out.WriteAt(b[:n], off); err != nil {
			return fmt.Errorf("write at %#x: %w", off, err)
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}

// stretch tells whether b begins with zeros, and for how long that goes on.
func stretch(b []byte) (zero bool, n int) {
	for n < len(b) {
		unit := b[n:min(n+sparseUnit, len(b))]
		if z := isZero(unit); n > 0 && z != zero {
			return zero, n
		} else if n == 0 {
			zero = z
		}
		n += len(unit)
	}
	return zero, n
}

func (cp *copier) sum() string {
	if cp.hash == nil {
		return ""
	}
	return hex.EncodeToString(cp.hash.Sum(nil))
}

// maxBadRanges bounds the list of unreadable places; the bytes are counted on.
const maxBadRanges = 10000

// badRanges reads what can be read and remembers what cannot.
type badRanges struct {
	ranges []Range
	bytes  int64
}

// readAt fills b from off. After a failed read every page is tried alone; what
// still fails is zeros. It gives up, false, only when ctx is done.
func (r *badRanges) readAt(ctx context.Context, src io.ReaderAt, b []byte, off int64) bool {
	if n, _ := src.ReadAt(b, off); n == len(b) {
		return ctx.Err() == nil
	}
	for at := 0; at < len(b); at += dumpfile.PageSize {
		if ctx.Err() != nil {
			return false
		}
		piece := b[at:min(at+dumpfile.PageSize, len(b))]
		if n, _ := src.ReadAt(piece, off+int64(at)); n < len(piece) {
			clear(piece)
			r.add(off+int64(at), int64(len(piece)))
		}
	}
	return true
}

func (r *badRanges) add(off, n int64) {
	r.bytes += n
	if last := len(r.ranges) - 1; last >= 0 && r.ranges[last].Off+r.ranges[last].Len == off {
		r.ranges[last].Len += n
	} else if len(r.ranges) < maxBadRanges {
		r.ranges = append(r.ranges, Range{off, n})
	}
}

// targetError names what the operating system says when a target is full.
func targetError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || isFull(err):
		return fmt.Errorf("%w: %w", ErrTargetFull, err)
	case errors.Is(err, syscall.EFBIG) || isTooBig(err):
		return fmt.Errorf("%w: %w", ErrFileTooBig, err)
	}
	return err
}

// outFile is what the copier needs of its output.
type outFile interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// createFunc makes a new file in root that must not exist.
type createFunc func(root *os.Root, name string) (outFile, error)
