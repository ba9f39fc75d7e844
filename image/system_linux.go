package image

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// system is where the kernel describes the machine's block devices, see
// sysfs(5) and proc(5). Tests give a tree of their own.
type system struct {
	proc, sys string
}

// machine is the one we run on.
var machine = system{proc: "/proc", sys: "/sys"}

// blockNode is a directory below /sys/block that stands for a disk or for a
// partition.
type blockNode struct {
	dir  string
	name string // "sda1"
	dev  string // "8:1"
}

// path is the usual name of the device file. Sysfs writes a slash in a name
// as an exclamation mark.
func (n blockNode) path() string { return "/dev/" + strings.ReplaceAll(n.name, "!", "/") }

// attr reads an attribute, empty if there is none.
func (n blockNode) attr(name string) string {
	b, err := os.ReadFile(filepath.Join(n.dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number reads an attribute that is one, 0 if there is none.
func (n blockNode) number(name string) int64 {
	v, err := strconv.ParseInt(n.attr(name), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// has says whether there is such an attribute.
func (n blockNode) has(name string) bool {
	_, err := os.Stat(filepath.Join(n.dir, name))
	return err == nil
}

// newBlockNode describes the device in a directory.
func newBlockNode(dir string) blockNode {
	n := blockNode{dir: dir, name: filepath.Base(dir)}
	n.dev = n.attr("dev")
	return n
}

// disks are all whole devices the kernel knows, virtual ones too.
func (s system) disks() ([]blockNode, error) {
	entries, err := os.ReadDir(filepath.Join(s.sys, "block"))
	if err != nil {
		return nil, fmt.Errorf("block devices of this machine: %w", err)
	}
	var nodes []blockNode
	for _, e := range entries {
		nodes = append(nodes, newBlockNode(filepath.Join(s.sys, "block", e.Name())))
	}
	return nodes, nil
}

// partitions are those the kernel has read from the disk's table.
func (n blockNode) partitions() []blockNode {
	found, err := filepath.Glob(filepath.Join(n.dir, "*", "partition"))
	if err != nil {
		return nil // the pattern is sound, so this cannot be
	}
	var nodes []blockNode
	for _, p := range found {
		nodes = append(nodes, newBlockNode(filepath.Dir(p)))
	}
	return nodes
}

// family is the device with a number like "8:1", and everything that shares
// its bytes: its partitions or, if it is one, the disk it lies on.
func (s system) family(dev string) ([]blockNode, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(s.sys, "dev", "block", dev))
	if err != nil {
		return nil, fmt.Errorf("block device %s: %w", dev, err)
	}
	node := newBlockNode(dir)
	if node.has("partition") {
		return []blockNode{node, newBlockNode(filepath.Dir(dir))}, nil
	}
	return append([]blockNode{node}, node.partitions()...), nil
}

// mount is one line of mountinfo.
type mount struct {
	dev    string // "8:1"; of no device for some file systems
	point  string
	source string // what was mounted, often a device file
}

// mounts reads what is mounted in our name space.
func (s system) mounts() ([]mount, error) {
	b, err := os.ReadFile(filepath.Join(s.proc, "self", "mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("mounted file systems: %w", err)
	}
	var mounts []mount
	for line := range strings.Lines(string(b)) {
		// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
		place, what, ok := strings.Cut(line, " - ")
		p, w := strings.Fields(place), strings.Fields(what)
		if !ok || len(p) < 5 || len(w) < 2 {
			continue
		}
		mounts = append(mounts, mount{dev: p[2], point: unescapeMount(p[4]), source: unescapeMount(w[1])})
	}
	return mounts, nil
}

// mountEscapes are the bytes that the kernel writes in octal.
var mountEscapes = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#")

func unescapeMount(s string) string { return mountEscapes.Replace(s) }

// of says whether the mount is of the device. Some file systems have no
// device number of their own (btrfs), so the name counts too.
func (m mount) of(n blockNode) bool { return m.dev == n.dev || m.source == n.path() }

// swaps are the device files and files used as swap space.
func (s system) swaps() map[string]bool {
	used := map[string]bool{}
	f, err := os.Open(filepath.Join(s.proc, "swaps"))
	if err != nil {
		return used // a kernel without swap
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 {
			used[unescapeMount(fields[0])] = true
		}
	}
	return used
}

// samePath says whether two paths name one file.
func samePath(a, b string) bool {
	if a == b {
		return true
	}
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}
