package live

import "cmp"

// How sure it is that a volume called HANGKIT is ours. The patient's own disks may have
// one of that name too: what is not pulled out of the machine counts only if it holds
// the medium.
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
	case c.label != Label:
		return noStick
	case c.started:
		return startedStick
	case c.medium:
		return otherMedium
	case c.outside:
		return otherStick
	}
	return noStick
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
