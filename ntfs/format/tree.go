package format

import (
	"fmt"
	"time"
)

// treeBuilder turns entries into nodes.
type treeBuilder struct {
	defaultTime time.Time
	next        recordNumber
	nodes       []*node // of entries, by record number
}

// add makes the nodes of a directory's entries, and of all below them.
func (b *treeBuilder) add(parent *node, entries []Entry) error {
	for i := range entries {
		n, err := b.node(parent, &entries[i])
		if err != nil {
			return fmt.Errorf("entry %q: %w", joinPath(parent, entries[i].Name), err)
		}
		parent.children = append(parent.children, n)
		if err := b.add(n, entries[i].Dir); err != nil {
			return err
		}
	}
	return checkDuplicates(parent)
}

func joinPath(parent *node, name string) string {
	if parent.number == recordRoot {
		return name
	}
	return parent.path() + "/" + name
}

func (b *treeBuilder) node(parent *node, e *Entry) (*node, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	n := &node{
		name: e.Name, shortName: e.ShortName, parent: parent, directory: e.Dir != nil, flags: recordInUse,
		attributes: e.Attributes, securityID: userSecurityID, times: b.times(e.Times),
	}
	b.number(n)
	if n.directory {
		n.makeDirectory()
		n.indexFragments = e.Fragments
	} else if n.attributes == 0 {
		n.attributes = AttrArchive
	}
	for _, s := range e.streams() {
		made, err := newStream(s)
		if err != nil {
			return nil, err
		}
		n.streams = append(n.streams, made)
		n.attributes |= made.fileAttributes()
	}
	if err := n.setReparse(e.Reparse); err != nil {
		return nil, err
	}
	return n, b.addDeleted(n, e.Deleted)
}

func (b *treeBuilder) number(n *node) {
	n.number = b.next
	b.next++
	b.nodes = append(b.nodes, n)
}

// addDeleted makes the leftovers of deleted files: records not in use that
// still carry their names.
func (b *treeBuilder) addDeleted(dir *node, names []string) error {
	for _, name := range names {
		if err := checkName(name); err != nil {
			return fmt.Errorf("deleted entry %q: %w", name, err)
		}
		n := &node{name: name, parent: dir, attributes: AttrArchive, securityID: userSecurityID, times: dir.times}
		n.streams = []*stream{{}}
		b.number(n)
		dir.deleted = append(dir.deleted, n)
	}
	return nil
}

func (n *node) makeDirectory() {
	n.directory = true
	n.flags |= recordDirectory
	n.nameFlags |= attrDirectory
}

func (b *treeBuilder) times(t Times) fileTimes {
	pick := func(t time.Time) uint64 {
		if t.IsZero() {
			t = b.defaultTime
		}
		return filetime(t)
	}
	return fileTimes{pick(t.Created), pick(t.Modified), pick(t.Changed), pick(t.Accessed)}
}

// streams lists the entry's streams, the unnamed one of a file first.
func (e *Entry) streams() []Stream {
	if e.Dir != nil {
		return e.Streams
	}
	return append([]Stream{{
		Data: e.Data, Content: e.Content, Size: e.Size, Written: e.Written,
		Fragments: e.Fragments, InitializedSize: e.InitializedSize, Holes: e.Holes, Compressed: e.Compressed,
	}}, e.Streams...)
}

func (e *Entry) check() error {
	if err := checkName(e.Name); err != nil {
		return err
	}
	if e.ShortName != "" && !isShortName(e.ShortName) {
		return fmt.Errorf("%w: short name %q is not a legal 8.3 name", ErrOptions, e.ShortName)
	}
	if e.Attributes&^settableAttributes != 0 {
		return fmt.Errorf("%w: attributes %#x", ErrOptions, uint32(e.Attributes&^settableAttributes))
	}
	if e.Dir != nil && e.hasContents() {
		return fmt.Errorf("%w: a directory with contents", ErrOptions)
	}
	if e.Dir != nil && e.Fragments < 0 {
		return fmt.Errorf("%w: %d fragments", ErrOptions, e.Fragments)
	}
	if e.Dir == nil && e.Deleted != nil {
		return fmt.Errorf("%w: deleted entries in what is no directory", ErrOptions)
	}
	return e.checkStreamNames()
}

func (e *Entry) hasContents() bool {
	return e.Data != nil || e.Content != nil || e.Size != 0 || e.InitializedSize != nil ||
		e.Holes != nil || e.Compressed
}

func (e *Entry) checkStreamNames() error {
	seen := map[string]bool{}
	for _, s := range e.Streams {
		if err := checkName(s.Name); err != nil {
			return fmt.Errorf("stream %q: %w", s.Name, err)
		}
		key := collationKey(s.Name)
		if seen[key] {
			return fmt.Errorf("%w: stream %q twice", ErrOptions, s.Name)
		}
		seen[key] = true
	}
	return nil
}

// checkDuplicates refuses two names Windows takes for one.
func checkDuplicates(dir *node) error {
	seen := make(map[string]bool, len(dir.children))
	for _, n := range dir.children {
		for _, name := range []string{n.name, n.shortName} {
			key := collationKey(name)
			if name != "" && seen[key] {
				return fmt.Errorf("entry %q: %w: the name is there already (case does not count)", n.path(), ErrOptions)
			}
			seen[key] = true
		}
	}
	return nil
}
