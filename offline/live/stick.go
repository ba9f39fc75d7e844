package live

import "cmp"

// How sure it is that a volume called HANGKIT is ours. The patient's own disks may have
// one of that name too, and a copy of the medium: what is not pulled out of the machine
// is never taken for a stick.
type rank int

const (
	noStick      rank = iota
	otherStick        // on a disk that can be pulled out
	otherMedium       // on a stick with a medium
	startedStick      // on the stick with the very medium that was started
)

// candidate is a volume as far as it matters for being the data partition.
type candidate struct {
	name    string
	label   string // of exFAT; empty otherwise
	outside bool
	medium  bool // its disk begins with a medium
	started bool // with the one that was started
}

func (c candidate) rank() rank {
	switch {
	case c.label != Label || !c.outside:
		return noStick
	case c.started:
		return startedStick
	case c.medium:
		return otherMedium
	}
	return otherStick
}

// chooseStick picks the data partition. Until it is certain that the stick that was
// started has none, nothing else is taken.
func chooseStick(list []candidate, certain bool) (string, bool) {
	best := candidate{}
	for _, c := range list {
		if cmp.Compare(c.rank(), best.rank()) > 0 {
			best = c
		}
	}
	r := best.rank()
	return best.name, r == startedStick || r != noStick && certain
}
