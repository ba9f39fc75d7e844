package collect

import (
	"cmp"
	"fmt"
	"time"

	"hangkit/collect/dumpfile"
)

// identity is what two dumps of the same crash have in common.
type identity struct {
	time       time.Time
	code       uint32
	parameters [4]uint64
}

// identityOf gives no identity to a dump whose crash time was not written: it
// could be any crash.
func identityOf(c *Candidate) (identity, bool) {
	if c.Header == nil || !c.Header.SystemTime.Known {
		return identity{}, false
	}
	b := c.Header.BugCheck
	id := identity{time: c.Header.SystemTime.Value, code: b.Code.Value}
	for i, p := range b.Parameters {
		id.parameters[i] = p.Value
	}
	return id, true
}

// sameCrash compares identities, and boot counters where both dumps have one.
func sameCrash(a, b *Candidate) bool {
	if a.Header == nil || b.Header == nil || a.Live() != b.Live() {
		return false
	}
	ia, oka := identityOf(a)
	ib, okb := identityOf(b)
	if !oka || !okb {
		return sameMoment(a.Header, b.Header)
	}
	x, y := a.Header.BootID, b.Header.BootID
	return ia == ib && (!x.Known || !y.Known || x.Value == y.Value)
}

// sameMoment compares what is left of a header whose first page was zeroed: the boot,
// and how long it had run, which is counted in units of 100 ns.
func sameMoment(a, b *dumpfile.Header) bool {
	return a.BootID.Known && a.BootID == b.BootID && a.SystemUpTime.Known && a.SystemUpTime == b.SystemUpTime
}

// replaces reports whether nothing is lost by leaving c out. A small dump of
// the crash stays wanted beside a memory dump that is not whole, and so do the
// pages of one whose header was zeroed.
func replaces(better, c *Candidate) bool {
	if isTriage(better) && !isTriage(c) {
		return false
	}
	if isTriage(c) && !isTriage(better) || c.State == StateHeaderWiped {
		return better.State == StateComplete || better.State == StateEncrypted && c.State == StateHeaderWiped
	}
	return true
}

func isTriage(c *Candidate) bool { return c.Header != nil && c.Header.Type == dumpfile.TypeTriage }

// compare puts what can be copied first, crashes before live dumps, then the latest
// crash, then the memory dump before the small one, the better state and the better source.
func compare(a, b *Candidate) int {
	return cmp.Or(
		-compareBool(a.Extractable(), b.Extractable()),
		-compareBool(a.Header != nil, b.Header != nil),
		compareBool(a.Live(), b.Live()),
		-crashTime(a).Compare(crashTime(b)),
		compareBool(isTriage(a), isTriage(b)),
		cmp.Compare(a.State, b.State),
		cmp.Compare(a.Source, b.Source),
		-cmp.Compare(a.Have, b.Have),
		cmp.Compare(a.Name(), b.Name()),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func crashTime(c *Candidate) time.Time {
	if c.Header == nil {
		return time.Time{}
	}
	return c.Header.SystemTime.Value
}

// staleness says why the crash is not the last thing that happened to this
// Windows. The boot counter is asked before the clock, which may be wrong. A live
// dump is no crash.
func (c *Candidate) staleness() string {
	h, p := c.Header, c.Place
	switch {
	case h == nil || c.Live():
		return ""
	case isFormer(c.Path):
		return "it is of a Windows that an upgrade set aside"
	case h.BootID.Known && p.BootID != 0:
		return startsSince(int64(p.BootID) - int64(h.BootID.Value))
	case h.SystemTime.Known && p.LastShutdown.After(h.SystemTime.Value):
		return "Windows was shut down cleanly after this crash, on " + p.LastShutdown.UTC().Format(timeFormat)
	}
	return ""
}

// startsSince tells how often a boot got far enough to be counted.
func startsSince(n int64) string {
	times := fmt.Sprintf("%d times", n)
	switch {
	case n <= 0:
		return ""
	case n == 1:
		times = "once"
	case n == 2:
		times = "twice"
	}
	return "by the registry's counter Windows has started " + times + " since this crash"
}
