package live

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

type mountPoint struct {
	fs, dir string
	flags   uintptr
	data    string
}

// kernelMounts are what the kernel offers, and memory to write to. All of them are the
// kernel's own: none is on a disk.
var kernelMounts = []mountPoint{
	{fs: "proc", dir: "/proc", flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
	{fs: "sysfs", dir: "/sys", flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
	{fs: "devtmpfs", dir: "/dev", flags: unix.MS_NOSUID, data: "mode=0755"},
	{fs: "devpts", dir: "/dev/pts", flags: unix.MS_NOSUID | unix.MS_NOEXEC, data: "mode=0620"},
	{fs: "tmpfs", dir: "/run", flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=0755"},
	{fs: "tmpfs", dir: "/tmp", flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=1777"},
	{fs: "tmpfs", dir: homeDir, flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=0700"},
	{fs: "securityfs", dir: "/sys/kernel/security", flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
}

// firmwareMount shows the firmware's variables, Secure Boot among them. They belong to
// the patient and are read only.
var firmwareMount = mountPoint{fs: "efivarfs", dir: "/sys/firmware/efi/efivars", flags: unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC}

// homeDir is in memory, bounded as tmpfs is by half of it.
const homeDir = "/root"

// mount mounts what is not mounted yet.
func (m mountPoint) mount() error {
	if err := os.MkdirAll(m.dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	err := unix.Mount(m.fs, m.dir, m.fs, m.flags, m.data)
	if err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mounting %s: %w", m.dir, err)
	}
	return nil
}

func mountKernel() error {
	var errs []error
	for _, m := range kernelMounts {
		errs = append(errs, m.mount())
	}
	return errors.Join(errs...)
}

// setting is one of the kernel's, below /proc/sys.
type setting struct{ name, value string }

var settings = []setting{
	// Little is kept unwritten, so that progress on a slow stick is that of the stick.
	{"vm/dirty_bytes", "67108864"},
	{"vm/dirty_background_bytes", "16777216"},
}

// quietSetting keeps the console to the person: what drivers complain of is in dmesg.
var quietSetting = setting{"kernel/printk", "1 4 1 7"}

func applySettings(quiet bool) error {
	list := settings
	if quiet {
		list = append(list, quietSetting)
	}
	var errs []error
	for _, s := range list {
		errs = append(errs, os.WriteFile("/proc/sys/"+s.name, []byte(s.value), 0o644))
	}
	return errors.Join(errs...)
}
