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

// ErrNeighbourLocked means that nobody can tell whether a suspended Windows holds the disk.
var ErrNeighbourLocked = fmt.Errorf("%w: it is locked and may hold a suspended Windows, which would have its neighbours in memory too", ErrRefused)

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
	if v.Image() > 0 {
		return v.Target.refuseArchive()
	}
	if v.Part.Dynamic() {
		return fmt.Errorf("%w: the volume is part of a dynamic disk or a storage pool and may have other members", ErrRefused)
	}
	for _, other := range v.Target.Volumes {
		// A suspended Windows keeps every volume of its disk in memory, not only its own.
		if err := other.Hibernated(); err != nil {
			return fmt.Errorf("%s: %w", other.Label(), err)
		}
	}
	for _, other := range v.Target.Volumes {
		if other != v && other.unreadable() && !v.Target.AcceptLocked {
			return fmt.Errorf("%s: %w", other.Label(), ErrNeighbourLocked)
		}
	}
	if err := v.NotWritten(); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if file := v.Target.file; file != nil {
		if err := file.WriteRefusal(); err != nil {
			return err
		}
	}
	if v.Err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, v.Err)
	}
	if v.State != nil && !v.State.MirrorOK && !v.State.MirrorLags {
		return fmt.Errorf("%w: MFT records %v differ from their mirror; let chkdsk repair it first", ErrInconsistent, v.State.MirrorDiffers)
	}
	return nil
}

// unreadable tells whether BitLocker keeps what the volume holds from being judged.
func (v *Volume) unreadable() bool { return v.Kind == ntfs.BitLocker && v.FS == nil }

// Condition is what a volume's last use left behind, each part in words.
type Condition struct {
	Flags       string // of $Volume
	Journal     string // $LogFile
	Hibernation string // hiberfil.sys
	Mirror      string // of the first MFT records
	BackupBoot  string

	state *ntfs.State
}

// Condition says how the volume was left; nil for FAT and for a mounted volume.
func (v *Volume) Condition() *Condition {
	if v.State == nil {
		return nil
	}
	c := &Condition{
		Flags: v.State.Flags.Words(), Journal: journalWords(v.State.Log), Hibernation: v.State.Hibernation.Words(),
		Mirror: "the first MFT records and their mirror agree", BackupBoot: v.State.BackupBoot.Words(), state: v.State,
	}
	switch {
	case v.State.MirrorLags:
		c.Mirror = "the mirror of the first MFT records lacks the dirty flag: a change was cut off between both"
	case !v.State.MirrorOK:
		c.Mirror = fmt.Sprintf("MFT records %v differ from their mirror", v.State.MirrorDiffers)
	}
	return c
}

// journalWords say how the journal was left, and in which version.
func journalWords(l ntfs.LogFile) string {
	if l.Major == 0 {
		return l.Words()
	}
	return fmt.Sprintf("%s (version %d.%d)", l.Words(), l.Major, l.Minor)
}

// FlagBits are the flags of $Volume as a number.
func (c *Condition) FlagBits() string { return fmt.Sprintf("0x%04x", uint16(c.state.Flags)) }

// BackupBootOK tells whether the boot sector's copy is there and equal.
func (c *Condition) BackupBootOK() bool { return c.state.BackupBoot == ntfs.BackupBootEqual }

// part is one part of a condition in words, and whether a person should know of it.
type part struct {
	words   string
	unusual bool
}

func (c *Condition) parts() []part {
	return []part{
		{c.Flags, c.Flags != ntfs.VolumeFlags(0).Words()}, // unknown flags say nothing: Windows 10 sets one on healthy volumes
		{c.Journal, !c.state.Log.Clean()},
		{c.Hibernation, c.state.Hibernation.Holds()},
		{c.Mirror, !c.state.MirrorOK},
		{c.BackupBoot, !c.BackupBootOK()},
	}
}

// Words is the whole condition, the unremarkable too.
func (c *Condition) Words() []string {
	var words []string
	for _, p := range c.parts() {
		words = append(words, p.words)
	}
	return words
}

// Unusual is what a person should know about the volume's last use.
func (c *Condition) Unusual() []string {
	if c == nil {
		return nil
	}
	var words []string
	for _, p := range c.parts() {
		if p.unusual {
			words = append(words, p.words)
		}
	}
	return words
}
