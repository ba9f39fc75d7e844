package ui

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// barDelay is how long a job runs before it earns a bar: most never do.
const barDelay = time.Second

// Progress returns a function that shows how far a job of many bytes has come,
// and one that ends the show. The bar is drawn on standard error, for people
// only: never into a file, never in a script.
func (u *UI) Progress(label string) (update func(done, total int64), finish func()) {
	if u.Quiet || u.JSON || !isTerminal(u.err) || os.Getenv("TERM") == "dumb" {
		return func(int64, int64) {}, func() {}
	}
	b := &bar{label: label, out: &patient{w: u.err, start: time.Now()}}
	return b.update, b.finish
}

// barWidth leaves room for the label, the sizes and the times within 80 columns: a line that
// breaks is drawn again and again. Its signs are ASCII, for serial lines.
const barWidth = 10

type bar struct {
	label string
	out   *patient
	bar   *progressbar.ProgressBar
}

// update draws the bar. It counts from the first call, so that what it says of the rate
// and of the time that is left is true when it is first seen.
func (b *bar) update(done, total int64) {
	if b.bar == nil {
		b.bar = b.draw(total)
	}
	// A bar that cannot be drawn must not stop the job it describes.
	_ = b.bar.Set64(done)
}

func (b *bar) draw(total int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total,
		progressbar.OptionSetDescription(b.label),
		progressbar.OptionSetWriter(b.out),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionEnableColorCodes(false),
		progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
	)
}

func (b *bar) finish() {
	if b.bar != nil && b.out.late() {
		_ = b.bar.Finish()
	}
}

// patient is a terminal that shows nothing until a job has taken barDelay.
type patient struct {
	w     io.Writer
	start time.Time
}

func (p *patient) late() bool { return time.Since(p.start) >= barDelay }

func (p *patient) Write(b []byte) (int, error) {
	if !p.late() {
		return len(b), nil
	}
	return p.w.Write(b)
}
