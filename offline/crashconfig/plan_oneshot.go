package crashconfig

import "hangkit/offline/windows"

// oneShotPageFile makes sure that the first dump fits: in a page file of fixed size, else in a dedicated file on another
// drive. What Windows manages may be too small at the first crash, and there will be only one.
func (d *draft) oneShotPageFile() error {
	n, known := dumpNeed(d.f, configuredType(d.f))
	if d.unarmed() {
		return nil
	}
	if !known || !d.f.Free.Known || !d.letterKnown() {
		d.sayUnsized(known)
		d.defaultPageFile()
		return nil
	}
	if e, ok := dumpPageFile(d.f); ok && !e.Managed() && d.enough() {
		d.dropMalformed()
		return nil
	}
	if p, ok := d.grown(n.OK, d.most()); ok {
		d.setPageFile(p, "a page file of fixed size is sure to hold the first dump: "+d.needWords())
		return nil
	}
	if drive, have, ok := d.roomiest(); ok && have >= n.OK+spareMB && d.f.AtLeast(windows.BuildVista) {
		d.note("The dump goes to %c: because a page file of %s and the dump beside it do not fit on %s.", drive, mbText(n.OK), d.f.Letter())
		d.s.Dedicated = &Dedicated{Path: string(rune(drive)) + `:\hangkit.dmp`}
		return d.dedicated()
	}
	if usual := d.usual(); usual < n.OK {
		if p, ok := d.grown(usual, d.most()); ok {
			d.note("The page file gets the usual size of such a dump, not the %s it can need: there is no more room on %s.", mbText(n.OK), d.f.Letter())
			d.setPageFile(p, "the usual size of a kernel dump, a third of memory")
			return nil
		}
	}
	return refuse("--profile one-shot", "a kernel dump of this machine can need %s; page file and free space on %s are %s, which must hold the dump as well, and no other fixed drive of this disk has room: "+
		"free space, or name a place with %s PATH:SIZE or a size with %s SIZE", mbText(n.OK), d.f.Letter(), mbText(room(d.f)), dedicatedFlag, pageFileFlag)
}

// sayUnsized says what must be known for a fixed size.
func (d *draft) sayUnsized(needKnown bool) {
	if !needKnown {
		d.note("--profile one-shot: the page file gets no fixed size, because the memory size is unknown: add --ram SIZE.")
		return
	}
	n, _ := dumpNeed(d.f, configuredType(d.f))
	d.note("--profile one-shot: the page file gets no fixed size, because the free space on its volume is unknown: add --pagefile %dM if there is room.", n.OK)
}
