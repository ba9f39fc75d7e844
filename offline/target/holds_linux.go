package target

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"hangkit/image"
)

// Holds tells whether a folder, or the place where it is to be made, lies on this
// target: in the same mounted volume, on a mounted partition of the same device, or in
// the image itself where that is mounted.
func (t *Target) Holds(dir string) (bool, error) {
	if t.Kind == Directory && inside(dir, t.Name) {
		return true, nil
	}
	dir = existing(dir)
	below, err := thisKernel.below(dir)
	if err != nil {
		return false, err
	}
	if below.holds(t) {
		return true, nil
	}
	device, err := deviceOf(dir)
	if err != nil {
		return false, err
	}
	for _, place := range t.mounts() {
		if d, err := deviceOf(place); err == nil && d == device {
			return true, nil
		}
	}
	return false, nil
}

// mounts lists the folders in which this target can be seen.
func (t *Target) mounts() []string {
	if t.Kind == Directory && isMountPoint(t.Name) {
		return []string{t.Name}
	}
	if t.Kind != Device {
		return nil
	}
	disks, err := image.List()
	if err != nil {
		return nil
	}
	for _, d := range disks {
		if sameFile(d.Path, t.Name) {
			return d.Mounts
		}
	}
	return nil
}

func isMountPoint(name string) bool {
	here, err := deviceOf(name)
	if err != nil {
		return false
	}
	above, err := deviceOf(filepath.Join(name, ".."))
	return err == nil && here != above
}

// inside tells whether a path, existing or not, lies below a folder.
func inside(name, dir string) bool {
	name, err := filepath.EvalSymlinks(existing(name))
	if err != nil {
		return false
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return false
	}
	for name != filepath.Dir(name) {
		if sameFile(name, dir) {
			return true
		}
		name = filepath.Dir(name)
	}
	return false
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

func deviceOf(name string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		return 0, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	return st.Dev, nil
}

// existing is the nearest folder above a name that is there already.
func existing(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	for {
		if _, err := os.Stat(name); err == nil || filepath.Dir(name) == name {
			return name
		}
		name = filepath.Dir(name)
	}
}
