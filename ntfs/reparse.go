package ntfs

import (
	"fmt"
	"io/fs"
	"strings"
)

// Reparse tags and their parts ([MS-FSCC] 2.1.2.1).
const (
	tagMountPoint    = 0xa0000003
	tagSymlink       = 0xa000000c
	tagWOF           = 0x80000017
	tagNameSurrogate = 0x20000000
)

// Of a reparse buffer ([MS-FSCC] 2.1.2.4 and 2.1.2.5).
const (
	reparseHeader     = 8
	maxReparse        = 16 << 10
	linkSubstitute    = 0x08 // offset and length of the name the kernel opens
	linkPrint         = 0x0c // the same of the name people see
	mountPointNames   = 0x10
	symlinkNames      = 0x14 // behind a flags field
	kernelNamesPrefix = `\??\`
)

// linkTag says that what carries the tag stands for another place.
func linkTag(tag uint32) bool { return tag&tagNameSurrogate != 0 }

func tagName(tag uint32) string {
	switch tag {
	case tagWOF:
		return ", compressed by CompactOS"
	case tagSymlink:
		return ", a symbolic link"
	case tagMountPoint:
		return ", a junction"
	}
	return ""
}

// fileMode shows symbolic links and junctions as links, other stand-ins as
// irregular. Nothing is writable: contents change through OpenInPlace alone.
func fileMode(directory bool, tag uint32) fs.FileMode {
	switch {
	case tag == tagSymlink || tag == tagMountPoint:
		return fs.ModeSymlink | 0o777
	case linkTag(tag):
		return fs.ModeIrregular | 0o444
	case directory:
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// reparse returns the value of $REPARSE_POINT, nil without one.
func (n *node) reparse() ([]byte, error) {
	s, ok, err := n.stream(typeReparsePoint, "")
	if err != nil || !ok {
		return nil, err
	}
	b, err := s.readAll(maxReparse)
	if err != nil {
		return nil, fmt.Errorf("$REPARSE_POINT: %w", err)
	}
	if len(b) < reparseHeader {
		return nil, damaged(s.off, "$REPARSE_POINT: size", fmt.Sprintf("at least %d", reparseHeader), len(b))
	}
	return b, nil
}

// reparseTag returns the tag of $REPARSE_POINT, 0 without one.
func (n *node) reparseTag() (uint32, error) {
	b, err := n.reparse()
	if b == nil {
		return 0, err
	}
	return le.Uint32(b), nil
}

// ReadLink returns where a symbolic link or junction points: the path as
// Windows wrote it, with backslashes and usually a drive letter.
func (v *Volume) ReadLink(name string) (string, error) {
	n, _, err := v.resolve(name)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	b, err := n.reparse()
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	target, err := linkTarget(b, n.base.off)
	return target, pathError("readlink", name, err)
}

// Lstat is Stat, which follows no links either.
func (v *Volume) Lstat(name string) (fs.FileInfo, error) { return v.Stat(name) }

// linkTarget reads the print name of a link, or the other where that is empty.
func linkTarget(b []byte, off int64) (string, error) {
	var names int
	switch {
	case b == nil:
		return "", fs.ErrInvalid
	case le.Uint32(b) == tagMountPoint:
		names = mountPointNames
	case le.Uint32(b) == tagSymlink:
		names = symlinkNames
	default:
		return "", fs.ErrInvalid
	}
	for _, field := range []int{linkPrint, linkSubstitute} {
		if len(b) < names {
			break
		}
		start := names + int(le.Uint16(b[field:]))
		end := start + int(le.Uint16(b[field+2:]))
		if end > len(b) {
			break
		}
		if end > start {
			return strings.TrimPrefix(unescaped(b[start:end]), kernelNamesPrefix), nil
		}
	}
	return "", damaged(off, "$REPARSE_POINT: names", "inside its value", len(b))
}
