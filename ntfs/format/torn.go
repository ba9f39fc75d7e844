package format

import (
	"bytes"
	"fmt"
	"slices"
)

// Torn is what a power cut left half-written. The volume is as readers meet it
// then: everything else on it is whole.
type Torn struct {
	// Records names files and directories whose MFT record is of an older write in
	// its last 512 bytes.
	Records []string
	// Indexes names directories whose first index block is.
	Indexes []string
	// Mirror leaves $MFTMirr a write behind: its $Volume has the dirty flag the
	// other way round.
	Mirror bool
	// Leaked is the number of clusters that are marked used and belong to nothing.
	Leaked int64
}

// markTorn finds the files that are to be torn.
func (v *volume) markTorn() error {
	torn := v.options.Torn
	byPath := map[string]*node{}
	if len(torn.Records)+len(torn.Indexes) > 0 {
		for n := range v.nodes() {
			byPath[n.path()] = n
		}
	}
	for _, path := range torn.Records {
		n := byPath[path]
		if n == nil {
			return fmt.Errorf("%w: torn record of %q, which is not there", ErrOptions, path)
		}
		n.tornRecord = true
	}
	for _, path := range torn.Indexes {
		n := byPath[path]
		if n == nil || !n.directory {
			return fmt.Errorf("%w: torn index of %q, which is no directory", ErrOptions, path)
		}
		n.tornIndex = true
	}
	return nil
}

// leak takes clusters that nothing will own.
func (v *volume) leak() error {
	if v.options.Torn.Leaked < 0 {
		return fmt.Errorf("%w: %d leaked clusters", ErrOptions, v.options.Torn.Leaked)
	}
	_, err := v.alloc.take(v.options.Torn.Leaked)
	return err
}

// tear undoes the last sector of a write to a protected record: its update sequence
// number is that of the write before.
func tear(b []byte) { le.PutUint16(b[len(b)-2:], firstUSN-1) }

// mirrored is what $MFTMirr has of a record.
func (v *volume) mirrored(r record, encoded []byte) ([]byte, error) {
	if r.number != recordVolume || !v.options.Torn.Mirror {
		return encoded, nil
	}
	r.attrs = slices.Clone(r.attrs)
	for i := range r.attrs {
		if a := &r.attrs[i]; a.typ == typeVolumeInformation {
			a.value = bytes.Clone(a.value)
			le.PutUint16(a.value[volumeFlags:], uint16(v.options.VolumeFlags^VolumeDirty))
		}
	}
	return r.encode(v.g)
}
