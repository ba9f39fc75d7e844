package container

import "errors"

// Joined is a disk in several pieces, each an image of its own.
type Joined struct {
	pieces []*Disk
	ends   []int64
	id     string
}

// Join puts pieces one behind the other. Id is by what an image above knows
// them.
func Join(pieces []*Disk, id string) *Joined {
	j := &Joined{pieces: pieces, id: id}
	size := int64(0)
	for _, p := range pieces {
		size += p.Size()
		j.ends = append(j.ends, size)
	}
	return j
}

// Size is that of all pieces.
func (j *Joined) Size() int64 {
	if len(j.ends) == 0 {
		return 0
	}
	return j.ends[len(j.ends)-1]
}

// SectorSize is 0: the pieces do not say.
func (j *Joined) SectorSize() int { return 0 }

// ID is by what an image above knows the disk.
func (j *Joined) ID() string { return j.id }

// Writable gives the first reason why a piece cannot be written.
func (j *Joined) Writable() error {
	for _, p := range j.pieces {
		if err := p.Writable(); err != nil {
			return err
		}
	}
	return nil
}

// each calls do for the pieces that the n bytes at off lie in: the piece, the
// place in it, and the part of the n bytes.
func (j *Joined) each(off, n int64, do func(p *Disk, at, from, to int64) error) error {
	start, done := int64(0), int64(0)
	for i, p := range j.pieces {
		if at := off + done - start; done < n && at < p.Size() {
			to := min(n, done+p.Size()-at)
			if err := do(p, at, done, to); err != nil {
				return err
			}
			done = to
		}
		start = j.ends[i]
	}
	return nil
}

// ReadAt implements [io.ReaderAt].
func (j *Joined) ReadAt(p []byte, off int64) (int, error) {
	p, end := Clip(p, off, j.Size())
	done := 0
	err := j.each(off, int64(len(p)), func(d *Disk, at, from, to int64) error {
		n, err := d.ReadAt(p[from:to], at)
		done += n
		if int64(n) == to-from {
			return nil
		}
		return err
	})
	if err == nil {
		err = end
	}
	return done, err
}

// WriteAt implements [io.WriterAt]. No piece is written before all have agreed:
// a disk that is half written is worse than one that is not.
func (j *Joined) WriteAt(p []byte, off int64) (int, error) {
	if err := CheckWrite(len(p), off, j.Size()); err != nil {
		return 0, err
	}
	for _, piece := range j.pieces {
		if err := piece.prepare(); err != nil {
			return 0, err
		}
	}
	done := 0
	err := j.each(off, int64(len(p)), func(d *Disk, at, from, to int64) error {
		n, err := d.WriteAt(p[from:to], at)
		done += n
		return err
	})
	return done, err
}

// WillNeed hands a hint to the pieces.
func (j *Joined) WillNeed(off, length int64) {
	length = min(length, j.Size()-off)
	if off < 0 || length <= 0 {
		return
	}
	_ = j.each(off, length, func(d *Disk, at, from, to int64) error {
		d.WillNeed(at, to-from)
		return nil
	})
}

// Sync makes everything written durable.
func (j *Joined) Sync() error { return j.all((*Disk).Sync) }

// Close flushes every piece.
func (j *Joined) Close() error { return j.all((*Disk).Close) }

func (j *Joined) all(do func(*Disk) error) error {
	var errs []error
	for _, p := range j.pieces {
		errs = append(errs, do(p))
	}
	return errors.Join(errs...)
}
