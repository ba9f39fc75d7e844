package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// The sizes and times a directory repeats in its entry of a file. Windows
// itself lets them be out of date until a file is closed, so that any mixture
// of old and new is harmless.
const (
	fileNameModified  = 0x10
	fileNameChanged   = 0x18
	fileNameAllocated = 0x28
	fileNameSize      = 0x30
)

// shown is what a directory is to show of a file.
type shown struct {
	ref             RecordRef
	name            []uint16
	allocated, size uint64
	modified        time.Time // zero: the times stay
}

// showSizes plans the file's entries in its directory to say what is new.
func (p *planner) showSizes(t *replaceTarget, next dataStream) error {
	p.step(StepFinish, "correct what the directory shows of the file")
	for _, f := range t.names {
		s := shown{
			ref: t.node.base.ref, name: f.name(), modified: next.modified,
			allocated: uint64(next.clusters() * p.v.boot.clusterSize), size: uint64(next.size),
		}
		if err := p.showIn(t.parent, s); err != nil {
			return fmt.Errorf("directory record %d: %w", t.parent.base.ref.Number, err)
		}
	}
	return nil
}

// showIn plans one entry of a directory, which lies in its root or in an INDX block.
func (p *planner) showIn(dir *node, s shown) error {
	x, err := dir.openIndex()
	if err != nil {
		return err
	}
	fold, err := p.v.foldings()
	if err != nil {
		return err
	}
	vcn, inRoot, err := x.nodeOf(s.name, fold)
	if err != nil {
		return err
	}
	if !inRoot {
		return p.showInBlock(x, vcn, s, fold)
	}
	root, _, err := dir.first(typeIndexRoot, indexName)
	if err != nil {
		return err
	}
	err = p.editRecordLoosely(root.record, func(e *recordEdit) error {
		a, ok := e.find(typeIndexRoot, indexName)
		if !ok {
			return damaged(e.off, "directory record: $INDEX_ROOT", "present", "none")
		}
		return s.set(a.value()[rootHeader:], e.off, fold)
	})
	if err != nil {
		return err
	}
	return p.mirror(root.record)
}

// showInBlock plans an entry of an INDX block, sector by sector.
func (p *planner) showInBlock(x *index, vcn VCN, s shown, fold upCase) error {
	off := int64(vcn) * x.vcnUnit
	sealed := make([]byte, x.blockSize)
	if _, err := readExtents(&p.dev, x.blocks.extents, sealed, off); err != nil {
		return err
	}
	b, at := bytes.Clone(sealed), deviceOffset(x.blocks.extents, off)
	if err := unseal(b, indexMagic, at); err != nil {
		return err
	}
	if err := s.set(b[blockHeader:], at, fold); err != nil {
		return err
	}
	reseal(b, sealed)
	return p.metadataAt(x.blocks.extents, b, off)
}

// errNoEntry cannot happen to a file that was found by its name, unless another
// one's differs from it in case alone.
var errNoEntry = errors.New("the first entry of that name is another file's")

// set writes what is to be shown into the file's entry of a node, which begins
// with its header.
func (s shown) set(node []byte, off int64, fold upCase) error {
	entries, err := parseIndexEntries(node, off)
	if err != nil {
		return err
	}
	i, found := searchNode(entries, s.name, fold)
	if !found || entries[i].ref() != s.ref {
		return errNoEntry
	}
	key := entries[i].key()
	le.PutUint64(key[fileNameAllocated:], s.allocated)
	le.PutUint64(key[fileNameSize:], s.size)
	if !s.modified.IsZero() {
		le.PutUint64(key[fileNameModified:], ticks(s.modified))
		le.PutUint64(key[fileNameChanged:], ticks(s.modified))
	}
	return nil
}

// nodeOf finds the node of the tree that has an entry of a name: the root, or
// the INDX block at vcn.
func (x *index) nodeOf(name []uint16, fold upCase) (vcn VCN, inRoot bool, err error) {
	entries := x.root
	for depth := range maxIndexDepth {
		i, found := searchNode(entries, name, fold)
		if found {
			return vcn, depth == 0, nil
		}
		if !entries[i].hasChild() {
			break
		}
		vcn = entries[i].child()
		if entries, err = x.block(vcn); err != nil {
			return 0, false, err
		}
	}
	return 0, false, errNoEntry
}

// searchNode finds the entry of a name in a node, or the one before which it
// would be.
func searchNode(entries []indexEntry, name []uint16, fold upCase) (i int, found bool) {
	for i, e := range entries {
		if e.last() {
			return i, false
		}
		if order := fold.compare(e.key().name(), name); order >= 0 {
			return i, order == 0
		}
	}
	return len(entries) - 1, false
}
