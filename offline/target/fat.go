package target

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/ntfs"
)

// ErrFATReadOnly means that the volume is FAT, which hangkit reads and never writes.
var ErrFATReadOnly = fmt.Errorf("%w: FAT volumes are read, not written", ErrRefused)

// openFAT opens a FAT volume: the EFI system partition with its boot configuration, a
// stick, an old Windows.
func (v *Volume) openFAT(d image.Disk) {
	volume, err := fat.Open(d)
	if err != nil {
		v.Err = err
		return
	}
	info := volume.Info()
	v.FS, v.fat = fatFS{volume}, info.Kind
	v.Info = ntfs.VolumeInfo{
		Serial: uint64(info.Serial), Label: info.Label,
		ClusterSize: info.ClusterSize, SectorSize: info.SectorSize, Clusters: info.Clusters,
	}
}

// FileSystem names what the volume holds: "NTFS", "FAT32", "BitLocker", "other".
func (v *Volume) FileSystem() string {
	if v.fat != 0 {
		return v.fat.String()
	}
	return v.Kind.String()
}

// fatFS is a FAT volume as a Windows volume.
type fatFS struct{ *fat.Volume }

// OpenInPlace opens a file whose bytes cannot be changed.
func (f fatFS) OpenInPlace(name string) (File, error) {
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
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	return &fatFile{ReaderAt: r, Closer: file, name: name, size: info.Size()}, nil
}

type fatFile struct {
	io.ReaderAt
	io.Closer
	name string
	size int64
}

func (f *fatFile) Size() int64 { return f.size }
func (f *fatFile) Sync() error { return nil }

// WriteAt writes nothing.
func (f *fatFile) WriteAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("%s: %w", f.name, ErrFATReadOnly)
}
