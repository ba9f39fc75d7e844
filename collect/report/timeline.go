package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	maxEvents = 60 // that are listed
	maxMarks  = 16 // that the drawing has room for
)

// entry is an event as it is listed.
type entry struct {
	Event
	Number int    // in the drawing, 0 where it is not drawn
	Since  string // how long after the one before
}

// timeline is the crash story: the events in order, and a drawing of them.
type timeline struct {
	Entries []entry
	More    int
	Picture *picture
}

func newTimeline(events []Event) *timeline {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b Event) int { return a.Time.Compare(b.Time) })
	t := &timeline{}
	listed := choose(events, maxEvents)
	t.More = len(events) - len(listed)
	drawn := choose(listed, maxMarks)
	var marked []Event
	for i, e := range listed {
		n := entry{Event: e}
		n.What = capital(n.What)
		if i > 0 && e.Time.Sub(listed[i-1].Time) >= time.Second {
			n.Since = span(e.Time.Sub(listed[i-1].Time)) + " later"
		}
		if slices.Contains(drawn, e) {
			marked = append(marked, e)
			n.Number = len(marked)
		}
		t.Entries = append(t.Entries, n)
	}
	if len(marked) > 1 {
		t.Picture = drawTimeline(marked)
	}
	return t
}

// choose keeps the n events that say the most, in their order: crashes, dumps and
// the collection first, of the others the latest.
func choose(events []Event, n int) []Event {
	if len(events) <= n {
		return events
	}
	byWeight := make([]int, len(events))
	for i := range byWeight {
		byWeight[i] = i
	}
	slices.SortStableFunc(byWeight, func(a, b int) int {
		return cmp.Or(-cmp.Compare(events[a].Kind.weight(), events[b].Kind.weight()), -cmp.Compare(a, b))
	})
	kept := byWeight[:n]
	slices.Sort(kept)
	out := make([]Event, n)
	for i, at := range kept {
		out[i] = events[at]
	}
	return out
}

func (k EventKind) weight() int {
	switch k {
	case EventCrash, EventCollected:
		return 3
	case EventDump:
		return 2
	case EventBoot, EventShutdown:
		return 1
	default:
		return 0
	}
}

const (
	timeWidth  = 660
	timeLeft   = 30
	timeLine   = 46
	timeHeight = 84
	markSize   = 9
)

// drawTimeline puts the events on a line. Gaps are drawn by the logarithm of
// their length: a boot takes seconds, and weeks may lie before it.
func drawTimeline(events []Event) *picture {
	p := &picture{
		ID: "timeline-picture", W: timeWidth, H: timeHeight, Title: "Timeline",
		Desc: fmt.Sprintf("%d events from %s to %s, earlier ones to the left; gaps are not to scale. The list below has the same numbers.",
			len(events), stamp(events[0].Time), stamp(events[len(events)-1].Time)),
	}
	x := places(events)
	p.Rects = append(p.Rects, rect{timeLeft, timeLine, timeWidth - 2*timeLeft, 1, "axis"})
	p.Rects = append(p.Rects, sessions(events, x)...)
	for i, e := range events {
		p.Shapes = append(p.Shapes, shape{e.Kind.path(x[i], timeLine), e.class(), fmt.Sprintf("%d: %s, %s", i+1, e.What, stamp(e.Time))})
		p.label(x[i], timeLine-18, "middle", "%d", i+1)
	}
	first, last := events[0].Time, events[len(events)-1].Time
	p.label(timeLeft-markSize, timeHeight-8, "start", "%s", first.UTC().Format("2006-01-02 15:04"))
	p.label(timeWidth-timeLeft+markSize, timeHeight-8, "end", "%s", last.UTC().Format("2006-01-02 15:04"))
	return p
}

// places are the x of the events, at least a mark apart.
func places(events []Event) []int {
	weights, sum := make([]float64, len(events)), 0.0
	for i := 1; i < len(events); i++ {
		weights[i] = 2 + math.Log2(1+max(events[i].Time.Sub(events[i-1].Time).Minutes(), 0))
		sum += weights[i]
	}
	const least = 2*markSize + 6
	room := float64(timeWidth - 2*timeLeft - least*(len(events)-1))
	x, at := make([]int, len(events)), float64(timeLeft)
	for i := range events {
		if i > 0 {
			at += least + room*weights[i]/sum
		}
		x[i] = int(at)
	}
	return x
}

// sessions are bars for the times Windows ran: from a start to what ended it.
func sessions(events []Event, x []int) []rect {
	var bars []rect
	start := -1
	for i, e := range events {
		switch e.Kind {
		case EventBoot:
			start = i
		case EventShutdown, EventCrash:
			if start >= 0 {
				bars = append(bars, rect{x[start], timeLine - 2, x[i] - x[start], 5, "session"})
			}
			start = -1
		default:
		}
	}
	return bars
}

// path is the mark of a kind of event: each has a form of its own, for those who
// do not tell the colours apart.
func (k EventKind) path(x, y int) string {
	const s = markSize
	switch k {
	case EventBoot: // a triangle that points on
		return fmt.Sprintf("M%d %dL%d %dL%d %dZ", x-s+2, y-s, x+s, y, x-s+2, y+s)
	case EventShutdown: // a square
		return fmt.Sprintf("M%d %dH%dV%dH%dZ", x-s+1, y-s+1, x+s-1, y+s-1, x-s+1)
	case EventCrash: // a cross
		const w = 4
		return fmt.Sprintf("M%d %dl%d %dl%d %dl%d %dl%d %dl%d %dl%d %dl%d %dl%d %dl%d %dl%d %dl%d %dZ", x-s, y-s+w,
			w, -w, s-w, s-w, s-w, w-s, w, w, w-s, s-w, s-w, s-w, -w, w, w-s, w-s, w-s, s-w, -w, -w, s-w, w-s)
	case EventDump: // a diamond
		return fmt.Sprintf("M%d %dL%d %dL%d %dL%d %dZ", x, y-s, x+s, y, x, y+s, x-s, y)
	case EventCollected: // a flag
		return fmt.Sprintf("M%d %dV%dH%dL%d %dL%d %dH%dV%dZ", x-s+1, y+s+2, y-s, x+s, x+s-5, y-s+6, x+s, y-s+12, x-s+4, y+s+2)
	default: // a disc
		return fmt.Sprintf("M%d %da5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z", x-5, y)
	}
}

// symbol is the mark alone, for the list.
func (e *Event) symbol() *picture {
	const side = 2*markSize + 6
	return &picture{W: side, H: side, Shapes: []shape{{e.Kind.path(side/2, side/2), e.class(), ""}}}
}

func (e *Event) class() string {
	if e.Uncertain != "" {
		return "mark uncertain " + e.Kind.String()
	}
	return "mark " + e.Kind.String()
}
