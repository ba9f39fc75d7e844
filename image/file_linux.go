package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// IsDevice tells whether a name is no file's but a raw device's; on Linux a device is a file.
func IsDevice(string) bool { return false }

// openAlone opens an image file for writing unless it is mounted, locked or being written,
// and locks it.
func openAlone(path string) (*os.File, error) {
	if err := checkFileInUse(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	err = lock(file)
	if err == nil {
		err = machine.checkWriters(file)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// openDevice opens a block device, for writing exclusively, and asks it for
// its size and sectors.
func (f *File) openDevice() error {
	mode := os.O_RDONLY
	if f.writable {
		mode = os.O_RDWR | unix.O_EXCL
		if err := checkDeviceInUse(f.path); err != nil {
			return err
		}
	}
	file, err := openPatiently(f.path, mode)
	if err != nil {
		return deviceError(f.path, err)
	}
	f.size, f.sector, err = geometry(file)
	if err == nil && f.writable {
		err = errors.Join(checkDeviceWritable(file), lockRange(file))
	}
	if err != nil {
		file.Close()
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.file = file
	return nil
}

// Others claim a device for a moment, udev and losetup among them: a claim
// that lasts is one that outlasts these tries.
const (
	openTries = 10
	openPause = 50 * time.Millisecond
)

// openPatiently opens a device and tries again while it is claimed.
func openPatiently(path string, mode int) (*os.File, error) {
	for range openTries - 1 {
		file, err := os.OpenFile(path, mode, 0)
		if !errors.Is(err, unix.EBUSY) {
			return file, err
		}
		time.Sleep(openPause)
	}
	return os.OpenFile(path, mode, 0)
}

// willNeedStep is the most that one hint asks for: kernels fetch no more than a
// disk takes in one request and forget the rest.
const willNeedStep = 512 << 10

// willNeed is only a hint: what cannot be fetched fails again when it is read.
func willNeed(file *os.File, off, length int64) {
	for end := off + length; off < end; off += willNeedStep {
		_ = unix.Fadvise(int(file.Fd()), off, min(willNeedStep, end-off), unix.FADV_WILLNEED)
	}
}

// geometry asks a block device for its size and its logical sector.
func geometry(file *os.File) (size int64, sector int, err error) {
	if size, err = file.Seek(0, io.SeekEnd); err != nil { // the number BLKGETSIZE64 gives
		return 0, 0, fmt.Errorf("size of the device: %w", err)
	}
	if sector, err = unix.IoctlGetInt(int(file.Fd()), unix.BLKSSZGET); err != nil {
		return 0, 0, fmt.Errorf("sector size of the device: %w", err)
	}
	return size, sector, nil
}

// checkDeviceWritable asks whether the kernel has the device read-only: some
// drivers accept the open and fail the write.
func checkDeviceWritable(file *os.File) error {
	readOnly, err := unix.IoctlGetInt(int(file.Fd()), unix.BLKROGET)
	if err != nil {
		return fmt.Errorf("read-only flag of the device: %w", err)
	}
	if readOnly != 0 {
		return fmt.Errorf("%w: the device is write-protected", ErrReadOnly)
	}
	return nil
}

// deviceError gives the kernel's reasons our names.
func deviceError(path string, err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		return &BusyError{Path: path, Reason: "the kernel holds it (mounted elsewhere, swap, RAID, or another program)"}
	case errors.Is(err, unix.ENOMEDIUM):
		return fmt.Errorf("%s: no medium in the drive: %w", path, err)
	}
	return readOnlyError(err)
}

// readOnlyError makes a refusal to open for writing an ErrReadOnly.
func readOnlyError(err error) error {
	if errors.Is(err, unix.EROFS) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

// Mounted has nothing to show: what Linux unlocks becomes a device of its own, to be named.
func (*File) Mounted(int64) (Disk, string, error) { return nil, "", nil }
