package ui

import (
	"bytes"
	"regexp"
	"testing"
	"time"
)

// TestBar: a bar says how much of how much, how fast, and for how long; and nothing of a
// job that is over soon.
func TestBar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		running time.Duration
		want    string
	}{
		{barDelay, `dump +50% .*\(50/100 MiB, \d+ .iB/s\) \[\d+s:\d+s\]`},
		{0, `^$`},
	} {
		var out bytes.Buffer
		b := &bar{label: "dump", out: &patient{w: &out, start: time.Now().Add(-c.running)}}
		b.update(0, 100<<20)
		time.Sleep(150 * time.Millisecond) // the bar draws ten times a second at most
		b.update(50<<20, 100<<20)
		if !regexp.MustCompile(c.want).Match(out.Bytes()) {
			t.Errorf("running for %s: %q, want %s", c.running, out.String(), c.want)
		}
		if b.finish(); c.running == 0 && out.Len() > 0 {
			t.Errorf("finish drew %q", out.String())
		}
	}
}
