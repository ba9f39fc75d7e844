package target

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// storage is what the bytes of a folder end up in: the block devices below its file
// system, and the files below these or below a driver that works on an image itself.
type storage struct {
	devices []string // "7:0"
	files   []string
}

// kernel is where Linux tells of mounts and devices, see proc(5) and sysfs(5).
type kernel struct{ mountinfo, sys string }

var thisKernel = kernel{mountinfo: "/proc/self/mountinfo", sys: "/sys"}

// below finds what a folder that exists is stored in.
func (k kernel) below(dir string) (storage, error) {
	device, err := deviceOf(dir)
	if err != nil {
		return storage{}, err
	}
	table, err := os.ReadFile(k.mountinfo)
	if err != nil {
		return storage{}, fmt.Errorf("mounted file systems: %w", err)
	}
	var s storage
	s.addDevice(k, deviceNumber(device))
	for _, source := range mountSources(string(table), deviceNumber(device)) {
		s.addSource(k, source)
	}
	return s, nil
}

// addSource adds what was mounted. Many file systems have a mere word there.
func (s *storage) addSource(k kernel, source string) {
	var st unix.Stat_t
	if !filepath.IsAbs(source) || unix.Stat(source, &st) != nil {
		return
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		s.files = append(s.files, source)
	case unix.S_IFBLK:
		s.addDevice(k, deviceNumber(st.Rdev))
	}
}

// addDevice adds a block device and all below it. A file system of no device has a
// number, too, of which sysfs knows nothing.
func (s *storage) addDevice(k kernel, number string) {
	if node, err := filepath.EvalSymlinks(filepath.Join(k.sys, "dev", "block", number)); err == nil {
		s.addNode(node)
	}
}

// addNode adds the device that a directory of sysfs stands for: a partition lies on its
// disk, a mapped device on its slaves, a loop device in its file.
func (s *storage) addNode(node string) {
	number := attribute(node, "dev")
	if number == "" || slices.Contains(s.devices, number) {
		return
	}
	s.devices = append(s.devices, number)
	if file := attribute(node, "loop/backing_file"); file != "" {
		s.files = append(s.files, file)
	}
	if attribute(node, "partition") != "" {
		s.addNode(filepath.Dir(node))
	}
	slaves, err := os.ReadDir(filepath.Join(node, "slaves"))
	if err != nil {
		return // a partition has no such folder
	}
	for _, e := range slaves {
		if slave, err := filepath.EvalSymlinks(filepath.Join(node, "slaves", e.Name())); err == nil {
			s.addNode(slave)
		}
	}
}

// attribute reads one line of sysfs, empty if it is not there.
func attribute(node, name string) string {
	b, err := os.ReadFile(filepath.Join(node, name))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
}

// holds tells whether a target, an image file or a device, is part of the storage.
func (s storage) holds(t *Target) bool {
	if slices.ContainsFunc(s.files, func(file string) bool { return sameFile(file, t.Name) }) {
		return true
	}
	var st unix.Stat_t
	if unix.Stat(t.Name, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return false
	}
	return slices.Contains(s.devices, deviceNumber(st.Rdev))
}

func deviceNumber(device uint64) string {
	return fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device))
}

// mountSources lists what was mounted as the file system of a device number, by the
// lines of mountinfo:
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func mountSources(table, number string) []string {
	const deviceField, sourceField = 2, 1 // of those before and behind the dash
	var sources []string
	for line := range strings.Lines(table) {
		place, what, ok := strings.Cut(line, " - ")
		p, w := strings.Fields(place), strings.Fields(what)
		if ok && len(p) > deviceField && len(w) > sourceField && p[deviceField] == number {
			sources = append(sources, unescapeOctal(w[sourceField]))
		}
	}
	return sources
}

// unescapeOctal undoes how mountinfo writes a byte that would break its lines: \040.
func unescapeOctal(s string) string {
	const digits = 3
	var out strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		s = after
		if len(after) >= digits {
			if b, err := strconv.ParseUint(after[:digits], 8, 8); err == nil {
				out.WriteByte(byte(b))
				s = after[digits:]
				continue
			}
		}
		out.WriteByte('\\')
	}
}
