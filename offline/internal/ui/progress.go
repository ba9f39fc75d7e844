package ui

import (
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
	b := &bar{label: label, ui: u, start: time.Now()}
	return b.update, b.finish
}

type bar struct {
	label string
	ui    *UI
	start time.Time
	bar   *progressbar.ProgressBar
}

func (b *bar) update(done, total int64) {
	if b.bar == nil {
		if time.Since(b.start) < barDelay {
			return
		}
		b.bar = b.draw(total)
	}
	// A bar that cannot be drawn must not stop the job it describes.
	_ = b.bar.Set64(done)
}

func (b *bar) draw(total int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total,
		progressbar.OptionSetDescription(b.label),
		progressbar.OptionSetWriter(b.ui.err),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionEnableColorCodes(false),
	)
}

func (b *bar) finish() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
