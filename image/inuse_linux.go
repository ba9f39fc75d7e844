package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// checkDeviceInUse refuses a device that something on this machine uses, and
// says what does. The kernel's own check (O_EXCL) comes after it: it misses
// nothing, but gives no names.
func checkDeviceInUse(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	dev := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	uses, err := machine.deviceUses(dev)
	return busy(path, uses, err)
}

// checkFileInUse refuses an image file that is mounted.
func checkFileInUse(path string) error {
	uses, err := machine.fileUses(path)
	return busy(path, uses, err)
}

func busy(path string, uses []use, err error) error {
	if err != nil {
		return fmt.Errorf("%s: who uses it: %w", path, err)
	}
	if len(uses) == 0 {
		return nil
	}
	var words, mounts []string
	for _, u := range uses {
		words = append(words, u.words)
		if u.mount != "" {
			mounts = append(mounts, u.mount)
		}
	}
	return &BusyError{Path: path, Reason: strings.Join(words, ", "), Mounts: mounts}
}

// use is one reason to leave a disk alone.
type use struct {
	words string
	mount string // where, if it is that it is mounted
}

// usage is what the machine's storage was used for at one moment.
type usage struct {
	disks  []blockNode
	mounts []mount
	swaps  map[string]bool
}

// usage takes the moment. What cannot be found out is an error: a disk that
// may be in use is not ours.
func (s system) usage() (*usage, error) {
	disks, err := s.disks()
	if err != nil {
		return nil, err
	}
	mounts, err := s.mounts()
	if err != nil {
		return nil, err
	}
	return &usage{disks, mounts, s.swaps()}, nil
}

// deviceUses tells what uses a device or its bytes.
func (s system) deviceUses(dev string) ([]use, error) {
	nodes, err := s.family(dev)
	if err != nil {
		return nil, err
	}
	u, err := s.usage()
	if err != nil {
		return nil, err
	}
	return u.of(nodes, maxStack), nil
}

// fileUses tells what has an image file mounted, or shows it as a device: that
// one would not see what is written into the file.
func (s system) fileUses(path string) ([]use, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	u, err := s.usage()
	if err != nil {
		return nil, err
	}
	var uses []use
	for _, m := range u.mounts {
		if filepath.IsAbs(m.source) && !strings.HasPrefix(m.source, "/dev/") && samePath(m.source, path) {
			uses = append(uses, use{"mounted at " + m.point, m.point})
		}
	}
	if uses = append(uses, u.throughLoops(path, maxStack)...); len(uses) > 0 {
		return uses, nil
	}
	for _, n := range u.disks {
		if n.shows(path) && !strings.HasSuffix(n.attr("loop/backing_file"), deletedSuffix) {
			uses = append(uses, use{words: "attached as " + n.path()})
		}
	}
	return uses, nil
}

// deletedSuffix marks the name of a file that is no more.
const deletedSuffix = " (deleted)"

// maxStack bounds loop devices on loop devices.
const maxStack = 8

// of tells what uses any of the nodes.
func (u *usage) of(nodes []blockNode, depth int) []use {
	var uses []use
	for _, n := range nodes {
		for _, m := range u.mounts {
			if m.of(n) {
				uses = append(uses, use{n.path() + " is mounted at " + m.point, m.point})
			}
		}
		for _, holder := range n.holders() {
			uses = append(uses, use{words: n.path() + " belongs to " + holder})
		}
		if u.swaps[n.path()] {
			uses = append(uses, use{words: n.path() + " is swap space"})
		}
		uses = append(uses, u.throughLoops(n.path(), depth)...)
	}
	return uses
}

// throughLoops tells what uses the loop devices that show a file or device.
func (u *usage) throughLoops(path string, depth int) []use {
	if depth == 0 {
		return nil
	}
	var uses []use
	for _, n := range u.disks {
		if n.shows(path) {
			uses = append(uses, u.of(append([]blockNode{n}, n.partitions()...), depth-1)...)
		}
	}
	return uses
}

// shows says whether this is a loop device made of the file or device.
func (n blockNode) shows(path string) bool {
	backing := strings.TrimSuffix(n.attr("loop/backing_file"), deletedSuffix)
	return backing != "" && samePath(backing, path)
}

