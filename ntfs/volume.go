package ntfs

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// Device holds one volume, which begins at offset 0. A device that can be
// written implements [io.WriterAt] too, and may implement Sync() error. One that
// can fetch bytes before they are read may implement WillNeed(off, length int64):
// files in many pieces then come off a disk that is not cached several times as fast.
type Device interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Kind says what a device holds, as far as its first sector tells.
type Kind int

// The kinds of volume [Probe] tells apart.
const (
	Other Kind = iota
	NTFS
	BitLocker
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case NTFS:
		return "NTFS"
	case BitLocker:
		return "BitLocker"
	default:
		return "other"
	}
}

// bootRead is enough for a boot sector and a whole sector of any device.
const bootRead = maxSectorSize

// Probe recognises a volume by its first sector, with a single read. A device
// that cannot be read is Other.
func Probe(dev Device) Kind {
	b := make([]byte, min(bootRead, max(dev.Size(), 0)))
	if len(b) < bootSectorSize {
		return Other
	}
	if _, err := readFull(dev, b, 0); err != nil {
		return Other
	}
	return kindOf(b)
}

// VolumeInfo describes a volume as a whole.
type VolumeInfo struct {
	Serial      uint64
	Label       string
	Version     string // of the format: "3.1" since Windows XP
	ClusterSize int64  // bytes
	SectorSize  int64  // bytes
	Clusters    int64
	RecordSize  int64 // bytes in an MFT record
	Records     int64 // initialized MFT records, free ones included
}

// Volume is an open NTFS volume. Its methods may be called concurrently.
type Volume struct {
	dev  Device
	boot bootSector
	mft  *stream
	info VolumeInfo

	mu     sync.Mutex
	upcase upCase // loaded by the first lookup
}

// Open reads the boot sector, the start of $MFT and $Volume. The error is
// ErrNotNTFS, ErrBitLocker, ErrTruncated, or wraps ErrFormat or a read error.
func Open(dev Device) (*Volume, error) {
	boot, err := openBootSector(dev)
	if err != nil {
		return nil, fmt.Errorf("open NTFS volume: %w", err)
	}
	v := &Volume{dev: dev, boot: boot}
	if err := v.openMFT(); err != nil {
		return nil, fmt.Errorf("open NTFS volume: $MFT: %w", err)
	}
	if err := v.readVolumeRecord(); err != nil {
		return nil, fmt.Errorf("open NTFS volume: $Volume: %w", err)
	}
	return v, nil
}

func openBootSector(dev Device) (bootSector, error) {
	size := dev.Size()
	if size < bootSectorSize {
		return bootSector{}, ErrNotNTFS
	}
	b := make([]byte, min(bootRead, size))
	if _, err := readFull(dev, b, 0); err != nil {
		return bootSector{}, err
	}
	switch kindOf(b) {
	case NTFS:
	case BitLocker:
		return bootSector{}, ErrBitLocker
	default:
		return bootSector{}, ErrNotNTFS
	}
	s, err := parseBootSector(b)
	if err != nil {
		return s, err
	}
	if need := s.clusters * s.clusterSize; size < need {
		return s, fmt.Errorf("%w: the volume needs %d bytes, the device has %d", ErrTruncated, need, size)
	}
	return s, nil
}

// openMFT maps $MFT. Its own record may name extension records that lie in the
// part already mapped, so the map grows while it is read.
func (v *Volume) openMFT() error {
	start := int64(v.boot.mft) * v.boot.clusterSize
	b := make([]byte, v.boot.recordSize)
	if _, err := readFull(v.dev, b, start); err != nil {
		return err
	}
	r, err := parseRecord(b, recordMFT, start)
	if err != nil {
		return err
	}
	if !r.inUse() {
		return damaged(start, "MFT record 0: in use", true, false)
	}
	first, ok := r.find(typeData, "")
	if !ok || first.resident() {
		return damaged(start, "MFT record 0: $DATA", "non-resident", "none")
	}
	return v.mapMFT(r, first)
}

func (v *Volume) mapMFT(r *record, first attribute) error {
	s := &stream{dev: v.dev, flags: first.flags(), off: r.off}
	var err error
	if s.allocated, s.size, s.initialized, err = first.sizes(); err != nil {
		return err
	}
	if s.decodable() != nil {
		return damaged(r.off, "MFT record 0: $DATA flags", "none", hex(s.flags))
	}
	m := v.newExtentMap()
	if err := m.add(first); err != nil {
		return err
	}
	if start := int64(v.boot.mft) * v.boot.clusterSize; len(m.extents) == 0 || m.extents[0].DeviceOffset != start {
		return damaged(r.off, "MFT record 0: first cluster of $MFT", hex(v.boot.mft), "another than the boot sector says")
	}
	s.extents = m.extents
	v.mft = s
	n, err := v.newNode(r)
	if err != nil {
		return err
	}
	for _, e := range n.entries(typeData, "") {
		if e.lowestVCN() == 0 {
			continue
		}
		a, err := n.resolve(e, "")
		if err != nil {
			return err
		}
		if a.resident() {
			return damaged(a.off, "extension record of $MFT: $DATA", "non-resident", "resident")
		}
		if err := m.add(a); err != nil {
			return err
		}
		s.extents = m.extents
	}
	return s.cover(m)
}

const (
	volumeInfoMajor = 0x08
	volumeInfoMinor = 0x09
	volumeInfoFlags = 0x0a
	volumeInfoSize  = 0x0c
)

// readVolumeRecord takes label, version and flags from $Volume.
func (v *Volume) readVolumeRecord() error {
	r, err := v.readRecord(recordVolume)
	if err != nil {
		return err
	}
	b, err := volumeInformation(r)
	if err != nil {
		return err
	}
	v.info = VolumeInfo{
		Serial:      v.boot.serial,
		Version:     fmt.Sprintf("%d.%d", b[volumeInfoMajor], b[volumeInfoMinor]),
		ClusterSize: v.boot.clusterSize,
		SectorSize:  v.boot.sectorSize,
		Clusters:    v.boot.clusters,
		RecordSize:  v.boot.recordSize,
		Records:     v.mft.initialized / v.boot.recordSize,
	}
	if name, ok := r.find(typeVolumeName, ""); ok && name.resident() {
		v.info.Label = strings.TrimRight(unescaped(name.value()), "\x00")
	}
	return nil
}

// volumeInformation returns the value of $VOLUME_INFORMATION.
func volumeInformation(r *record) ([]byte, error) {
	a, ok := r.find(typeVolumeInformation, "")
	if !ok || !a.resident() || len(a.value()) < volumeInfoSize {
		return nil, damaged(r.off, "$VOLUME_INFORMATION", fmt.Sprintf("%d resident bytes", volumeInfoSize), "none")
	}
	return a.value(), nil
}

// Info describes the volume.
func (v *Volume) Info() VolumeInfo { return v.info }
