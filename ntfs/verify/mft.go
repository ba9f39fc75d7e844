package verify

import (
	"bytes"
	"errors"
	"fmt"
)

// openMFT maps $MFT. Its own record may name extension records that lie in the
// part already mapped, so the map grows while it is read.
func (c *checker) openMFT() error {
	at := c.geometry.mft * c.geometry.clusterSize
	b, r := make([]byte, c.geometry.recordSize), &record{}
	if err := c.read(b, at); err != nil {
		return err
	}
	if err := r.parse(b, recordMFT, at); err != nil {
		return err
	}
	first, ok := r.find(typeData, "")
	if !r.inUse() || !ok || first.resident() {
		return bad(BadRecord, at, "record of $MFT: $DATA", "non-resident", "none")
	}
	c.mft = &stream{sizes: first.sizes(), off: first.off}
	if err := c.mft.extend(c, first); err != nil {
		return err
	}
	if err := c.extendMFT(r); err != nil {
		return err
	}
	if c.mft.runs[0].lcn != c.geometry.mft || c.mft.checkCover(c) != nil || c.mft.holes() {
		return bad(Sizes, first.off, "$MFT: $DATA", "as long as its run list, from where the boot sector says", c.mft.size)
	}
	c.records = int64(min(c.mft.size, c.mft.initialized)) / c.geometry.recordSize
	if c.records < firstUserRecord {
		return bad(Sizes, first.off, "$MFT: records", fmt.Sprintf("at least %d", firstUserRecord), c.records)
	}
	c.report.Records = c.records
	c.table, c.owned = newRecordTable(c.records), newClusterSet(c.geometry.clusters)
	return nil
}

// extendMFT appends the pieces of $MFT that its attribute list names.
func (c *checker) extendMFT(r *record) error {
	c.records = c.mft.clusters() * c.geometry.clusterSize / c.geometry.recordSize
	if len(c.mft.runs) == 0 {
		return bad(RunList, c.mft.off, "$MFT: run list", "at least one run", "none")
	}
	list, err := c.attributeList(r)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.kind() != typeData || e.nameSize() != 0 || e.lowestVCN() == 0 {
			continue
		}
		from, err := c.readRecord(e.ref().number())
		if err != nil {
			return err
		}
		a, ok := from.listed(e)
		if !ok {
			return bad(AttributeList, r.off, "attribute list of $MFT", e, "none")
		}
		if err := c.mft.extend(c, a); err != nil {
			return err
		}
		c.records = c.mft.clusters() * c.geometry.clusterSize / c.geometry.recordSize
	}
	return nil
}

// loadRecordBitmap reads $MFT's $BITMAP.
func (c *checker) loadRecordBitmap() error {
	s, err := c.metastream(recordMFT, typeBitmap, "")
	if err != nil {
		return c.found(recordMFT, err)
	}
	need := (c.records + 7) / 8
	bits := make([]byte, min(uint64(need), s.size))
	if err := s.readAt(c, bits, 0); err != nil {
		return c.found(recordMFT, err)
	}
	c.mftBits = bits
	if s.resident != nil {
		c.add(recordMFT, Residency, s.off, "$MFT: residency of $BITMAP", "non-resident", "resident")
	}
	if s.size < uint64(need) {
		c.add(recordMFT, BitmapSize, s.off, "$MFT: size of $BITMAP", fmt.Sprintf("at least %d", need), s.size)
	}
	return nil
}

// unreadable is a record to be judged once it is known who refers to it.
type unreadable struct {
	number int64
	fault  fault
}

// scanChunk is how much of $MFT is read at once.
const scanChunk = 1 << 20

// scan looks at every record of $MFT, in order.
func (c *checker) scan() error {
	var r record
	zero := make([]byte, c.geometry.recordSize)
	return c.eachRecord(c.progress, func(b []byte, n int64) error { return c.scanRecord(&r, b, n, zero) })
}

