package collect

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"hangkit/collect/seekable"
)

// KeptError is why a copy stopped, when what it had done is kept and can be gone
// on with.
type KeptError struct {
	Err  error
	Done int64 // at least so many bytes of the dump
	Size int64 // of the dump
}

func (e *KeptError) Error() string { return e.Err.Error() }
func (e *KeptError) Unwrap() error { return e.Err }

// attempt is a copy that begins, or goes on.
type attempt struct {
	id  copyID
	out *output

	at      int64 // bytes of the dump that are in the output
	size    int64 // bytes of the output
	digest  hash.Hash
	written hash.Hash // of the output, where that is not the dump
	frames  []seekable.Frame
	bad     badRanges
	holes   int64

	done    *Result // nothing is left to do
	changed bool    // what was copied is not what the disk holds now
}

// headSize is how much of a dump is compared to know it again. Its header has the
// time of the crash.
const headSize = 64 << 10

// identify says what is to be copied, and how.
func (o *Options) identify(ctx context.Context, src io.ReaderAt, c *Candidate) (copyID, error) {
	head := make([]byte, min(c.Have, headSize))
	if _, err := readAround(ctx, src, head, 0); err != nil {
		return copyID{}, err
	}
	sum := sha256.Sum256(head)
	id := copyID{
		dumpID: dumpID{Path: c.Path, Size: c.Have, FileSize: c.FileSize, Modified: c.Modified.UnixNano(), Head: hex.EncodeToString(sum[:])},
		Schema: journalSchema, Compress: o.Compress, EncryptTo: sortedNames(o.Recipients), PartSize: o.partSize(c.Have),
		Digest: digestSHA256, Interval: intervalFor(c.Have, cmp.Or(o.interval, leastInterval)), Log: logState(c.Place.Volume),
	}
	if o.NoHash {
		id.Digest = digestCRC
	}
	return id, nil
}

// begin goes on with an unfinished copy, if that is wanted and there is one, or
// begins a new one.
func (o *Options) begin(ctx context.Context, id copyID, src io.ReaderAt) (*attempt, error) {
	if o.Resume {
		a, err := o.goOn(ctx, id, src)
		if a != nil || err != nil {
			return a, err
		}
	}
	out, err := newOutput(o.Dir, id.PartSize, o.create)
	if err != nil {
		return nil, err
	}
	if o.Journal || o.Resume {
		if err := out.startJournal(id); err != nil {
			return nil, errors.Join(err, out.discard())
		}
	}
	return &attempt{id: id, out: out, digest: newDigest(id.Digest), written: newDigest(id.Digest)}, nil
}

// goOn looks for an unfinished copy of the same dump and goes on behind the last
// checkpoint that can be proven. Without one it returns nil, and says why what is there
// is of no use. What is left of a copy that proves nothing is removed.
func (o *Options) goOn(ctx context.Context, id copyID, src io.ReaderAt) (*attempt, error) {
	numbers, err := journalNumbers(o.Dir)
	if err != nil {
		return nil, err
	}
	var useless []string
	for _, n := range numbers {
		a, why, err := o.pickUp(ctx, id, src, n)
		if a != nil || err != nil {
			return a, err
		}
		if why != "" {
			useless = append(useless, why)
		}
	}
	for _, why := range useless {
		o.notice(why)
	}
	return nil, nil
}

func (o *Options) notice(text string) {
	if o.Notice != nil {
		o.Notice(text)
	}
}

