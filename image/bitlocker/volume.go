package bitlocker

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sort"
	"sync"

	"hangkit/image"
	"hangkit/image/bitlocker/internal/crypt"
)

// Volume is an unlocked volume: a disk that encrypts and decrypts. It is safe for concurrent
// use.
type Volume struct {
	disk    image.Disk
	cipher  crypt.Cipher // nil where nothing is encrypted
	sector  int64
	size    int64
	extents []extent
	refuse  error // nil if it can be written

	writing sync.Mutex // a sector is read, changed and written
}

var _ image.Disk = (*Volume)(nil)

// volume puts together what was found.
func (l *Locked) volume(geo geometry, m metadata, c crypt.Cipher) *Volume {
	overlap := geo.overlap() // before the areas that touch are joined
	return &Volume{
		disk: l.disk, cipher: c, sector: geo.sector, size: geo.size,
		extents: geo.extents(), refuse: cmp.Or(l.disagreement(m), l.refuseWrites(m), overlap),
	}
}

// disagreement is nil if all good copies say the same about what is encrypted and what lies
// elsewhere. A conversion that was cut off leaves copies that do not; which of them is right
// nobody can tell, and a sector written by the wrong one is lost.
func (l *Locked) disagreement(m metadata) error {
	var found []error
	for _, other := range l.copies {
		if err := m.compare(other, l.boot.sector); err != nil {
			found = append(found, err)
		}
	}
	if len(found) == 0 {
		return nil
	}
	l.Damage = append(l.Damage, found...)
	return fmt.Errorf("%w: the copies of its metadata disagree: %w", ErrConverting, oneLine(found))
}

// refuseWrites is nil for a volume that is encrypted as a whole. On others it depends on the
// place whether a sector is encrypted, and Windows keeps more about that than is known.
func (l *Locked) refuseWrites(m metadata) error {
	switch {
	case m.current() == Decrypted:
		return fmt.Errorf("%w: nothing is encrypted any more, but the volume is not released", ErrConverting)
	case l.boot.onWrite:
		return fmt.Errorf("%w: encrypt-on-write is at work", ErrConverting)
	case m.current() != Encrypted || m.next() != Encrypted:
		return fmt.Errorf("%w: %v; it will be %v", ErrConverting, m.current(), m.next())
	}
	return nil
}

// Writable is nil, or the reason why the volume must not be written.
func (v *Volume) Writable() error { return v.refuse }

// Size is that of the disk below, in whole sectors.
func (v *Volume) Size() int64 { return v.size }

// SectorSize is that of the encryption.
func (v *Volume) SectorSize() int { return int(v.sector) }

// Sync syncs the disk below.
func (v *Volume) Sync() error { return v.disk.Sync() }

// pieces splits a range by the extents it touches. It lies inside the volume.
func (v *Volume) pieces(off, length int64) iter.Seq[extent] {
	return func(yield func(extent) bool) {
		i := sort.Search(len(v.extents), func(i int) bool { return v.extents[i].End() > off })
		for ; length > 0; i++ {
			e := v.extents[i]
			skip := off - e.Off
			e.Off, e.below, e.Len = off, e.below+skip, min(e.Len-skip, length)
			if !yield(e) {
				return
			}
			off, length = off+e.Len, length-e.Len
		}
	}
}

// WillNeed hands the hint to the disk below, for where the bytes lie.
func (v *Volume) WillNeed(off, length int64) {
	below, ok := v.disk.(interface{ WillNeed(off, length int64) })
	if !ok || off < 0 || off >= v.size {
		return
	}
	for e := range v.pieces(off, min(length, v.size-off)) {
		if e.kind != reserved {
			below.WillNeed(e.below, e.Len)
		}
	}
}

// ReadAt decrypts.
func (v *Volume) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, &image.BoundsError{Op: "read", Off: off, Len: int64(len(p)), Size: v.size}
	}
	var end error
	if rest := max(0, v.size-off); int64(len(p)) > rest {
		p, end = p[:rest], io.EOF
	}
	done := 0
	for e := range v.pieces(off, int64(len(p))) {
		n, err := v.readExtent(p[done:done+int(e.Len)], e)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, end
}

