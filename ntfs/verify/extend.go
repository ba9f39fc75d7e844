package verify

import "fmt"

// The indexes below $Extend that list files by what they carry.
const (
	reparseIndex  = "$R" // key: tag, reference of the file
	objectIDIndex = "$O" // key: object id; data: reference of the file, ...

	reparseKeyRef  = 0x04
	reparseKeySize = 0x0c
	objectIDSize   = 0x10
)

// catalog is one of these indexes: files that carry the attribute have the
// state carries, and are in the index if they have the state listed.
type catalog struct {
	what            string
	carries, listed recordState
	ref             func(e indexEntry) (ref, bool)
	found           bool // the volume has such an index
}

func catalogs() [2]catalog {
	return [2]catalog{
		{what: "reparse point", carries: stateReparse, listed: stateReparseListed, ref: reparseRef},
		{what: "object id", carries: stateObjectID, listed: stateObjectIDListed, ref: objectIDRef},
	}
}

func reparseRef(e indexEntry) (ref, bool) {
	key := e.key()
	if len(key) != reparseKeySize {
		return 0, false
	}
	return ref(le.Uint64(key[reparseKeyRef:])), true
}

func objectIDRef(e indexEntry) (ref, bool) {
	data := e.data()
	if len(e.key()) != objectIDSize || len(data) < 8 {
		return 0, false
	}
	return ref(le.Uint64(data)), true
}

// catalogOf returns what the index is, nil if it is neither. $Quota has an $O,
// too, of another order.
func (c *checker) catalogOf(root attribute) *catalog {
	switch {
	case root.named(reparseIndex):
		return &c.catalogs[0]
	case root.named(objectIDIndex) && le.Uint32(root.value()[rootCollation:]) == collateULongs:
		return &c.catalogs[1]
	}
	return nil
}

// noteCatalogs remembers what a file carries.
func noteCatalogs(f *file, p *recordPage, i int) {
	for _, a := range f.attrs {
		switch a.kind() {
		case typeReparsePoint:
			p.state[i] |= stateReparse
		case typeObjectID:
			p.state[i] |= stateObjectID
		}
	}
}

// checkListed proves that an entry's file carries what the index says.
func (t *tree) checkListed(l *catalog) func(e indexEntry, off int64) error {
	l.found = true
	return func(e indexEntry, off int64) error {
		c := t.c
		child, ok := l.ref(e)
		if !ok {
			c.add(t.record, Catalog, off, "index of "+l.what+"s: entry", "a key and a file", fmt.Sprintf("% x", []byte(e)))
			return nil
		}
		s := c.table.state(child.number())
		if s&stateUndecided != 0 {
			c.table.set(child.number(), l.listed)
			return nil
		}
		if s&l.carries != 0 {
			if p, i := c.table.at(child.number()); p.sequence[i] == child.sequence() {
				p.state[i] |= l.listed
				return nil
			}
		}
		c.add(t.record, Catalog, off, "index of "+l.what+"s: file", "one that has a "+l.what, child)
		return nil
	}
}

// checkCatalogs looks for files that the indexes leave out.
func (c *checker) checkCatalogs() error {
	for _, l := range c.catalogs {
		if !l.found {
			continue
		}
		err := c.table.each(stateInUse|stateBase|l.carries, func(n int64, p *recordPage, i int) error {
			if p.state[i]&(l.listed|stateUndecided) == 0 {
				c.add(n, Catalog, c.mft.deviceOffset(n*c.geometry.recordSize, c.geometry.clusterSize), l.what, "listed in its index below $Extend", "not")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
