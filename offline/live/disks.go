package live

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// notDisks are block devices that no Windows and no stick is on: memory, floppies, boot
// areas of eMMC. They are not looked at: a floppy drive without a floppy takes its time.
var notDisks = regexp.MustCompile(`^(ram|zram|loop|fd|dm-|md|nbd|mtdblock|mmcblk\d+(boot|rpmb))`)

// optical drives may hold the medium, but no patient and no data.
var optical = regexp.MustCompile(`^sr\d`)

// device is a disk or a partition, with what its first sectors say.
type device struct {
	name    string
	disk    string // that a partition is of; empty for a disk
	size    int64
	model   string
	outside bool // on USB or otherwise made to be pulled out

	looking bool   // its first sectors are being read
	err     error  // why they could not be
	fs      string // what is on it, as far as it matters
	label   string // of an exFAT volume
	medium  bool   // begins with the ISO of the medium
	started bool   // of the very medium that was started
}

// diskLines says in a line each what disks there are, by name.
func diskLines(list []device, stick string) map[string]string {
	lines := map[string]string{}
	for _, d := range list {
		if d.disk == "" && !optical.MatchString(d.name) {
			lines[d.name] = diskLine(d, list, stick)
		}
	}
	return lines
}

func diskLine(d device, list []device, stick string) string {
	var holds []string
	for _, p := range list {
		if p.name != d.name && p.disk != d.name {
			continue
		}
		what := p.holds(stick)
		if what != "" && (what != thisStick || !slices.Contains(holds, thisStick)) {
			holds = append(holds, what)
		}
	}
	return clip(fmt.Sprintf("Disk %-9s %10s  %-24.24s  %s", d.name, size(d.size), d.model, strings.Join(holds, ", ")))
}

// thisStick is what is never a patient.
const thisStick = "this stick"

// holds says what is on a device; nothing if it is not worth a word.
func (d *device) holds(stick string) string {
	switch {
	case d.medium || d.name == stick:
		return thisStick
	case d.looking && d.disk == "":
		return "does not answer yet"
	case d.err != nil:
		return "cannot be read"
	}
	return d.fs
}

// anyLooking tells whether a device has not answered yet.
func anyLooking(list []device) bool {
	return slices.ContainsFunc(list, func(d device) bool { return d.looking })
}

// anyPatient tells whether there is a volume that a Windows may be in.
func anyPatient(list []device) bool {
	return slices.ContainsFunc(list, func(d device) bool { return mayHoldWindows(d.fs) })
}
