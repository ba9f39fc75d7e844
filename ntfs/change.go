package ntfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Change is a planned change of metadata. Everything in it has been worked out
// and checked in memory; nothing is written before Run.
//
// Its steps are in an order in which every prefix leaves a volume that can be
// used: the file is as it was before, or as it is wanted, and at worst clusters
// or records nobody uses stay taken. Within a step the writes may reach the
// device in any order and in part, sector by sector.
type Change struct {
	dev     Device
	steps   []Step
	guards  []guard               // what the plan relies on besides what it overwrites
	recheck func(v *Volume) error // the refusals, once more
	freed   Contents              // what the change gives away
}

// StepKind says what a cut during or behind a step leaves.
type StepKind int

// The kinds of steps, in the order a change has them.
const (
	StepJournal  StepKind = iota // the volume is marked dirty, the journal emptied: cannot be taken back
	StepContents                 // bytes of clusters nobody owns: nothing is changed yet
	StepPrepare                  // metadata nothing refers to yet: what is cut short leaks at most
	StepCommit                   // one sector: old before, new behind
	StepFinish                   // what is of no use any more is freed, sizes shown by directories follow
)

// String names the kind.
func (k StepKind) String() string {
	switch k {
	case StepJournal:
		return "journal"
	case StepContents:
		return "contents"
	case StepPrepare:
		return "prepare"
	case StepCommit:
		return "commit"
	default:
		return "finish"
	}
}

// Step is a set of writes followed by a flush of the device.
type Step struct {
	Kind   StepKind
	What   string // what the writes do, in words
	Writes []Write
}

// Write overwrites bytes of the volume: whole sectors, if it is metadata.
type Write struct {
	Offset int64
	Old    []byte // what the steps before leave there; nil where nobody cares: free clusters, the journal
	New    []byte
}

// Steps lists what Run will do, in order. The slices are the plan's own.
func (c *Change) Steps() []Step { return c.steps }

// Sector is a piece of metadata that a change overwrites.
type Sector struct {
	Offset int64
	// Versions are the bytes it holds in the course of the change: before it
	// first, behind it last.
	Versions [][]byte
}

// Sectors lists all metadata the change overwrites, so that it can be kept
// outside of the volume before Run. Contents and the journal are not among it.
func (c *Change) Sectors() []Sector {
	var sectors []Sector
	index := map[int64]int{}
	for _, step := range c.steps {
		for _, w := range step.Writes {
			if w.Old == nil {
				continue
			}
			i, seen := index[w.Offset]
			if !seen {
				i = len(sectors)
				index[w.Offset] = i
				sectors = append(sectors, Sector{Offset: w.Offset, Versions: [][]byte{w.Old}})
			}
			sectors[i].Versions = append(sectors[i].Versions, w.New)
		}
	}
	return sectors
}

// Freed is what held contents before the change and is free behind it.
func (c *Change) Freed() Contents { return c.freed }

// Outcome says what a change that failed has left.
type Outcome int

// The outcomes, by how far the change came.
const (
	Untouched Outcome = iota // no metadata was written; free clusters may have been
	Before                   // all files are as they were; clusters or records may have leaked, the journal may be empty
	Either                   // the commit failed under way: the file is as it was or as it was wanted
	After                    // the change is made; clusters or records may have leaked, shown sizes may be old
)

// Words says in a sentence what the outcome means.
func (o Outcome) Words() string {
	switch o {
	case Untouched:
		return "nothing was changed"
	case Before:
		return "the files are as they were, but the volume was written to"
	case Either:
		return "the file is either as it was or as it was to be, whole in both cases"
	default:
		return "the change is made, but was not finished: clusters may stay taken that nobody uses"
	}
}

// RunError says how far a change came before it failed.
type RunError struct {
	Step    string // the step under way, "" before the first one
	Done    []Step // those that were completed
	Outcome Outcome
	Err     error
}

