package collect

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"testing/fstest"
)

// OutFile is what an injected output implements.
type OutFile = outFile

// WithCreate replaces the making of output files.
func (o Options) WithCreate(create func(root *os.Root, name string) (OutFile, error)) Options {
	o.create = create
	return o
}

// WithInterval sets how far apart the checkpoints are.
func (o Options) WithInterval(n int64) Options {
	o.interval = n
	return o
}

// CreateFile is the real making of output files, for injections to wrap.
func CreateFile(root *os.Root, name string) (OutFile, error) { return createFile(root, name) }

// WriteWhole lets tests break the writing of a manifest.
func WriteWhole(dir, name string, b []byte, create func(root *os.Root, name string) (OutFile, error)) (string, error) {
	return writeWhole(dir, name, b, create)
}

// RenameWhole writes b the way of file systems without links.
func RenameWhole(dir, name string, b []byte) error {
	out, err := newOutput(dir, 0, nil)
	if err != nil {
		return err
	}
	_, werr := out.file.WriteAt(b, 0)
	rerr := out.rename(name)
	out.safe = rerr == nil
	return errors.Join(werr, rerr, out.discard())
}

// JournalPoints parses a journal and returns where each checkpoint lies: bytes of
// the dump, bytes of the output, and where its line ends.
func JournalPoints(b []byte) (at, size, ends []int64, err error) {
	r, err := parseJournal(b)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, p := range r.points {
		at, size = append(at, p.At), append(size, p.Size)
	}
	return at, size, r.ends, nil
}

// JournalLine is text as a line of a journal, with its checksum.
func JournalLine(text string) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum([]byte(text), castagnoli), text)
}

// ChunkSize is the size of one read.
const ChunkSize = chunkSize

// NewFileCandidate is a complete dump of size bytes behind r, without a volume
// that had to be searched.
func NewFileCandidate(r io.ReaderAt, size int64) *Candidate {
	v := readerVolume{fstest.MapFS{}, map[string]*io.SectionReader{"pagefile.sys": io.NewSectionReader(r, 0, size)}}
	return &Candidate{
		Place: &Place{Volume: v}, Path: "pagefile.sys", Source: SourcePageFile,
		State: StateComplete, Length: size, Have: size, FileSize: size, raw: true,
	}
}

// NewLocatedCandidate is a page file of a volume with a dump of size bytes.
func NewLocatedCandidate(v Volume, name string, size int64) *Candidate {
	return &Candidate{
		Place: &Place{Volume: v}, Path: name, Source: SourcePageFile,
		State: StateComplete, Length: size, Have: size, raw: true,
	}
}

type readerVolume struct {
	fstest.MapFS
	raw map[string]*io.SectionReader
}

func (v readerVolume) OpenRaw(name string) (*io.SectionReader, error) {
	if r := v.raw[name]; r != nil {
		return r, nil
	}
	return nil, fs.ErrNotExist
}

// SetLog gives the volume of a NewFileCandidate a log.
func SetLog(c *Candidate, text string) {
	log := bytes.Repeat([]byte(text), restartPages)
	c.Place.Volume.(readerVolume).raw[logFile] = io.NewSectionReader(bytes.NewReader(log), 0, restartPages)
}

// ParseParts lets tests read the list of a folder of parts.
func ParseParts(b []byte) (size, part int64, name string, err error) {
	l, err := parseParts(b)
	if err != nil {
		return 0, 0, "", err
	}
	return l.Size, l.PartSize, l.Name, nil
}

// SetCreate replaces the making of a bundle's files.
func (b *Bundle) SetCreate(create func(root *os.Root, name string) (OutFile, error)) {
	b.create = create
}
