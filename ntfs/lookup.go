package ntfs

import (
	"fmt"
	"io/fs"
	"strings"
)

// resolve finds a file by its slash path and returns it with its name as the
// volume spells it.
func (v *Volume) resolve(path string) (*node, string, error) {
	if !fs.ValidPath(path) {
		return nil, "", fs.ErrInvalid
	}
	r, err := v.readRecord(recordRoot)
	if err != nil {
		return nil, "", err
	}
	if !r.inUse() || !r.directory() {
		return nil, "", damaged(r.off, "root directory record", "a directory in use", hex(r.flags()))
	}
	n, err := v.newNode(r)
	if err != nil || path == "." {
		return n, ".", err
	}
	var name string
	for element := range strings.SplitSeq(path, "/") {
		if n, name, err = n.child(element); err != nil {
			return nil, "", err
		}
	}
	return n, name, nil
}

// child opens the file a directory has under a name.
func (n *node) child(element string) (*node, string, error) {
	if err := n.searchable(); err != nil {
		return nil, "", err
	}
	name, ok := unescapeName(element)
	if !ok {
		return nil, "", fs.ErrNotExist
	}
	x, err := n.openIndex()
	if err != nil {
		return nil, "", err
	}
	e, err := x.lookup(name)
	if err != nil {
		return nil, "", err
	}
	found, err := n.v.openEntry(e, n.base.ref)
	return found, escapeName(e.key().name()), err
}

// searchable says why a path cannot lead through n, if so.
func (n *node) searchable() error {
	tag, err := n.reparseTag()
	switch {
	case err != nil:
		return err
	case linkTag(tag):
		return fmt.Errorf("%w: reparse points are not followed", ErrUnsupported)
	case !n.base.directory():
		return fs.ErrNotExist
	}
	return nil
}

// openEntry opens the file an index entry of dir names, and checks that the
// file agrees: an entry that outlived its file must not lead to another one.
func (v *Volume) openEntry(e indexEntry, dir RecordRef) (*node, error) {
	n, err := v.openNode(e.ref())
	if err != nil {
		return nil, err
	}
	names, err := n.names()
	if err != nil {
		return nil, err
	}
	fold, err := v.foldings()
	if err != nil {
		return nil, err
	}
	want := e.key().name()
	for _, f := range names {
		if f.parent() == dir && fold.compare(f.name(), want) == 0 {
			return n, nil
		}
	}
	return nil, damaged(n.base.off, fmt.Sprintf("MFT record %d: $FILE_NAME", n.base.ref.Number),
		fmt.Sprintf("%s in directory %v, as the index says", escapeName(want), dir), "none such")
}

// names returns the $FILE_NAME attributes: one per hard link and 8.3 alias.
func (n *node) names() ([]fileName, error) {
	attrs, err := n.attributes(typeFileName, "")
	if err != nil {
		return nil, err
	}
	names := make([]fileName, 0, len(attrs))
	for _, a := range attrs {
		if !a.resident() {
			return nil, damaged(a.off, "$FILE_NAME", "resident", "non-resident")
		}
		f, err := parseFileName(a.value(), a.off)
		if err != nil {
			return nil, err
		}
		names = append(names, f)
	}
	return names, nil
}