// Error says what failed and what that leaves.
func (e *RunError) Error() string {
	if e.Step == "" {
		return fmt.Sprintf("%v; %s", e.Err, e.Outcome.Words())
	}
	return fmt.Sprintf("%s: %v; %s", e.Step, e.Err, e.Outcome.Words())
}

// Unwrap returns what failed.
func (e *RunError) Unwrap() error { return e.Err }

// flusher is what a device of which metadata is changed has to be.
type flusher interface {
	io.WriterAt
	Sync() error
}

// runPiece is how much is written and compared at once.
const runPiece = 1 << 20

// Run makes the change: it checks that the volume is still as planned, carries
// out each step with a flush behind it, and reads back what it wrote. Every
// error is a *RunError.
//
// A context that ends stops it before the first write and while contents are
// written, nowhere else: what is between takes moments.
func (c *Change) Run(ctx context.Context) error {
	w, ok := c.dev.(flusher)
	if !ok {
		return &RunError{Err: ErrReadOnly}
	}
	if err := c.asPlanned(ctx); err != nil {
		return &RunError{Err: err}
	}
	for i, step := range c.steps {
		if written, err := c.runStep(ctx, w, step); err != nil {
			return &RunError{Step: step.What, Done: c.steps[:i], Outcome: c.outcome(i, written), Err: err}
		}
	}
	return nil
}

// asPlanned proves that the device holds what the plan was made of.
func (c *Change) asPlanned(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v, err := Open(c.dev)
	if err != nil {
		return err
	}
	if err := c.recheck(v); err != nil {
		return err
	}
	for _, s := range c.Sectors() {
		if err := holds(c.dev, s.Offset, s.Versions[0], ErrChanged); err != nil {
			return err
		}
	}
	for _, g := range c.guards {
		if err := g.stands(c.dev); err != nil {
			return err
		}
	}
	return nil
}

// holds proves that the device has want at off; otherwise is the error where it has not.
func holds(dev io.ReaderAt, off int64, want []byte, otherwise error) error {
	buf := make([]byte, min(runPiece, len(want)))
	for done := 0; done < len(want); done += len(buf) {
		got := buf[:min(len(buf), len(want)-done)]
		if _, err := readFull(dev, got, off+int64(done)); err != nil {
			return err
		}
		if !bytes.Equal(got, want[done:done+len(got)]) {
			return fmt.Errorf("%w: %d bytes at 0x%x", otherwise, len(got), off+int64(done))
		}
	}
	return nil
}

// runStep writes, flushes and reads back; written says whether a write was tried.
func (c *Change) runStep(ctx context.Context, w flusher, step Step) (written bool, err error) {
	for _, write := range step.Writes {
		for done := 0; done < len(write.New); done += runPiece {
			if step.Kind == StepContents && ctx.Err() != nil {
				return written, ctx.Err()
			}
			written = true
			piece := write.New[done:min(len(write.New), done+runPiece)]
			if err := writeFull(w, piece, write.Offset+int64(done)); err != nil {
				return written, err
			}
		}
	}
	if err := w.Sync(); err != nil {
		return written, fmt.Errorf("flush: %w", err)
	}
	for _, write := range step.Writes {
		if err := holds(c.dev, write.Offset, write.New, ErrReadBack); err != nil {
			return written, err
		}
	}
	return written, nil
}

func writeFull(w io.WriterAt, b []byte, off int64) error {
	n, err := w.WriteAt(b, off)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write %d bytes at 0x%x: %w", len(b), off, err)
	}
	return nil
}

// outcome judges a change that failed in step i.
func (c *Change) outcome(i int, written bool) Outcome {
	kind := c.steps[i].Kind
	switch {
	case kind == StepFinish:
		return After
	case kind == StepCommit && written:
		return Either
	case kind != StepContents && written:
		return Before
	}
	for _, step := range c.steps[:i] {
		if step.Kind != StepContents {
			return Before
		}
	}
	return Untouched
}

// What stops a change beside errors of the device.
var (
	ErrChanged  = errors.New("the volume is not as it was when the change was planned")
	ErrReadBack = errors.New("what was written does not read back")
)
