package ntfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

const (
	hiberfil       = "hiberfil.sys"
	hibernateMagic = 4
	// minHiberfil is the shortest file that can hold a header page; Windows
	// leaves a shorter one on a volume that is hibernated from elsewhere.
	minHiberfil = 4096
)

// Hibernation says what the header of hiberfil.sys tells.
type Hibernation int

// The states of hiberfil.sys. Hibernated and Resuming mean that a suspended
// Windows still holds parts of this volume in memory: changing the volume under
// it destroys data. Fast Startup leaves Hibernated.
const (
	HibernationNone    Hibernation = iota // there is no hiberfil.sys
	Hibernated                            // "hibr", or a file too short for a header
	Resuming                              // "RSTR": a resume began and did not end
	Awake                                 // "wake" or zeros: the image has been used up
	HibernationUnknown                    // a header nobody has described
)

// Holds reports whether a suspended Windows may still own the volume.
func (h Hibernation) Holds() bool {
	return h == Hibernated || h == Resuming || h == HibernationUnknown
}

// String names the state.
func (h Hibernation) String() string {
	switch h {
	case HibernationNone:
		return "none"
	case Hibernated:
		return "hibernated"
	case Resuming:
		return "resuming"
	case Awake:
		return "awake"
	default:
		return "unknown"
	}
}

// Words says in a sentence what the state means.
func (h Hibernation) Words() string {
	switch h {
	case HibernationNone:
		return "no hibernation file"
	case Hibernated:
		return "Windows is hibernated or was shut down with Fast Startup: it still holds this volume in memory"
	case Resuming:
		return "Windows began to resume from hibernation and did not finish: it may still hold this volume in memory"
	case Awake:
		return "not hibernated: the hibernation file is used up"
	default:
		return "the hibernation file has an unknown header: Windows may still hold this volume in memory"
	}
}

// ReadHibernation tells from a hiberfil.sys, however it was opened, whether a
// suspended Windows still owns its volume.
func ReadHibernation(r io.ReaderAt, size int64) (Hibernation, error) {
	if size < minHiberfil {
		return Hibernated, nil
	}
	magic := make([]byte, hibernateMagic)
	if _, err := r.ReadAt(magic, 0); err != nil {
		return HibernationUnknown, fmt.Errorf("%s: %w", hiberfil, err)
	}
	return hibernationOf(magic), nil
}

// hibernationOf reads the first bytes of PO_MEMORY_IMAGE.
func hibernationOf(magic []byte) Hibernation {
	switch string(magic) {
	case "hibr", "HIBR":
		return Hibernated
	case "rstr", "RSTR":
		return Resuming
	case "wake", "WAKE", "\x00\x00\x00\x00":
		return Awake
	}
	return HibernationUnknown
}

// stateHibernation judges the hiberfil.sys of the volume's root. The image is
// written under NTFS, so its header counts whatever the initialized size says;
// only an unknown one there may be what an old cluster held.
func (v *Volume) stateHibernation(s *State) error {
	n, _, err := v.resolve(hiberfil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	data, refused, err := n.data()
	if err = errors.Join(err, refused); err != nil {
		return err
	}
	if s.Hibernation, err = ReadHibernation((*rawStream)(data), data.size); err != nil {
		return err
	}
	if s.Hibernation == HibernationUnknown && data.initialized == 0 {
		s.Hibernation = Awake
	}
	return nil
}
