package ntfs

import (
	"errors"
	"slices"
	"testing"

	"hangkit/ntfs/internal/alloctest"
)

// sampleRecord is a record with a resident and a non-resident attribute,
// unsealed: what the parsers see.
func sampleRecord() []byte {
	b := make([]byte, 1024)
	copy(b, recordMagic)
	le.PutUint16(b[fixupOffset:], 0x30)
	le.PutUint16(b[fixupCount:], 3)
	le.PutUint16(b[recordSequence:], 7)
	le.PutUint16(b[recordAttributes:], 0x38)
	le.PutUint16(b[recordFlags:], recordInUse)
	at := b[0x38:]
	le.PutUint32(at, typeBitmap)
	le.PutUint32(at[attrLength:], 0x20)
	at[attrNameOffset] = residentHeaderSize
	le.PutUint32(at[attrValueLength:], 8)
	le.PutUint16(at[attrValueOffset:], residentHeaderSize)
	at = at[0x20:]
	le.PutUint32(at, typeData)
	le.PutUint32(at[attrLength:], 0x48)
	at[attrNonResident] = 1
	at[attrNameOffset] = nonResidentHeaderSize
	le.PutUint64(at[attrHighestVCN:], 4)
	le.PutUint16(at[attrMappingPairs:], nonResidentHeaderSize)
	for _, size := range []int{attrAllocated, attrDataSize, attrInitialized} {
		le.PutUint64(at[size:], 5*4096)
	}
	copy(at[nonResidentHeaderSize:], []byte{0x11, 5, 9, 0})
	le.PutUint32(at[0x48:], typeEnd)
	le.PutUint32(b[recordBytesInUse:], 0x38+0x20+0x48+8)
	return b
}

func TestParseRecord(t *testing.T) {
	t.Parallel()
	r, err := parseRecord(sampleRecord(), 42, 0x1000)
	if err != nil {
		t.Fatal(err)
	}
	if r.ref != (RecordRef{42, 7}) || !r.inUse() || r.directory() || len(r.attrs) != 2 {
		t.Errorf("%+v", r)
	}
	v := &Volume{boot: bootSector{clusterSize: 4096, clusters: 100}}
	data, _ := r.find(typeData, "")
	s, err := v.newStream([]attribute{data})
	if err != nil || !slices.Equal(s.extents, []Extent{{0, 9 * 4096, 5 * 4096}}) {
		t.Errorf("%v (%v)", s, err)
	}
	if bitmap, ok := r.find(typeBitmap, ""); !ok || len(bitmap.value()) != 8 {
		t.Error("no bitmap")
	}
	if _, ok := r.find(typeData, "other"); ok {
		t.Error("found a stream that is not there")
	}
}

// TestResidentValue: where a value lies decides what a write to it changes.
func TestResidentValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what           string
		offset, length int
		sound          bool
	}{
		{"behind the header", residentHeaderSize, 8, true},
		{"none", 0, 0, true},
		{"over its own length", attrValueLength, 8, false},
		{"over the end of the header", residentHeaderSize - 1, 8, false},
		{"past the attribute", residentHeaderSize, 9, false},
	} {
		b := sampleRecord()
		at := b[0x38:]
		le.PutUint16(at[attrValueOffset:], uint16(c.offset))
		le.PutUint32(at[attrValueLength:], uint32(c.length))
		if _, err := parseRecord(b, 42, 0); (err == nil) != c.sound || err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(sampleRecord())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 1024 {
			b = append(b, make([]byte, 1024-len(b))...)
		}
		b = b[:len(b)/512*512]
		var r *record
		var err error
		const perByte = 8 // an attribute of at least 24 bytes is held in 40
		alloctest.Bound(t, perByte*len(b), func() { r, err = parseRecord(slices.Clone(b), 42, 0) })
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		v := &Volume{boot: bootSector{clusterSize: 4096, clusters: 1 << 30}}
		for _, a := range r.attrs {
			a.named(indexName)
			if a.resident() {
				parseValue(t, a)
				continue
			}
			if s, err := v.newStream([]attribute{a}); err == nil && len(s.extents) > len(b) {
				t.Fatalf("%d extents from %d bytes", len(s.extents), len(b))
			}
		}
	})
}

// parseValue hands a value to each parser of values.
func parseValue(t *testing.T, a attribute) {
	t.Helper()
	list, err := parseAttributeList(a.value(), 0)
	for _, e := range list {
		e.named(indexName)
		e.ref()
	}
	if err != nil && !errors.Is(err, ErrFormat) {
		t.Fatalf("untyped error %v", err)
	}
	if name, err := parseFileName(a.value(), 0); err == nil {
		escapeName(name.name())
	}
}