// journalNumbers lists the journals of a folder.
func journalNumbers(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		text, isOurs := strings.CutPrefix(e.Name(), tempPrefix)
		text, isJournal := strings.CutSuffix(text, journalSuffix)
		n, err := strconv.Atoi(text)
		if isOurs && isJournal && err == nil && n >= 0 && n < maxAttempts && e.Type().IsRegular() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// pickUp goes on with the copy of one journal, if it is of the same dump. If it is of
// no use although it might have been, it says why.
func (o *Options) pickUp(ctx context.Context, id copyID, src io.ReaderAt, number int) (_ *attempt, why string, err error) {
	root, err := openOutputDir(o.Dir)
	if err != nil {
		return nil, "", err
	}
	out := &output{dir: o.Dir, root: root, number: number, partSize: id.PartSize, create: o.create}
	if out.create == nil {
		out.create = createFile
	}
	rec, err := readJournal(root, out.journalName())
	if err != nil {
		return nil, "", root.Close() // nobody's
	}
	if !rec.id.same(id) {
		return nil, rec.unlike(id, out), root.Close()
	}
	if rec.id.Log != id.Log {
		o.notice(fmt.Sprintf("the volume was written to since %s was copied: all that is there is compared with it", id.Path))
	}
	a := &attempt{id: id, out: out}
	if err := a.restore(ctx, rec, src, o.Progress); err != nil {
		return nil, "", errors.Join(err, root.Close())
	}
	if a.at == 0 && a.done == nil {
		if a.changed {
			why = fmt.Sprintf("%s has changed since it was copied: the copy begins anew", id.Path)
		}
		return nil, why, errors.Join(out.removeLeft(), root.Close())
	}
	return a, "", nil
}

// unlike says why the copy of a file with the same path is not gone on with.
func (r *record) unlike(id copyID, o *output) string {
	switch {
	case r.id.Path != id.Path, r.done != nil && r.id.dumpID == id.dumpID:
		return ""
	case r.done != nil:
		return fmt.Sprintf("%s, which the run before finished, is of an older dump in %s: it stays, and the manifest does not list it", o.path(r.done.Name), id.Path)
	}
	what, way := "was made with other options", "delete them, or repeat those options"
	if r.id.dumpID != id.dumpID {
		what, way = "is of another dump", "delete them"
	}
	return fmt.Sprintf("what an interrupted collection left of %s %s: the copy begins anew; %s and %s stay: %s",
		id.Path, what, o.path(o.temp()), o.journalName(), way)
}

// restore proves what the journal says, and opens the output to go on.
func (a *attempt) restore(ctx context.Context, rec *record, src io.ReaderAt, progress func(done, total int64)) error {
	left, err := a.out.lies(a.out.temp())
	if err != nil {
		return err
	}
	if !left {
		return a.restoreDone(ctx, rec, src)
	}
	if rec.done != nil {
		if err := a.out.untie(rec.done.Name); err != nil {
			return err
		}
	}
	n, proven, err := a.prove(ctx, rec, progress)
	if err != nil || n == 0 {
		return err
	}
	if a.changed, err = a.differs(ctx, rec, n, src); err != nil || a.changed {
		return err
	}
	return a.take(rec, n, proven)
}

// take sets the attempt behind the n-th checkpoint.
func (a *attempt) take(rec *record, n int, proven hash.Hash) error {
	last := rec.points[n-1]
	a.at, a.size, a.holes = last.At, last.Size, last.Holes
	a.digest, a.written = proven, proven
	if last.State != nil {
		var err error
		if a.digest, err = restoreHash(a.id.Digest, last.State); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	for _, p := range rec.points[:n] {
		a.frames = append(a.frames, p.Frames...)
		a.bad.add(p.Bad...)
	}
	if err := a.out.reopen(a.size); err != nil {
		return fmt.Errorf("unfinished output: %w", readOnlyError(err))
	}
	return a.out.continueJournal(rec.ends[n-1], n)
}

// prove hashes the unfinished output and returns how many checkpoints are true,
// and the digest up to the last of them.
func (a *attempt) prove(ctx context.Context, rec *record, progress func(done, total int64)) (int, hash.Hash, error) {
	if len(rec.points) == 0 {
		return 0, nil, nil
	}
	r, err := a.out.openRead(a.out.temp(), rec.points[len(rec.points)-1].Size)
	if err != nil {
		return 0, nil, nil // what cannot be read proves nothing
	}
	defer r.Close()
	running, at := newDigest(a.id.Digest), int64(0)
	var proven hash.Hash
	for i, p := range rec.points {
		if err := context.Cause(ctx); err != nil {
			return 0, nil, err
		}
		_, err := io.CopyBuffer(running, io.NewSectionReader(r, at, p.Size-at), make([]byte, chunkSize))
		if err != nil || !bytes.Equal(running.Sum(nil), p.Digest) {
			return i, proven, nil // what cannot be read proves nothing
		}
		if proven, err = cloneHash(a.id.Digest, running); err != nil {
			return 0, nil, err
		}
		at = p.Size
		if progress != nil {
			progress(p.At, a.id.Size)
		}
	}
	return len(rec.points), proven, nil
}

func cloneHash(name string, h hash.Hash) (hash.Hash, error) { return restoreHash(name, hashState(h)) }

// restoreDone proves a copy that had been finished. Otherwise it begins anew.
func (a *attempt) restoreDone(ctx context.Context, rec *record, src io.ReaderAt) error {
	done := rec.done
	if done == nil {
		return nil
	}
	r, err := a.out.openRead(done.Name, done.FileSize)
	if err != nil {
		return nil // it was moved away
	}
	defer r.Close()
	h := newDigest(a.id.Digest)
	if err := hashAll(ctx, h, r, done.FileSize); err != nil {
		return context.Cause(ctx)
	}
	if !bytes.Equal(h.Sum(nil), done.Output) {
		return nil
	}
	if a.changed, err = a.doneDiffers(ctx, rec, r, src); err != nil || a.changed {
		return err
	}
	a.done = &done.Result
	a.done.Path = a.out.path(done.Name)
	return nil
}

func hashAll(ctx context.Context, h hash.Hash, r io.ReaderAt, size int64) error {
	b := make([]byte, chunkSize)
	for at := int64(0); at < size; at += chunkSize {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		part := b[:min(chunkSize, size-at)]
		if n, err := r.ReadAt(part, at); n < len(part) {
			return noEOF(err)
		}
		h.Write(part)
	}
	return nil
}

// lies tells whether there is a regular file or a folder of that name, as the
// output has to be.
func (o *output) lies(name string) (bool, error) {
	info, err := o.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("unfinished output: %w", err)
	}
	if info.IsDir() != (o.partSize > 0) || !info.IsDir() && !info.Mode().IsRegular() {
		return false, fmt.Errorf("unfinished output: %s is not what was left there", o.path(name))
	}
	return true, nil
}

// untie takes away the last name of an output that was about to lose its temporary
// one: the same file, or the empty one that kept the place.
func (o *output) untie(name string) error {
	last, err := o.root.Lstat(name)
	if err != nil {
		return nil //nolint:nilerr // it never got so far
	}
	temp, err := o.root.Lstat(o.temp())
	if err != nil {
		return fmt.Errorf("unfinished output: %w", err)
	}
	if os.SameFile(last, temp) || last.Mode().IsRegular() && last.Size() == 0 {
		return removeFrom(o.root, name)
	}
	return nil
}

type readAtCloser interface {
	io.ReaderAt
	io.Closer
}

// openRead opens an output of size bytes for reading.
func (o *output) openRead(name string, size int64) (readAtCloser, error) {
	if o.partSize > 0 {
		return &partsReader{root: o.root, dir: name, part: o.partSize, size: size}, nil
	}
	return openRegular(o.root, name)
}

// continueJournal opens the journal again, cut behind the lines that are true, and
// their checkpoints.
func (o *output) continueJournal(end int64, points int) error {
	f, err := o.root.OpenFile(o.journalName(), os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	o.journal = &journal{f: f, points: points}
	err = f.Truncate(end)
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// removeLeft removes an unfinished output and its journal.
func (o *output) removeLeft() error {
	errs := []error{removeFrom(o.root, o.journalName())}
	if left, err := o.lies(o.temp()); err != nil || left {
		errs = append(errs, err, o.removeTemp())
	}
	return errors.Join(errs...)
}

// Leftover is an unfinished copy: of which dump, and the file that says so.
type Leftover struct {
	Path    string // of the dump, in its volume
	Journal string
}

// Unfinished lists the copies in a folder that were interrupted, in the order in which
// they were begun.
func Unfinished(dir string) ([]Leftover, error) {
	numbers, err := journalNumbers(dir)
	if err != nil {
		return nil, err
	}
	root, err := openOutputDir(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var left []Leftover
	for _, n := range numbers {
		o := &output{dir: dir, root: root, number: n}
		r, err := readJournal(root, o.journalName())
		if err == nil && r.done == nil {
			left = append(left, Leftover{path.Clean(r.id.Path), o.journalName()})
		}
	}
	return left, nil
}

// Forget removes the journals of finished copies, also those that a full target kept
// from saying so. A collection does so at its end: until then they say which dumps are
// done.
func Forget(dir string) error {
	numbers, err := journalNumbers(dir)
	if err != nil {
		return err
	}
	root, err := openOutputDir(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var errs []error
	for _, n := range numbers {
		o := &output{dir: dir, root: root, number: n}
		if r, err := readJournal(root, o.journalName()); err == nil {
			errs = append(errs, o.forget(r))
		}
	}
	return errors.Join(errs...)
}

// forget removes the journal of a copy that has its last name, and the temporary name
// too if that is one of the same file. What has no other name stays.
func (o *output) forget(r *record) error {
	temp, err := o.root.Lstat(o.temp())
	if errors.Is(err, fs.ErrNotExist) {
		return removeFrom(o.root, o.journalName())
	}
	if err != nil || r.done == nil {
		return err
	}
	last, err := o.root.Lstat(r.done.Name)
	if err != nil || !os.SameFile(last, temp) {
		return nil //nolint:nilerr // it never got so far
	}
	return errors.Join(removeFrom(o.root, o.temp()), removeFrom(o.root, o.journalName()))
}
