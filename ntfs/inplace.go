package ntfs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// InPlace overwrites bytes of one file inside the clusters it owns. It changes
// no metadata, so it is safe whatever the journal holds: the journal never
// contains file data.
type InPlace struct {
	dev     Device
	writer  io.WriterAt
	name    string
	extents []Extent
	size    int64
	closed  bool
}

// OpenInPlace opens a file to be overwritten, after proving that its bytes lie
// where writing them harms nothing else. ErrNotInPlace wraps the reason if they
// do not; ErrReadOnly if the device has no [io.WriterAt].
func (v *Volume) OpenInPlace(name string) (*InPlace, error) {
	w, ok := v.dev.(io.WriterAt)
	if !ok {
		return nil, pathError("overwrite", name, ErrReadOnly)
	}
	n, _, err := v.resolve(name)
	if err != nil {
		return nil, pathError("overwrite", name, err)
	}
	s, err := v.placement(n, name)
	if err != nil {
		return nil, pathError("overwrite", name, fmt.Errorf("%w: %w", ErrNotInPlace, err))
	}
	return &InPlace{dev: v.dev, writer: w, name: name, extents: s.extents, size: s.initialized}, nil
}

// writableVersions are those of Windows 2000 and of everything after it.
var writableVersions = []string{"3.0", "3.1"}

// placement checks every precondition of an overwrite and returns the data.
// That the record is in use and its sequence number and name are the index
// entry's has been proven by resolve.
func (v *Volume) placement(n *node, name string) (*stream, error) {
	if !slices.Contains(writableVersions, v.info.Version) {
		return nil, fmt.Errorf("NTFS version %s is unknown", v.info.Version)
	}
	if err := n.plainFile(name); err != nil {
		return nil, err
	}
	attrs, err := n.attributes(typeData, "")
	if err != nil {
		return nil, err
	}
	if len(attrs) == 0 {
		return nil, errors.New("the file has no data")
	}
	s, err := v.newStream(attrs)
	if err != nil {
		return nil, err
	}
	if err := s.plain(); err != nil {
		return nil, err
	}
	if err := v.secondReader(attrs, s.extents); err != nil {
		return nil, err
	}
	differ, err := v.mirrorDiffers()
	if err != nil {
		return nil, err
	}
	if len(differ) > 0 && !v.mirrorLags(differ) {
		return nil, fmt.Errorf("MFT records %v differ from their mirror", differ)
	}
	if err := v.clustersInUse(s.extents); err != nil {
		return nil, err
	}
	return s, v.clustersAlone(s.extents)
}

// File attribute bits of $STANDARD_INFORMATION that rule overwriting out.
const (
	attributeSparse     = 0x00000200
	attributeCompressed = 0x00000800
	attributeEncrypted  = 0x00004000
)

// plainFile refuses what is not an ordinary file.
func (n *node) plainFile(name string) error {
	first, _, _ := strings.Cut(name, "/")
	tag, err := n.reparseTag()
	if err != nil {
		return err
	}
	a, ok, err := n.first(typeStandardInformation, "")
	if err != nil {
		return err
	}
	if !ok || !a.resident() || len(a.value()) < siMinSize {
		return damaged(n.base.off, "$STANDARD_INFORMATION", fmt.Sprintf("at least %d resident bytes", siMinSize), "none")
	}
	attributes := le.Uint32(a.value()[siAttributes:])
	switch {
	case n.base.directory():
		return errIsDirectory
	case n.base.ref.Number < firstUserRecord || strings.EqualFold(first, "$Extend"):
		return errors.New("the file belongs to NTFS itself")
	case tag != 0 || attributes&attributeReparse != 0:
		return fmt.Errorf("the file is a reparse point (tag 0x%08x%s)", tag, tagName(tag))
	case attributes&(attributeCompressed|attributeEncrypted|attributeSparse) != 0:
		return fmt.Errorf("the file's attributes say compressed, encrypted or sparse (0x%x)", attributes)
	}
	return nil
}

// plain refuses data that is not stored byte for byte in clusters.
func (s *stream) plain() error {
	switch {
	case s.resident != nil:
		return errors.New("the data is inside the MFT record")
	case s.flags&flagCompressed != 0:
		return errors.New("the data is compressed")
	case s.flags&flagEncrypted != 0:
		return errors.New("the data is encrypted")
	case s.flags&flagSparse != 0:
		return errors.New("the data is sparse")
	case s.flags != 0:
		return fmt.Errorf("the data has unknown flags 0x%x", s.flags)
	case slices.ContainsFunc(s.extents, func(e Extent) bool { return e.DeviceOffset == hole }):
		return errors.New("the data has holes")
	case s.initialized == 0:
		return errors.New("none of the data is initialized")
	}
	return nil
}

// clustersInUse proves that $Bitmap knows every cluster of the file.
func (v *Volume) clustersInUse(extents []Extent) error {
	bitmap, err := v.clusterBitmap()
	if err != nil {
		return err
	}
	for _, e := range extents {
		first := e.DeviceOffset / v.boot.clusterSize
		free, err := firstFree(bitmap, first, first+e.Length/v.boot.clusterSize)
		if err != nil {
			return fmt.Errorf("$Bitmap: %w", err)
		}
		if free >= 0 {
			return fmt.Errorf("cluster %d of the file is marked free in $Bitmap", free)
		}
	}
	return nil
}

