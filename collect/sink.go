package collect

import (
	"fmt"
	"hash"
	"io"

	"filippo.io/age"

	"hangkit/collect/seekable"
)

// sink is the form in which chunks, which come in order, get into the output.
type sink interface {
	// put writes a chunk.
	put(c *chunk) error
	// mark is what of the output is written by now, and where a copy could go
	// on; nil in a form that has no such places.
	mark() *checkpoint
	// end writes what comes behind the last chunk of a dump of size bytes. It
	// returns the size of the output and its digest, nil for that of the dump.
	end(size int64) (int64, []byte, error)
}

// plainSink writes the dump as it is, with holes for its zeros.
type plainSink struct {
	out   outFile
	at    int64
	holes int64
}

func (s *plainSink) put(c *chunk) error {
	if err := s.writeSparse(c.b, c.off); err != nil {
		return err
	}
	s.at = c.off + int64(len(c.b))
	startWriteBack(s.out, c.off, int64(len(c.b)))
	return nil
}

func (s *plainSink) mark() *checkpoint { return &checkpoint{Size: s.at, Holes: s.holes} }

func (s *plainSink) end(size int64) (int64, []byte, error) { return size, nil, s.out.Truncate(size) }

// sparseUnit is the least stretch of zeros that becomes a hole.
const sparseUnit = 64 << 10

// writeSparse writes b without its zero stretches. They cost no room on file
// systems with holes (NTFS as ntfs-3g mounts it is one), and read as zeros on all of
// them: FAT, and NTFS under Windows, fill a gap in the moment something is written
// behind it, which costs what writing the zeros would have.
func (s *plainSink) writeSparse(b []byte, off int64) error {
	for len(b) > 0 {
		zero, n := stretch(b)
		if zero {
			s.holes += int64(n)
		} else if _, err := s.out.WriteAt(b[:n], off); err != nil {
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

// streamSink writes the dump packed, encrypted, or both, from front to back.
type streamSink struct {
	out    *appender
	cipher io.WriteCloser // nil in the clear
	packed bool
	frames []seekable.Frame
	marked int // how many frames the last mark knew
}

func newStreamSink(out *appender, packed bool, to []Recipient) (*streamSink, error) {
	s := &streamSink{out: out, packed: packed}
	if len(to) == 0 {
		return s, nil
	}
	var err error
	if s.cipher, err = age.Encrypt(out, recipientKeys(to)...); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return s, nil
}

func (s *streamSink) put(c *chunk) error {
	if !s.packed {
		return s.write(c.b)
	}
	<-c.ready
	s.frames = append(s.frames, seekable.Frame{Packed: uint32(len(c.packed)), Content: uint32(len(c.b))})
	return s.write(c.packed)
}

func (s *streamSink) write(b []byte) error {
	w := io.Writer(s.out)
	if s.cipher != nil {
		w = s.cipher
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write at %#x: %w", s.out.off, err)
	}
	return nil
}

// mark is nothing where the output is encrypted: its key is in memory alone, and
// goes with the process.
func (s *streamSink) mark() *checkpoint {
	if s.cipher != nil {
		return nil
	}
	p := &checkpoint{Size: s.out.off, Digest: s.out.digest.Sum(nil), Frames: s.frames[s.marked:len(s.frames):len(s.frames)]}
	s.marked = len(s.frames)
	return p
}

func (s *streamSink) end(int64) (int64, []byte, error) {
	if s.packed {
		if err := s.write(seekable.AppendTable(nil, s.frames)); err != nil {
			return 0, nil, err
		}
	}
	if s.cipher != nil {
		if err := s.cipher.Close(); err != nil {
			return 0, nil, fmt.Errorf("write at %#x: %w", s.out.off, err)
		}
	}
	return s.out.off, s.out.digest.Sum(nil), s.out.file.Truncate(s.out.off)
}

// appender writes behind what is there, and keeps the digest of all of it.
type appender struct {
	file   outFile
	off    int64
	digest hash.Hash
}

func (a *appender) Write(b []byte) (int, error) {
	n, err := a.file.WriteAt(b, a.off)
	startWriteBack(a.file, a.off, int64(n))
	a.digest.Write(b[:n])
	a.off += int64(n)
	return n, err
}