func (v *Volume) readExtent(p []byte, e extent) (int, error) {
	switch e.kind {
	case reserved:
		clear(p)
		return len(p), nil
	case encrypted:
		return v.readEncrypted(p, e.below)
	case plain:
		return readFull(v.disk, p, e.below)
	default:
		return 0, damaged(e.below, "encrypt-on-write: region", "one for these bytes", "none")
	}
}

// readFull has no error where everything was read.
func readFull(r io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	return n, err
}

// readEncrypted reads whole sectors in place, and parts of sectors by way of a buffer.
func (v *Volume) readEncrypted(p []byte, off int64) (done int, err error) {
	for done < len(p) && err == nil {
		var n int
		at := off + int64(done)
		if whole := (int64(len(p)-done) / v.sector) * v.sector; at%v.sector == 0 && whole > 0 {
			n, err = v.readSectors(p[done:done+int(whole)], at)
		} else {
			n, err = v.readPart(p[done:], at)
		}
		done += n
	}
	return done, err
}

// readSectors reads and decrypts whole sectors.
func (v *Volume) readSectors(p []byte, off int64) (int, error) {
	n, err := readFull(v.disk, p, off)
	n -= n % int(v.sector)
	v.decrypt(p[:n], off)
	return n, err
}

// readPart reads what p takes of the sector around off.
func (v *Volume) readPart(p []byte, off int64) (int, error) {
	b := make([]byte, v.sector)
	skip := off % v.sector
	if n, err := v.readSectors(b, off-skip); n < len(b) {
		return 0, err
	}
	return copy(p, b[skip:]), nil
}

// parallelChunk is the least that is worth a goroutine of its own.
const parallelChunk = 64 << 10

// decrypt decrypts whole sectors on all processors.
func (v *Volume) decrypt(b []byte, off int64) {
	workers := min(runtime.GOMAXPROCS(0), len(b)/parallelChunk)
	if workers < 2 {
		v.cipher.Decrypt(b, off)
		return
	}
	chunk := int(roundUp(int64((len(b)+workers-1)/workers), v.sector))
	var wg sync.WaitGroup
	for ; len(b) > 0; off += int64(chunk) {
		part := b[:min(chunk, len(b))]
		b = b[len(part):]
		at := off
		wg.Go(func() { v.cipher.Decrypt(part, at) })
	}
	wg.Wait()
}

// WriteAt encrypts. What would touch BitLocker's own areas is not written at all.
func (v *Volume) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off > v.size || int64(len(p)) > v.size-off {
		return 0, &image.BoundsError{Op: "write", Off: off, Len: int64(len(p)), Size: v.size}
	}
	if v.refuse != nil {
		return 0, v.refuse
	}
	for e := range v.pieces(off, int64(len(p))) {
		if e.kind == reserved {
			return 0, fmt.Errorf("write of %d bytes at 0x%x: %w", len(p), off, ErrReserved)
		}
	}
	v.writing.Lock()
	defer v.writing.Unlock()
	done := 0
	for e := range v.pieces(off, int64(len(p))) {
		n, err := v.writeExtent(p[done:done+int(e.Len)], e)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (v *Volume) writeExtent(p []byte, e extent) (done int, err error) {
	if e.kind == plain {
		return v.disk.WriteAt(p, e.below)
	}
	for done < len(p) && err == nil {
		var n int
		at := e.below + int64(done)
		n, err = v.writeEncrypted(p[done:][:min(maxWrite-at%v.sector, int64(len(p)-done))], at)
		done += n
	}
	return done, err
}

// maxWrite bounds the copy that is encrypted: the caller's bytes are his.
const maxWrite = 1 << 20

// writeEncrypted writes the sectors around p, and reads those that p fills in part.
func (v *Volume) writeEncrypted(p []byte, off int64) (int, error) {
	start := off - off%v.sector
	b := make([]byte, roundUp(off+int64(len(p)), v.sector)-start)
	defer clear(b)
	last := int64(len(b)) - v.sector
	if off != start {
		if n, err := v.readSectors(b[:v.sector], start); int64(n) < v.sector {
			return 0, err
		}
	}
	if end := off + int64(len(p)); end%v.sector != 0 && (last > 0 || off == start) {
		if n, err := v.readSectors(b[last:], start+last); int64(n) < v.sector {
			return 0, err
		}
	}
	copy(b[off-start:], p)
	v.cipher.Encrypt(b, start)
	n, err := v.disk.WriteAt(b, start)
	return int(min(max(0, int64(n)-(off-start)), int64(len(p)))), err
}
