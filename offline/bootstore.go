package offline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hangkit/image"
	"hangkit/ntfs"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// bootStore is the boot configuration store that starts an installation.
type bootStore struct {
	volume   *target.Volume
	path     string // on its volume
	bcd      *windows.BCD
	settings *windows.BootSettings
}

// Why the entry that starts an installation is not known.
var (
	errNoBootStore    = errors.New("no boot configuration store lies on the same disk")
	errNoBootEntry    = errors.New("no entry of the boot configuration store starts this installation")
	errManyBootStores = errors.New("several boot configuration stores start this installation, and which of them the machine uses is not known")
	errNoFAT          = errors.New("the EFI system partition holds no FAT volume")
	errArchived       = errors.New("an image in an archive has no boot configuration store yet")
	errBareHive       = errors.New("a bare hive has no boot configuration store")
	errMountedVolume  = errors.New("the volume is mounted alone: name the disk, for its boot configuration store may lie elsewhere")
)

// unreadStoreError is a store that cannot be read, or a partition made for one that cannot.
type unreadStoreError struct {
	error
	rank int // it would have, did it start the installation
}

func (u *unreadStoreError) Unwrap() error { return u.error }

// bootStore finds the store that starts the installation, on the installation's own disk: on a
// partition that firmware boots from, or beside Windows itself. A store that cannot be read does not
// count where the firmware would rather read another one that starts the installation; else nobody
// knows which of them it reads, and none is taken for it.
func (f *found) bootStore() (*bootStore, error) {
	if f.Root == "" {
		return nil, errBareHive
	}
	if f.Volume.Image() > 0 {
		return nil, errArchived
	}
	var fit []*bootStore
	var problems []error
	for _, v := range f.Volume.Target.Volumes {
		stores, errs := f.bootStoresOn(v)
		fit, problems = append(fit, stores...), append(problems, errs...)
	}
	slices.SortStableFunc(fit, func(a, b *bootStore) int { return cmp.Compare(a.rank(), b.rank()) })
	switch {
	case len(fit) == 0 && len(problems) > 0:
		return nil, errors.Join(problems...)
	case len(fit) == 0 && f.Volume.Target.Kind == target.Directory:
		return nil, errMountedVolume
	case len(fit) == 0:
		return nil, errNoBootStore
	case len(fit) > 1 && fit[0].rank() == fit[1].rank():
		return nil, fmt.Errorf("%w: %s, %s", errManyBootStores, fit[0].where(), fit[1].where())
	}
	return fit[0], unreadBefore(fit[0], problems)
}

// unreadBefore refuses a store where the firmware may read one that cannot be read here.
func unreadBefore(s *bootStore, problems []error) error {
	for _, p := range problems {
		if u, ok := errors.AsType[*unreadStoreError](p); ok && u.rank <= s.rank() {
			return fmt.Errorf("%w; the machine may start by it, and not by %s, which can be read", u, s.where())
		}
	}
	return nil
}

// bootStoresOn are the stores of a volume that start the installation, and why others do not.
func (f *found) bootStoresOn(v *target.Volume) (fit []*bootStore, problems []error) {
	if v.FS == nil {
		return nil, unreadableESP(v)
	}
	for _, name := range windows.FindBCD(v.FS) {
		s := &bootStore{volume: v, path: name}
		b, _, err := windows.ReadBCD(v.FS, name)
		if err != nil {
			problems = append(problems, &unreadStoreError{fmt.Errorf("%s: %w", s.where(), err), placeRank(v, s.isEFI())})
			continue
		}
		s.bcd = b
		if s.settings, err = f.settingsIn(b); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", s.where(), err))
			continue
		}
		s.settings.Store = s.where()
		fit = append(fit, s)
	}
	return fit, problems
}

// unreadableESP says why the EFI system partition cannot be looked at. No other partition without a
// file system that we know is expected to hold a store.
func unreadableESP(v *target.Volume) []error {
	why := v.Err
	switch {
	case v.Part.Type != image.TypeEFISystem || v.Err == nil:
		return nil
	case errors.Is(v.Err, ntfs.ErrNotNTFS):
		why = errNoFAT
	}
	return []error{&unreadStoreError{fmt.Errorf("%s: %w", v.Label(), why), placeRank(v, true)}}
}

func (f *found) settingsIn(b *windows.BCD) (*windows.BootSettings, error) {
	s, ok := b.BootSettings(volumeID(f.Volume), f.Root)
	switch {
	case ok:
		return s, nil
	case f.Volume.Target.Kind == target.Directory:
		return nil, errMountedVolume
	}
	return nil, errNoBootEntry
}

// rank puts a store in front that names the installation's partition, and of these the one that
// the disk's kind of firmware reads: UEFI boots from GPT, BIOS from MBR and there from the active
// partition, in all but odd cases. A disk that was converted has both.
func (s *bootStore) rank() int {
	rank := placeRank(s.volume, s.isEFI())
	if s.settings.Loose {
		rank += 4
	}
	return rank
}

// placeRank is the part of a store's rank that its place gives.
func placeRank(v *target.Volume, isEFI bool) int {
	rank := 0
	isGPT := v.Target.Scheme == image.GPT.String()
	if isGPT != isEFI {
		rank += 2
	}
	if !isGPT && !v.Part.Bootable {
		rank++
	}
	return rank
}

// isEFI tells a store of UEFI firmware by its place.
func (s *bootStore) isEFI() bool { return strings.HasPrefix(strings.ToUpper(s.path), "EFI/") }

// where names the store for people.
func (s *bootStore) where() string { return s.path + " (" + s.volume.Label() + ")" }

// lookAtBoot fills in what the boot store says, or why that is not known. A damaged store or
// partition is no error: it stands in the way of nothing else.
func (f *found) lookAtBoot(live *windows.Live) {
	s, err := f.bootStore()
	switch {
	case errors.Is(err, errBareHive), errors.Is(err, errArchived):
	case err != nil:
		live.BootProblem = err.Error()
		_, live.BootUnreadable = errors.AsType[*unreadStoreError](err)
	default:
		live.Boot = s.settings
	}
}
