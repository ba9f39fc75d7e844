package fat

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// InPlace overwrites bytes of one file inside the clusters it owns. It changes no metadata: no table,
// no FSInfo, and not the time in the file's directory entry either. The sector of that entry holds
// those of other files, which a write that is cut off could damage, and no boot manager reads the
// time; so the volume is again, byte for byte, what it was once the old bytes are put back.
type InPlace struct {
	stream
	writer io.WriterAt
	name   string
	closed bool
}

// OpenInPlace opens a file to be overwritten, after proving that its bytes lie where writing them
// harms nothing else. ErrNotInPlace wraps the reason if they do not; ErrReadOnly if the device has no
// [io.WriterAt].
//
// A volume that was not unmounted cleanly is no reason: the machine crashed, nothing of the volume is
// changed but data, and everything that its tables say about that data is proven here. One on which
// Windows met unreadable sectors is.
func (v *Volume) OpenInPlace(name string) (*InPlace, error) {
	w, ok := v.dev.(io.WriterAt)
	if !ok {
		return nil, pathError("overwrite", name, ErrReadOnly)
	}
	e, err := v.find(name)
	if err != nil {
		return nil, pathError("overwrite", name, err)
	}
	s, err := v.placement(name, e)
	if err != nil {
		return nil, pathError("overwrite", name, fmt.Errorf("%w: %w", ErrNotInPlace, err))
	}
	return &InPlace{stream: *s, writer: w, name: name}, nil
}

// Size is the number of bytes that can be read and written.
func (p *InPlace) Size() int64 { return p.size }

// ReadAt reads what WriteAt may overwrite.
func (p *InPlace) ReadAt(b []byte, off int64) (int, error) {
	if p.closed || off < 0 {
		return 0, p.refuse("read", off)
	}
	n, err := p.stream.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = pathError("read", p.name, err)
	}
	return n, err
}

// WriteAt overwrites bytes of the file. A write that does not fit is refused as a whole, with nothing
// written.
func (p *InPlace) WriteAt(b []byte, off int64) (int, error) {
	if p.closed || off < 0 || off > p.size || int64(len(b)) > p.size-off {
		return 0, p.refuse("write", off)
	}
	done := 0
	for _, r := range p.runs {
		if off >= r.len {
			off -= r.len
			continue
		}
		piece := b[done:][:min(int64(len(b)-done), r.len-off)]
		n, err := p.writer.WriteAt(piece, r.off+off)
		done += n
		if err == nil && n < len(piece) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return done, pathError("write", p.name, err)
		}
		if off = 0; done == len(b) {
			break
		}
	}
	return done, nil
}

func (p *InPlace) refuse(op string, off int64) error {
	if p.closed {
		return pathError(op, p.name, fs.ErrClosed)
	}
	return pathError(op, p.name, fmt.Errorf("%w: offset %d, size %d", ErrBounds, off, p.size))
}

// Sync asks the device to make the writes durable, if it can.
func (p *InPlace) Sync() error {
	if s, ok := p.r.(interface{ Sync() error }); ok {
		return pathError("sync", p.name, s.Sync())
	}
	return nil
}

// Close ends the writing; it does not sync.
func (p *InPlace) Close() error {
	if p.closed {
		return pathError("close", p.name, fs.ErrClosed)
	}
	p.closed = true
	return nil
}
