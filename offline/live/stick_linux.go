package live

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// stickDir is where the data partition is mounted.
const stickDir = "/media/hangkit"

// mediumTime is how long the medium that was started may take to show up. After that,
// or when it was another machine's (PXE), any stick will do.
const mediumTime = 10 * time.Second

// stick is the data partition, the only volume of a disk that is ever mounted.
type stick struct {
	mu      sync.Mutex
	device  string          // that is mounted
	refused map[string]bool // devices that could not be mounted
}

// follow mounts the data partition when it comes, and lets go of it when it was pulled
// out. It returns what there is to say.
func (s *stick) follow(list []device, since time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.device != "" {
		return s.watch(list)
	}
	s.forget(list)
	candidates, started := candidatesOf(list)
	certain := started && !anyLooking(list) || time.Since(since) > mediumTime
	name, ok := chooseStick(candidates, certain)
	if !ok || s.refused[name] {
		return ""
	}
	if err := mountStick(name); err != nil {
		if s.refused == nil {
			s.refused = map[string]bool{}
		}
		s.refused[name] = true
		return fmt.Sprintf("Stick %s cannot be written to, results stay in memory: %v", name, err)
	}
	s.device = name
	return fmt.Sprintf("Results go to the stick (%s, %s free).", name, size(freeSpace(stickDir)))
}

// forget lets a stick that was pulled out be tried again.
func (s *stick) forget(list []device) {
	maps.DeleteFunc(s.refused, func(name string, _ bool) bool { return !has(list, name) })
}

func has(list []device, name string) bool {
	return slices.ContainsFunc(list, func(d device) bool { return d.name == name })
}

func (s *stick) watch(list []device) string {
	if has(list, s.device) {
		return ""
	}
	gone := s.device
	s.device = ""
	_ = unix.Unmount(stickDir, unix.MNT_DETACH) // its device is gone: nothing more can be done
	return fmt.Sprintf("Stick %s was pulled out: what was not flushed is lost.", gone)
}

// candidatesOf lists the exFAT volumes, and tells whether the medium was found, be it in
// an optical drive.
func candidatesOf(list []device) ([]candidate, bool) {
	disks := map[string]device{}
	started := false
	for _, d := range list {
		if d.disk == "" {
			disks[d.name] = d
			started = started || d.started
		}
	}
	var found []candidate
	for _, d := range list {
		disk := disks[d.disk]
		if d.label != "" {
			found = append(found, candidate{name: d.name, label: d.label, outside: d.outside, medium: disk.medium, started: disk.started})
		}
	}
	return found, started
}

// mountStick mounts exFAT. What is on it is data and nothing else.
func mountStick(name string) error {
	if err := os.MkdirAll(stickDir, 0o755); err != nil {
		return err
	}
	const flags = unix.MS_NOATIME | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	return unix.Mount(filepath.Join("/dev", name), stickDir, "exfat", flags, "")
}

func freeSpace(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0
	}
	return int64(st.Bavail) * st.Bsize
}

// dir is where results go; empty without a stick.
func (s *stick) dir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.device == "" {
		return ""
	}
	return stickDir
}

// name is the mounted device.
func (s *stick) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.device
}

// sync writes out what the kernel still keeps, so that the stick may be pulled out.
func (s *stick) sync() error {
	dir := s.dir()
	if dir == "" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// unmount lets go of the stick for good.
func (s *stick) unmount() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.device == "" {
		return nil
	}
	s.device = ""
	err := unix.Unmount(stickDir, 0)
	if errors.Is(err, unix.EBUSY) { // a process that cannot be killed sits on it
		err = unix.Unmount(stickDir, unix.MNT_DETACH)
	}
	return err
}
