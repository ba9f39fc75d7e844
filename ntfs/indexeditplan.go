package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// indexPlan lays an indexEdit out on the volume, in an order in which every cut
// leaves the directory with all of its names. The parts of it are planned one
// by one, because a file's own writes lie between them.
type indexPlan struct {
	p    *planner
	dir  *node
	edit *indexEdit
	fold upCase

	runs    RunList  // of $INDEX_ALLOCATION, what it grows by included
	extents []Extent // the same, mapped
	moved   []Extent // where a part of it was that has to move
	bitmap  *stream  // the index's $BITMAP, nil if there is none or it is resident
}

// errScattered says that a directory's record does not hold all of it.
var errScattered = errors.New("the directory's attributes are spread over several records")

// newIndexPlan prepares the change of a directory's tree.
func (p *planner) newIndexPlan(dir *node, t *indexEdit) (*indexPlan, error) {
	fold, err := p.v.foldings()
	if err != nil {
		return nil, err
	}
	if dir.list != nil {
		return nil, errScattered
	}
	ip := &indexPlan{p: p, dir: dir, edit: t, fold: fold}
	if b := t.x.blocks; b != nil {
		if b.resident != nil || b.size%t.x.blockSize != 0 || b.flags != 0 || b.initialized != b.size || slices.ContainsFunc(b.extents, func(e Extent) bool { return e.DeviceOffset == hole }) {
			return nil, damaged(b.off, "$INDEX_ALLOCATION", "non-resident, initialized and without holes", "another")
		}
		ip.runs, ip.extents = p.v.runsOf(b.extents), b.extents
	}
	bitmap, ok, err := dir.stream(typeBitmap, indexName)
	if err != nil {
		return nil, err
	}
	if ok && bitmap.resident == nil {
		ip.bitmap = bitmap
	}
	return ip, nil
}

// size is the data size of $INDEX_ALLOCATION in the end.
func (ip *indexPlan) size() int64 { return ip.edit.blocks * ip.edit.x.blockSize }

// grow takes the clusters that new blocks need.
func (ip *indexPlan) grow() error {
	need := ip.p.v.clusterCount(ip.size()) - clusterSum(ip.runs)
	if need <= 0 {
		return nil
	}
	for kept := len(ip.runs); kept >= 0; kept-- {
		moved := ip.runs[kept:]
		runs, err := ip.p.allocateBehind(ip.runs[:kept], clusterSum(moved)+need)
		if err != nil {
			return err
		}
		if joined := join(slices.Concat(ip.runs[:kept], runs)); ip.sameLength(joined) || kept == 0 {
			return ip.move(moved, runs, joined)
		}
	}
	return nil
}

// sameLength says whether a run list takes as many bytes in the record as the
// one that is there. If it does not, everything behind it moves, which only a
// small directory's record bears. Then it is better to move the index instead:
// from the last run on, until what follows is one run.
func (ip *indexPlan) sameLength(runs RunList) bool {
	a, ok := ip.dir.base.find(typeIndexAllocation, indexName)
	return !ok || len(appendRunList(nil, runs)) == len(a.raw)-a.mappingPairs()
}

// move lets the index lie in joined, of which runs take what was in moved.
func (ip *indexPlan) move(moved, runs, joined RunList) error {
	ip.p.step(StepPrepare, "mark clusters for the directory's index used in $Bitmap")
	if err := ip.p.mark(runs, true); err != nil {
		return err
	}
	old, err := ip.p.v.extents(moved)
	if err != nil {
		return err
	}
	b := make([]byte, clusterSum(moved)*ip.p.v.boot.clusterSize)
	if _, err := readExtents(ip.p.v.dev, old, b, 0); err != nil {
		return err
	}
	if err := ip.p.guard(old, 0, int64(len(b))); err != nil {
		return err
	}
	ip.runs, ip.moved = joined, old
	if ip.extents, err = ip.p.v.extents(joined); err != nil {
		return err
	}
	at, err := ip.p.v.extents(runs)
	if err != nil {
		return err
	}
	ip.p.step(StepPrepare, "copy index blocks that have to move")
	return ip.p.metadataAt(at, b, 0)
}

