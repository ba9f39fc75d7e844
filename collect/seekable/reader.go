package seekable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Reader reads the content of an archive at any offset. It may be used by
// several goroutines at once.
type Reader struct {
	r      io.ReaderAt
	frames []placedFrame
	size   int64

	mu     sync.Mutex
	dec    *zstd.Decoder
	packed []byte
	cached [cachedFrames]cachedFrame // the one used last comes first
}

// placedFrame is a frame and where it begins.
type placedFrame struct {
	Frame
	at      int64 // in the archive
	content int64 // in what it holds
}

// cachedFrames is how many unpacked frames are kept. A reader of page tables
// goes to and fro between a few places.
const cachedFrames = 3

type cachedFrame struct {
	frame int // number + 1; 0 is none
	b     []byte
}

// NewReader opens the archive of size bytes behind r. Only its table is read.
func NewReader(r io.ReaderAt, size int64) (*Reader, error) {
	frames, err := readTable(r, size)
	if err != nil {
		return nil, err
	}
	return NewFramesReader(r, frames)
}

// NewFramesReader opens an archive that has no table yet, by its frames.
func NewFramesReader(r io.ReaderAt, frames []Frame) (*Reader, error) {
	for i, f := range frames {
		if f.Content > MaxContent || f.Packed > maxPacked {
			return nil, fmt.Errorf("frame %d: %d bytes that hold %d: %w", i, f.Packed, f.Content, ErrTooLarge)
		}
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(MaxContent), zstd.WithDecoderMaxWindow(MaxContent), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	a := &Reader{r: r, dec: dec, frames: make([]placedFrame, len(frames))}
	at := int64(0)
	for i, f := range frames {
		a.frames[i] = placedFrame{f, at, a.size}
		at, a.size = at+int64(f.Packed), a.size+int64(f.Content)
	}
	return a, nil
}

// Size is the number of bytes of the content.
func (a *Reader) Size() int64 { return a.size }

// Close gives the memory of the decoder back.
func (a *Reader) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dec.Close()
	return nil
}

// ReadAt reads content.
func (a *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("seekable: negative offset")
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= a.size {
			return n, io.EOF
		}
		i := sort.Search(len(a.frames), func(i int) bool { return a.frames[i].content > at }) - 1
		got, err := a.readFrame(p[n:], i, at-a.frames[i].content)
		n += got
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (a *Reader) readFrame(p []byte, i int, off int64) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, err := a.frame(i)
	if err != nil {
		return 0, fmt.Errorf("frame %d at %#x: %w", i, a.frames[i].at, err)
	}
	return copy(p, b[off:]), nil
}

// frame unpacks a frame, or takes it from the cache.
func (a *Reader) frame(i int) ([]byte, error) {
	at := 0
	for at < len(a.cached)-1 && a.cached[at].frame != i+1 {
		at++
	}
	c := a.cached[at]
	if c.frame != i+1 {
		b, err := a.unpack(c.b[:0], a.frames[i])
		if err != nil {
			a.cached[at].frame = 0 // its bytes are overwritten
			return nil, err
		}
		c = cachedFrame{i + 1, b}
	}
	copy(a.cached[1:at+1], a.cached[:at])
	a.cached[0] = c
	return c.b, nil
}

func (a *Reader) unpack(b []byte, f placedFrame) ([]byte, error) {
	a.packed = sized(a.packed, int(f.Packed))
	if n, err := a.r.ReadAt(a.packed, f.at); n < len(a.packed) {
		return nil, err
	}
	b, err := a.dec.DecodeAll(a.packed, sized(b, int(f.Content))[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(b) != int(f.Content) {
		return nil, &FormatError{f.at, "content size of the frame", f.Content, len(b)}
	}
	return b, nil
}

// sized is b with n bytes, in its own memory if it has enough.
func sized(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// readTable reads and checks the seek table. The frames fill the file up to the
// table exactly.
func readTable(r io.ReaderAt, size int64) ([]Frame, error) {
	count, entry, err := readFooter(r, size)
	if err != nil {
		return nil, err
	}
	length := int64(count)*int64(entry) + footerSize
	start := size - length - skippableHeader
	b := make([]byte, size-start)
	if n, err := r.ReadAt(b, start); n < len(b) {
		return nil, fmt.Errorf("read the seek table: %w", err)
	}
	le := binary.LittleEndian
	if magic := le.Uint32(b); magic != skippableMagic {
		return nil, &FormatError{start, "magic", uint32(skippableMagic), magic}
	}
	if got := le.Uint32(b[4:]); int64(got) != length {
		return nil, &FormatError{start + 4, "size", length, got}
	}
	frames, packed := make([]Frame, count), int64(0)
	for i := range frames {
		e := b[skippableHeader+i*entry:]
		frames[i] = Frame{le.Uint32(e), le.Uint32(e[4:])}
		packed += int64(frames[i].Packed)
	}
	if packed != start {
		return nil, &FormatError{start, "end of the frames", start, packed}
	}
	return frames, nil
}

// maxPacked is more than MaxContent can take: zstd stores what it cannot pack,
// with three bytes for each block of up to 128 KiB.
const maxPacked = MaxContent + MaxContent>>10 + 1<<10

// readFooter finds out how many entries the table has, and how long each is. The
// whole table lies in the file.
func readFooter(r io.ReaderAt, size int64) (count, entry int, err error) {
	at := size - footerSize
	if at < skippableHeader {
		return 0, 0, ErrNoTable
	}
	var b [footerSize]byte
	if n, err := r.ReadAt(b[:], at); n < len(b) {
		return 0, 0, fmt.Errorf("read the footer: %w", err)
	}
	if binary.LittleEndian.Uint32(b[5:]) != footerMagic {
		return 0, 0, ErrNoTable
	}
	if b[4]&reservedBits != 0 {
		return 0, 0, &FormatError{at + 4, "reserved bits", 0, b[4] & reservedBits}
	}
	entry = entrySize
	if b[4]&checksumFlag != 0 {
		entry += checksumSize
	}
	n := binary.LittleEndian.Uint32(b[:])
	if n > maxFrames || int64(n)*int64(entry) > at-skippableHeader {
		return 0, 0, &FormatError{at, "number of frames", fmt.Sprintf("what fits into %d bytes", size), n}
	}
	return int(n), entry, nil
}
