package wim

import (
	"crypto/sha1" //nolint:gosec // the format's
	"errors"
	"io"
	"slices"
)

// tail is what ends an archive: blob table, XML and, if there is one, integrity table,
// in the order in which Windows writes them.
type tail struct {
	at        int64 // where it begins
	table     []byte
	xml       []byte
	integrity []byte
}

func (t *tail) tableEnd() int64 { return t.at + int64(len(t.table)) }
func (t *tail) bytes() []byte   { return slices.Concat(t.table, t.xml, t.integrity) }

// describe has a header name the parts.
func (t *tail) describe(h header) {
	at := t.at
	for _, p := range []struct {
		r resource
		b []byte
	}{{h.blobTable(), t.table}, {h.xml(), t.xml}, {h.integrity(), t.integrity}} {
		if p.b == nil {
			clear(p.r)
			continue
		}
		p.r.set(0, at, int64(len(p.b)))
		at += int64(len(p.b))
	}
}

// The integrity table (offsets in bytes): its header, and the SHA-1 of each piece of the
// archive from behind the header to the end of the blob table.
const (
	integrityHeaderSize = 12

	integrityLengthOff = 0
	integrityCountOff  = 4
	integrityPieceOff  = 8

	integrityPiece    = 10 << 20 // as Windows has it
	minIntegrityPiece = 4 << 10
	maxIntegrity      = 64 << 20
)

// sum makes the integrity table. The pieces with known sums come before those that are
// read.
func (t *tail) sum(rest io.Reader, piece int64, known []byte) error {
	t.integrity = append(make([]byte, integrityHeaderSize), known...)
	for {
		h := sha1.New() //nolint:gosec // the format's
		n, err := io.CopyN(h, rest, piece)
		if n > 0 {
			t.integrity = h.Sum(t.integrity)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	le.PutUint32(t.integrity[integrityLengthOff:], uint32(len(t.integrity)))
	le.PutUint32(t.integrity[integrityCountOff:], uint32((len(t.integrity)-integrityHeaderSize)/sha1.Size))
	le.PutUint32(t.integrity[integrityPieceOff:], uint32(piece))
	return nil
}

// knownSums are the sums of the whole pieces of the old archive, and where the first
// piece begins that has to be read. Where the old table makes no sense it is all of them.
func (a *Archive) knownSums() (piece int64, known []byte, from int64) {
	old, err := a.readAll(a.header.integrity(), "integrity table", maxIntegrity)
	if err != nil || len(old) < integrityHeaderSize {
		return integrityPiece, nil, headerSize
	}
	piece = int64(le.Uint32(old[integrityPieceOff:]))
	covered := int64(a.header.blobTable().offset()+a.header.blobTable().stored()) - headerSize
	sums := old[integrityHeaderSize:]
	if piece < minIntegrityPiece || int64(len(sums)) != (covered+piece-1)/piece*sha1.Size {
		return integrityPiece, nil, headerSize
	}
	whole := covered / piece
	return piece, slices.Clone(sums[:whole*sha1.Size]), headerSize + whole*piece
}
