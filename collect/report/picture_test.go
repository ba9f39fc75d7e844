package report

import (
	"math/rand/v2"
	"testing"
	"time"
)

// inside reports that everything of a picture lies in its frame.
func inside(t *testing.T, p *picture) {
	t.Helper()
	for _, r := range p.Rects {
		if r.X < 0 || r.Y < 0 || r.W < 0 || r.H <= 0 || r.X+r.W > p.W || r.Y+r.H > p.H {
			t.Errorf("%+v is outside of %d×%d", r, p.W, p.H)
		}
	}
}

// TestPieces draws files from one piece to 20,000 and looks each piece up again.
func TestPieces(t *testing.T) {
	t.Parallel()
	const cluster, volume = 4096, 1 << 40
	for _, count := range []int{1, 2, 100, 20000} {
		rnd := rand.New(rand.NewPCG(1, uint64(count)))
		var pieces []Piece
		at := int64(0)
		for range count {
			p := Piece{at, rnd.Int64N(volume/2/cluster) * cluster, cluster * (1 + rnd.Int64N(64))}
			pieces = append(pieces, p)
			at += p.Len
		}
		read := at / 3
		drawn := NewPieces(pieces, volume, read, nil)
		pic := drawn.picture("x")
		inside(t, pic)
		if most := pieceColumns*pieceRows + 1; len(pic.Rects) > most || len(drawn.First) > maxPieces || drawn.Count != count {
			t.Errorf("%d pieces: %d rectangles, %d listed", count, len(pic.Rects), len(drawn.First))
		}
		for _, p := range pieces {
			column, row := part(p.File, at, pieceColumns), part(p.Volume, volume, pieceRows)
			c := drawn.Cells[(pieceRows-1-row)*pieceColumns+column]
			if p.File < read && !c.Read || p.File >= read && !c.Unread {
				t.Fatalf("%d pieces: %+v is not drawn", count, p)
			}
		}
	}
}

// TestPiecesFillTheirColumns: a file in one piece is drawn from end to end.
func TestPiecesFillTheirColumns(t *testing.T) {
	t.Parallel()
	p := NewPieces([]Piece{{0, 10 << 20, 7777}}, 0, 7777, nil)
	for i, c := range p.Cells[:pieceColumns] {
		if !c.Read {
			t.Errorf("column %d is empty", i)
		}
	}
}

// TestPiecesOfNonsense: sizes that no volume has do no harm.
func TestPiecesOfNonsense(t *testing.T) {
	t.Parallel()
	for _, pieces := range [][]Piece{nil, {{}}, {{0, 0, 1}}, {{1 << 62, 1 << 62, 1 << 61}}} {
		NewPieces(pieces, 0, 1<<40, nil).picture("x")
	}
}

// TestTimeline keeps what matters and its order, however many events there are.
func TestTimeline(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var events []Event
	for i := range 500 {
		kind := EventOther
		switch {
		case i == 3:
			kind = EventCrash
		case i%3 == 0:
			kind = EventBoot
		}
		events = append(events, Event{Time: start.Add(time.Duration(i*i) * time.Minute), Kind: kind})
	}
	line := newTimeline(events)
	if len(line.Entries) != maxEvents || line.More != len(events)-maxEvents || len(line.Picture.Shapes) != maxMarks {
		t.Errorf("%d listed, %d not, %d drawn", len(line.Entries), line.More, len(line.Picture.Shapes))
	}
	if first := line.Entries[0]; first.Kind != EventCrash || first.Number != 1 {
		t.Errorf("the crash is lost: %+v", first)
	}
	inside(t, line.Picture)
	for i := 1; i < len(line.Entries); i++ {
		if line.Entries[i].Time.Before(line.Entries[i-1].Time) {
			t.Fatal("out of order")
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, gaps := range [][]time.Duration{{0}, {0, 0, 0}, {time.Second, 10000 * time.Hour}, make([]time.Duration, maxMarks-1)} {
		events := []Event{{Time: now}}
		at := now
		for _, g := range gaps {
			at = at.Add(g)
			events = append(events, Event{Time: at})
		}
		x := places(events)
		if x[0] != timeLeft || x[len(x)-1] > timeWidth-timeLeft || x[len(x)-1] < timeWidth-timeLeft-1 {
			t.Errorf("%v: from %d to %d", gaps, x[0], x[len(x)-1])
		}
		for i := 1; i < len(x); i++ {
			if x[i]-x[i-1] < 2*markSize {
				t.Errorf("%v: marks %d and %d touch: %v", gaps, i-1, i, x)
			}
		}
	}
}

// TestSessions: a bar ends where Windows did, and an end without a start has none.
func TestSessions(t *testing.T) {
	t.Parallel()
	kinds := []EventKind{EventCrash, EventBoot, EventDump, EventShutdown, EventBoot, EventBoot, EventCrash, EventCollected}
	var events []Event
	var x []int
	for i, k := range kinds {
		events, x = append(events, Event{Kind: k}), append(x, 10*i)
	}
	bars := sessions(events, x)
	if len(bars) != 2 || bars[0].X != 10 || bars[0].W != 20 || bars[1].X != 50 || bars[1].W != 10 {
		t.Errorf("%+v", bars)
	}
}
