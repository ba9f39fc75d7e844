package format

import "slices"

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
	// indexFragments is the number of extents of a directory's index blocks; 0 leaves it open.
	indexFragments int
	tornRecord     bool // see Torn
	tornIndex      bool
	packed         []record // if one record does not hold it: base and extensions
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