// holders names the devices that are made of this one: RAID, LVM, dm-crypt.
func (n blockNode) holders() []string {
	entries, err := os.ReadDir(filepath.Join(n.dir, "holders"))
	if err != nil {
		return nil // partitions of some drivers have none
	}
	var names []string
	for _, e := range entries {
		holder := newBlockNode(filepath.Join(n.dir, "holders", e.Name()))
		name := holder.name
		if mapped := holder.attr("dm/name"); mapped != "" {
			name = fmt.Sprintf("%s (%s)", name, mapped)
		}
		names = append(names, name)
	}
	return names
}

// lock takes the file for ourselves and refuses if another program has a
// lock on it. Two families of locks are in use: flock, and byte ranges, with
// which QEMU marks what it and others may do (bytes 100 and 200 onwards). A
// write lock on the whole range conflicts with all of them, both ways.
func lock(file *os.File) error {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return machine.lockedError(file)
	}
	return lockRange(file)
}

// lockRange takes the byte-range lock alone: on devices flock belongs to
// udev.
func lockRange(file *os.File) error {
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET}
	err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &whole)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return machine.lockedError(file)
	}
	return nil // file systems without locks have nothing to conflict with
}

// lockedError names the programs that have the file open besides us.
func (s system) lockedError(file *os.File) error {
	reason := "another program has locked it"
	if names := s.openers(file, false); len(names) > 0 {
		reason = "locked; it is open in " + strings.Join(names, ", ")
	}
	return &BusyError{Path: file.Name(), Reason: reason}
}

// checkWriters refuses a file that another process has open for writing: not
// every program that runs virtual machines takes locks. Whoever is gone after
// some tries was only passing, a program that was just being started among
// them.
func (s system) checkWriters(file *os.File) error {
	for try := range openTries {
		names := s.openers(file, true)
		if len(names) == 0 {
			return nil
		}
		if try == openTries-1 {
			return &BusyError{Path: file.Name(), Reason: "open for writing in " + strings.Join(names, ", ")}
		}
		time.Sleep(openPause)
	}
	return nil
}

// openers are the other processes that have the file open, or open for
// writing, of those we may look into.
func (s system) openers(file *os.File, writing bool) []string {
	info, err := file.Stat()
	if err != nil {
		return nil
	}
	procs, err := os.ReadDir(s.proc)
	if err != nil {
		return nil
	}
	var names []string
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err == nil && pid != os.Getpid() && s.hasOpen(p.Name(), info, writing) {
			names = append(names, fmt.Sprintf("%s (pid %d)", s.command(p.Name()), pid))
		}
	}
	return names
}

// hasOpen looks through the open files of a process.
func (s system) hasOpen(pid string, info os.FileInfo, writing bool) bool {
	fds := filepath.Join(s.proc, pid, "fd")
	entries, err := os.ReadDir(fds)
	if err != nil {
		return false // gone, or not ours to see
	}
	for _, e := range entries {
		if open, err := os.Stat(filepath.Join(fds, e.Name())); err == nil && os.SameFile(open, info) && (!writing || s.mayWrite(pid, e.Name())) {
			return true
		}
	}
	return false
}

// mayWrite says whether an open file of a process is open for writing, by the
// octal flags that proc(5) tells.
func (s system) mayWrite(pid, fd string) bool {
	b, err := os.ReadFile(filepath.Join(s.proc, pid, "fdinfo", fd))
	if err != nil {
		return false // closed
	}
	_, flags, _ := strings.Cut(string(b), "flags:")
	flags, _, _ = strings.Cut(strings.TrimSpace(flags), "\n")
	n, err := strconv.ParseInt(flags, 8, 64)
	return err == nil && n&unix.O_ACCMODE != unix.O_RDONLY
}

// command is the name of a process.
func (s system) command(pid string) string {
	b, err := os.ReadFile(filepath.Join(s.proc, pid, "comm"))
	if err != nil {
		return "a process"
	}
	return strings.TrimSpace(string(b))
}

// notShared is how Windows refuses to open a file.
func notShared(error) bool { return false }
