package ntfs

import (
	"bytes"
	"fmt"
	"strings"
)

// VolumeFlags are the flags of $VOLUME_INFORMATION. Unknown bits are no error:
// Windows 10 sets 0x80 on healthy volumes.
type VolumeFlags uint16

// The flags that say something about a volume's health.
const (
	VolumeDirty          VolumeFlags = 0x0001
	VolumeResizeLog      VolumeFlags = 0x0002
	VolumeUpgrade        VolumeFlags = 0x0004
	VolumeDeleteUSN      VolumeFlags = 0x0010
	VolumeChkdskUnderway VolumeFlags = 0x4000
	VolumeChkdskModified VolumeFlags = 0x8000
)

// Words says in a sentence what the flags mean for the volume.
func (f VolumeFlags) Words() string {
	var said []string
	for _, flag := range []struct {
		bit   VolumeFlags
		words string
	}{
		{VolumeDirty, "marked dirty: Windows will check it at the next boot"},
		{VolumeResizeLog, "the journal is to be resized at the next mount"},
		{VolumeUpgrade, "to be upgraded at the next mount"},
		{VolumeDeleteUSN, "the change journal is being deleted"},
		{VolumeChkdskUnderway, "chkdsk was interrupted on it"},
		{VolumeChkdskModified, "chkdsk has repaired it"},
	} {
		if f&flag.bit != 0 {
			said = append(said, flag.words)
		}
	}
	if said == nil {
		return "not marked dirty"
	}
	return strings.Join(said, "; ")
}

// BackupBoot compares the copy of the boot sector behind the volume.
type BackupBoot int

// What the sector behind the volume holds.
const (
	BackupBootEqual BackupBoot = iota
	BackupBootDiffers
	BackupBootMissing // the device ends where the volume does
)

// Words says in a sentence what was found.
func (b BackupBoot) Words() string {
	switch b {
	case BackupBootEqual:
		return "backup boot sector is intact"
	case BackupBootDiffers:
		return "backup boot sector differs from the boot sector"
	default:
		return "device ends before the backup boot sector"
	}
}

// State is what the last use of a volume left behind.
type State struct {
	Dirty         bool // VolumeDirty is set in Flags
	Flags         VolumeFlags
	Log           LogFile
	Hibernation   Hibernation
	MirrorOK      bool  // $MFT records 0 to 3 equal their copies in $MFTMirr
	MirrorDiffers []int // the records that do not
	// MirrorLags says that they differ in the dirty flag alone: a change that sets
	// it was cut between both.
	MirrorLags bool
	BackupBoot BackupBoot
}

// Words says what State found, one sentence each, the unremarkable too.
func (s *State) Words() []string {
	mirror := "the first MFT records and their mirror agree"
	if !s.MirrorOK {
		mirror = fmt.Sprintf("MFT records %v differ from their mirror", s.MirrorDiffers)
	}
	return []string{s.Flags.Words(), s.Log.Words(), s.Hibernation.Words(), mirror, s.BackupBoot.Words()}
}

// State looks at the traces of the last shutdown: a handful of small reads.
func (v *Volume) State() (*State, error) {
	s := &State{}
	for _, part := range []struct {
		name string
		read func(*State) error
	}{
		{"$Volume", v.stateFlags},
		{"$LogFile", v.stateLog},
		{hiberfil, v.stateHibernation},
		{"$MFTMirr", v.stateMirror},
		{"backup boot sector", v.stateBackupBoot},
	} {
		if err := part.read(s); err != nil {
			return nil, fmt.Errorf("volume state: %s: %w", part.name, err)
		}
	}
	return s, nil
}

func (v *Volume) stateFlags(s *State) error {
	r, err := v.readRecord(recordVolume)
	if err != nil {
		return err
	}
	b, err := volumeInformation(r)
	if err != nil {
		return err
	}
	s.Flags = VolumeFlags(le.Uint16(b[volumeInfoFlags:]))
	s.Dirty = s.Flags&VolumeDirty != 0
	return nil
}

func (v *Volume) stateLog(s *State) error {
	var err error
	s.Log, err = v.logFile()
	return err
}

// mirrored is how many records every $MFTMirr holds; later ones may be stale.
const mirrored = 4

func (v *Volume) stateMirror(s *State) error {
	var err error
	s.MirrorDiffers, err = v.mirrorDiffers()
	s.MirrorOK = err == nil && len(s.MirrorDiffers) == 0
	s.MirrorLags = err == nil && v.mirrorLags(s.MirrorDiffers)
	return err
}

// mirrorDiffers compares the used bytes of the first records with the mirror's.
func (v *Volume) mirrorDiffers() ([]int, error) {
	size := v.boot.recordSize
	table, mirror := make([]byte, mirrored*size), make([]byte, mirrored*size)
	if _, err := readExtents(v.dev, v.mft.extents, table, 0); err != nil {
		return nil, err
	}
	at := int64(v.boot.mftMirr) * v.boot.clusterSize
	if int64(len(mirror)) > v.boot.clusters*v.boot.clusterSize-at {
		return nil, damaged(0, "boot sector: first cluster of $MFTMirr", "with room for four records", hex(v.boot.mftMirr))
	}
	if _, err := readFull(v.dev, mirror, at); err != nil {
		return nil, err
	}
	var differ []int
	for i := range mirrored {
		a, b := table[int64(i)*size:][:size], mirror[int64(i)*size:][:size]
		if unseal(a, recordMagic, 0) != nil || unseal(b, recordMagic, at) != nil {
			differ = append(differ, i)
			continue
		}
		used := min(int64(le.Uint32(a[recordBytesInUse:])), size)
		if !bytes.Equal(a[:used], b[:used]) {
			differ = append(differ, i)
		}
	}
	return differ, nil
}

func (v *Volume) stateBackupBoot(s *State) error {
	first, copied := make([]byte, bootSectorSize), make([]byte, bootSectorSize)
	at := v.boot.totalSectors * v.boot.sectorSize
	if at > v.dev.Size()-bootSectorSize {
		s.BackupBoot = BackupBootMissing
		return nil
	}
	if _, err := readFull(v.dev, first, 0); err != nil {
		return err
	}
	if _, err := readFull(v.dev, copied, at); err != nil {
		return err
	}
	if !bytes.Equal(first, copied) {
		s.BackupBoot = BackupBootDiffers
	}
	return nil
}
