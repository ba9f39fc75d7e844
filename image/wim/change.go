package wim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"
)

// File is an archive that can be changed: a file that grows.
type File interface {
	io.ReaderAt
	io.WriterAt
	Size() int64
	Truncate(size int64) error
	// Sync returns once everything written before it is durable.
	Sync() error
}

// NewContents are what a file of an image is to hold.
type NewContents struct {
	Path string
	Data []byte
}

// Change is a change of an archive, worked out in memory: what is appended, and the
// header that makes it count.
type Change struct {
	old, header header
	size        int64    // of the archive before
	pieces      [][]byte // appended, in this order
}

// Plan works out how files of an image get new contents. Nothing is written. Contents
// that other files or images have too stay theirs.
func (a *Archive) Plan(n int, files []NewContents, now time.Time) (*Change, error) {
	if err := a.Writable(); err != nil {
		return nil, err
	}
	m, err := a.Image(n)
	if err != nil {
		return nil, err
	}
	p := &planner{archive: a, image: m, blobs: slices.Clone(a.blobs), now: now}
	p.metadata = m.metadata // read for this plan alone
	for _, f := range files {
		if err := p.replace(f); err != nil {
			return nil, pathError("change", f.Path, err)
		}
	}
	return p.finish()
}

// planner makes one change.
type planner struct {
	archive  *Archive
	image    *Image
	metadata metadata
	blobs    blobTable
	now      time.Time

	pieces [][]byte
	end    int64 // of all pieces, from the old end of the archive
	grown  int64 // of the files of the image
}

// add appends a piece and says where it will be.
func (p *planner) add(b []byte) int64 {
	at := p.archive.size + p.end
	p.pieces, p.end = append(p.pieces, b), p.end+int64(len(b))
	return at
}

// replace gives a file other contents: its directory entry their SHA-1, and the blob
// table an entry for them.
func (p *planner) replace(f NewContents) error {
	d, err := p.image.find(path.Clean(f.Path))
	if err != nil {
		return err
	}
	switch {
	case d.isDir() || d.attributes()&attrReparse != 0:
		return errNotFile
	case d.attributes()&attrEncrypted != 0:
		return ErrEncrypted
	}
	if err := p.alone(d); err != nil {
		return err
	}
	at, err := p.metadata.hashAt(d, "")
	if err != nil {
		return err
	}
	old := p.metadata.hash(at)
	if len(f.Data) > 0 && old == hashOf(f.Data) {
		return nil
	}
	p.grown += int64(len(f.Data)) - p.archive.blobLength(old)
	if err := p.release(old); err != nil {
		return err
	}
	h := p.take(f.Data)
	copy(p.metadata[at:], h[:])
	le.PutUint64(p.metadata[d.at+modifiedOff:], toFileTime(p.now))
	return nil
}

// alone refuses a file with hard links: each of its names has a directory entry, and all
// would have to change.
func (p *planner) alone(d *dentry) error {
	group := d.hardLink()
	if group == 0 {
		return nil
	}
	same := 0
	err := p.image.walk(p.image.root, func(e *dentry) {
		if !e.isDir() && e.hardLink() == group {
			same++
		}
	})
	if err == nil && same > 1 {
		err = ErrShared
	}
	return err
}

// walk visits everything below a directory. Damaged metadata may show a directory in many
// places, or entries in more than one: each directory is entered once, and there are not
// more entries than the metadata has room for.
func (m *Image) walk(dir *dentry, visit func(*dentry)) error {
	seen, room := map[uint64]bool{}, len(m.metadata)/dentrySize
	// A list and no recursion: directories may lie millions deep.
	for below := []*dentry{dir}; len(below) > 0; {
		next := below[len(below)-1]
		below = below[:len(below)-1]
		if seen[next.subdir()] {
			continue
		}
		seen[next.subdir()] = true
		err := m.metadata.each(next, func(d *dentry) bool {
			visit(d)
			if d.isDir() {
				below = append(below, d)
			}
			room--
			return room >= 0
		})
		if err != nil {
			return err
		}
		if room < 0 {
			return damaged(next.at+subdirOff, "directory entry: directory", "entries of its own", "those of another")
		}
	}
	return nil
}

// release takes one use of contents out of the blob table, and their entry with the last
// one.
func (p *planner) release(h Hash) error {
	if h == (Hash{}) {
		return nil
	}
	i := p.blobs.indexOf(h)
	if i < 0 {
		return missing(h)
	}
	b := p.blobs.entry(i)
	if b.refs() > 1 {
		b.setRefs(b.refs() - 1)
		return nil
	}
	p.blobs = slices.Delete(p.blobs, i*blobSize, (i+1)*blobSize)
	return nil
}

// take adds one use of contents, which are appended if the archive has not got them.
func (p *planner) take(data []byte) Hash {
	if len(data) == 0 {
		return Hash{}
	}
	h := hashOf(data)
	if i := p.blobs.indexOf(h); i >= 0 {
		b := p.blobs.entry(i)
		b.setRefs(b.refs() + 1)
		return h
	}
	p.blobs = append(p.blobs, newBlob(h, 0, p.add(data), int64(len(data)))...)
	return h
}

