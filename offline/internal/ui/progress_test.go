package ui

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestBar: a bar says how much of how much, how fast, and for how long; it is drawn over
// itself, and is gone in the end. Nothing is seen of a job that is over soon.
func TestBar(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	var out bytes.Buffer
	b := &bar{label: "dump", out: &out, now: func() time.Time { return now }}
	after := func(d time.Duration, done int64, want string) {
		t.Helper()
		now = now.Add(d)
		out.Reset()
		b.update(done<<20, 100<<20)
		if got := strings.TrimRight(out.String(), " "); got != want {
			t.Errorf("after %d MiB drew %q, want %q", done, got, want)
		}
	}
	after(0, 0, "")
	after(barDelay-1, 4, "")
	b.finish()
	if out.Len() > 0 {
		t.Errorf("a bar that was never drawn ended with %q", out.String())
	}
	after(1, 5, "\rdump   5% [=                   ] 5.0 MiB of 100.0 MiB, 5.0 MiB/s, 19s left")
	after(barInterval-1, 6, "")
	after(9*time.Second+1-barInterval, 50, "\rdump  50% [==========          ] 50.0 MiB of 100.0 MiB, 5.0 MiB/s, 10s left")
	line := len(strings.TrimLeft(out.String(), "\r"))
	out.Reset()
	b.finish()
	if want := "\r" + strings.Repeat(" ", line) + "\r"; out.String() != want {
		t.Errorf("ended with %q, want %q", out.String(), want)
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		done, total int64
		want        string
	}{
		{0, 0, "0 bytes, 0 bytes/s"}, // a job that does not know its end
		{2 << 10, -1, "2.0 KiB, 1.0 KiB/s"},
		{300, 200, "300 bytes, 150 bytes/s"}, // or was wrong about it
		{0, 100, "  0% [                    ] 0 bytes of 100 bytes, 0 bytes/s"},
		{100, 100, "100% [====================] 100 bytes of 100 bytes, 50 bytes/s, 0s left"},
	} {
		if got := progressLine(c.done, c.total, 2*time.Second); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.done, c.total, got, c.want)
		}
	}
}
