package verify

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/bits"
)

const (
	securityStream = "$SDS"
	indexByID      = "$SII"
	indexByHash    = "$SDH"

	// Each 256 KiB of $SDS are followed by their copy.
	sdsCopy = 0x40000

	// Of the header of a descriptor in $SDS, which both indexes have as data.
	sdsHash       = 0x00
	sdsID         = 0x04
	sdsOffset     = 0x08
	sdsLength     = 0x10
	sdsHeaderSize = 0x14

	minDescriptor = 0x14 // the header of a self-relative one
)

// secure is $Secure under way.
type secure struct {
	c     *checker
	sds   *stream
	ids   map[uint32]struct{}
	sum   uint64 // of hashes of what $SII has less that of what $SDH has
	spent int64
}

// loadSecurity reads the security ids $Secure knows, and compares its three parts.
func (c *checker) loadSecurity() error {
	f, err := c.metarecord(recordSecure)
	if err != nil {
		return c.found(recordSecure, err)
	}
	pieces := f.pieces(typeData, securityStream)
	if len(pieces) == 0 {
		return nil // NTFS 1.2 and volumes without
	}
	s := secure{c: c, ids: map[uint32]struct{}{}}
	if s.sds, err = c.newStream(pieces); err != nil {
		return c.found(recordSecure, err)
	}
	for _, index := range []struct {
		name  string
		visit func(indexEntry, int64) error
	}{{indexByID, s.byID}, {indexByHash, s.byHash}} {
		if whole, err := s.walk(f, index.name, index.visit); err != nil || !whole {
			return err
		}
	}
	c.security = s.ids
	if s.sum != 0 {
		c.add(recordSecure, Security, f.base.off, "$SII and $SDH", "the same descriptors", "others")
	}
	return nil
}

// walk visits one of the indexes; faults of the tree are found again, and
// reported, when all indexes are checked.
func (s *secure) walk(f *file, name string, visit func(indexEntry, int64) error) (whole bool, err error) {
	roots := f.pieces(typeIndexRoot, name)
	if len(roots) == 0 || !roots[0].resident() {
		s.c.add(recordSecure, Security, f.base.off, "$Secure: index "+name, "present", "none")
		return false, nil
	}
	quiet := *s.c
	quiet.report, quiet.maxFindings = &Report{Counts: map[Kind]int64{}}, 1
	t, err := quiet.openTree(f, roots[0])
	if err != nil {
		return false, quiet.found(recordSecure, err)
	}
	t.visit, t.compare = visit, nil
	err = t.walk(roots[0])
	s.c.budget = quiet.budget
	return !t.broken, err
}

// byID takes an entry of $SII: key id, data the header of the descriptor.
func (s *secure) byID(e indexEntry, off int64) error {
	head := e.data()
	if len(e.key()) != 4 || len(head) < sdsHeaderSize {
		s.c.add(recordSecure, Security, off, "$SII: entry", "an id and where its descriptor is", fmt.Sprintf("%d and %d bytes", len(e.key()), len(head)))
		return nil
	}
	id := le.Uint32(e.key())
	if got := le.Uint32(head[sdsID:]); got != id {
		s.c.add(recordSecure, Security, off, "$SII: id of its descriptor", hex(id), hex(got))
	}
	s.ids[id] = struct{}{}
	s.sum += maphash.Bytes(s.c.seed, head[:sdsHeaderSize])
	return s.c.found(recordSecure, s.descriptor(head[:sdsHeaderSize], off))
}

// byHash takes an entry of $SDH: key hash and id, data the same header.
func (s *secure) byHash(e indexEntry, off int64) error {
	head := e.data()
	if len(e.key()) != 8 || len(head) < sdsHeaderSize || !bytes.Equal(e.key(), head[:8]) {
		s.c.add(recordSecure, Security, off, "$SDH: entry", "hash, id, and where the descriptor is", fmt.Sprintf("% x and % x", e.key(), head))
		return nil
	}
	s.sum -= maphash.Bytes(s.c.seed, head[:sdsHeaderSize])
	return nil
}

// descriptor compares both copies of a descriptor with the header in the indexes.
func (s *secure) descriptor(head []byte, off int64) error {
	at, length := le.Uint64(head[sdsOffset:]), int64(le.Uint32(head[sdsLength:]))
	if length < sdsHeaderSize+minDescriptor || at%(2*sdsCopy) >= sdsCopy || at > s.sds.size || at%sdsCopy+uint64(length) > sdsCopy ||
		at+uint64(length) > s.sds.size {
		return bad(Security, off, "$SII: place of a descriptor", "inside $SDS", fmt.Sprintf("%d bytes at 0x%x", length, at))
	}
	if s.spent += length; s.spent > int64(s.sds.size) {
		return bad(Security, off, "$SII: descriptors", "one behind the other", "overlapping")
	}
	b := make([]byte, 2*length)
	first, second := b[:length], b[length:]
	if err := s.sds.readAt(s.c, first, int64(at)); err != nil {
		return err
	}
	if !bytes.Equal(first[:sdsHeaderSize], head) {
		return bad(Security, off, "$SDS: header of the descriptor", fmt.Sprintf("% x", head), fmt.Sprintf("% x", first[:sdsHeaderSize]))
	}
	if want, got := le.Uint32(head[sdsHash:]), securityHash(first[sdsHeaderSize:]); want != got {
		return bad(Security, off, "$SDS: hash of the descriptor", hex(want), hex(got))
	}
	if at+sdsCopy+uint64(length) > s.sds.size {
		return bad(Security, off, "$SDS: copy of the descriptor", "inside the stream", hex(at+sdsCopy))
	}
	if err := s.sds.readAt(s.c, second, int64(at)+sdsCopy); err != nil {
		return err
	}
	if i := firstDifference(first, second); i >= 0 {
		return bad(Security, off, fmt.Sprintf("$SDS: byte %d of the copy", i), hex(first[i]), hex(second[i]))
	}
	return nil
}

// securityHash is the key of $SDH.
func securityHash(b []byte) (h uint32) {
	for ; len(b) >= 4; b = b[4:] {
		h = le.Uint32(b) + bits.RotateLeft32(h, 3)
	}
	return h
}
