package ntfs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// replaceTarget is a file whose contents may be exchanged.
type replaceTarget struct {
	path   string
	node   *node
	data   *stream
	parent *node
	names  []fileName // all of them in parent
}

// replaceTarget opens a file, after proving that its contents can be exchanged.
// All that stands against it is in the error.
func (v *Volume) replaceTarget(path, keepAs string) (*replaceTarget, error) {
	if err := v.outsideProtected(path); err != nil {
		return nil, err
	}
	n, _, err := v.resolve(path)
	if err != nil {
		return nil, err
	}
	t := &replaceTarget{path: path, node: n}
	checks := []func() error{
		func() error { return n.plainFile(path) },
		t.findData,
		t.findNames,
	}
	if keepAs != "" {
		checks = append(checks, func() error { return n.freeStreamName(keepAs) })
	}
	return t, refuseAll(checks...)
}

// refuseAll carries out all checks and wraps what they say.
func refuseAll(checks ...func() error) error {
	var all []error
	for _, check := range checks {
		if err := check(); err != nil {
			all = append(all, fmt.Errorf("%w: %w", ErrNotReplaceable, err))
		}
	}
	return errors.Join(all...)
}

// same proves that a volume still has the target as it was planned with.
func (t *replaceTarget) same(v *Volume, keepAs string) error {
	now, err := v.replaceTarget(t.path, keepAs)
	if err != nil {
		return err
	}
	if now.node.base.ref != t.node.base.ref || !slices.Equal(now.data.extents, t.data.extents) {
		return fmt.Errorf("%w: %s is another file or lies elsewhere", ErrChanged, t.path)
	}
	return nil
}

// findData proves that the contents are what a plain file has.
func (t *replaceTarget) findData() error {
	if t.node.list != nil {
		return errors.New("the file has an attribute list")
	}
	var err error
	t.data, err = t.plainStream("")
	return err
}

// plainStream opens a stream after proving that it lies byte for byte in
// clusters that are its own.
func (t *replaceTarget) plainStream(name attrName) (*stream, error) {
	v := t.node.v
	attrs, err := t.node.attributes(typeData, name)
	if err != nil {
		return nil, err
	}
	if len(attrs) != 1 {
		return nil, fmt.Errorf("the file has %d $DATA attributes of that name", len(attrs))
	}
	s, err := v.newStream(attrs)
	if err != nil {
		return nil, err
	}
	if err := s.plain(); err != nil {
		return nil, err
	}
	if s.initialized != s.size {
		return nil, fmt.Errorf("only %d of its %d bytes are initialized", s.initialized, s.size)
	}
	if err := v.secondReader(attrs, s.extents); err != nil {
		return nil, err
	}
	return s, errors.Join(v.clustersInUse(s.extents), v.clustersAlone(s.extents))
}

// findNames proves that the file lies in one directory alone, which then shows
// its sizes.
func (t *replaceTarget) findNames() error {
	names, err := t.node.names()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("the file has no name")
	}
	for _, f := range names {
		if f.parent() != names[0].parent() {
			return errors.New("the file has names in several directories (hard links)")
		}
	}
	t.names = names
	t.parent, err = t.node.v.openNode(names[0].parent())
	return err
}

// notInStreamNames are the characters Windows allows in no stream's name.
const notInStreamNames = "/\\:\x00"

func streamName(units []uint16) bool {
	return len(units) <= maxNameUnits && !slices.ContainsFunc(units, func(u uint16) bool {
		return strings.ContainsRune(notInStreamNames, rune(u))
	})
}

// maxNameUnits is how long a name may be, in UTF-16 units.
const maxNameUnits = 255

// freeStreamName proves that the file can get an alternate stream of a name.
func (n *node) freeStreamName(name string) error {
	units, ok := unescapeName(name)
	if !ok || !streamName(units) {
		return fmt.Errorf("%q is no name for a stream", name)
	}
	_, err := n.streamNamed(name)
	switch {
	case err == nil:
		return fmt.Errorf("%w: stream %q", ErrExists, name)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}
