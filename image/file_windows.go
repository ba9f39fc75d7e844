package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// IsDevice tells whether a name is no file's but a raw device's: \\.\PhysicalDrive0, \\.\C:.
func IsDevice(path string) bool {
	_, is := inDeviceSpace(path)
	return is
}

// openAlone opens an image file for writing and keeps everybody else from writing to it.
func openAlone(path string) (*os.File, error) {
	return createFile(path, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_SHARE_READ)
}

// createFile opens what is there already.
func createFile(path string, access, share uint32) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	h, err := windows.CreateFile(name, access, share, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// openRaw opens a device. Windows itself has it open, too: it must be shared.
func openRaw(path string, writable bool) (*os.File, error) {
	access := uint32(windows.GENERIC_READ)
	if writable {
		access |= windows.GENERIC_WRITE
	}
	return createFile(path, access, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE)
}

// openDevice opens a disk or a volume, for writing with every volume on it locked and
// dismounted until Close.
func (f *File) openDevice() error {
	name, err := parseDeviceName(f.path)
	if err != nil {
		return err
	}
	var volumes []volume
	if f.writable {
		if volumes, err = f.volumesToClaim(name); err != nil {
			return err
		}
	}
	raw, err := openRaw(name.path(), f.writable)
	if err != nil {
		return deviceError(f.path, err)
	}
	disk, err := f.prepare(raw, name, volumes)
	if err != nil {
		return errors.Join(err, raw.Close(), f.Close())
	}
	f.disk, f.size = disk, disk.Size()
	return nil
}

// volumesToClaim are those behind the device. The one that this Windows runs from is
// refused.
func (f *File) volumesToClaim(name deviceName) ([]volume, error) {
	volumes, err := listVolumes()
	if err != nil {
		return nil, fmt.Errorf("%s: who uses it: %w", f.path, err)
	}
	root, err := systemRoot()
	if err != nil {
		return nil, err
	}
	mine := behind(volumes, name)
	return mine, refuseRunning(f.path, mine, root)
}

// prepare asks an open device what it is and, for writing, makes it ours.
func (f *File) prepare(raw *os.File, name deviceName, volumes []volume) (*aligned, error) {
	if f.writable {
		if err := checkDeviceWritable(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
		if err := f.claim(raw, name, volumes); err != nil {
			return nil, err
		}
	}
	if name.disk == notDisk {
		allowWholeVolume(raw)
	}
	size, sector, err := geometry(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	f.sector = sector // 0 lets the content say
	return newAligned(raw, size, int64(max(sector, minSectorSize))), nil
}

// claim locks a volume by the device that is open, and the volumes of a disk by their own.
func (f *File) claim(raw *os.File, name deviceName, volumes []volume) error {
	if name.disk == notDisk {
		return f.seize(raw, name.name)
	}
	for _, v := range volumes {
		if err := f.claimVolume(v); err != nil {
			return err
		}
	}
	return nil
}

// claimVolume locks one volume of a disk until the disk is closed.
func (f *File) claimVolume(v volume) error {
	raw, err := openRaw(v.device(), true)
	switch {
	case isAny(err, windows.ERROR_SHARING_VIOLATION, windows.ERROR_ACCESS_DENIED):
		return &BusyError{Path: f.path, Reason: "a program has locked " + v.String()}
	case err != nil:
		return fmt.Errorf("%s: %w", f.path, readOnlyError(err))
	}
	f.others = append(f.others, shown{raw, v})
	return f.seize(raw, v.String())
}

// shown is a volume of a disk by its own device, as Windows shows it.
type shown struct {
	*os.File
	volume volume
}

// Mounted is the volume that begins at an offset of a disk as Windows shows it, and its name
// there: plain where Windows has unlocked its BitLocker. It is nil where Windows has none. For
// writing it is the one that is locked already.
func (f *File) Mounted(start int64) (Disk, string, error) {
	name, err := parseDeviceName(f.path)
	if err != nil || f.kind != BlockDevice || name.disk == notDisk {
		return nil, "", nil //nolint:nilerr // an image file, a server's disk
	}
	v, err := f.showVolume(name.disk, start)
	if err != nil || v == nil {
		return nil, "", err
	}
	allowWholeVolume(v.File)
	size, sector, err := geometry(v.File)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", v.volume, err)
	}
	return newAligned(v, size, int64(max(sector, minSectorSize))), v.volume.String(), nil
}

// showVolume finds the volume among those that are locked, or opens it until Close.
func (f *File) showVolume(disk int, start int64) (*shown, error) {
	for _, other := range f.others {
		if s, ok := other.(shown); ok && s.volume.beginsAt(disk, start) {
			return &s, nil
		}
	}
	if f.writable {
		return nil, nil
	}
	volumes, err := listVolumes()
	if err != nil {
		return nil, err
	}
	for _, v := range volumes {
		if !v.beginsAt(disk, start) {
			continue
		}
		raw, err := openRaw(v.device(), false)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v, err)
		}
		s := shown{raw, v}
		f.others = append(f.others, s)
		return &s, nil
	}
	return nil, nil
}

// seize locks and dismounts a volume by its open device.
func (f *File) seize(raw *os.File, volume string) error {
	if err := lockVolume(raw); err != nil {
		return &BusyError{Path: f.path, Reason: fmt.Sprintf("a program has files or folders open on %s (%v)", volume, err)}
	}
	if err := dismount(raw); err != nil {
		return fmt.Errorf("%s: dismounting %s: %w", f.path, volume, err)
	}
	return nil
}

// geometry asks a device for its size and its logical sector, 0 if no driver knows it.
func geometry(raw *os.File) (size int64, sector int, err error) {
	size, sector, err = driveGeometry(raw)
	if err != nil {
		sector = alignment(raw)
	}
	if length, err := lengthInfo(raw); err == nil {
		return length, sector, nil
	}
	if size > 0 {
		return size, sector, nil
	}
	if isAny(err, windows.ERROR_NOT_READY) {
		return 0, 0, fmt.Errorf("no medium in the drive: %w", err)
	}
	if size, err := raw.Seek(0, io.SeekEnd); err == nil && size > 0 {
		return size, sector, nil
	}
	return probeSize(raw, int64(max(sector, minSectorSize))), sector, nil
}

// deviceError gives the reasons of Windows our names.
func deviceError(path string, err error) error {
	switch {
	case notShared(err):
		return &BusyError{Path: path, Reason: "another program has it for itself alone"}
	case isAny(err, windows.ERROR_WRITE_PROTECT):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

// readOnlyError makes a refused permission our own error.
func readOnlyError(err error) error {
	if errors.Is(err, fs.ErrPermission) || isAny(err, windows.ERROR_WRITE_PROTECT) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

// willNeed has nothing to do: a disk opened as a whole is read past every cache.
func willNeed(*os.File, int64, int64) {}
