package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hangkit/image/container"
	"hangkit/image/qcow2"
	"hangkit/image/vdi"
	"hangkit/image/vhd"
	"hangkit/image/vhdx"
	"hangkit/image/vmdk"
)

// maxNeighbours bounds the files that are looked at beside an image.
const maxNeighbours = 4096

// snapshotFolder is where VirtualBox puts the images of a machine's snapshots,
// below the folder of the machine.
const snapshotFolder = "Snapshots"

// WriteRefusal is why the image must not be written, nil if it may be as far as
// can be told without opening it for writing.
func (f *File) WriteRefusal() error {
	if f.kind != Regular {
		return nil
	}
	if f.disk != nil {
		if err := f.disk.Writable(); err != nil {
			return f.named(err)
		}
	}
	return f.named(f.checkNeighbours())
}

// checkNeighbours refuses to write an image that another one near it lies on or
// is made of: a snapshot, a linked clone, a disk in several files. What those
// above have not changed they take from here, and some formats no longer open
// them once this image has changed.
func (f *File) checkNeighbours() error {
	own, err := f.file.Stat()
	if err != nil {
		return err
	}
	folder := filepath.Dir(f.path)
	for _, dir := range []string{folder, filepath.Join(folder, snapshotFolder)} {
		err := f.checkFolder(dir, own)
		if dir != folder && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkFolder looks at the images in one folder.
func (f *File) checkFolder(name string, own os.FileInfo) error {
	folder, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("images beside this one: %w", err)
	}
	defer folder.Close()
	entries, err := folder.ReadDir(maxNeighbours)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("images beside this one: %w", err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if err := f.checkNeighbour(filepath.Join(name, e.Name()), own); err != nil {
			return err
		}
	}
	return nil
}

// checkNeighbour looks at one file. What cannot be read has nothing below it
// that would be found.
func (f *File) checkNeighbour(path string, own os.FileInfo) error {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || os.SameFile(info, own) {
		return nil
	}
	other := &File{path: path, file: file, format: Sniff(file, info.Size())}
	below, parts := other.names(f)
	is := func(ref container.Reference) bool {
		_, found, err := other.find(ref)
		return err == nil && os.SameFile(found, own)
	}
	switch {
	case is(below), below.ID != "" && f.format == other.format && below.ID == f.ID():
		return &RefusedError{
			What:   fmt.Sprintf("writes to images that another one lies on (%q)", filepath.Base(path)),
			Remedy: "they would destroy the one above: merge or delete it first with the program that made it, or write to that one",
		}
	case slices.ContainsFunc(parts, func(name string) bool { return is(container.Reference{Names: []string{name}}) }):
		return &RefusedError{
			What:   fmt.Sprintf("writes to a part of another image (%q)", filepath.Base(path)),
			Remedy: "name that image: " + container.Quote(path),
		}
	}
	return nil
}

// errAsked ends the opening of an image once it has asked for the one below.
var errAsked = errors.New("the name below is known")

// names are what an image calls the one below it, and the files that it is made
// of, nothing where it has none.
func (f *File) names(of *File) (below container.Reference, parts []string) {
	storage := fileStorage{f.file}
	ask := func(ref container.Reference) (container.Source, error) {
		below = ref
		return nil, errAsked
	}
	switch f.format {
	case VHD:
		_, _ = vhd.Open(storage, ask)
	case QCOW2:
		_, _ = qcow2.Open(storage, ask)
	case VHDX:
		_, _ = vhdx.Open(storage, ask)
	case VMDK, VMDKText:
		below, parts, _ = vmdk.Names(storage)
	case VDI:
		if of.format == VDI {
			below.ID, _ = vdi.ParentID(storage)
		}
	default:
	}
	return below, parts
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
