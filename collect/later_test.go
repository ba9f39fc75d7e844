package collect_test

import (
	"strings"
	"testing"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumptest"
)

// TestLaterBoots: a dump on another volume shows the boots of the same Windows, and
// only of the same.
func TestLaterBoots(t *testing.T) {
	t.Parallel()
	crash := build(t, dumptest.Spec{Pages: 64})
	next := build(t, dumptest.Spec{Pages: 64, Time: dumptest.DefaultTime.Add(time.Hour), BootID: 8})
	for shift, left := range map[time.Duration]bool{0: true, time.Second: false} {
		here := windows(files(map[string][]byte{"Windows/MEMORY.DMP": next}))
		there := collect.Place{Volume: files(map[string][]byte{"pagefile.sys": crash}), Label: "D", PageFiles: []string{"pagefile.sys"}}
		here.LastShutdown = dumptest.DefaultTime.Add(-time.Hour)
		there.LastShutdown = here.LastShutdown.Add(shift)
		for _, c := range find(t, here, there) {
			if c.Place.Label == "D" && left != strings.Contains(c.Story(), "later boots left it there") {
				t.Errorf("%s: %s", shift, c.Story())
			}
		}
	}
}
