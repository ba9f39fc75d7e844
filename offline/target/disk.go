package target

import (
	"errors"
	"fmt"
	"io"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/image/fat"
	"hangkit/ntfs"
)

func openDisk(name string, mode Mode, o image.Options) (*Target, error) {
	file, err := image.OpenWith(name, o)
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
	if file.Format() != image.Raw {
		t.Format = file.Format().String()
	}
	t.Below, t.file = file.Below(), file
	t.closers = []io.Closer{file}
	t.readShown(file)
	return t, nil
}

// FromDisk opens the volumes of a disk that is open already. The name is for people.
func FromDisk(name string, d image.Disk, mode Mode) (*Target, error) {
	if d.Size() == 0 {
		return nil, fmt.Errorf("%s is empty: %w", name, ErrUnknown)
	}
	t := &Target{Name: name, Kind: Image, mode: mode, Size: d.Size(), SectorSize: d.SectorSize(), Medium: isMedium(d)}
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
	v.Device = section
	if bitlocker.Probe(section) {
		v.openBitLocker(section)
		return v
	}
	v.openFileSystem(section)
	return v
}

// openFileSystem opens what a volume holds, the device being the plain one.
func (v *Volume) openFileSystem(d image.Disk) {
	v.Kind, v.Device = ntfs.Probe(d), d
	switch {
	case v.Kind == ntfs.Other && fat.Probe(d):
		v.openFAT(d)
		return
	case v.Kind != ntfs.NTFS:
		v.Err = ntfs.ErrNotNTFS
		return
	}
	volume, err := ntfs.Open(d)
	if err != nil {
		v.Err = err
		return
	}
	v.FS, v.Info = v.ntfsFS(volume), volume.Info()
	if v.State, err = volume.State(); err != nil {
		v.Err = err // still good for reading
	}
}

// ntfsFS is the volume's file system. Bytes that are encrypted on the disk lie nowhere there.
func (v *Volume) ntfsFS(volume *ntfs.Volume) ntfsFS {
	if v.unlocked != nil || v.Shown != "" {
		return ntfsFS{volume, notOnDisk}
	}
	return ntfsFS{volume, v.Part.Start}
}

// notOnDisk is the start of a volume whose bytes the disk does not show.
const notOnDisk = -1

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

// DiskOffset is where the volume begins on its disk, negative where it is encrypted there.
func (f ntfsFS) DiskOffset() int64 { return f.start }

func (f ntfsFS) OpenInPlace(name string) (File, error) {
	file, err := f.Volume.OpenInPlace(name)
	if err != nil {
		return nil, err
	}
	return file, nil
}
