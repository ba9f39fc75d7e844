package verify

import (
	"bytes"
	"cmp"
	"hash/crc64"
)

// The rules keys are ordered by.
const (
	collateFileName = 0x01
	collateULong    = 0x10
	collateSID      = 0x11
	collateHash     = 0x12
	collateULongs   = 0x13
)

// foldings is the volume's own $UpCase: one UTF-16 code unit each. Without one,
// code units are compared as they are.
type foldings []uint16

const (
	upCaseSize = 1 << 16 * 2

	upCaseInfoName = "$Info"
	upCaseInfoCRC  = 0x08
	upCaseInfoSize = 0x20
	upCaseCRC      = 0x9a6c9329ac4bc9b5 // polynomial of the CRC-64, reflected
)

func (u foldings) fold(b []byte) uint16 {
	if u == nil {
		return le.Uint16(b)
	}
	return u[le.Uint16(b)]
}

// compare orders names by folded code unit, the shorter first.
func (u foldings) compare(a, b []byte) int {
	for i := 0; i < min(len(a), len(b)); i += 2 {
		if x, y := u.fold(a[i:]), u.fold(b[i:]); x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}

// loadFoldings reads $UpCase and checks it as far as that can be done without
// knowing which Windows made it.
func (c *checker) loadFoldings() error {
	s, err := c.metafile(recordUpCase)
	if err != nil {
		return c.found(recordUpCase, err)
	}
	if s.size != upCaseSize {
		c.add(recordUpCase, UpCase, s.off, "$UpCase: size", upCaseSize, s.size)
		return nil
	}
	b, err := s.readAll(c, upCaseSize)
	if err != nil {
		return c.found(recordUpCase, err)
	}
	c.fold = make(foldings, upCaseSize/2)
	for i := range c.fold {
		c.fold[i] = le.Uint16(b[2*i:])
	}
	c.checkLetters(s)
	return c.found(recordUpCase, c.checkUpCaseInfo(s, b))
}

// checkLetters checks what holds for every table: upper case letters stay, and
// those of ASCII are what they are.
func (c *checker) checkLetters(s *stream) {
	for u, upper := range c.fold {
		want := upper
		switch {
		case u >= 'a' && u <= 'z':
			want = uint16(u) - ('a' - 'A')
		case u < 0x80:
			want = uint16(u)
		case c.fold[upper] != upper:
			want = c.fold[upper]
		}
		if upper != want {
			c.add(recordUpCase, UpCase, s.deviceOffset(int64(2*u), c.geometry.clusterSize), "$UpCase: upper case of "+hex(u).String(), hex(want), hex(upper))
			return
		}
	}
}

// checkUpCaseInfo compares the checksum that Windows 8 and later keep of the table.
func (c *checker) checkUpCaseInfo(s *stream, table []byte) error {
	f, err := c.metarecord(recordUpCase)
	if err != nil {
		return err
	}
	pieces := f.pieces(typeData, upCaseInfoName)
	if len(pieces) == 0 || !pieces[0].resident() || len(pieces[0].value()) < upCaseInfoSize {
		return nil
	}
	want := le.Uint64(pieces[0].value()[upCaseInfoCRC:])
	if got := crc64.Checksum(table, crc64.MakeTable(upCaseCRC)); got != want {
		return bad(UpCase, s.off, "$UpCase: checksum", hex(want), hex(got))
	}
	return nil
}

// ordering returns how the keys of an index compare, nil if that is not known.
// Keys that are equal but for case may be neighbours in any order.
func (c *checker) ordering(rule uint32) func(a, b []byte) int {
	switch rule {
	case collateFileName:
		return func(a, b []byte) int {
			if d := c.fold.compare(fileName(a).name(), fileName(b).name()); d != 0 || bytes.Equal(fileName(a).name(), fileName(b).name()) {
				return d
			}
			return -1
		}
	case collateULong, collateHash, collateULongs:
		return compareULongs
	}
	return nil
}

// compareULongs orders keys as rows of 32-bit numbers.
func compareULongs(a, b []byte) int {
	for i := 0; i+4 <= min(len(a), len(b)); i += 4 {
		if d := cmp.Compare(le.Uint32(a[i:]), le.Uint32(b[i:])); d != 0 {
			return d
		}
	}
	return cmp.Compare(len(a), len(b))
}