// release frees the clusters the index has left.
func (ip *indexPlan) release() error {
	ip.p.step(StepFinish, "mark the clusters the directory's index has left free in $Bitmap")
	return ip.p.giveBack(ip.moved)
}

// giveBack plans clusters to be free, in the current step.
func (p *planner) giveBack(extents []Extent) error {
	if len(extents) == 0 {
		return nil
	}
	all := slices.Concat(p.freed.Extents, extents)
	sum, err := p.v.sum(all)
	if err != nil {
		return err
	}
	p.freed = Contents{Extents: all, SHA256: sum}
	return p.mark(p.v.runsOf(extents), false)
}

func clusterSum(runs RunList) (n int64) {
	for _, r := range runs {
		n += r.Length
	}
	return n
}

// join makes one run of those that follow each other on the volume.
func join(runs RunList) RunList {
	var joined RunList
	for _, r := range runs {
		if n := len(joined); n > 0 && joined[n-1].LCN+LCN(joined[n-1].Length) == r.LCN {
			joined[n-1].Length += r.Length
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// allocateBehind is allocate, but prefers the clusters behind the last of runs.
func (p *planner) allocateBehind(runs RunList, n int64) (RunList, error) {
	if len(runs) == 0 {
		return p.allocate(n)
	}
	last := runs[len(runs)-1]
	behind := Run{LCN: last.LCN + LCN(last.Length), Length: n}
	free, err := p.areFree(behind)
	if err != nil || free {
		return RunList{behind}, err
	}
	return p.allocate(n)
}

// areFree says whether all clusters of a run are on the volume, and free as the
// steps so far leave them.
func (p *planner) areFree(r Run) (bool, error) {
	first, end := int64(r.LCN), int64(r.LCN)+r.Length
	if end > p.v.boot.clusters {
		return false, nil
	}
	bitmap, err := p.v.clusterBitmap()
	if err != nil {
		return false, err
	}
	b := make([]byte, (end+7)/8-first/8)
	if _, err := readExtents(&p.dev, bitmap.extents, b, first/8); err != nil {
		return false, fmt.Errorf("$Bitmap: %w", err)
	}
	for n := first; n < end; n++ {
		if bitSet(b, n-first/8*8) {
			return false, nil
		}
	}
	return true, nil
}

// fresh plans the new blocks. The tree does not lead to them yet.
func (ip *indexPlan) fresh() error {
	ip.p.step(StepPrepare, "write the directory's new index blocks")
	x := ip.edit.x
	for _, n := range ip.edit.fresh {
		b, off := x.encodeBlock(n), int64(n.vcn)*x.vcnUnit
		old := make([]byte, len(b))
		if _, err := readExtents(&ip.p.dev, ip.extents, old, off); err != nil {
			return err
		}
		seal(b, blockFixup, nextUSN(old, indexMagic))
		if err := ip.p.metadataAt(ip.extents, b, off); err != nil {
			return err
		}
	}
	return nil
}

// nextUSN is an update sequence number that old, what lies on the device, does
// not have: a structure torn between both is then known to be.
func nextUSN(old []byte, magic string) uint16 {
	start := int(le.Uint16(old[fixupOffset:]))
	if string(old[:len(magic)]) != magic || start+2 > len(old) {
		return 1
	}
	return max(le.Uint16(old[start:])+1, 1)
}

// seal puts an update sequence array at start and applies it.
func seal(b []byte, start int, usn uint16) {
	pieces := len(b) / fixupStride
	le.PutUint16(b[fixupOffset:], uint16(start))
	le.PutUint16(b[fixupCount:], uint16(pieces+1))
	le.PutUint16(b[start:], usn)
	for i := range pieces {
		tail := b[(i+1)*fixupStride-2 : (i+1)*fixupStride]
		copy(b[start+2*(i+1):], tail)
		le.PutUint16(tail, usn)
	}
}

// recordStage is one of the changes of the directory's record, each of which
// leaves a valid directory if those before it are made.
type recordStage struct {
	kind StepKind
	what string
	edit func(e *recordEdit) error
}

// commit plans what makes the fresh blocks part of the tree, each in its own
// step, and as much as one sector takes at once: blocks are there before they
// are marked in use, and marked before the tree leads to them.
func (ip *indexPlan) commit() error {
	if err := ip.switchTree(); err != nil {
		return err
	}
	if err := ip.p.mirror(ip.dir.base.ref.Number); err != nil {
		return fmt.Errorf("$MFTMirr: %w", err)
	}
	return ip.release()
}

// mirror plans a metafile's record, as the steps so far leave it, into $MFTMirr.
// With large clusters that holds more than the first four records, and Windows
// keeps those of all metafiles up to date; one that is not already stays so.
// ntfs-3g opens no volume between the change and this copy of it.
func (p *planner) mirror(number uint64) error {
	s, err := p.v.metafile(recordMFTMirr)
	if err != nil {
		return err
	}
	off, b := int64(number)*p.v.boot.recordSize, make([]byte, p.v.boot.recordSize)
	if number >= firstFreeRecord || off+int64(len(b)) > s.initialized {
		return nil
	}
	equal, err := p.v.mirrors(s, off)
	if err != nil || !equal {
		return err
	}
	if _, err := readExtents(&p.dev, p.v.mft.extents, b, off); err != nil {
		return err
	}
	p.step(StepFinish, "copy the directory's record to $MFTMirr")
	return p.metadataAt(s.extents, b, off)
}

// mirrors says whether the record at off is the same in $MFT and in its mirror.
func (v *Volume) mirrors(mirror *stream, off int64) (bool, error) {
	a, b := make([]byte, v.boot.recordSize), make([]byte, v.boot.recordSize)
	if _, err := readExtents(v.dev, v.mft.extents, a, off); err != nil {
		return false, err
	}
	if _, err := readExtents(v.dev, mirror.extents, b, off); err != nil {
		return false, err
	}
	intact := unseal(a, recordMagic, off) == nil && unseal(b, recordMagic, off) == nil
	return intact && bytes.Equal(a, b), nil
}

func (ip *indexPlan) switchTree() error {
	extend := recordStage{StepPrepare, "lengthen the directory", ip.extend}
	taken := recordStage{StepPrepare, "mark the index blocks used", ip.bits(ip.edit.taken)}
	root := recordStage{StepCommit, "switch the directory over", ip.root}
	live := recordStage{StepFinish, "mark the old index blocks free", ip.bits(ip.edit.liveAfter())}
	switch {
	case !ip.hasBlocks():
		return ip.record(recordStage{StepCommit, root.what, ip.whole})
	case ip.bitmap != nil:
		return ip.commitByBitmap(extend, root)
	case ip.edit.parent == nil:
		return ip.record(extend, taken, root, live)
	}
	if err := ip.record(extend, taken); err != nil {
		return err
	}
	if err := ip.switchParent(); err != nil {
		return err
	}
	return ip.record(live)
}

// hasBlocks says whether the record has $INDEX_ALLOCATION already.
func (ip *indexPlan) hasBlocks() bool { return ip.edit.x.blocks != nil }

// commitByBitmap is commit for a directory so large that the bitmap of its
// blocks lies in clusters of its own.
func (ip *indexPlan) commitByBitmap(extend, root recordStage) error {
	if err := ip.growBitmap(); err != nil {
		return err
	}
	if err := ip.record(extend); err != nil {
		return err
	}
	ip.p.step(StepPrepare, "mark the index blocks used")
	for _, n := range ip.edit.fresh {
		if err := ip.markBlock(n.vcn, true); err != nil {
			return err
		}
	}
	if err := ip.switchOver(root); err != nil {
		return err
	}
	ip.p.step(StepFinish, "mark the old index blocks free")
	for _, vcn := range ip.edit.dead {
		if err := ip.markBlock(vcn, false); err != nil {
			return err
		}
	}
	return nil
}

func (ip *indexPlan) switchOver(root recordStage) error {
	if ip.edit.parent != nil {
		return ip.switchParent()
	}
	return ip.record(root)
}

func (ip *indexPlan) markBlock(vcn VCN, used bool) error {
	err := ip.p.markBits(ip.bitmap, int64(vcn)/ip.edit.x.vcnsPerBlock(), 1, used)
	if err != nil {
		return fmt.Errorf("$BITMAP of the directory: %w", err)
	}
	return nil
}

// growBitmap makes room for the new blocks' bits inside the clusters the
// bitmap has. Its sizes follow with the record.
func (ip *indexPlan) growBitmap() error {
	size := int64(len(ip.edit.taken))
	if ip.bitmap.initialized != ip.bitmap.size || size > ip.bitmap.allocated {
		return fmt.Errorf("%w: the bitmap of its index blocks would need another cluster", ErrRecordFull)
	}
	added := size - ip.bitmap.size
	if added <= 0 {
		return nil
	}
	if err := ip.p.metadataAt(ip.bitmap.extents, make([]byte, added), ip.bitmap.size); err != nil {
		return err
	}
	ip.bitmap.size, ip.bitmap.initialized = size, size
	return nil
}

// record plans stages of the record's change, as many at once as one sector makes.
func (ip *indexPlan) record(stages ...recordStage) error {
	for len(stages) > 0 {
		n, err := ip.together(stages)
		if err != nil {
			return err
		}
		stages = stages[n:]
	}
	return nil
}

func (ip *indexPlan) together(stages []recordStage) (n int, err error) {
	for n = len(stages); n > 0; n-- {
		ip.p.step(StepPrepare, "fill the unused part of the directory's record")
		kind := mainStage(stages[:n])
		ip.p.step(kind.kind, kind.what)
		err = ip.p.editRecord(ip.dir.base.ref.Number, func(e *recordEdit) error { return editInStages(e, stages[:n]) })
		if !errors.Is(err, ErrNotSingleSector) {
			break
		}
	}
	return n, err
}

// editInStages makes all the changes. What only a stage between needed behind
// the attributes is taken back: it would be one more sector that differs.
func editInStages(e *recordEdit, stages []recordStage) error {
	before := bytes.Clone(e.raw)
	for _, s := range stages {
		if err := s.edit(e); err != nil {
			return err
		}
	}
	used := le.Uint32(e.raw[recordBytesInUse:])
	copy(e.raw[used:], before[used:])
	return nil
}

// mainStage is the one a step of several is named after: the switch, if it is
// among them.
func mainStage(stages []recordStage) recordStage {
	for _, s := range stages {
		if s.kind == StepCommit {
			return s
		}
	}
	return stages[0]
}

// whole changes all at once: for a directory that so far was its record.
func (ip *indexPlan) whole(e *recordEdit) error {
	if err := ip.root(e); err != nil || len(ip.edit.fresh) == 0 {
		return err
	}
	if err := ip.extend(e); err != nil {
		return err
	}
	return ip.bits(ip.edit.liveAfter())(e)
}

// root puts the new root into the record.
func (ip *indexPlan) root(e *recordEdit) error {
	i, ok := e.index(typeIndexRoot, indexName, ip.fold)
	if !ok || ip.edit.root == nil {
		return damaged(e.off, "directory record: $INDEX_ROOT", "resident", "none")
	}
	a := e.attrs[i]
	first := rootHeader + headerSize
	value := make([]byte, first+entriesSize(ip.edit.root))
	copy(value, a.value()[:rootHeader])
	putNode(value[rootHeader:], headerSize, ip.edit.root)
	return e.replace(i, a.withValue(value))
}

// extend gives $INDEX_ALLOCATION, and a bitmap with clusters, their new sizes.
func (ip *indexPlan) extend(e *recordEdit) error {
	if ip.bitmap != nil {
		if err := ip.extendBitmap(e); err != nil {
			return err
		}
	}
	if ip.hasBlocks() && ip.size() == ip.edit.x.blocks.size {
		return nil
	}
	i, ok := e.index(typeIndexAllocation, indexName, ip.fold)
	if !ok {
		blank, err := ip.blank(e, typeIndexAllocation, false)
		if err != nil {
			return err
		}
		return e.insert(i, ip.p.v.withClusters(blank, ip.runs, ip.size()))
	}
	return e.replace(i, ip.p.v.withClusters(e.attrs[i], ip.runs, ip.size()))
}

func (ip *indexPlan) extendBitmap(e *recordEdit) error {
	i, ok := e.index(typeBitmap, indexName, ip.fold)
	if !ok {
		return damaged(e.off, "directory record: $BITMAP of its index", "present", "none")
	}
	le.PutUint64(e.attrs[i].raw[attrDataSize:], uint64(ip.bitmap.size))
	le.PutUint64(e.attrs[i].raw[attrInitialized:], uint64(ip.bitmap.size))
	return nil
}

// bits puts the bitmap of live blocks into the record. It never gets shorter.
func (ip *indexPlan) bits(b []byte) func(e *recordEdit) error {
	return func(e *recordEdit) error {
		i, ok := e.index(typeBitmap, indexName, ip.fold)
		if ok {
			return e.replace(i, e.attrs[i].withValue(b))
		}
		blank, err := ip.blank(e, typeBitmap, true)
		if err != nil {
			return err
		}
		return e.insert(i, blank.withValue(b))
	}
}

// blank makes an attribute of the directory's index that has no value yet.
func (ip *indexPlan) blank(e *recordEdit, kind uint32, resident bool) (attribute, error) {
	instance, err := e.takeInstance()
	return blankAttribute(kind, indexName, instance, resident), err
}

// switchParent plans the switch of the one pointer in a live index block.
func (ip *indexPlan) switchParent() error {
	x, s := ip.edit.x, ip.edit.parent
	c := &blockChange{extents: ip.extents, off: int64(s.block.vcn) * x.vcnUnit, before: make([]byte, x.blockSize), used: x.blockSize}
	if _, err := readExtents(&ip.p.dev, c.extents, c.before, c.off); err != nil {
		return err
	}
	c.after = bytes.Clone(c.before)
	if err := unseal(c.after, indexMagic, deviceOffset(c.extents, c.off)); err != nil {
		return err
	}
	end := blockHeader + int(le.Uint32(c.after[blockHeader:])) + entriesSize(s.block.entries[:s.block.pos+1])
	le.PutUint64(c.after[end-childSize:], uint64(s.child))
	reseal(c.after, c.before)
	ip.p.step(StepCommit, "switch the directory over")
	return ip.p.commit(c)
}

// guard makes Run prove that the way to the name is still what it was.
func (ip *indexPlan) guard(way []indexNode) error {
	v, x := ip.p.v, ip.edit.x
	if err := ip.p.guard(v.mft.extents, int64(ip.dir.base.ref.Number)*v.boot.recordSize, v.boot.recordSize); err != nil {
		return err
	}
	for _, n := range way {
		if n.vcn == rootNode {
			continue
		}
		if err := ip.p.guard(x.blocks.extents, int64(n.vcn)*x.vcnUnit, x.blockSize); err != nil {
			return err
		}
	}
	return nil
}
