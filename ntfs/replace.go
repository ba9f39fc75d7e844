package ntfs

import (
	"errors"
	"time"
)

// ErrNotReplaceable wraps the reason why a file's contents cannot be exchanged.
var ErrNotReplaceable = errors.New("file cannot be replaced")

// ReplaceOptions say how a file's contents are exchanged.
type ReplaceOptions struct {
	// KeepAs, if not "", is the name of a new alternate stream that keeps the
	// old contents in the clusters they are in. Else these become free.
	KeepAs string
	// ResetJournal empties $LogFile and marks the volume dirty first, so that a
	// journal that is to be replayed, and a dirty flag, do not rule the change
	// out. Windows checks the volume at the next boot; what the journal knew of
	// unfinished changes is lost.
	ResetJournal bool
	// Time is when the contents changed. The zero time leaves the file's times alone.
	Time time.Time
}

// PlanReplace plans new contents for a file, of any length but none: they go to
// free clusters, and one sector of the file's MFT record switches it over. The
// old contents are whole until then, and the new ones from then on. contents is
// kept by the plan.
//
// All that stands against it is in the error: ErrNotReplaceable with the
// reasons the file gives, ErrJournal, ErrHibernated, ErrVolumeDirty,
// ErrVolumeFlags, ErrMirror, ErrVersion, ErrReadOnly, ErrProtected, ErrExists,
// ErrNoSpace, ErrRecordFull, ErrNotSingleSector.
func (v *Volume) PlanReplace(path string, contents []byte, o ReplaceOptions) (*Change, error) {
	return nil, pathError("replace", path, errors.ErrUnsupported)
}
