package target

import (
	"errors"
	"fmt"
	"io"

	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/ntfs"
)

func openDisk(name string, mode Mode) (*Target, error) {
	file, err := image.Open(name, mode == Writable)
	if err != nil {
		return nil, err
	}
	t, err := FromDisk(name, file, mode)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if file.Kind() == image.BlockDevice {
		t.Kind = Device
	}
	t.closers = []io.Closer{file}
	return t, nil
}

// FromDisk opens the volumes of a disk that is open already. The name is for people.
func FromDisk(name string, d image.Disk, mode Mode) (*Target, error) {
	if d.Size() == 0 {
		return nil, fmt.Errorf("%s is empty: %w", name, ErrUnknown)
	}
	t := &Target{Name: name, Kind: Image, mode: mode, Size: d.Size(), SectorSize: d.SectorSize()}
	if err := t.openVolumes(t.layer(d)); err != nil {
		return nil, err
	}
	return t, nil
}

// layer puts a dry run's memory between the disk and whoever writes to it.
func (t *Target) layer(d image.Disk) image.Disk {
	if t.mode != DryRun {
		return d
	}
	t.overlay = image.NewOverlay(d)
	return t.overlay
}

func (t *Target) openVolumes(d image.Disk) error {
	table, err := image.ReadTable(d)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	t.table = *table
	t.Scheme, t.Warnings = table.Scheme.String(), table.Warnings
	for _, p := range table.Partitions {
		t.Volumes = append(t.Volumes, t.openVolume(d, table, p))
	}
	return nil
}

// openVolume never fails: a volume that cannot be opened is listed with its reason.
func (t *Target) openVolume(d image.Disk, table *image.Table, p image.Partition) *Volume {
	v := &Volume{Target: t, Part: p}
	section, err := table.Open(d, p)
	if err != nil {
		v.Err = err
		return v
	}
	v.Kind, v.Device = ntfs.Probe(section), section
	switch {
	case v.Kind == ntfs.Other && fat.Probe(section):
		v.openFAT(section)
		return v
	case v.Kind != ntfs.NTFS:
		v.Err = notReadable(v.Kind)
		return v
	}
	volume, err := ntfs.Open(section)
	if err != nil {
		v.Err = err
		return v
	}
	v.FS, v.Info = ntfsFS{volume, p.Start}, volume.Info()
	if v.State, err = volume.State(); err != nil {
		v.Err = err // still good for reading
	}
	return v
}

func notReadable(kind ntfs.Kind) error {
	if kind == ntfs.BitLocker {
		return ntfs.ErrBitLocker
	}
	return ntfs.ErrNotNTFS
}

// ntfsFS is a raw NTFS volume that knows where on the disk it lies; only the type of
// what OpenInPlace returns differs.
type ntfsFS struct {
	*ntfs.Volume
	start int64
}

// EachExtent tells where the clusters of a file lie on the volume, in the file's order.
// A hole lies at a negative offset.
func (f ntfsFS) EachExtent(name string, each func(file, volume, length int64)) error {
	extents, err := f.Extents(name)
	if err != nil {
		return err
	}
	for _, e := range extents {
		each(e.FileOffset, e.DeviceOffset, e.Length)
	}
	return nil
}

// DiskOffset is where the volume begins on its disk.
func (f ntfsFS) DiskOffset() int64 { return f.start }

func (f ntfsFS) OpenInPlace(name string) (File, error) {
	file, err := f.Volume.OpenInPlace(name)
	if err != nil {
		return nil, err
	}
	return file, nil
}
