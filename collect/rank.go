package collect

import (
	"slices"
	"time"

	"hangkit/collect/dumpfile"
)

// rank sorts the candidates, the best first, and marks the lesser copies of
// the same crash.
func rank(all []*Candidate) {
	slices.SortStableFunc(all, compare)
	for _, c := range all {
		c.DuplicateOf, c.savedPartly = nil, false
	}
	kept := keptByKey{}
	for i, c := range all {
		for _, at := range kept.alike(c) {
			if c.yields(all[at]) {
				break
			}
		}
		if c.DuplicateOf == nil && c.Extractable() {
			kept.add(c, i)
		}
	}
}

// yields marks c as a copy of the same crash that better has, where nothing is lost by
// that. Only what changes something is compared.
func (c *Candidate) yields(better *Candidate) bool {
	saves := !better.savedPartly && (c.Source == SourceDumpFile || c.Source == SourceTemp)
	replaced := replaces(better, c)
	if !saves && !replaced || !sameCrash(better, c) {
		return false
	}
	better.savedPartly = better.savedPartly || saves
	if replaced {
		c.DuplicateOf = better
	}
	return replaced
}

// crashKey is what [sameCrash] asks two copies of one crash to have in common, so that
// ten thousand dumps are not each compared with each.
type crashKey struct {
	live bool
	id   identity
	boot dumpfile.Field[uint32] // or anyBoot, for those that know no boot
	// Instead of an identity, where one of the two has none: how long the boot had run,
	// and whether the better one has an identity.
	uptime         dumpfile.Field[time.Duration]
	anyBoot, named bool
}

// keptByKey are the places of the candidates that are no duplicates.
type keptByKey map[crashKey][]int

func (k keptByKey) add(c *Candidate, at int) {
	id, named := identityOf(c)
	if named {
		k.addKey(crashKey{live: c.Live(), id: id, boot: bootOf(c)}, at)
		k.addKey(crashKey{live: c.Live(), id: id, anyBoot: true}, at)
	}
	if key, ok := momentOf(c); ok {
		key.named = named
		k.addKey(key, at)
	}
}

func (k keptByKey) addKey(key crashKey, at int) { k[key] = append(k[key], at) }

// alike are the places, in their order, of all that may be the same crash as c.
func (k keptByKey) alike(c *Candidate) []int {
	id, named := identityOf(c)
	var keys []crashKey
	switch {
	case named && bootOf(c).Known:
		keys = append(keys, crashKey{live: c.Live(), id: id, boot: bootOf(c)}, crashKey{live: c.Live(), id: id})
	case named:
		keys = append(keys, crashKey{live: c.Live(), id: id, anyBoot: true})
	}
	if key, ok := momentOf(c); ok {
		keys = append(keys, key)
		if key.named = true; !named {
			keys = append(keys, key)
		}
	}
	var at []int
	for _, key := range keys {
		at = append(at, k[key]...)
	}
	slices.Sort(at)
	return at
}

// bootOf is no boot where it is not known.
func bootOf(c *Candidate) dumpfile.Field[uint32] {
	if !c.Header.BootID.Known {
		return dumpfile.Field[uint32]{}
	}
	return c.Header.BootID
}

// momentOf is the key of those without an identity.
func momentOf(c *Candidate) (crashKey, bool) {
	h := c.Header
	if h == nil || !h.BootID.Known || !h.SystemUpTime.Known {
		return crashKey{}, false
	}
	return crashKey{live: c.Live(), boot: h.BootID, uptime: h.SystemUpTime}, true
}
