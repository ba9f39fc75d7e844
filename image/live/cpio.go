package live

import (
	"bytes"
	"fmt"
	"path"
)

// File types in a mode, as stat has them.
const (
	modeDir     = 0o040000
	modeRegular = 0o100000
	modeSymlink = 0o120000
	modeChar    = 0o020000
)

// cpioBlock is what the archive is padded to, so that more can be put behind it.
const cpioBlock = 512

// cpio writes a "newc" archive, the form of an initramfs (the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst). Inode numbers count up, times are
// zero and owners are root, so that the same files give the same bytes.
type cpio struct {
	buf  bytes.Buffer
	ino  int
	dirs map[string]bool
}

// entry appends one file. Its folder must be there before it.
func (c *cpio) entry(name string, mode, links, major, minor int, data []byte) {
	c.ino++
	fmt.Fprintf(&c.buf, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		c.ino, mode, 0, 0, links, 0, len(data), 0, 0, major, minor, len(name)+1, 0, name)
	c.pad(4)
	c.buf.Write(data)
	c.pad(4)
}

func (c *cpio) pad(to int) { c.buf.Write(make([]byte, -c.buf.Len()&(to-1))) }

// dir appends a folder with those above it, once.
func (c *cpio) dir(name string) {
	if name == "." || c.dirs[name] {
		return
	}
	c.dir(path.Dir(name))
	if c.dirs == nil {
		c.dirs = map[string]bool{}
	}
	c.dirs[name] = true
	c.entry(name, modeDir|0o755, 2, 0, 0, nil)
}

func (c *cpio) file(name string, mode int, data []byte) {
	c.dir(path.Dir(name))
	c.entry(name, modeRegular|mode, 1, 0, 0, data)
}

func (c *cpio) symlink(name, target string) {
	c.dir(path.Dir(name))
	c.entry(name, modeSymlink|0o777, 1, 0, 0, []byte(target))
}

func (c *cpio) device(name string, mode, major, minor int) {
	c.dir(path.Dir(name))
	c.entry(name, modeChar|mode, 1, major, minor, nil)
}

// finish appends the end mark and returns the archive.
func (c *cpio) finish() []byte {
	c.ino = -1
	c.entry("TRAILER!!!", 0, 1, 0, 0, nil)
	c.pad(cpioBlock)
	return c.buf.Bytes()
}
