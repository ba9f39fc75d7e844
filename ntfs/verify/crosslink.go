package verify

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

// crossing is a run some of whose clusters an earlier run owns already. Which
// one is known after a second look at $MFT: while it is scanned, a cluster has
// a bit and no name.
type crossing struct {
	record, off   int64 // of the attribute that came second
	first, shared int64 // clusters
	owner         int64
}

// boundCrossings reports what is too much to be looked up.
func (c *checker) boundCrossings() {
	if last := len(c.crossings) - 1; last >= c.maxFindings {
		c.addCrossing(c.crossings[last])
		c.crossings = c.crossings[:last]
	}
}

func (c *checker) addCrossing(x crossing) {
	owner := "another run"
	if x.owner != noRecord {
		owner = fmt.Sprintf("record %d", x.owner)
	}
	c.add(x.record, CrossLink, x.off, "run list", "clusters of its own",
		fmt.Sprintf("%d, from cluster %d, that %s owns", x.shared, x.first, owner))
}

// checkCrossings finds out and reports who owns the clusters that have two owners.
func (c *checker) checkCrossings() error {
	if len(c.crossings) == 0 {
		return nil
	}
	slices.SortStableFunc(c.crossings, func(a, b crossing) int { return cmp.Compare(a.first, b.first) })
	var r record
	err := c.eachRecord(nil, func(b []byte, n int64) error {
		off := c.mft.deviceOffset(n*c.geometry.recordSize, c.geometry.clusterSize)
		if r.parse(b, n, off) == nil && r.inUse() {
			c.findOwners(&r)
		}
		return nil
	})
	for _, x := range c.crossings {
		c.addCrossing(x)
	}
	return err
}

// findOwners looks for crossings in the run lists of a record.
func (c *checker) findOwners(r *record) {
	for _, a := range r.attrs {
		if a.resident() {
			continue
		}
		runs := a.runs()
		for n, ok, err := runs.next(); ok && err == nil; n, ok, err = runs.next() {
			if n.lcn != hole && c.inside(n) {
				c.own(a, n)
			}
		}
	}
}

// own names the owner of the crossings that begin in a run, and is done with
// them: runs that claim everything meet each crossing once.
func (c *checker) own(a attribute, r run) {
	i := sort.Search(len(c.crossings), func(i int) bool { return c.crossings[i].first >= r.lcn })
	for i < len(c.crossings) && c.crossings[i].first < r.lcn+r.length {
		x := c.crossings[i]
		if x.off == a.off {
			i++ // the run itself
			continue
		}
		x.owner = a.record
		c.addCrossing(x)
		c.crossings = slices.Delete(c.crossings, i, i+1)
	}
}
