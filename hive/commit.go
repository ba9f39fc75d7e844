package hive

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// Generation is how a Windows writes its hives. The caller knows it from the Windows version.
type Generation int

// The generations.
const (
	// Auto goes by what the logs look like, and writes directly where they do not tell.
	Auto Generation = iota
	// GenerationHvLE is Windows 8.1, Server 2012 R2 and later.
	GenerationHvLE
	// GenerationDIRT is Windows Vista to 8, with LOG1 and LOG2.
	GenerationDIRT
	// GenerationXP is Windows XP and Server 2003, with a single log, given as Log1.
	GenerationXP
)

// CommitOptions says how changes are to be written.
type CommitOptions struct {
	Generation Generation
	// Now becomes the time of changed keys; the zero time leaves their times alone.
	Now time.Time
	// MaxLogSize lets a log grow to this many bytes; 0 means it stays as long as it is.
	MaxLogSize int64
}

// Write is one step of a commit.
type Write struct {
	File FileID
	Off  int64
	Data []byte
	// Old is what the file held at Off before the commit; shorter where the file ended.
	Old []byte
	// Sync says that the file is to be flushed before the next step.
	Sync bool
	// Why says what the step is for.
	Why string
}

// Commit is an ordered list of writes. With ProtocolHvLE and ProtocolDIRT a power cut after any
// sector of them leaves a hive that Windows loads with the old contents or the new. With Direct it
// may leave one that Windows refuses: then only the bytes in Old help, so they are to be safe on
// other storage first. Notes say why a protocol was chosen.
type Commit struct {
	Protocol Protocol
	Sequence uint32 // of the hive when all is written
	Writes   []Write
	Notes    []string
}

// Commit plans the writes that bring the recovered and edited hive to its files. It writes nothing
// itself. A hive that does not pass [Hive.Validate] is refused. Where nothing changed and nothing had
// to be recovered there is nothing to write. After the writes the hive is to be opened anew.
func (h *Hive) Commit(o CommitOptions) (*Commit, error) {
	if h.src.Primary == nil {
		return nil, fmt.Errorf("commit: a new hive is written with WriteTo: %w", ErrUnsupported)
	}
	if err := h.bins.loadAll(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	if err := h.stamp(o.Now); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	if err := h.Validate(); err != nil {
		return nil, fmt.Errorf("commit: hive is not valid: %w", err)
	}
	p := &planner{h: h, o: o, c: &Commit{Sequence: h.base.seq2()}}
	if err := p.plan(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return p.c, nil
}

// Target is a file of a hive that can be written and flushed.
type Target interface {
	io.WriterAt
	Sync() error
}

// Targets are the files a commit writes to. Logs it does not use may be nil.
type Targets struct {
	Primary, Log1, Log2 Target
}

func (t Targets) file(id FileID) Target {
	switch id {
	case Log1:
		return t.Log1
	case Log2:
		return t.Log2
	default:
		return t.Primary
	}
}

// Run carries out the writes in order, with the flushes between them, and stops at the first error.
func (c *Commit) Run(t Targets) error {
	for i, w := range c.Writes {
		if err := w.run(t.file(w.File)); err != nil {
			return fmt.Errorf("step %d of %d (%s): %w", i+1, len(c.Writes), w.Why, err)
		}
	}
	return nil
}

func (w *Write) run(t Target) error {
	if t == nil {
		return fmt.Errorf("%s: %w", w.File, ErrNotExist)
	}
	n, err := t.WriteAt(w.Data, w.Off)
	if err == nil && n < len(w.Data) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("write %s at %#x: %w", w.File, w.Off, err)
	}
	if !w.Sync {
		return nil
	}
	if err := t.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", w.File, err)
	}
	return nil
}

// CheckUnchanged reads what the commit is about to write over, and compares with what
// was there when it was planned: ErrStale if somebody else wrote in between.
func (c *Commit) CheckUnchanged(s Source) error {
	for _, w := range c.Writes {
		f := s.file(w.File)
		if f == nil {
			return fmt.Errorf("%s: %w", w.File, ErrNotExist)
		}
		now := make([]byte, len(w.Old))
		if _, err := readFull(f, now, w.Off); err != nil {
			return fmt.Errorf("look again at %s: %w", w.File, err)
		}
		if !bytes.Equal(now, w.Old) {
			return fmt.Errorf("%s at %#x: %w", w.File, w.Off, ErrStale)
		}
	}
	return nil
}

// Verify reads back everything the commit wrote and compares.
func (c *Commit) Verify(s Source) error {
	for i, w := range c.Writes {
		f := s.file(w.File)
		if f == nil {
			return fmt.Errorf("%s: %w", w.File, ErrNotExist)
		}
		got := make([]byte, len(w.Data))
		if _, err := readFull(f, got, w.Off); err != nil {
			return fmt.Errorf("read back %s: %w", w.File, err)
		}
		want := append([]byte(nil), w.Data...)
		for _, later := range c.Writes[i+1:] {
			later.cover(want, w.File, w.Off)
		}
		if string(got) != string(want) {
			return fmt.Errorf("%s at %#x (%s): %w", w.File, w.Off, w.Why, ErrReadBack)
		}
	}
	return nil
}

// cover puts what w writes over p, which stands at off of a file.
func (w *Write) cover(p []byte, file FileID, off int64) {
	start, end := max(w.Off, off), min(w.Off+int64(len(w.Data)), off+int64(len(p)))
	if w.File == file && start < end {
		copy(p[start-off:end-off], w.Data[start-w.Off:])
	}
}
