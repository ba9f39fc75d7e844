package ntfs_test

import (
	"testing"
	"time"

	"hangkit/ntfs/format"
)

// TestTimesOfNoCalendar: what one wrong bit makes of a time is no time.
func TestTimesOfNoCalendar(t *testing.T) {
	t.Parallel()
	last := time.Date(9999, 12, 31, 23, 59, 59, 999_999_900, time.UTC)
	m, _ := build(t, 8<<20, format.Options{Root: []format.Entry{
		{Name: "last", Times: format.Times{Modified: last}},
		{Name: "later", Times: format.Times{Modified: last.Add(100)}},
		{Name: "flipped", Times: format.Times{Modified: time.Date(31_000, 1, 1, 0, 0, 0, 0, time.UTC)}},
	}})
	v := open(t, m)
	for name, want := range map[string]time.Time{"last": last, "later": {}, "flipped": {}} {
		info, err := v.Stat(name)
		if err != nil || !info.ModTime().Equal(want) {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if d, err := v.Detail(name); err != nil || !d.Times.Modified.Equal(want) || d.Times.Created.IsZero() {
			t.Errorf("%s: %+v, %v", name, d.Times, err)
		}
	}
}
