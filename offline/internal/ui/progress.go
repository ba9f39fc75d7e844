package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	barDelay    = time.Second            // how long a job runs before it earns a bar: most never do
	barInterval = 100 * time.Millisecond // between two drawings
	barWidth    = 20                     // so that with all that is said a line has less than 80 letters
)

// Progress returns a function that shows how far a job of many bytes has come,
// and one that ends the show. The bar is drawn on standard error, for people
// only: never into a file, never in a script.
func (u *UI) Progress(label string) (update func(done, total int64), finish func()) {
	if u.Quiet || u.JSON || !isTerminal(u.err) || os.Getenv("TERM") == "dumb" {
		return func(int64, int64) {}, func() {}
	}
	b := &bar{label: label, out: u.err, now: time.Now}
	return b.update, b.finish
}

// bar is one line that is drawn over and over, of letters that every console has. The
// libraries that draw one bring a web server with its encryption along.
type bar struct {
	label string
	out   io.Writer
	now   func() time.Time

	mu    sync.Mutex
	begun time.Time // of the first update: what is said of the rate is true from then on
	drawn time.Time
	width int // of the line that is on the screen
}

// update draws the bar, if it is time to.
func (b *bar) update(done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if b.begun.IsZero() {
		b.begun = now
	}
	if elapsed := now.Sub(b.begun); elapsed >= barDelay && now.Sub(b.drawn) >= barInterval {
		b.drawn = now
		b.draw(b.label + " " + progressLine(done, total, elapsed))
	}
}

// draw puts a line in the place of the one before. A bar that cannot be drawn must not
// stop the job it describes.
func (b *bar) draw(line string) {
	width := len([]rune(line))
	_, _ = io.WriteString(b.out, "\r"+line+strings.Repeat(" ", max(0, b.width-width)))
	b.width = width
}

// finish takes the bar away.
func (b *bar) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.width > 0 {
		b.draw("")
		_, _ = io.WriteString(b.out, "\r")
	}
}

// progressLine says how much of how much, how fast, and for how long. Not every job
// knows its end.
func progressLine(done, total int64, elapsed time.Duration) string {
	rate := float64(done) / elapsed.Seconds()
	speed := FormatSize(int64(rate)) + "/s"
	if total <= 0 || done < 0 || done > total {
		return FormatSize(done) + ", " + speed
	}
	part := float64(done) / float64(total)
	line := fmt.Sprintf("%3.0f%% [%-*s] %s of %s, %s", 100*part, barWidth, strings.Repeat("=", int(part*barWidth)), FormatSize(done), FormatSize(total), speed)
	if done > 0 {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		line += ", " + left.Round(time.Second).String() + " left"
	}
	return line
}
