package ntfs

import (
	"cmp"
	"fmt"
)

// upCase is the volume's own case folding: $UpCase, one UTF-16 code unit each.
type upCase []uint16

const upCaseSize = 1 << 16 * 2

// foldings returns $UpCase, reading it the first time.
func (v *Volume) foldings() (upCase, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.upcase != nil {
		return v.upcase, nil
	}
	u, err := v.readUpCase()
	if err != nil {
		return nil, fmt.Errorf("$UpCase: %w", err)
	}
	v.upcase = u
	return u, nil
}

func (v *Volume) readUpCase() (upCase, error) {
	s, err := v.metafile(recordUpCase)
	if err != nil {
		return nil, err
	}
	if s.size != upCaseSize {
		return nil, damaged(s.off, "$UpCase: size", upCaseSize, s.size)
	}
	b, err := s.readAll(upCaseSize)
	if err != nil {
		return nil, err
	}
	u := make(upCase, upCaseSize/2)
	for i := range u {
		u[i] = le.Uint16(b[2*i:])
	}
	return u, nil
}

// compare orders two names as the tree of a directory does
// (COLLATION_FILE_NAME): by folded code unit, the shorter first.
func (u upCase) compare(a, b []uint16) int {
	for i := range min(len(a), len(b)) {
		if x, y := u[a[i]], u[b[i]]; x != y {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a), len(b))
}
