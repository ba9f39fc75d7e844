// Package target opens what the user points at.
//
// A target is an image file, a block device, a directory that holds Windows (a
// mounted volume), a bare SYSTEM hive, or nothing at all: then every disk of this
// machine is looked at. Whatever it is, it yields volumes that are read and, where
// asked for, written in the same way:
//
//	image, device ──> partition table ──> NTFS volume ──┐
//	                                  └─> FAT volume ───┤
//	WIM archive ──> its images ─────────────────────────┤
//	directory ──────────────────────────────────────────┼──> FS
//	SYSTEM hive ──> its folder ─────────────────────────┘
//
// A volume that BitLocker encrypts is unlocked between the partition and its file system,
// by itself where its protection is suspended, else by [Target.Unlock].
//
// A dry run is not a special case here: its writes go to memory, below the very
// code that would write the disk.
package target

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/image/fat"
	"hangkit/ntfs"
)

// Mode says what may happen to a target.
type Mode int

// The modes of opening a target.
const (
	ReadOnly Mode = iota // nothing is written
	DryRun               // writes are kept in memory and forgotten
	Writable             // writes reach the target
)

// Kind says what the user pointed at.
type Kind string

// The kinds of target.
const (
	Image     Kind = "image"
	Device    Kind = "device"
	Directory Kind = "directory"
	Hive      Kind = "hive"
)

// Errors that callers branch on.
var (
	// ErrUnknown means that the target is nothing hangkit can open.
	ErrUnknown = errors.New("neither a disk, a Windows directory nor a registry hive")
	// ErrNoImage means that a folder was said to be a disk image.
	ErrNoImage = errors.New("a folder, not a disk image")
	// ErrRefused is the root of every refusal for safety's sake.
	ErrRefused = errors.New("refused")
)

// File is one file of a volume that can be written in place: its size never changes.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() int64
	Sync() error
}

// FS is a Windows volume as hangkit sees it, raw NTFS or FAT, or mounted.
type FS interface {
	fs.ReadDirFS
	fs.StatFS
	// OpenRaw reads the clusters allocated to a file, past its end of data too: a
	// crash dump is written beneath the file system.
	OpenRaw(name string) (*io.SectionReader, error)
	// OpenInPlace opens the existing bytes of a file for writing.
	OpenInPlace(name string) (File, error)
	// Free is the number of free bytes.
	Free() (int64, error)
}

// Target is one opened thing.
type Target struct {
	Name       string
	Kind       Kind
	Format     string   // of an image that is not raw
	Below      []string // images that this one lies on
	Size       int64    // bytes; 0 for a directory
	SectorSize int      // bytes; 0 for a directory
	Scheme     string   // partition table: GPT, MBR, none
	Volumes    []*Volume
	Warnings   []string

	// Medium tells that the disk begins as the rescue stick does.
	Medium bool

	// AcceptLocked allows to write although a locked volume may hold a suspended Windows.
	AcceptLocked bool

	mode        Mode
	table       image.Table // zero for a directory or a hive
	hive        string      // name of a bare hive in its folder
	hibernation string      // path of the hibernation file that belongs to a bare hive
	overlay     *image.Overlay
	shown       []shownOverlay
	file        *image.File // nil for anything but a disk
	wim         *wimArchive // nil for anything else
	closers     []io.Closer
}

// Volume is one volume of a target. FS is nil when it cannot be read; Err says why, or
// what is wrong with a volume that can.
type Volume struct {
	Target *Target
	Part   image.Partition // zero for a directory or a hive
	Kind   ntfs.Kind
	Device image.Disk // the volume's bytes; nil for a mounted one
	FS     FS
	State  *ntfs.State // nil for FAT, and for a mounted volume: the operating system answers for it
	Info   ntfs.VolumeInfo
	Err    error

	// BitLocker is what an encrypted volume says of itself, locked or not; nil for others, and
	// for one whose metadata cannot be used.
	BitLocker *bitlocker.Locked

	// Shown is where this Windows shows an encrypted volume that it has unlocked, and where it
	// is read and written; SeenAs is where it has one that is locked for it, too.
	Shown, SeenAs string

	fat      fat.Kind // 0 for every other file system
	unlocked *bitlocker.Volume
}

// Label names the volume for people: "disk.img, partition 3".
func (v *Volume) Label() string {
	if v.Image() > 0 {
		return fmt.Sprintf("%s, image %d", v.Target.Name, v.Image())
	}
	if v.Part.Number == 0 || v.Target.table.Scheme == image.None {
		return v.Target.Name
	}
	return fmt.Sprintf("%s, partition %d", v.Target.Name, v.Part.Number)
}

// Open opens what the user named.
func Open(name string, mode Mode) (*Target, error) { return OpenAs(name, mode, image.Options{}) }

// OpenAs is Open where the user says more about a disk image. What a user calls one is
// taken for nothing else, whatever it begins with.
func OpenAs(name string, mode Mode, o image.Options) (*Target, error) {
	o.Writable = mode == Writable
	if err := refuseOwnSystem(name); err != nil {
		return nil, err
	}
	if image.IsURL(name) || image.IsDevice(name) {
		return openDisk(name, mode, o)
	}
	name = wholeDrive(name)
	st, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case st.IsDir() && o.Claimed():
		return nil, fmt.Errorf("%s: %w", name, ErrNoImage)
	case st.IsDir():
		return openDirectory(name, mode)
	case o.Claimed():
		return openDisk(name, mode, o)
	case IsHive(name):
		return openHive(name, mode)
	case isWIM(name):
		return openWIM(name, mode)
	}
	return openDisk(name, mode, o)
}

// wholeDrive turns a drive letter into the drive's root: "C:" alone means whatever
// folder is current there.
func wholeDrive(name string) string {
	if filepath.VolumeName(name) == name && strings.HasSuffix(name, ":") {
		return name + string(filepath.Separator)
	}
	return name
}

// Close lets go of the target.
func (t *Target) Close() error {
	var errs []error
	for _, c := range slices.Backward(t.closers) {
		errs = append(errs, c.Close())
	}
	t.closers = nil
	return errors.Join(errs...)
}

// Loses is what an image holds that the first write makes wrong.
func (t *Target) Loses() []string {
	if t.file == nil {
		return nil
	}
	return t.file.Loses()
}

// DryRun tells whether what is written to the target is kept in memory and forgotten.
func (t *Target) DryRun() bool { return t.mode == DryRun }

// Pending lists the byte ranges that a dry run would have changed on the disk.
func (t *Target) Pending() []image.Range {
	var ranges []image.Range
	if t.overlay != nil {
		ranges = t.overlay.Dirty()
	}
	return append(ranges, t.pendingShown()...)
}

// IsHive tells a registry hive by its first bytes or, where these are damaged, by
// those of a log beside it.
func IsHive(name string) bool {
	if st, err := os.Stat(name); err != nil || !st.Mode().IsRegular() {
		return false
	}
	return slices.ContainsFunc([]string{"", ".LOG1", ".LOG2"}, func(suffix string) bool { return beginsAsHive(name + suffix) })
}

func beginsAsHive(name string) bool {
	f, err := OpenFile(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = f.ReadAt(magic[:], 0)
	return err == nil && string(magic[:]) == "regf"
}
