package target

import (
	"errors"
	"fmt"
	"io/fs"

	"hangkit/ntfs"
)

// Errors that refuse a write, each for its own reason.
var (
	// ErrHibernated means that a suspended Windows still holds the volume in memory.
	ErrHibernated = fmt.Errorf("%w: a suspended Windows", ErrRefused)
	// ErrInconsistent means that the volume contradicts itself where it matters.
	ErrInconsistent = fmt.Errorf("%w: the volume is inconsistent", ErrRefused)
)

// hibernationFile lies in the root of the volume it would resume.
const hibernationFile = "hiberfil.sys"

// Hibernated is nil, or ErrHibernated with what was found.
func (v *Volume) Hibernated() error {
	state, err := v.hibernation()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHibernated, err)
	}
	if state.Holds() {
		return fmt.Errorf("%w: %s", ErrHibernated, state.Words())
	}
	return nil
}

func (v *Volume) hibernation() (ntfs.Hibernation, error) {
	switch {
	case v.State != nil:
		return v.State.Hibernation, nil
	case v.FS == nil:
		return ntfs.HibernationNone, nil
	case v.Target.Kind == Hive:
		return hibernationOf(v.Target.hibernation)
	}
	f, err := v.FS.OpenRaw(hibernationFile)
	if errors.Is(err, fs.ErrNotExist) {
		return ntfs.HibernationNone, nil
	}
	if err != nil {
		return ntfs.HibernationUnknown, err
	}
	return ntfs.ReadHibernation(f, f.Size())
}

// hibernationOf reads a hibernation file by its path; there may be none.
func hibernationOf(name string) (ntfs.Hibernation, error) {
	if name == "" {
		return ntfs.HibernationNone, nil
	}
	f, err := OpenFile(name)
	if err != nil {
		return ntfs.HibernationUnknown, err
	}
	defer f.Close()
	return ntfs.ReadHibernation(f, f.Size())
}

// Refuse is nil, or the reason why the volume must not be written to. A dirty
// journal is no reason: every machine that crashed has one, and bytes written in
// place do not touch what it describes.
func (v *Volume) Refuse() error {
	if v.Part.Dynamic() {
		return fmt.Errorf("%w: the volume is part of a dynamic disk or a storage pool and may have other members", ErrRefused)
	}
	if v.fat != 0 {
		return ErrFATReadOnly
	}
	for _, other := range v.Target.Volumes {
		// A suspended Windows keeps every volume of its disk in memory, not only its own.
		if err := other.Hibernated(); err != nil {
			return fmt.Errorf("%s: %w", other.Label(), err)
		}
	}
	if v.Err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, v.Err)
	}
	if v.State != nil && !v.State.MirrorOK {
		return fmt.Errorf("%w: MFT records %v differ from their mirror; let chkdsk repair it first", ErrInconsistent, v.State.MirrorDiffers)
	}
	return nil
}

// Unusual says what a person should know about the volume's last use.
func (v *Volume) Unusual() []string {
	if v.State == nil {
		return nil
	}
	var words []string
	if v.State.Flags&^healthyFlags != 0 && v.State.Flags.Words() != ntfs.VolumeFlags(0).Words() {
		words = append(words, v.State.Flags.Words())
	}
	if !v.State.Log.Clean() {
		words = append(words, v.State.Log.Words())
	}
	if v.State.Hibernation.Holds() {
		words = append(words, v.State.Hibernation.Words())
	}
	if !v.State.MirrorOK {
		words = append(words, "the first MFT records differ from their mirror")
	}
	return words
}

// healthyFlags are set on volumes that nothing is wrong with.
const healthyFlags ntfs.VolumeFlags = 0x80
