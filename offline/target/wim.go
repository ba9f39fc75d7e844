package target

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hangkit/image"
	"hangkit/image/wim"
	"hangkit/ntfs"
)

// Archive is a WIM archive: its images are volumes on which no Windows has run yet.
const Archive Kind = "wim"

// wimArchive is an open WIM archive.
type wimArchive struct {
	file    wim.File
	archive *wim.Archive
	loaded  []*wimFS // the images whose metadata is in memory, in the order they came
}

// isWIM tells a WIM archive by its first bytes, of whatever form.
func isWIM(name string) bool {
	f, err := OpenFile(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return image.Sniff(f, f.Size()) == image.WIM
}

// convertError is an archive in a form that is not read, with the way to one that is.
type convertError struct {
	path string
	err  *wim.UnsupportedError
}

func (e *convertError) Error() string { return fmt.Sprintf("%s: %v", e.path, e.err) }
func (e *convertError) Unwrap() error { return e.err }

// Hint is the command that makes an archive which is read.
func (e *convertError) Hint() string {
	return "convert it first: " + fmt.Sprintf(e.err.Command, shellWord(e.path), shellWord(newArchive(e.path)))
}

// newArchive is a name beside an archive that nothing has yet: wimlib would add to an archive
// that exists.
func newArchive(path string) string {
	stem := strings.TrimSuffix(path, filepath.Ext(path)) + "-plain"
	name := stem + ".wim"
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); err != nil {
			return name
		}
		name = fmt.Sprintf("%s-%d.wim", stem, n)
	}
}

// shellWord makes a path one word of a shell.
func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func openWIM(name string, mode Mode) (*Target, error) {
	file, err := image.OpenPlain(name, mode == Writable)
	if err != nil {
		return nil, err
	}
	t := &Target{Name: name, Kind: Archive, mode: mode, closers: []io.Closer{file}}
	if err := t.openImages(file); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// dryRoom is how much longer an archive may become in a dry run.
const dryRoom = 2 * MaxHiveSize

func (t *Target) openImages(file *os.File) (err error) {
	t.wim = &wimArchive{file: plainFile{file}}
	t.Size = t.wim.file.Size()
	if t.mode == DryRun {
		dry := newDryFile(&mountedFile{File: file, size: t.Size, limit: t.Size + dryRoom})
		t.wim.file, t.overlay = dryArchive{dry}, dry.overlay
	}
	if t.wim.archive, err = wim.Open(t.wim.file, t.Size); err != nil {
		if u, ok := errors.AsType[*wim.UnsupportedError](err); ok {
			return &convertError{t.Name, u}
		}
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	t.Warnings = t.wim.archive.Warnings()
	for n := 1; n <= t.wim.archive.Images(); n++ {
		v := &Volume{Target: t, Kind: ntfs.NTFS, FS: &wimFS{wim: t.wim, n: n}}
		info := t.wim.archive.Info(n)
		v.Part.Number, v.Part.Size, v.Info.Label = n, info.Size(), info.Name
		t.Volumes = append(t.Volumes, v)
	}
	return nil
}

// plainFile is a file that can grow.
type plainFile struct{ *os.File }

func (f plainFile) Size() int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// dryArchive is an archive whose changes are kept in memory.
type dryArchive struct{ *dryFile }

func (f dryArchive) Truncate(size int64) error {
	f.size = size
	return nil
}

// wimFS is an image of an archive as a volume. Its metadata is read when something asks
// for it: that of the other images is not wanted most of the time.
type wimFS struct {
	wim   *wimArchive
	n     int
	image *wim.Image
}

func (f *wimFS) load() (*wim.Image, error) {
	if f.image == nil {
		f.wim.makeRoom(f.wim.archive.MetadataSize(f.n))
		loaded, err := f.wim.archive.Image(f.n)
		if err != nil {
			return nil, err
		}
		f.image = loaded
		f.wim.loaded = append(f.wim.loaded, f)
	}
	return f.image, nil
}

// maxLoaded bounds the metadata that is kept: that of a few images of Windows.
const maxLoaded = 256 << 20

// makeRoom forgets the metadata that has been in memory for longest. It is read again if
// something asks for it.
func (w *wimArchive) makeRoom(size int64) {
	for _, f := range w.loaded {
		size += w.archive.MetadataSize(f.n)
	}
	for size > maxLoaded && len(w.loaded) > 0 {
		size -= w.archive.MetadataSize(w.loaded[0].n)
		w.loaded[0].image = nil
		w.loaded = w.loaded[1:]
	}
}

func (f *wimFS) Open(name string) (fs.File, error) {
	m, err := f.load()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return m.Open(name)
}

func (f *wimFS) ReadDir(name string) ([]fs.DirEntry, error) {
	m, err := f.load()
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return m.ReadDir(name)
}

func (f *wimFS) Stat(name string) (fs.FileInfo, error) {
	m, err := f.load()
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return m.Stat(name)
}

// OpenRaw reads a file: nothing lies behind the end of one in an archive.
func (f *wimFS) OpenRaw(name string) (*io.SectionReader, error) {
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
	return io.NewSectionReader(r, 0, info.Size()), nil
}

// OpenInPlace reads a file whole, and so proves its SHA-1. Nothing can be written to it:
// [Volume.PlanAppend] gives it new contents.
func (f *wimFS) OpenInPlace(name string) (File, error) {
	info, err := f.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > MaxHiveSize {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	b, err := f.image.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return readOnlyFile{&ReadFile{ReaderAt: bytes.NewReader(b), closer: io.NopCloser(nil), size: int64(len(b))}}, nil
}

// Free is not known: an archive grows.
func (f *wimFS) Free() (int64, error) { return 0, errors.ErrUnsupported }

// Image is the number of the image that the volume is in its WIM archive, 0 for a volume
// of anything else.
func (v *Volume) Image() int {
	if v.Target.wim == nil {
		return 0
	}
	return v.Part.Number
}

// refuseArchive is nil, or the reason why the archive must not be changed.
func (t *Target) refuseArchive() error {
	if err := t.wim.archive.Writable(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrRefused, t.Name, err)
	}
	return nil
}

// PlanAppend works out how a file of an image gets new contents. Nothing is written.
func (v *Volume) PlanAppend(name string, data []byte, now time.Time) (*wim.Change, error) {
	return v.Target.wim.archive.Plan(v.Image(), []wim.NewContents{{Path: name, Data: data}}, now)
}

// Append carries a change out and opens the archive anew.
func (v *Volume) Append(c *wim.Change) error {
	if err := c.Run(v.Target.wim.file); err != nil {
		return err
	}
	return v.Target.reopenImages()
}

// TakenBack says whether the archive is as it was before the append.
func (v *Volume) TakenBack(u wim.Undo) (bool, error) { return u.Done(v.Target.wim.file) }

// TakeBack undoes an append, to the byte, and opens the archive anew.
func (v *Volume) TakeBack(u wim.Undo) error {
	if err := u.Restore(v.Target.wim.file); err != nil {
		return err
	}
	return v.Target.reopenImages()
}

func (t *Target) reopenImages() (err error) {
	t.Size = t.wim.file.Size()
	if t.wim.archive, err = wim.Open(t.wim.file, t.Size); err != nil {
		return err
	}
	t.wim.loaded = nil
	for _, v := range t.Volumes {
		v.FS = &wimFS{wim: t.wim, n: v.Part.Number}
	}
	return nil
}