// finish appends the metadata and the tables, and makes the header that names them.
func (p *planner) finish() (*Change, error) {
	a := p.archive
	h := slices.Clone(a.header)
	entry := p.blobs.entry(p.nthMetadata(p.image.number))
	copy(entry, newBlob(hashOf(p.metadata), resMetadata, p.add(p.metadata), int64(len(p.metadata))))
	if a.Boot() == p.image.number {
		copy(h.bootMetadata(), entry.resource())
	}
	t := tail{at: a.size + p.end, table: p.blobs}
	t.xml = a.changedXML(p.image.number, p.grown, t.tableEnd(), p.now)
	if !h.integrity().absent() {
		if err := p.sum(&t); err != nil {
			return nil, fmt.Errorf("wim: integrity table: %w", err)
		}
	}
	t.describe(h)
	if t.xml == nil {
		copy(h.xml(), a.header.xml())
	}
	p.add(t.bytes())
	return &Change{old: a.header, header: h, size: a.size, pieces: p.pieces}, nil
}

// nthMetadata is the entry of an image's metadata: entries before it may be gone.
func (p *planner) nthMetadata(n int) int {
	for i := range p.blobs.len() {
		if b := p.blobs.entry(i); b.metadata() && b.refs() > 0 {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1 // there were as many when the archive was opened
}

// sum makes the integrity table anew. The sums of pieces that were whole before stay, as
// nothing in them changes: a part of the archive that was damaged remains known as
// damaged.
func (p *planner) sum(t *tail) error {
	piece, known, from := p.archive.knownSums()
	section := io.NewSectionReader(p.archive.r, from, p.archive.size-from)
	readers := []io.Reader{section}
	for _, b := range append(p.pieces, t.table) {
		readers = append(readers, bytes.NewReader(b))
	}
	return t.sum(io.MultiReader(readers...), piece, known)
}

// Bytes is how many bytes are appended.
func (c *Change) Bytes() int64 {
	n := int64(0)
	for _, p := range c.pieces {
		n += int64(len(p))
	}
	return n
}

// Offset is where they go: the size of the archive before.
func (c *Change) Offset() int64 { return c.size }

// ErrUntouched says of a change that failed that the archive is as it was.
var ErrUntouched = errors.New("the archive is as it was")

// Run carries the change out: everything is appended and flushed, then the header is
// written, then flushed. An error that is no [ErrUntouched] may leave the old or the new
// archive.
func (c *Change) Run(f File) error {
	if err := c.check(f); err != nil {
		return fmt.Errorf("%w: %w", ErrUntouched, err)
	}
	if err := c.append(f); err != nil {
		return fmt.Errorf("%w: %w", ErrUntouched, errors.Join(err, f.Truncate(c.size)))
	}
	return writeHeader(f, c.header)
}

// check demands the archive that the plan was made for.
func (c *Change) check(f File) error {
	now := make(header, headerSize)
	if n, err := f.ReadAt(now, 0); n < len(now) {
		return truncated(0, headerSize, int64(n), err)
	}
	if !bytes.Equal(now, c.old) || f.Size() != c.size {
		return ErrChanged
	}
	return nil
}

func (c *Change) append(f File) error {
	at := c.size
	for _, p := range c.pieces {
		if _, err := f.WriteAt(p, at); err != nil {
			return err
		}
		at += int64(len(p))
	}
	return f.Sync()
}

func writeHeader(f File, h header) error {
	if _, err := f.WriteAt(h, 0); err != nil {
		return err
	}
	return f.Sync()
}

// Undo is the way back from a change to the very bytes that were there before.
type Undo struct {
	Header    []byte // before
	NewHeader []byte
	Size      int64 // before
	NewSize   int64
}

// Undo is the way back from the change.
func (c *Change) Undo() Undo {
	return Undo{Header: c.old, NewHeader: c.header, Size: c.size, NewSize: c.size + c.Bytes()}
}

// Done says whether the archive is the old one already.
func (u Undo) Done(f File) (bool, error) {
	now := make([]byte, headerSize)
	if n, err := f.ReadAt(now, 0); n < len(now) {
		return false, truncated(0, headerSize, int64(n), err)
	}
	return bytes.Equal(now, u.Header) && f.Size() == u.Size, nil
}

// Restore makes the archive what it was before the change, to the byte: the old header,
// flushed, and then the old size. It also cleans up behind a change that was cut off.
// An archive that something else was appended to since is an [ErrChanged] and is left
// alone, and so is one that would not open behind it: the record may be damaged.
func (u Undo) Restore(f File) error {
	now := make([]byte, headerSize)
	if n, err := f.ReadAt(now, 0); n < len(now) {
		return truncated(0, headerSize, int64(n), err)
	}
	done := bytes.Equal(now, u.NewHeader) && f.Size() == u.NewSize
	cut := bytes.Equal(now, u.Header) && f.Size() >= u.Size && f.Size() <= u.NewSize
	if len(u.Header) != headerSize || u.Size < headerSize || u.Size > u.NewSize || !done && !cut {
		return fmt.Errorf("%w: %w", ErrUntouched, ErrChanged)
	}
	if _, err := Open(behind{f, u.Header}, u.Size); err != nil {
		return fmt.Errorf("%w: what should lead back does not: %w", ErrUntouched, err)
	}
	if done {
		if err := writeHeader(f, u.Header); err != nil {
			return err
		}
	}
	return errors.Join(f.Truncate(u.Size), f.Sync())
}

// behind is an archive as another header would have it.
type behind struct {
	io.ReaderAt
	header []byte
}

func (b behind) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.ReaderAt.ReadAt(p, off)
	if off < int64(len(b.header)) {
		copy(p[:n], b.header[off:])
	}
	return n, err
}
