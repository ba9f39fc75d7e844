package offline

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"hangkit/image"
	"hangkit/image/live"
	"hangkit/ntfs"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// otherProgram is the way on for who knows better.
const otherProgram = "if it holds nothing that is missed, clear it with another program first"

// erasure is a disk that is to be erased, as it was seen.
type erasure struct {
	disk    image.DeviceInfo
	content []string // what would be lost, in words
	unknown bool     // some of it is nothing that is known here
	edges   [sha256.Size]byte
}

// lookAt finds out what is on a disk, and refuses a Windows, and what may be one.
func lookAt(info image.DeviceInfo, disk image.Disk) (*erasure, error) {
	e := &erasure{disk: info}
	b, err := edges(disk)
	if err != nil {
		return nil, ui.WithEffect(fmt.Errorf("%s: %w", info.Path, err), ui.Unchanged)
	}
	e.edges = sha256.Sum256(b)
	t, err := target.FromDisk(info.Path, disk, target.ReadOnly)
	if errors.Is(err, image.ErrNoTable) {
		return e, e.addPlain(disk, b)
	}
	if err != nil {
		return nil, refuseErase(&info, fmt.Sprintf("what it holds cannot be understood (%v), and may be a Windows", err), otherProgram)
	}
	s := &scan{}
	s.addTarget(t)
	defer s.Close()
	if len(s.installs) > 0 {
		return nil, refuseErase(&info, fmt.Sprintf("it holds a Windows (%s)", s.installs[0].where()))
	}
	for _, v := range t.Volumes {
		if err := e.add(v); err != nil {
			return nil, err
		}
	}
	if len(t.Volumes) == 0 {
		return e, e.addPlain(disk, b)
	}
	return e, nil
}

// isSame tells whether this is the disk that was seen before, as far as disks can be told apart.
func (e *erasure) isSame(before *erasure) bool {
	return sameDrive(&e.disk, &before.disk) && e.edges == before.edges
}

func sameDrive(a, b *image.DeviceInfo) bool {
	return a.Path == b.Path && a.Size == b.Size && a.SectorSize == b.SectorSize && a.Serial == b.Serial && a.Model == b.Model
}

// edge is how much is read at either end of a disk or a partition: tables, and the beginnings of
// all file systems, lie there.
const edge = 1 << 20

// edges reads both ends of a disk.
func edges(d image.Disk) ([]byte, error) {
	n := min(edge, d.Size())
	b := make([]byte, 2*n)
	for i, off := range []int64{0, d.Size() - n} {
		if got, err := d.ReadAt(b[int64(i)*n:int64(i+1)*n], off); int64(got) < n {
			return nil, errors.Join(err, io.ErrUnexpectedEOF)
		}
	}
	return b, nil
}

func isBlank(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// addPlain adds a disk without partitions.
func (e *erasure) addPlain(disk image.Disk, b []byte) error {
	if hasWindowsEnd(b) {
		return e.refuseHeadless(e.disk.Path)
	}
	line := "no partitions, and nothing at its beginning and its end"
	if !isBlank(b) {
		e.unknown = true
		line = "no partitions and no file system that is known here: it may hold data"
	}
	e.content = append(e.content, fmt.Sprintf("%s, %s", line, ui.FormatSize(disk.Size())))
	return nil
}

func (e *erasure) refuseHeadless(where string) error {
	return refuseErase(&e.disk, where+" ends as a volume of Windows does, and its beginning is damaged", otherProgram)
}

// add adds a volume. One of Windows' own that was not looked through may be what it runs from.
func (e *erasure) add(v *target.Volume) error {
	switch {
	case v.Locked():
		return refuseErase(&e.disk, fmt.Sprintf("%s is locked by BitLocker, and may be a Windows", v.Label()), otherProgram)
	case v.Kind != ntfs.Other && (v.FS == nil || v.Err != nil):
		return refuseErase(&e.disk, fmt.Sprintf("%s (%s, %s) cannot be read, and may be a Windows: %v", v.Label(), v.FileSystem(), ui.FormatSize(v.Part.Size), v.Err), otherProgram)
	}
	words, err := e.kindOf(v)
	if err != nil {
		return err
	}
	if v.Info.Label != "" {
		words += fmt.Sprintf(" %q", v.Info.Label)
	}
	e.content = append(e.content, printable(fmt.Sprintf("partition %d, %s, %s", v.Part.Number, ui.FormatSize(v.Part.Size), words)))
	return nil
}

// kindOf names what a volume holds. What has no name is not known.
func (e *erasure) kindOf(v *target.Volume) (string, error) {
	if v.FS != nil && v.Err == nil {
		return v.FileSystem(), nil
	}
	if v.Device == nil {
		e.unknown = true
		return "beyond the end of the disk", nil
	}
	b, err := edges(v.Device)
	if err != nil { // a disk with faults, or one that does not have the partition whole
		e.unknown = true
		return fmt.Sprintf("cannot be read (%v): it may hold data", err), nil
	}
	switch {
	case hasWindowsEnd(b):
		return "", e.refuseHeadless(v.Label())
	case isBlank(b):
		return "nothing at its beginning and its end", nil
	case owner(b, 0) == ownerExFAT:
		return "exFAT", nil
	case v.Target.Medium && v.Part.Name == live.Label+" ISO":
		return "a rescue stick's system", nil
	}
	e.unknown = true
	return "no file system that is known here: it may hold data", nil
}

// Whose volume it is stands in its boot sector: exFAT specification, 3.1.2; NTFS and BitLocker alike.
const (
	bootOwnerAt   = 3
	ownerExFAT    = "EXFAT   "
	ownerNTFS     = "NTFS    "
	ownerLocked   = "-FVE-FS-"
	smallSector   = 512
	largestSector = 4096
)

// owner is what the boot sector says that begins there.
func owner(b []byte, at int) string {
	if at < 0 || at+smallSector > len(b) {
		return ""
	}
	return string(b[at+bootOwnerAt:][:len(ownerNTFS)])
}

// hasWindowsEnd finds the boot sector's copy, which NTFS keeps in its last sector.
func hasWindowsEnd(b []byte) bool {
	for _, sector := range []int{smallSector, largestSector} {
		if name := owner(b, len(b)-sector); name == ownerNTFS || name == ownerLocked {
			return true
		}
	}
	return false
}