// firstFree returns the first cluster in [from, to) whose bit is clear, -1 if none.
func firstFree(bitmap io.ReaderAt, from, to int64) (int64, error) {
	buf := make([]byte, min(bitmapChunk, (to+7)/8-from/8))
	for at := from / 8; at*8 < to; at += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), (to+7)/8-at)]
		if _, err := bitmap.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i, c := range b {
			if c == 0xff {
				continue
			}
			for bit := range int64(8) {
				lcn := (at+int64(i))*8 + bit
				if lcn >= from && lcn < to && c>>bit&1 == 0 {
					return lcn, nil
				}
			}
		}
	}
	return -1, nil
}

// systemStreams are the metadata whose clusters no file may share.
var systemStreams = []struct {
	record uint64
	kind   uint32
	name   attrName
}{
	{recordMFT, typeData, ""},
	{recordMFT, typeBitmap, ""},
	{recordMFTMirr, typeData, ""},
	{recordLogFile, typeData, ""},
	{recordAttrDef, typeData, ""},
	{recordRoot, typeIndexAllocation, indexName},
	{recordBitmap, typeData, ""},
	{recordBoot, typeData, ""},
	{recordSecure, typeData, asciiName("$SDS")},
	{recordSecure, typeIndexAllocation, asciiName("$SDH")},
	{recordSecure, typeIndexAllocation, asciiName("$SII")},
	{recordUpCase, typeData, ""},
}

// systemExtents maps all of systemStreams that have clusters.
func (v *Volume) systemExtents() ([]Extent, error) {
	var extents []Extent
	for _, system := range systemStreams {
		n, err := v.metanode(system.record)
		if err != nil {
			return nil, err
		}
		s, ok, err := n.stream(system.kind, system.name)
		if err != nil {
			return nil, err
		}
		if ok {
			extents = append(extents, s.extents...)
		}
	}
	return extents, nil
}

// clustersAlone proves that no cluster of the file occurs twice in it or
// belongs to a metafile, of which the boot sector's is one.
func (v *Volume) clustersAlone(extents []Extent) error {
	system, err := v.systemExtents()
	if err != nil {
		return err
	}
	taken := slices.Concat(extents, system)
	slices.SortFunc(taken, func(a, b Extent) int { return cmp.Compare(a.DeviceOffset, b.DeviceOffset) })
	for i := 1; i < len(taken); i++ {
		if end := taken[i-1].DeviceOffset + taken[i-1].Length; end > taken[i].DeviceOffset {
			return fmt.Errorf("cluster %d belongs to two files or twice to one", taken[i].DeviceOffset/v.boot.clusterSize)
		}
	}
	return nil
}

// Size is the number of bytes that can be read and written: the initialized
// part of the data.
func (p *InPlace) Size() int64 { return p.size }

// ReadAt reads what WriteAt may overwrite.
func (p *InPlace) ReadAt(b []byte, off int64) (int, error) {
	if p.closed || off < 0 {
		return 0, p.refuse("read", off)
	}
	if off >= p.size {
		return 0, io.EOF
	}
	var eof error
	if rest := p.size - off; int64(len(b)) > rest {
		b, eof = b[:rest], io.EOF
	}
	n, err := readExtents(p.dev, p.extents, b, off)
	if err != nil {
		return n, pathError("read", p.name, err)
	}
	return n, eof
}

// ErrBounds says that a write would leave the bytes a file owns.
var ErrBounds = errors.New("write outside the file's initialized data")

// WriteAt overwrites bytes of the file. A write that does not fit is refused
// as a whole, with nothing written.
func (p *InPlace) WriteAt(b []byte, off int64) (int, error) {
	if p.closed || off < 0 || off > p.size || int64(len(b)) > p.size-off {
		return 0, p.refuse("write", off)
	}
	done := 0
	for i := extentAt(p.extents, off); done < len(b); i++ {
		e := p.extents[i]
		skip := off + int64(done) - e.FileOffset
		piece := b[done:min(int64(len(b)), int64(done)+e.Length-skip)]
		n, err := p.writer.WriteAt(piece, e.DeviceOffset+skip)
		done += n
		if err == nil && n < len(piece) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return done, pathError("write", p.name, err)
		}
	}
	return done, nil
}

func (p *InPlace) refuse(op string, off int64) error {
	if p.closed {
		return pathError(op, p.name, fs.ErrClosed)
	}
	return pathError(op, p.name, fmt.Errorf("%w: offset %d, size %d", ErrBounds, off, p.size))
}

// Sync asks the device to make the writes durable, if it can.
func (p *InPlace) Sync() error {
	if s, ok := p.dev.(interface{ Sync() error }); ok {
		return pathError("sync", p.name, s.Sync())
	}
	return nil
}

// Close ends the writing; it does not sync.
func (p *InPlace) Close() error {
	if p.closed {
		return pathError("close", p.name, fs.ErrClosed)
	}
	p.closed = true
	return nil
}
