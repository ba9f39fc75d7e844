package collect

import (
	"cmp"
	"fmt"
	"slices"
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
	ia, oka := identityOf(a)
	ib, okb := identityOf(b)
	if !oka || !okb || ia != ib {
		return false
	}
	x, y := a.Header.BootID, b.Header.BootID
	return !x.Known || !y.Known || x.Value == y.Value
}

// rank sorts the candidates, the best first, and marks the lesser copies of
// the same crash.
func rank(all []*Candidate) {
	slices.SortStableFunc(all, compare)
	for i, c := range all {
		for _, better := range all[:i] {
			if better.DuplicateOf == nil && better.Extractable() && sameCrash(better, c) && replaces(better, c) {
				c.DuplicateOf = better
				break
			}
		}
	}
}

// replaces reports whether nothing is lost by leaving c out. A small dump of
// the crash stays wanted beside a memory dump that is not whole.
func replaces(better, c *Candidate) bool {
	if isTriage(c) && !isTriage(better) {
		return better.State == StateComplete
	}
	return true
}

func isTriage(c *Candidate) bool { return c.Header != nil && c.Header.Type == dumpfile.TypeTriage }

// compare puts what can be copied first, then the latest crash, then the
// memory dump before the small one, the better state and the better source.
func compare(a, b *Candidate) int {
	return cmp.Or(
		-compareBool(a.Extractable(), b.Extractable()),
		-compareBool(a.Header != nil, b.Header != nil),
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
// Windows. The boot counter is asked before the clock, which may be wrong.
func (c *Candidate) staleness() string {
	h, p := c.Header, c.Place
	if h.BootID.Known && p.BootID != 0 {
		if boots := int64(p.BootID) - int64(h.BootID.Value); boots > 0 {
			return fmt.Sprintf("Windows has started %d times since this crash", boots)
		}
		return ""
	}
	if h.SystemTime.Known && p.LastShutdown.After(h.SystemTime.Value) {
		return fmt.Sprintf("Windows was shut down cleanly after this crash, on %s", p.LastShutdown.UTC().Format(time.RFC3339))
	}
	return ""
}
