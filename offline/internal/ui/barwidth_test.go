package ui

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestBarWidth: a bar with large numbers fits 80 columns, in ASCII.
func TestBarWidth(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := &bar{label: "Debian packages", out: &patient{w: &out, start: time.Now().Add(-time.Hour)}}
	b.update(0, 1000<<30)
	time.Sleep(150 * time.Millisecond) // what comes sooner is not drawn
	b.update(123<<30+456<<20, 1000<<30)
	seen := 0
	for line := range strings.SplitSeq(out.String(), "\r") {
		line = strings.TrimRight(line, " \n")
		seen = max(seen, len(line))
		if len(line) > 80 || strings.ContainsFunc(line, func(r rune) bool { return r > '~' || r < ' ' }) {
			t.Errorf("%d bytes: %q", len(line), line)
		}
	}
	if seen < 40 {
		t.Errorf("no bar was drawn: %q", out.String())
	}
}
