package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hangkit/image/container"
	"hangkit/image/ewf"
	"hangkit/image/qcow2"
	"hangkit/image/vdi"
	"hangkit/image/vhd"
	"hangkit/image/vhdx"
	"hangkit/image/vmdk"
)

// openFormat opens the disk in the file.
func (f *File) openFormat() error {
	switch f.format {
	case Raw:
		return nil
	case FixedVHD:
		fixed, err := vhd.OpenFixed(f.file, f.size)
		if err != nil {
			return err
		}
		f.size, f.id = fixed.Size, fixed.ID
		return nil
	default:
		return f.openScattered()
	}
}

// openScattered opens a container whose blocks lie anywhere.
func (f *File) openScattered() error {
	disk, err := f.openContainer()
	if err != nil {
		return err
	}
	f.disk, f.size, f.id, f.sector = disk, disk.Size(), disk.ID(), disk.SectorSize()
	return nil
}

// scattered is a disk whose bytes lie anywhere in a file, or in several.
type scattered interface {
	Disk
	ID() string
	Writable() error
	WillNeed(off, length int64)
	Close() error
}

// openContainer opens the formats in which the disk's bytes are scattered.
func (f *File) openContainer() (scattered, error) {
	storage := fileStorage{f.file}
	switch f.format {
	case VHD:
		return vhd.Open(storage, f.openBelow)
	case QCOW2:
		return qcow2.Open(storage, f.openBelow)
	case VHDX:
		return vhdx.Open(storage, f.openBelow)
	case VMDK, VMDKText:
		return vmdk.Open(storage, f.openExtent, f.openBelow)
	case VDI:
		return vdi.Open(storage)
	case EWF:
		return ewf.Open(storage, func(number int) (container.Storage, error) {
			return f.openExtent(filepath.Base(ewf.SegmentName(f.path, number)))
		})
	default:
		return nil, &UnsupportedContainerError{Path: f.path, Format: f.format}
	}
}

// named says which file an error is about, once.
func (f *File) named(err error) error {
	var refused *RefusedError
	var unread *UnsupportedContainerError
	var consent *ConsentError
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.As(err, &unread):
		return err
	case errors.As(err, &consent):
		return err
	case errors.As(err, &refused):
		if refused.Path == "" {
			refused.Path = f.path
		}
		return err
	}
	return fmt.Errorf("%s: %w", f.path, err)
}

// ID is by what an image above knows this one; empty if by its name alone.
func (f *File) ID() string { return f.id }

// fileStorage is the file that a container lies in.
type fileStorage struct{ *os.File }

func (s fileStorage) Size() (int64, error) {
	info, err := s.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (s fileStorage) WillNeed(off, length int64) { willNeed(s.File, off, length) }

// maxChain bounds the images that lie one below the other.
const maxChain = 64

// openBelow opens the image that this one names, for reading.
func (f *File) openBelow(ref container.Reference) (container.Source, error) {
	depth := 0
	for above := f; above != nil; above = above.above {
		if depth++; depth > maxChain {
			return nil, fmt.Errorf("more than %d images one below the other: %w", maxChain, ErrFormat)
		}
	}
	path, info, err := f.namedFile(ref)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &RefusedError{What: fmt.Sprintf("images on a device (%q)", path), Remedy: qemuImg}
	}
	claim, err := f.claimBelow(path, ref.Format)
	if err != nil {
		return nil, err
	}
	return f.openSource(path, info, claim)
}

// openSource opens one image below unless it is one of those above.
func (f *File) openSource(path string, info os.FileInfo, c Claim) (container.Source, error) {
	for above := f; above != nil; above = above.above {
		if other, err := above.file.Stat(); err == nil && os.SameFile(info, other) {
			return nil, fmt.Errorf("%q lies below itself: %w", path, ErrFormat)
		}
	}
	below, err := open(path, f.options.reading(), c, f)
	if err != nil {
		return nil, err
	}
	f.others = append(f.others, below)
	return below, nil
}

// openExtent opens a file that holds a part of this image, as this one is
// opened.
func (f *File) openExtent(name string) (container.Storage, error) {
	path, info, err := f.namedFile(container.Reference{Names: []string{name}})
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q: %w: not a regular file", name, ErrUnsupported)
	}
	extent := &File{path: path, writable: f.writable}
	if err := extent.openRegular(); err != nil {
		return nil, err
	}
	f.others = append(f.others, extent.file)
	return fileStorage{extent.file}, nil
}

// beside is the place that a name in an image means: relative ones start in
// the folder of the image.
func (f *File) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(f.path), name)
}
