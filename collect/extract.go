package collect

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"hangkit/collect/dumpfile"
	"hangkit/collect/seekable"
)

// Errors of Extract that callers branch on.
var (
	ErrNothing    = errors.New("there is no dump to copy")
	ErrTargetFull = errors.New("the target has no room left")
	ErrFileTooBig = errors.New("the target's file system cannot hold a file this big")
	ErrTargetGone = errors.New("the target cannot be written any more")
	ErrReadOnly   = errors.New("the target is read-only")
	ErrSourceGone = errors.New("the disk does not answer any more")
)

// Options says how Extract copies.
type Options struct {
	Dir    string // the output folder, which exists
	Name   string // of the output file; empty means Candidate.DefaultName
	NoHash bool   // leave the SHA-256 out

	Compress   bool        // pack the dump as a seekable zstd archive
	Recipients []Recipient // encrypt the output to them; empty leaves it in the clear
	PartSize   int64       // cut an output that could be longer into parts; 0 never cuts

	Journal bool // keep a journal, so that a copy that is interrupted can go on

	// Resume goes on with an interrupted copy of the same dump, and takes a finished
	// one as it is, if there is one. Its digests prove what lies in the folder. The
	// disk is compared with it: all of it where the log of an NTFS volume shows that
	// somebody mounted it to write since; at 256 places, the beginning and the end
	// otherwise. So what changed on a volume without such a log (FAT, a directory of
	// this machine), or beneath the file system without mounting it, goes unseen if
	// it is less than a 256th of what is kept and the file's size and time stayed.
	Resume bool

	// Notice is told in words why an unfinished copy is not gone on with.
	Notice func(text string)
	// Progress is told how many bytes are done, from one goroutine at a time.
	Progress func(done, total int64)
	// FreeSpace gives the free bytes of the file system that holds dir. It is
	// asked before the first write; nil means not to ask.
	FreeSpace func(dir string) (int64, error)

	create   createFunc // replaced by tests
	interval int64      // between checkpoints, replaced by tests
}

// Range is a span of bytes.
type Range struct {
	Off int64 `json:"offset"`
	Len int64 `json:"length"`
}

// Result is what Extract wrote.
type Result struct {
	Path   string // of the file, or of the folder with its parts
	Name   string // its last element
	Size   int64  // of the dump
	SHA256 string // of the dump, hex; empty with NoHash

	FileSize   int64  // of what was written, all parts together
	FileSHA256 string // of what was written, where that is not the dump
	Parts      int    // 0 for one file
	Compressed bool
	Recipients []string // of an encrypted output

	Partial   bool    // something of the dump is missing, unreadable or damaged
	BadBytes  int64   // bytes that could not be read, written as zeros
	BadRanges []Range // by offset in the dump
	Map       string  // name of the mapfile that lists them, if there are any
	Holes     int64   // bytes of zeros that were not written; they take room only where a file system, as FAT, has no holes

	// Verified is what whoever verified the copy found, for the manifest; Extract
	// leaves it nil.
	Verified *dumpfile.Report `json:"-"`
}

// Extract copies the dump of c to a new file. It writes under a temporary name,
// flushes, and renames at the end; an existing file is never replaced, the copy
// gets a number instead. Places that cannot be read become zeros and are listed,
// in a mapfile of ddrescue too. On an error, or when ctx is cancelled, no file is
// left behind; with a journal, what a later copy can go on with is, and the error
// is a KeptError.
func Extract(ctx context.Context, c *Candidate, o Options) (*Result, error) {
	res, err := extract(ctx, c, &o)
	if err != nil {
		return nil, fmt.Errorf("extract %s: %w", c.Name(), err)
	}
	return res, nil
}

func extract(ctx context.Context, c *Candidate, o *Options) (_ *Result, err error) {
	if !c.Extractable() {
		return nil, fmt.Errorf("%s: %w", c.State, ErrNothing)
	}
	if err := o.checkParts(c.Have); err != nil {
		return nil, err
	}
	src, err := c.open()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	id, err := o.identify(ctx, src, c)
	if err != nil {
		return nil, err
	}
	a, err := o.begin(ctx, id, src)
	if err != nil {
		return nil, targetError(err)
	}
	defer func() { err = a.leave(err) }()
	if a.done != nil {
		return a.done, a.writeMap(o, a.done)
	}
	if err := o.checkRoom(c.Have - a.at); err != nil {
		return nil, err
	}
	cp, err := a.copier(o)
	if err != nil {
		return nil, err
	}
	cp.src = src
	if err := cp.run(ctx); err != nil {
		return nil, targetError(err)
	}
	res, err := a.finish(c, cp, o)
	return res, targetError(err)
}

// leave closes the output. After an error it is removed, unless a later copy can
// go on with it.
func (a *attempt) leave(err error) error {
	kept := a.out.journal != nil && a.out.journal.points > 0 && a.out.settled == ""
	switch {
	case err == nil || kept:
		a.out.close()
	default:
		return errors.Join(err, a.out.discard())
	}
	if err != nil {
		return &KeptError{err, int64(a.out.journal.points) * a.id.Interval, a.id.Size}
	}
	return nil
}

