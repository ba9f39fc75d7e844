package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"www.velocidex.com/golang/go-ntfs/parser"
)

// Before anything is overwritten, a second reader has to find the file's data
// where this package found it: go-ntfs undoes the seals, walks the attributes
// and decodes the run lists of the same records with code of its own. It gets
// bytes that have passed every check here, so none of what damaged input does
// to it can happen.

// profile holds go-ntfs's field offsets; it is never written.
var profile = parser.NewNTFSProfile()

var errSecondReader = errors.New("a second reader (go-ntfs) finds the data elsewhere")

// secondReader compares the extents of a stream with what go-ntfs makes of its
// attribute records.
func (v *Volume) secondReader(attrs []attribute, extents []Extent) error {
	m := v.newExtentMap()
	for _, a := range attrs {
		again, err := v.readAgain(a)
		if err != nil {
			return fmt.Errorf("second reader (go-ntfs): %w", err)
		}
		if VCN(again.Runlist_vcn_start()) != m.next {
			return errSecondReader
		}
		for _, run := range again.RunList() {
			if err := m.addRun(Run{LCN: LCN(run.Offset), Length: run.Length}, a.off); err != nil {
				return fmt.Errorf("%w: %w", errSecondReader, err)
			}
		}
	}
	if !slices.Equal(m.extents, extents) {
		return errSecondReader
	}
	return nil
}

// readAgain fetches an attribute record from the device once more, with go-ntfs.
func (v *Volume) readAgain(a attribute) (*parser.NTFS_ATTRIBUTE, error) {
	b := make([]byte, v.boot.recordSize)
	if _, err := readExtents(v.dev, v.mft.extents, b, int64(a.record)*v.boot.recordSize); err != nil {
		return nil, err
	}
	entry, err := parser.GetFixedUpMFTEntry(&parser.NTFSContext{Profile: profile}, bytes.NewReader(b), 0)
	if err != nil {
		return nil, err
	}
	return entry.GetDirectAttribute(nil, uint64(a.kind()), a.instance())
}
