package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"hangkit/image/container"
	"hangkit/image/qcow2"
	"hangkit/image/vhd"
	"hangkit/image/vhdx"
	"hangkit/image/vmdk"
)

// maxNeighbours bounds the files that are looked at beside an image.
const maxNeighbours = 4096

// checkAbove refuses to write an image that another one beside it lies on: a
// snapshot, or a linked clone. What those have not changed they take from
// here, and some formats no longer open them once this image has changed.
func (f *File) checkAbove() error {
	if !f.writable || f.kind != Regular {
		return nil
	}
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return fmt.Errorf("images beside this one: %w", err)
	}
	defer folder.Close()
	entries, err := folder.ReadDir(maxNeighbours)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("images beside this one: %w", err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && liesOn(filepath.Join(folder.Name(), e.Name()), info) {
			return &RefusedError{
				What:   fmt.Sprintf("writes to images that another one lies on (%q)", e.Name()),
				Remedy: "they would destroy the one above: merge or delete it first with the program that made it, or write to that one",
			}
		}
	}
	return nil
}

// errAsked ends the opening of an image once it has asked for the one below.
var errAsked = errors.New("the name below is known")

// liesOn says whether the file is an image that has the other right below it.
// What cannot be read has nothing below it that would be found.
func liesOn(path string, other os.FileInfo) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || os.SameFile(info, other) {
		return false
	}
	above := &File{path: path, file: file}
	found := false
	above.format = Sniff(file, info.Size())
	_ = above.parse(func(ref container.Reference) (container.Source, error) {
		if _, below, err := above.find(ref); err == nil {
			found = os.SameFile(below, other)
		}
		return nil, errAsked
	})
	return found
}

// parse opens the formats that can lie on another image, for the sake of the
// name below.
func (f *File) parse(below container.Opener) error {
	storage := fileStorage{f.file}
	noFiles := func(string) (container.Storage, error) { return nil, errAsked }
	var err error
	switch f.format {
	case VHD:
		_, err = vhd.Open(storage, below)
	case QCOW2:
		_, err = qcow2.Open(storage, below)
	case VHDX:
		_, err = vhdx.Open(storage, below)
	case VMDK, VMDKText:
		_, err = vmdk.Open(storage, noFiles, below)
	default:
	}
	return err
}

// find gives the first file of those that a name below may mean.
func (f *File) find(ref container.Reference) (string, os.FileInfo, error) {
	for _, name := range ref.Names {
		if isRemote(name) {
			continue // the text in an image must not make us call other machines
		}
		path := f.beside(name)
		if info, err := os.Stat(path); err == nil {
			return path, info, nil
		}
	}
	return "", nil, fmt.Errorf("image below, named %q: %w", ref.Names, os.ErrNotExist)
}

// isRemote says that Windows takes a name for one of the network or of a
// device: \\server\share, \\.\PhysicalDrive0.
func isRemote(name string) bool {
	return strings.HasPrefix(name, "//") || strings.HasPrefix(name, `\\`)
}