// partSize is the size of the parts an output is cut into: 0 where it fits into one.
func (o *Options) partSize(size int64) int64 {
	most := size
	if o.Compress {
		most += size>>10 + seekableOverhead
	}
	if len(o.Recipients) > 0 {
		most += size>>10 + ageOverhead*int64(1+len(o.Recipients))
	}
	if o.PartSize == 0 || most <= o.PartSize {
		return 0
	}
	return o.PartSize
}

// What packing and encrypting add at most, beside a thousandth of the dump: the
// frame headers and the table of a small archive, the header and the last block's
// tag of age.
const (
	seekableOverhead = 64 << 10
	ageOverhead      = 4 << 10
)

// checkRoom asks whether the rest of the dump fits. How small it packs is not
// known before.
func (o *Options) checkRoom(need int64) error {
	if o.FreeSpace == nil || o.Compress {
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

// copier makes what moves the rest of the dump into the output.
func (a *attempt) copier(o *Options) (*copier, error) {
	cp := &copier{
		size: a.id.Size, start: a.at, digest: a.digest, progress: o.Progress,
		journal: a.out.journal, interval: a.id.Interval, bad: a.bad, noted: a.at,
	}
	if !o.Compress && len(o.Recipients) == 0 {
		cp.sink = &plainSink{out: a.out.file, at: a.at, holes: a.holes}
		return cp, nil
	}
	stream, err := newStreamSink(&appender{a.out.file, a.size, a.written}, o.Compress, o.Recipients)
	if err != nil {
		return nil, targetError(err)
	}
	stream.frames, stream.marked = a.frames, len(a.frames)
	if stream.cipher != nil {
		cp.spots.left = spots(a.id.Size)
	}
	cp.sink = stream
	if o.Compress {
		cp.encoder, err = seekable.NewEncoder(chunkSize, runtime.GOMAXPROCS(0))
	}
	return cp, err
}

// finish makes the output last, with what belongs to it.
func (a *attempt) finish(c *Candidate, cp *copier, o *Options) (*Result, error) {
	res := a.result(c, cp, o)
	name := c.outputName(o.Name, res.Partial)
	if a.id.PartSize > 0 {
		res.Parts = partCount(res.FileSize, a.id.PartSize)
	}
	sum := cp.outSum
	if sum == nil {
		sum = cp.digest.Sum(nil)
	}
	if err := a.out.flush(); err != nil {
		return nil, err
	}
	suffix := res.suffix()
	if res.Parts > 0 {
		if err := a.out.describeParts(name+suffix, res, sum, a.id); err != nil {
			return nil, err
		}
		suffix += partsSuffix
	}
	_, err := a.out.commit(name, suffix, func(name string) {
		res.Name, res.Path = name, a.out.path(name)
		a.out.journal.write(journalLine{Done: &finished{*res, sum, cp.spots.sums}})
	})
	if err != nil {
		return nil, err
	}
	return res, a.writeMap(o, res)
}

func (a *attempt) result(c *Candidate, cp *copier, o *Options) *Result {
	res := &Result{
		Size: c.Have, FileSize: cp.outSize, Compressed: o.Compress, Recipients: recipientNames(o.Recipients),
		Partial: !c.whole() || cp.bad.bytes > 0, BadBytes: cp.bad.bytes, BadRanges: cp.bad.ranges,
	}
	if plain, ok := cp.sink.(*plainSink); ok {
		res.Holes = plain.holes
	}
	if !o.NoHash {
		res.SHA256 = hex.EncodeToString(cp.digest.Sum(nil))
		if cp.outSum != nil {
			res.FileSHA256 = hex.EncodeToString(cp.outSum)
		}
	}
	return res
}

// suffix is what the form of an output adds to the dump's name.
func (r *Result) suffix() string {
	suffix := ""
	if r.Compressed {
		suffix = compressedSuffix
	}
	if len(r.Recipients) > 0 {
		suffix += encryptedSuffix
	}
	return suffix
}

// compressedSuffix is what the name of a packed copy ends in.
const compressedSuffix = ".zst"

// writeMap writes the mapfile beside a copy that has bad places, unless that was
// done when the copy got its name.
func (a *attempt) writeMap(o *Options, res *Result) error {
	if len(res.BadRanges) == 0 {
		return nil
	}
	if _, err := a.out.root.Lstat(res.Name + MapSuffix); err == nil {
		res.Map = res.Name + MapSuffix
		return nil
	}
	name, err := writeWhole(o.Dir, res.Name+MapSuffix, AppendMapfile(nil, res.Size, res.BadRanges), nil)
	if err != nil {
		return fmt.Errorf("mapfile: %w", err)
	}
	res.Map = name
	return nil
}

// targetError names what the operating system says when a target is full or gone.
func targetError(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrSourceGone) || errors.Is(err, ErrReadOnly):
		return err
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || isFull(err):
		return fmt.Errorf("%w: %w", ErrTargetFull, err)
	case errors.Is(err, syscall.EFBIG) || isTooBig(err):
		return fmt.Errorf("%w: %w", ErrFileTooBig, err)
	case errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EROFS) || isGone(err):
		return fmt.Errorf("%w: %w", ErrTargetGone, err)
	}
	return err
}

// readOnlyError names what the operating system says of a target that never could be
// written. One that became read-only under a copy had an error of its own.
func readOnlyError(err error) error {
	if errors.Is(err, syscall.EROFS) || isReadOnly(err) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}
