package report

import "fmt"

// picture is a drawing of rectangles, shapes and a few words. Its units are
// pixels of a page about 660 wide; everything in it is bounded by its maker.
type picture struct {
	ID, Title, Desc string
	W, H            int
	Rects           []rect
	Shapes          []shape
	Labels          []label
}

type rect struct {
	X, Y, W, H int
	Class      string
}

// shape is a path, and what it says when it is pointed at.
type shape struct {
	Path, Class, Title string
}

type label struct {
	X, Y   int
	Anchor string // start, middle or end
	Text   string
}

// key is a line of a picture's legend.
type key struct{ Class, Text string }

// fillGrid draws the cells of a grid of equal squares, those of one class that
// follow one another in a row as one rectangle. An empty class draws nothing.
func (p *picture) fillGrid(x, y, w, h, columns, cells int, class func(i int) string) {
	for start := 0; start < cells; {
		end, c := start+1, class(start)
		for end < cells && end%columns != 0 && class(end) == c {
			end++
		}
		if c != "" {
			p.Rects = append(p.Rects, rect{x + start%columns*w, y + start/columns*h, (end - start) * w, h, c})
		}
		start = end
	}
}

func (p *picture) label(x, y int, anchor, format string, args ...any) {
	p.Labels = append(p.Labels, label{x, y, anchor, fmt.Sprintf(format, args...)})
}
