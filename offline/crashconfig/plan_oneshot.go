package crashconfig

import (
	"fmt"

	"hangkit/offline/windows"
)

// oneShotPageFile makes sure that the first dump fits: in a page file of fixed size, else in a dedicated file on another
// drive. What Windows manages may be too small at the first crash, and there will be only one.
func (d *draft) oneShotPageFile() error {
	if d.unarmed() {
		return nil
	}
	if why := d.unsized(); why != "" {
		d.noteUnsized(why)
		d.defaultPageFile()
		return nil
	}
	n, _ := dumpNeed(d.f, configuredType(d.f))
	// A small dump fits into whatever Windows makes by itself.
	e, ok := dumpPageFile(d.f)
	isSmall := configuredType(d.f) == Small
	if ok && (e.Managed() && isSmall || !e.Managed() && d.enough()) {
		d.dropMalformed()
		return nil
	}
	if p, ok := d.grown(n.OK, d.most()); ok {
		d.setPageFile(p, "its initial size is sure to hold the first dump: "+d.needWords())
		return nil
	}
	if drive, have, ok := d.roomiest(); ok && have >= n.OK+spareMB && d.f.AtLeast(windows.BuildVista) {
		d.note("The dump goes to %c: because a page file of %s and the dump beside it do not fit on %s.", drive, mbText(n.OK), d.f.Letter())
		d.s.Dedicated = &Dedicated{Path: string(rune(drive)) + `:\` + dedicatedName}
		return d.dedicated()
	}
	if d.usualPageFile() {
		why := "there is no more room on " + d.f.Letter()
		if most := maxPageFile(d.f); n.OK > most {
			why = fmt.Sprintf("without PAE 32-bit Windows takes %s at most", mbText(most))
		}
		d.note("The page file has the usual size of such a dump, not the %s it can need: %s.", mbText(n.OK), why)
		return nil
	}
	return refuse("--profile one-shot", "a kernel dump of this machine can need %s; page file and free space on %s are %s, which must hold the dump as well, and no other fixed drive of this disk has room: "+
		"free space, or name a place with %s PATH:SIZE or a size with %s SIZE", mbText(n.OK), d.f.Letter(), mbText(room(d.f)), dedicatedFlag, pageFileFlag)
}

// usualPageFile makes do with the usual size of the dump, where the page file has that or can have it.
func (d *draft) usualPageFile() bool {
	usual := d.usual()
	_, unmakeable := rulePageFileRoom(d.f)
	if e, ok := dumpPageFile(d.f); ok && e.Initial >= usual && !unmakeable {
		return true
	}
	p, ok := d.grown(usual, d.most())
	if ok {
		d.setPageFile(p, "the usual size of such a dump; there is no room for the most it can need")
	}
	return ok
}
