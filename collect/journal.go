package collect

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"

	"hangkit/collect/seekable"
)

// The journal of a copy lies beside its unfinished output and only grows. Each of
// its lines is a checksum (CRC-32C, eight hexadecimal digits), a space and a JSON
// object: first what is copied and how, then the checkpoints, last the result. A
// line that a power cut tore ends the journal. Nothing in it is believed: what a
// checkpoint says about the output is proven by its digest before a copy goes on.
const (
	journalSchema  = "hangkit/collect-journal/1"
	journalPrefix  = 9 // checksum and space
	maxJournal     = 64 << 20
	maxCheckpoints = 1024 // in one journal
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrJournal means a file that is not the journal of a copy.
var ErrJournal = errors.New("not the journal of a copy")

// copyID is what is copied and how. A copy goes on only where all but Log is equal.
type copyID struct {
	dumpID
	Schema    string `json:"schema"`
	Compress  bool   `json:"compress,omitempty"`
	EncryptTo string `json:"encrypt_to,omitempty"` // the recipients in order, with spaces between
	PartSize  int64  `json:"part_size,omitempty"`
	Digest    string `json:"digest"` // how digests are made
	Interval  int64  `json:"interval"`
	Log       string `json:"log,omitempty"` // the state of the volume's log when the copy began
}

// same tells whether a copy can go on with what another one left. Where the volume was
// written to in between, the dump may be the same all the same.
func (id copyID) same(other copyID) bool {
	id.Log = other.Log
	return id == other
}

// dumpID is what is copied. Another dump of the same machine may have its path, its
// size and its beginning: what is kept is compared with the disk too.
type dumpID struct {
	Path     string `json:"path"` // in its volume, whose name may change with a reboot
	Size     int64  `json:"size"` // of the dump
	FileSize int64  `json:"file_size"`
	Modified int64  `json:"modified"` // when the file was, in nanoseconds since 1970
	Head     string `json:"head"`     // SHA-256 of the dump's beginning
}

// The digests of a copy. The second one is for a copy that is to have none: it
// takes next to no time, and proves enough against a crash.
const (
	digestSHA256 = "sha256"
	digestCRC    = "crc32c"
)

// checkpoint says that the first Size bytes of the output, whose digest is Digest,
// hold the first At bytes of the dump.
type checkpoint struct {
	At     int64            `json:"at"`
	Size   int64            `json:"size"`
	Digest []byte           `json:"digest"`
	State  []byte           `json:"state,omitempty"`  // of the dump's digest, where that is another one
	Frames []seekable.Frame `json:"frames,omitempty"` // since the checkpoint before
	Bad    []Range          `json:"bad,omitempty"`    // since the checkpoint before
	Holes  int64            `json:"holes,omitempty"`
}

// journalLine is one line: exactly one of the three.
type journalLine struct {
	Copy  *copyID     `json:"copy,omitempty"`
	Point *checkpoint `json:"point,omitempty"`
	Done  *finished   `json:"done,omitempty"`
}

// finished is the result of a copy, and the digest of what was written. Its line
// comes before the output gets its name, which it announces.
type finished struct {
	Result
	Output []byte   `json:"output_digest"`
	Spots  []uint32 `json:"spots,omitempty"` // CRC-32C of each spot of a dump that is encrypted
}

// journal is open for writing. A copy does not fail for its journal: after a
// failed write no more is written, and less can be gone on with.
type journal struct {
	f      io.WriteCloser
	points int // how many checkpoints are in it
	err    error
}

func (j *journal) write(l journalLine) {
	if j == nil || j.err != nil {
		return
	}
	b, err := appendLine(nil, l)
	if err == nil {
		_, err = j.f.Write(b)
	}
	j.err = err
}

func (j *journal) point(p *checkpoint) {
	if j.write(journalLine{Point: p}); j.err == nil {
		j.points++
	}
}

func appendLine(b []byte, l journalLine) ([]byte, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(b, "%08x %s\n", crc32.Checksum(text, castagnoli), text), nil
}

// record is what a journal says.
type record struct {
	id     copyID
	points []checkpoint
	ends   []int64   // where in the journal the line of each checkpoint ends
	begin  int64     // where the first line ends
	done   *finished // nil while the copy is under way
}

// readJournal reads a journal of bounded size.
func readJournal(root *os.Root, name string) (*record, error) {
	f, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJournal))
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", name, err)
	}
	r, err := parseJournal(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// parseJournal reads lines up to the first that is torn or says what cannot be.
func parseJournal(b []byte) (*record, error) {
	r, at := &record{}, int64(0)
	for len(b) > 0 {
		l, n, ok := parseLine(b)
		b, at = b[n:], at+int64(n)
		if !ok || !r.take(l, at) {
			break
		}
	}
	if r.begin == 0 {
		return nil, ErrJournal
	}
	return r, nil
}

// parseLine returns the next line and its length.
func parseLine(b []byte) (l journalLine, n int, ok bool) {
	text, _, whole := bytes.Cut(b, []byte("\n"))
	n = len(text) + 1
	if !whole || len(text) < journalPrefix {
		return l, min(n, len(b)), false
	}
	want := fmt.Sprintf("%08x ", crc32.Checksum(text[journalPrefix:], castagnoli))
	if string(text[:journalPrefix]) != want {
		return l, n, false
	}
	return l, n, json.Unmarshal(text[journalPrefix:], &l) == nil
}

// take adds a line that ends at end, if it can follow what is there.
func (r *record) take(l journalLine, end int64) bool {
	switch {
	case l.Copy != nil && r.begin == 0 && l.Copy.possible():
		r.id, r.begin = *l.Copy, end
	case l.Point != nil && r.begin != 0 && r.follows(l.Point):
		r.points, r.ends = append(r.points, *l.Point), append(r.ends, end)
	case l.Done != nil && r.begin != 0 && r.fits(l.Done):
		r.done = l.Done
	default:
		return false
	}
	return true
}

func (id *copyID) possible() bool {
	return id.Schema == journalSchema && id.Size > 0 && id.PartSize >= 0 && id.Interval > 0 && id.Interval%chunkSize == 0 &&
		(id.Digest == digestSHA256 || id.Digest == digestCRC)
}

// follows tells whether p can come behind the checkpoints that are there.
func (r *record) follows(p *checkpoint) bool {
	var before checkpoint
	if n := len(r.points); n > 0 {
		before = r.points[n-1]
	}
	packed := p.Size - before.Size
	for _, f := range p.Frames {
		packed -= int64(f.Packed)
	}
	steps := p.At - before.At
	return p.At > before.At && p.At <= r.id.Size && steps == r.id.Interval && p.Size > before.Size &&
		(r.id.Compress && packed == 0 && int64(len(p.Frames)) == steps/chunkSize || !r.id.Compress && p.Size == p.At && p.Frames == nil) &&
		inOrder(p.Bad, before.At, p.At)
}

// inOrder tells whether ranges are ascending, apart and between two offsets.
func inOrder(ranges []Range, from, to int64) bool {
	for _, r := range ranges {
		if r.Len <= 0 || r.Off < from || r.Off > to || r.Len > to-r.Off {
			return false
		}
		from = r.Off + r.Len
	}
	return true
}

// fits tells whether a result can be that of this copy.
func (r *record) fits(d *finished) bool {
	return d.Size == r.id.Size && d.FileSize >= 0 && isOutputName(d.Name) && inOrder(d.BadRanges, 0, d.Size)
}

// intervalFor is how far apart the checkpoints of a dump are.
func intervalFor(size, least int64) int64 {
	interval := max(size/maxCheckpoints, least, 1)
	return (interval + chunkSize - 1) / chunkSize * chunkSize
}

// leastInterval is how much of a copy is copied again at most, but for huge ones.
const leastInterval = 16 << 20

func newDigest(name string) hash.Hash {
	if name == digestCRC {
		return crc32.New(castagnoli)
	}
	return sha256.New()
}

// hashState is a digest's state, to go on with. The digests used here have one.
func hashState(h hash.Hash) []byte {
	m, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return nil
	}
	b, err := m.MarshalBinary()
	if err != nil {
		return nil
	}
	return b
}

// restoreHash is the opposite of hashState.
func restoreHash(name string, state []byte) (hash.Hash, error) {
	h := newDigest(name)
	u, ok := h.(encoding.BinaryUnmarshaler)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return h, u.UnmarshalBinary(state)
}
