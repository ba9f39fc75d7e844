package ntfs

import (
	"errors"
	"slices"
	"testing"

	"hangkit/ntfs/internal/alloctest"
)

// sealedVolume is a device that holds one MFT record and nothing else.
type sealedVolume []byte

func (s sealedVolume) Size() int64 { return int64(len(s)) }
func (s sealedVolume) ReadAt(p []byte, off int64) (int, error) {
	return copy(p, s[off:]), nil
}

func TestSecondReader(t *testing.T) {
	t.Parallel()
	b := sampleRecord()
	le.PutUint32(b[0x1c:], uint32(len(b)))
	r, err := parseRecord(slices.Clone(b), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := r.find(typeData, "")
	v := &Volume{
		dev:  sealedVolume(b),
		boot: bootSector{clusterSize: 4096, clusters: 100, recordSize: int64(len(b))},
		mft:  &stream{extents: []Extent{{0, 0, int64(len(b))}}},
	}
	for _, c := range []struct {
		name    string
		extents []Extent
		want    error
	}{
		{"agrees", []Extent{{0, 9 * 4096, 5 * 4096}}, nil},
		{"elsewhere", []Extent{{0, 8 * 4096, 5 * 4096}}, errSecondReader},
		{"shorter", []Extent{{0, 9 * 4096, 4 * 4096}}, errSecondReader},
		{"nothing", nil, errSecondReader},
	} {
		if err := v.secondReader([]attribute{data}, c.extents); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// FuzzSecondReader: go-ntfs takes memory by the lengths it reads, so none may
// reach it that this package has not proven.
func FuzzSecondReader(f *testing.F) {
	b := sampleRecord()
	le.PutUint32(b[0x1c:], uint32(len(b)))
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Concat(b, make([]byte, 1024))[:1024]
		r, err := parseRecord(slices.Clone(b), 0, 0)
		if err != nil {
			return
		}
		v := &Volume{
			dev:  sealedVolume(b),
			boot: bootSector{clusterSize: 4096, clusters: 1 << 30, recordSize: int64(len(b))},
			mft:  &stream{extents: []Extent{{0, 0, int64(len(b))}}},
		}
		for _, a := range r.attrs {
			if a.resident() {
				continue
			}
			if s, err := v.newStream([]attribute{a}); err == nil {
				alloctest.Bound(t, 1<<20, func() { _ = v.secondReader([]attribute{a}, s.extents) })
			}
		}
	})
}
