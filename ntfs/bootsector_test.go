package ntfs

import (
	"errors"
	"testing"

	"hangkit/ntfs/internal/alloctest"
)

// sampleBootSector is that of a volume of 1 GiB in 4 KiB clusters.
func sampleBootSector() []byte {
	b := make([]byte, bootSectorSize)
	copy(b, "\xeb\x52\x90"+oemNTFS)
	le.PutUint16(b[bootBytesPerSector:], 512)
	b[bootSectorsPerCluster] = 8
	le.PutUint64(b[bootTotalSectors:], 1<<21-1)
	le.PutUint64(b[bootMFT:], 0x10000)
	le.PutUint64(b[bootMFTMirr:], 2)
	b[bootRecordSize] = 0xf6 // 2^10
	le.PutUint64(b[bootSerial:], 0x1234)
	return b
}

func TestParseBootSector(t *testing.T) {
	t.Parallel()
	got, err := parseBootSector(sampleBootSector())
	want := bootSector{
		sectorSize: 512, clusterSize: 4096, totalSectors: 1<<21 - 1, clusters: 1<<18 - 1,
		mft: 0x10000, mftMirr: 2, recordSize: 1024, serial: 0x1234,
	}
	if err != nil || got != want {
		t.Errorf("got %+v (%v), want %+v", got, err, want)
	}
}

// sectorVolume is a device of any size that holds a boot sector and zeros.
type sectorVolume struct {
	sector []byte
	size   int64
}

func (s sectorVolume) Size() int64 { return s.size }
func (s sectorVolume) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(s.sector)) {
		copy(p, s.sector[off:])
	}
	return len(p), nil
}

// FuzzBootSector: whatever geometry a boot sector declares, one that is taken is
// within reason, and opening a volume of it takes little memory.
func FuzzBootSector(f *testing.F) {
	f.Add(sampleBootSector())
	huge := sampleBootSector()
	huge[bootSectorsPerCluster] = 244
	le.PutUint64(huge[bootTotalSectors:], 1<<53)
	huge[bootRecordSize] = 0xf0
	f.Add(huge)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseBootSector(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTruncated) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		checkGeometry(t, s)
		alloctest.Bound(t, 2*maxRecordSize, func() {
			_, err = Open(sectorVolume{b[:bootSectorSize], 1<<63 - 1})
		})
		if err == nil {
			t.Fatal("opened a volume without $MFT")
		}
	})
}

// checkGeometry proves what every computation with a geometry relies on.
func checkGeometry(t *testing.T, s bootSector) {
	t.Helper()
	powers := powerOfTwo(s.sectorSize, minSectorSize, maxSectorSize) &&
		powerOfTwo(s.clusterSize, minSectorSize, maxClusterSize) && powerOfTwo(s.recordSize, minRecordSize, maxRecordSize)
	bytes := s.totalSectors * s.sectorSize
	within := bytes > 0 && bytes/s.sectorSize == s.totalSectors && s.clusters <= bytes/s.clusterSize &&
		s.mft > 0 && int64(s.mft) < s.clusters && s.mftMirr > 0 && int64(s.mftMirr) < s.clusters
	if !powers || !within {
		t.Fatalf("taken: %+v", s)
	}
}