// eachRecord reads $MFT in order. What visit gets, it may change.
func (c *checker) eachRecord(progress func(done, total int64), visit func(b []byte, n int64) error) error {
	size := c.geometry.recordSize
	buf := make([]byte, max(scanChunk, size))
	for n := int64(0); n < c.records; {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		b := buf[:min(int64(len(buf)), (c.records-n)*size)]
		if err := c.mft.readAt(c, b, n*size); err != nil {
			return c.found(recordMFT, err)
		}
		for ; len(b) > 0; b, n = b[size:], n+1 {
			if err := visit(b[:size], n); err != nil {
				return err
			}
		}
		if progress != nil {
			progress(n, c.records)
		}
	}
	return nil
}

// scanRecord judges one record by its bit in the bitmap and by what it holds.
func (c *checker) scanRecord(r *record, b []byte, n int64, zero []byte) error {
	marked, known := bit(c.mftBits, n), c.mftBits != nil
	if b[0] == 0 && bytes.Equal(b, zero) { // never used
		if marked {
			c.leakedRecord(n)
		}
		return nil
	}
	off := c.mft.deviceOffset(n*c.geometry.recordSize, c.geometry.clusterSize)
	inUse := string(b[:len(recordMagic)]) == recordMagic && b[recordFlags]&recordInUse != 0
	if err := r.parse(b, n, off); err != nil {
		return c.unreadableRecord(n, err, marked || inUse)
	}
	switch {
	case !r.inUse():
		if marked {
			c.leakedRecord(n)
		}
		return nil
	case !marked && known:
		c.add(n, UnmarkedRecord, off, "$MFT's $BITMAP: bit of the record", "set: the record is in use", "clear")
	}
	return c.checkRecord(r)
}

func (c *checker) leakedRecord(n int64) {
	off := c.mft.deviceOffset(n*c.geometry.recordSize, c.geometry.clusterSize)
	c.add(n, LeakedRecord, off, "$MFT's $BITMAP: bit of the record", "clear: the record is free", "set")
}

// unreadableRecord keeps a fault until it is known who refers to the record. A
// free record may hold anything.
func (c *checker) unreadableRecord(n int64, err error, used bool) error {
	f, ok := errors.AsType[*fault](err)
	if !ok {
		return err
	}
	if !used {
		return nil
	}
	c.table.set(n, stateInUse|stateUndecided)
	if len(c.unread) >= c.maxFindings {
		return c.found(n, err)
	}
	c.unread = append(c.unread, unreadable{n, *f})
	return nil
}

// checkRecord checks a record in use, and the whole file if it is a base record.
func (c *checker) checkRecord(r *record) error {
	c.report.RecordsInUse++
	p, i := c.table.at(r.number)
	p.state[i] |= stateInUse
	p.sequence[i] = r.sequence()
	c.checkHeader(r)
	c.checkOrder(r)
	for _, a := range r.attrs {
		if err := c.checkAttribute(a); err != nil {
			return err
		}
	}
	if r.base() != 0 {
		return nil
	}
	p.state[i] |= stateBase
	f, err := c.assemble(r, true)
	if err != nil {
		p.state[i] |= stateUndecided
		return c.found(r.number, err)
	}
	return c.checkFile(f, p, i)
}

// checkLeftovers judges what no file turned out to own.
func (c *checker) checkLeftovers() error {
	for _, u := range c.unread {
		kind := u.fault.kind
		if c.table.state(u.number)&(stateReferred|stateClaimed) == 0 && u.number >= firstShown {
			kind = AbandonedRecord
		}
		c.add(u.number, kind, u.fault.off, u.fault.what, u.fault.want, u.fault.got)
	}
	return c.table.each(stateInUse, func(n int64, p *recordPage, i int) error {
		if p.state[i]&(stateBase|stateClaimed|stateUndecided) == 0 {
			c.add(n, OrphanExtension, c.mft.deviceOffset(n*c.geometry.recordSize, c.geometry.clusterSize),
				"extension record", "named in the list of its base record", "not")
		}
		return nil
	})
}
