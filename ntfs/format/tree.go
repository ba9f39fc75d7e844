package format

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Records with a fixed place in $MFT.
const (
	recordMFT recordNumber = iota
	recordMirror
	recordLogFile
	recordVolume
	recordAttrDef
	recordRoot
	recordBitmap
	recordBoot
	recordBadClus
	recordSecure
	recordUpCase
	recordExtendDir
	recordFirstReserved // to 15: in use, without a name
)

const (
	recordFirstUnused recordNumber = 16 // to 23: kept for more extents of $MFT itself
	recordFirstExtend recordNumber = 24 // children of $Extend
	recordFirstUser   recordNumber = 64 // Windows adds more children of $Extend below
)

// sequenceOf is the sequence number of a fresh record: that of a system file
// is its own record number.
func sequenceOf(n recordNumber) uint16 {
	if n > 0 && n < recordFirstExtend {
		return uint16(n)
	}
	return 1
}

// node is a file or directory of the volume, system files included.
type node struct {
	name       string // "" = a reserved record, without a name
	shortName  string
	parent     *node // the root is its own
	children   []*node
	directory  bool
	number     recordNumber
	flags      recordFlags
	attributes FileAttributes
	nameFlags  FileAttributes // attributes that only $FILE_NAME shows
	securityID uint32
	times      fileTimes
	reparseTag uint32
	streams    []*stream   // the unnamed one, if any, first
	extra      []attribute // what else the record holds, indexes included
	deleted    []*node
	packed     []record // if one record does not hold it: base and extensions
}

func (n *node) ref() recordRef { return newRef(n.number, sequenceOf(n.number)) }

func (n *node) path() string {
	if n.parent.number == recordRoot {
		return n.name
	}
	return n.parent.path() + "/" + n.name
}

// unnamed returns the stream that is the file's contents.
func (n *node) unnamed() *stream {
	if len(n.streams) > 0 && n.streams[0].name == "" {
		return n.streams[0]
	}
	return nil
}

// fileNames are the node's $FILE_NAME values: one, or a Win32 and DOS pair.
func (n *node) fileNames(g geometry) []fileName {
	if n.name == "" {
		return nil
	}
	f := fileName{
		parent: n.parent.ref(), times: n.times, attributes: n.attributes | n.nameFlags, reparseTag: n.reparseTag, name: n.name,
	}
	if s := n.unnamed(); s != nil {
		f.allocated, f.dataSize = s.allocated(g), s.size
	}
	if n.shortName != "" {
		alias := f
		f.namespace, alias.namespace, alias.name = namespaceWin32, namespaceDOS, n.shortName
		return []fileName{f, alias}
	}
	f.namespace = namespaceOf(n.name)
	return []fileName{f}
}

// head is what every record begins with: times and names.
func (n *node) head(g geometry) []attribute {
	attrs := []attribute{standardInformation(n.times, n.attributes, n.securityID)}
	for _, f := range n.fileNames(g) {
		attrs = append(attrs, attribute{typ: typeFileName, value: f.encode(), indexed: true})
	}
	return attrs
}

// recordAttributes are all attributes of the node, in order.
func (n *node) recordAttributes(g geometry) []attribute {
	attrs := append(n.head(g), n.extra...)
	for _, s := range n.streams {
		attrs = append(attrs, s.attribute(g))
	}
	slices.SortStableFunc(attrs, func(a, b attribute) int { return compareAttributes(&a, &b) })
	return attrs
}

func attributesSize(attrs []attribute) (n int) {
	for i := range attrs {
		n += attrs[i].size()
	}
	return n
}

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
	if e.Dir == nil && e.Deleted != nil {
		return fmt.Errorf("%w: deleted entries in what is no directory", ErrOptions)
	}
	return e.checkStreamNames()
}

func (e *Entry) hasContents() bool {
	return e.Data != nil || e.Content != nil || e.Size != 0 || e.Fragments != 0 || e.InitializedSize != nil ||
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

// maxNameLength is the longest name, in UTF-16 units.
const maxNameLength = 255

// forbiddenInNames are the characters Win32 takes for something else.
const forbiddenInNames = `\/:*?"<>|`

// checkName accepts what Windows itself could create and open.
func checkName(name string) error {
	switch n := utf16Len(name); {
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: name is not UTF-8", ErrOptions)
	case n == 0 || n > maxNameLength:
		return fmt.Errorf("%w: name of %d UTF-16 units, want 1 to %d", ErrOptions, n, maxNameLength)
	case strings.ContainsAny(name, forbiddenInNames) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		return fmt.Errorf("%w: character not allowed in a name", ErrOptions)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return fmt.Errorf("%w: name ends in a dot or space", ErrOptions)
	}
	return nil
}

// Parts of an 8.3 name.
const (
	maxShortBase = 8
	maxShortExt  = 3
)

// isShortName tells whether name is a legal upper-case 8.3 name.
func isShortName(name string) bool {
	base, ext, dotted := strings.Cut(name, ".")
	if base == "" || len(base) > maxShortBase || len(ext) > maxShortExt || dotted && ext == "" {
		return false
	}
	return !strings.ContainsFunc(base+ext, notInShortName)
}

func notInShortName(r rune) bool {
	return r <= ' ' || r >= 0x7f || r >= 'a' && r <= 'z' || strings.ContainsRune(`.+,;=[]`+forbiddenInNames, r)
}

func namespaceOf(name string) namespace {
	if isShortName(name) {
		return namespaceWin32AndDOS
	}
	return namespacePOSIX
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

// indexEntries are the sorted entries of the directory's index.
func (n *node) indexEntries(g geometry) []indexEntry {
	nodes := n.children
	if n.number == recordRoot {
		nodes = append([]*node{n}, nodes...) // its "." entry
	}
	return sortedEntries(nodes, g)
}

func sortedEntries(nodes []*node, g geometry) []indexEntry {
	type keyed struct {
		key   string
		entry indexEntry
	}
	all := make([]keyed, 0, len(nodes))
	for _, n := range nodes {
		for _, f := range n.fileNames(g) {
			all = append(all, keyed{collationKey(f.name), indexEntry{ref: n.ref(), key: f.encode(), child: noChild}})
		}
	}
	slices.SortFunc(all, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	entries := make([]indexEntry, len(all))
	for i := range all {
		entries[i] = all[i].entry
	}
	return entries
}
