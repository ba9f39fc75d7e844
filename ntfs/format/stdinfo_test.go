package format

import (
	"testing"
	"time"
)

func TestFiletime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t    time.Time
		want uint64
	}{
		{time.Date(1601, time.January, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(1600, time.December, 31, 0, 0, 0, 0, time.UTC), 0},
		{time.Unix(0, 0), 116444736000000000},
		{time.Unix(1, 123456789), 116444736011234567},
	} {
		if got := filetime(c.t); got != c.want {
			t.Errorf("%v: %d, want %d", c.t, got, c.want)
		}
	}
}
