package target

import (
	"io"
	"io/fs"

	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/ntfs"
)

// openFAT opens a FAT volume: the EFI system partition with its boot configuration, a
// stick, an old Windows.
func (v *Volume) openFAT(d image.Disk) {
	volume, err := fat.Open(d)
	if err != nil {
		v.Err = err
		return
	}
	info := volume.Info()
	v.FS, v.fat = fatFS{volume, v.Target.mode}, info.Kind
	v.Info = ntfs.VolumeInfo{
		Serial: uint64(info.Serial), Label: info.Label,
		ClusterSize: info.ClusterSize, SectorSize: info.SectorSize, Clusters: info.Clusters,
	}
}

// FileSystem names what the volume holds: "NTFS", "FAT32", "BitLocker", "other".
func (v *Volume) FileSystem() string {
	switch {
	case v.fat != 0:
		return v.fat.String()
	case v.Image() > 0:
		return "WIM"
	}
	return v.Kind.String()
}

// fatFS is a FAT volume as a Windows volume.
type fatFS struct {
	*fat.Volume
	mode Mode
}

// OpenInPlace opens a file for writing once it is proven that this harms nothing else. To read
// a volume that proof is not asked for: it may be damaged where nobody looks.
func (f fatFS) OpenInPlace(name string) (File, error) {
	if f.mode == ReadOnly {
		return f.openToRead(name)
	}
	file, err := f.Volume.OpenInPlace(name)
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (f fatFS) openToRead(name string) (File, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	r, ok := file.(io.ReaderAt)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	return readOnlyFile{&ReadFile{ReaderAt: r, closer: file, size: info.Size()}}, nil
}
