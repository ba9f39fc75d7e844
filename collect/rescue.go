package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Copy writes a file of a volume into the bundle as Write does, and keeps the time of
// its last change. Places that cannot be read become zeros, as in a dump; a file of
// which little else is left is ErrUnreadable. A disk that is gone is ErrSourceGone.
func (b *Bundle) Copy(ctx context.Context, name string, from Volume, file string) (*BundleFile, error) {
	src, err := openFile(from, file)
	if isGone(err) {
		return nil, fmt.Errorf("%w: %w", ErrSourceGone, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer src.Close()
	r := &rescued{ctx: ctx, src: src}
	out, err := b.Write(ctx, name, r)
	if err != nil {
		return nil, err
	}
	out.BadBytes = r.bad.bytes
	b.keepTime(out.Name, from, file)
	return out, nil
}

// keepTime gives a copy the time of its original. A target that keeps no times is no
// reason to go without the copy: the manifest has them too.
func (b *Bundle) keepTime(name string, from Volume, file string) {
	if info, err := from.Stat(file); err == nil && keepable(info.ModTime()) {
		_ = b.root.Chtimes(name, time.Time{}, info.ModTime())
	}
}

// keepable tells a time that Chtimes can set: it counts nanoseconds since 1970, and
// what they cannot say (before 1678, after 2262) would become another time.
func keepable(t time.Time) bool { return time.Unix(0, t.UnixNano()).Equal(t) }

// maxRescued is how much of a file may be zeros in the place of what could not be read:
// each sector of it may have cost seconds, and the file is none that decides.
const maxRescued = 1 << 20

var errTooBad = errors.New("too much of it cannot be read")

// rescued reads a file from front to back, around what cannot be read.
type rescued struct {
	ctx context.Context //nolint:containedctx // it lives as long as one copy
	src *source
	off int64
	bad badRanges
}

func (r *rescued) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), r.src.size-r.off)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	if err := r.bad.read(r.ctx, r.src, p, r.off, retrySizes[:]); err != nil {
		return 0, err
	}
	r.off += int64(len(p))
	if r.bad.bytes > maxRescued || r.bad.bytes == r.src.size {
		return 0, errTooBad
	}
	return len(p), nil
}
