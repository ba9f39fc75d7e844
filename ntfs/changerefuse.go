package ntfs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// What rules out that metadata of a volume is changed. An error wraps all that
// apply, each with its reason.
var (
	// ErrJournal says that $LogFile is to be replayed, or is none: Windows would
	// undo or overwrite what is changed beside it.
	ErrJournal = errors.New("the journal is not clean")
	// ErrHibernated says that a suspended Windows still holds the volume in memory.
	ErrHibernated = errors.New("a hibernated Windows holds the volume")
	// ErrVolumeDirty says that the volume is marked for a check by Windows.
	ErrVolumeDirty = errors.New("the volume is marked dirty")
	// ErrVolumeFlags says that chkdsk, an upgrade or a resize is under way.
	ErrVolumeFlags = errors.New("the volume's flags rule a change out")
	// ErrMirror says that $MFT and $MFTMirr disagree.
	ErrMirror = errors.New("$MFT and its mirror differ")
	// ErrVersion says that the volume's format is not 3.0 or 3.1.
	ErrVersion = errors.New("unknown version of NTFS")
	// ErrNoSpace says that the volume has too few free clusters.
	ErrNoSpace = errors.New("not enough free space on the volume")
	// ErrProtected says that a path leads to what is Windows' own alone.
	ErrProtected = errors.New("nothing below it is ever changed")
	// ErrExists says that a name is taken.
	ErrExists = errors.New("the name is taken")
)

// writeOptions are what all kinds of changes have in common.
type writeOptions struct {
	resetJournal bool
}

// changeable proves that metadata of the volume may be changed. All that stands
// against it is in the error.
func (v *Volume) changeable(o writeOptions) error {
	if _, ok := v.dev.(flusher); !ok {
		return fmt.Errorf("%w, or cannot be flushed", ErrReadOnly)
	}
	s, err := v.State()
	if err != nil {
		return err
	}
	return errors.Join(v.knownVersion(), s.mirrorRefusal(o, v), s.journalRefusal(o), s.hibernationRefusal(), s.flagsRefusal(o))
}

func (v *Volume) knownVersion() error {
	if !slices.Contains(writableVersions, v.info.Version) {
		return fmt.Errorf("%w: %s", ErrVersion, v.info.Version)
	}
	return nil
}

func (s *State) hibernationRefusal() error {
	if s.Hibernation.Holds() {
		return fmt.Errorf("%w: %s", ErrHibernated, s.Hibernation.Words())
	}
	return nil
}

func (s *State) journalRefusal(o writeOptions) error {
	if s.Log.Clean() || o.resetJournal {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrJournal, s.Log.Words())
}

// neverFlags are those of a volume on which Windows itself is at work.
const neverFlags = VolumeResizeLog | VolumeUpgrade | VolumeDeleteUSN | VolumeChkdskUnderway | VolumeChkdskModified

// flagsRefusal lets the dirty flag pass where the change sets it anyway.
func (s *State) flagsRefusal(o writeOptions) error {
	var err error
	if s.Dirty && !o.resetJournal {
		err = fmt.Errorf("%w: %s", ErrVolumeDirty, VolumeDirty.Words())
	}
	if never := s.Flags & neverFlags; never != 0 {
		err = errors.Join(err, fmt.Errorf("%w: %s", ErrVolumeFlags, never.Words()))
	}
	return err
}

// mirrorRefusal lets a mirror pass that lacks the dirty flag alone: a change
// that sets it was cut between both.
func (s *State) mirrorRefusal(o writeOptions, v *Volume) error {
	if s.MirrorOK {
		return nil
	}
	if o.resetJournal && v.mirrorLags(s.MirrorDiffers) {
		return nil
	}
	return fmt.Errorf("%w: records %v", ErrMirror, s.MirrorDiffers)
}

const systemVolumeInformation = "System Volume Information"

// outsideProtected refuses paths into the folder of restore points and shadow
// copies, under whatever name.
func (v *Volume) outsideProtected(path string) error {
	first, _, _ := strings.Cut(path, "/")
	if strings.EqualFold(first, systemVolumeInformation) {
		return fmt.Errorf("%s: %w", systemVolumeInformation, ErrProtected)
	}
	asked, _, err := v.resolve(first)
	if err != nil {
		return err
	}
	protected, _, err := v.resolve(systemVolumeInformation)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && protected.base.ref == asked.base.ref:
		return fmt.Errorf("%s: %w", systemVolumeInformation, ErrProtected)
	}
	return err
}
