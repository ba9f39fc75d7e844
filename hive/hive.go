package hive

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"
)

// File is one of the files of a hive, for reading.
type File interface {
	io.ReaderAt
	Size() int64
}

// Source is the set of files a hive consists of; nil means absent. The XP and Server 2003 single
// log (SYSTEM.LOG) goes into Log1.
type Source struct {
	Primary, Log1, Log2 File
}

// FileID names one of the files of a Source.
type FileID int

// The files of a hive.
const (
	Primary FileID = iota
	Log1
	Log2
)

func (f FileID) String() string {
	switch f {
	case Log1:
		return "LOG1"
	case Log2:
		return "LOG2"
	default:
		return "primary"
	}
}

func (s Source) file(id FileID) File {
	switch id {
	case Log1:
		return s.Log1
	case Log2:
		return s.Log2
	default:
		return s.Primary
	}
}

// Hive is an opened hive: recovered, and edited, in memory only. It is not safe for concurrent use.
type Hive struct {
	src      Source
	onDisk   baseBlock // as the primary has it
	base     baseBlock // recovered
	bins     *binData
	recovery Recovery
	replayed map[uint32]struct{} // pages of the bins that a log changed
	space    *space              // free cells; nil until the first edit
	keysOf   map[uint32]uint32   // how many keys use a security descriptor; nil until the first deletion
	limit    int64               // bytes the primary may have
	touched  keySet              // key nodes that get a new time when committed
	now      time.Time           // of a new hive
}

// Open opens a hive. A dirty one is recovered in memory from its logs, by the rule Windows follows;
// where Windows would refuse it the error is ErrDirtyNoLog or ErrLogsNotApplicable. Of a clean hive
// only the base block is read: damage further in shows when it is met, or by [Hive.Validate].
func Open(s Source) (*Hive, error) {
	if s.Primary == nil {
		return nil, fmt.Errorf("hive: no primary file: %w", ErrNotExist)
	}
	size := s.Primary.Size()
	disk, err := readBaseBlock(s.Primary, size, baseBlockSize)
	if err != nil {
		return nil, err
	}
	h := &Hive{src: s, onDisk: disk, base: disk, limit: size, touched: newKeySet(), replayed: map[uint32]struct{}{}}
	if disk.dirty() {
		if err := h.recover(); err != nil {
			return nil, err
		}
		return h, nil
	}
	if err := disk.check(size); err != nil {
		return nil, err
	}
	h.bins = newBinData(s.Primary, disk.binsSize())
	return h, nil
}

// Minor is the minor format version, 3 to 6: 5 for SYSTEM and SOFTWARE since Windows XP.
func (h *Hive) Minor() uint32 { return h.base.minor() }

// Name is the file name the base block keeps: the end of it, where it is a long one.
func (h *Hive) Name() string { return h.base.name() }

// Sequence is the sequence number of the recovered state.
func (h *Hive) Sequence() uint32 { return h.base.seq2() }

// Recovery says what Open found and did about unfinished writes.
func (h *Hive) Recovery() Recovery { return h.recovery }

// BytesRead is how much of the primary's bins was read so far.
func (h *Hive) BytesRead() int64 { return h.bins.reads.Load() }

// Changed says whether edits changed anything since the hive was opened and recovered.
func (h *Hive) Changed() bool {
	return len(h.editedPages()) > 0
}

// AllowGrowth lets the primary grow to size bytes. Without it edits stay within the file's present
// size: only a file system can make a file longer.
func (h *Hive) AllowGrowth(size int64) { h.limit = size }

// Key finds a key by its path below the root, in any case: "" is the root. A path with backslashes
// is cut at these only, one without at its slashes: `\a/b` is the key "a/b" below the root.
func (h *Hive) Key(path string) (*Key, error) {
	k, err := h.keyAt(h.base.rootCell())
	if err != nil {
		return nil, fmt.Errorf("root key: %w", err)
	}
	for _, name := range splitPath(path) {
		if k, err = k.Subkey(name); err != nil {
			return nil, fmt.Errorf("key %q: %w", path, err)
		}
	}
	return k, nil
}

// editedPages gives the pages that edits changed or added, in order.
func (h *Hive) editedPages() []uint32 {
	var list []uint32
	for page, old := range h.bins.saved {
		if page < h.bins.size() && !bytes.Equal(old, h.editedPage(page)) {
			list = append(list, page)
		}
	}
	for page := h.bins.opened; page < h.bins.size(); page += pageSize {
		list = append(list, page)
	}
	slices.Sort(list)
	return list
}
