package report

import "fmt"

// Pieces are the extents of the file that a dump was read from, in the file's
// order, and where they lie on the volume.
type Pieces struct {
	File   int64 // bytes of the file
	Read   int64 // bytes of it that were read for the dump
	Volume int64 // bytes of the volume; 0 where that is not known
	Count  int
	First  []Piece // the first of them
	Bad    int64   // bytes that could not be read

	Cells []PieceCell // of the picture, row by row; the last row is the start of the volume
}

// Piece is an extent.
type Piece struct{ File, Volume, Len int64 }

// PieceCell tells what of the file lies in a part of the picture.
type PieceCell struct{ Read, Unread, Bad bool }

const (
	pieceColumns = 96
	pieceRows    = 32
	maxPieces    = 8 // that are listed
)

// NewPieces draws the extents of a file, of which the first read bytes were taken.
func NewPieces(extents []Piece, volume, read int64, bad []Piece) *Pieces {
	p := &Pieces{Volume: volume, Count: len(extents), First: extents[:min(len(extents), maxPieces)], Read: read}
	for _, e := range extents {
		p.File = max(p.File, e.File+e.Len)
		p.Volume = max(p.Volume, e.Volume+e.Len)
	}
	p.Cells = make([]PieceCell, pieceColumns*pieceRows)
	for _, e := range extents {
		p.add(e.upTo(read), func(c *PieceCell) { c.Read = true })
		p.add(e.from(read), func(c *PieceCell) { c.Unread = true })
	}
	for _, b := range bad {
		p.Bad += b.Len
		p.add(b, func(c *PieceCell) { c.Bad = true })
	}
	return p
}

// upTo and from cut a piece at an offset of the file.
func (e Piece) upTo(off int64) Piece {
	e.Len = min(e.Len, max(off-e.File, 0))
	return e
}

func (e Piece) from(off int64) Piece {
	cut := min(max(off-e.File, 0), e.Len)
	return Piece{e.File + cut, e.Volume + cut, e.Len - cut}
}

// add marks the cells that a piece lies in: it rises through one column after the
// other.
func (p *Pieces) add(e Piece, mark func(*PieceCell)) {
	if e.Len <= 0 || p.File == 0 || p.Volume == 0 {
		return
	}
	for column := part(e.File, p.File, pieceColumns); column < pieceColumns; column++ {
		next := border(column+1, p.File, pieceColumns)
		in := e.upTo(next)
		if in.Len > 0 {
			low, high := part(in.Volume, p.Volume, pieceRows), part(in.Volume+in.Len-1, p.Volume, pieceRows)
			for row := low; row <= high; row++ {
				mark(&p.Cells[(pieceRows-1-row)*pieceColumns+column])
			}
		}
		if e = e.from(next); e.Len == 0 {
			return
		}
	}
}

// part tells in which of n equal parts of a whole an offset lies.
func part(off, whole int64, n int) int {
	return min(int(float64(off)/float64(whole)*float64(n)), n-1)
}

// border is the least offset that lies in the given part.
func border(i int, whole int64, n int) int64 {
	off := int64(float64(i) / float64(n) * float64(whole))
	for i < n && part(off, whole, n) < i {
		off++
	}
	return off
}

func (c PieceCell) class() string {
	switch {
	case c.Bad:
		return "lost"
	case c.Read:
		return "m4"
	case c.Unread:
		return "m1"
	}
	return ""
}

const (
	pieceLeft   = 88
	pieceTop    = 14
	pieceWidth  = 6
	pieceHeight = 7
)

func (p *Pieces) picture(id string) *picture {
	const w, h = pieceColumns * pieceWidth, pieceRows * pieceHeight
	out := &picture{
		ID: id, W: pieceLeft + w + 4, H: pieceTop + h + 26,
		Title: "Pieces of the file on the volume",
		Desc:  "To the right: the file, from its start. Upwards: where on the volume that part of it lies. " + p.words(),
		Rects: []rect{{pieceLeft, pieceTop, w, h, "frame"}},
	}
	out.fillGrid(pieceLeft, pieceTop, pieceWidth, pieceHeight, pieceColumns, len(p.Cells), func(i int) string { return p.Cells[i].class() })
	out.label(pieceLeft-8, pieceTop+8, "end", "%s", size(p.Volume))
	out.label(pieceLeft-8, pieceTop+h, "end", "0")
	out.label(pieceLeft, pieceTop+h+20, "start", "start of the file")
	out.label(pieceLeft+w, pieceTop+h+20, "end", "%s", size(p.File))
	return out
}

func (p *Pieces) words() string {
	s := fmt.Sprintf("The file has %s in %s.", size(p.File), count(uint64(p.Count), "piece", "pieces"))
	if p.Read < p.File {
		s += fmt.Sprintf(" The first %s of it were read for the dump.", size(p.Read))
	} else {
		s += " All of it was read for the dump."
	}
	if p.Bad > 0 {
		s += fmt.Sprintf(" %s could not be read.", size(p.Bad))
	}
	return s
}

func (p *Pieces) legend() []key {
	keys := []key{{"m4", "read for the dump"}, {"m1", "behind the dump, not read"}}
	if p.Bad > 0 {
		keys = append(keys, key{"lost", "not readable"})
	}
	return keys
}
