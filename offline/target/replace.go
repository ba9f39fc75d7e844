package target

import (
	"hangkit/image"
	"hangkit/ntfs"
)

// NTFS is the volume where its metadata can be changed too; nil for FAT, and for a
// mounted one, where the operating system does that.
func (v *Volume) NTFS() *ntfs.Volume {
	if f, ok := v.FS.(ntfsFS); ok {
		return f.Volume
	}
	return nil
}

// OnDisk is where bytes of the volume lie on the target.
func (v *Volume) OnDisk(off, length int64) image.Range {
	return image.Range{Off: v.Part.Start + off, Len: length}
}

// Rehearsal is the volume once more, as it is now, with what is written to it kept in
// memory: there a change can be tried and looked at before the volume sees any of it.
func (v *Volume) Rehearsal() (*Volume, error) {
	twin := *v
	twin.Device = image.NewOverlay(v.Device)
	volume, err := ntfs.Open(twin.Device)
	if err != nil {
		return nil, err
	}
	twin.FS = v.ntfsFS(volume)
	return &twin, nil
}
