package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"filippo.io/age"
)

// BundleFile is a file that was written into a bundle.
type BundleFile struct {
	Name   string // slash path in the bundle
	Size   int64  // of the contents
	SHA256 string // of the contents, hex

	FileSize   int64  // of what was written, where that is encrypted
	FileSHA256 string // likewise

	BadBytes int64 // of the contents: zeros for what could not be read
}

// Write writes a file into the bundle, whole or not at all, encrypted where the
// bundle is. The name is a slash path of which every element is made safe; a name
// that this run of the collection has written already gets a number, one that a run
// before it wrote is replaced. What goes wrong with the reader is ErrUnreadable.
func (b *Bundle) Write(ctx context.Context, name string, from io.Reader) (*BundleFile, error) {
	name = b.free(SafePath(name) + b.suffix())
	file := &BundleFile{Name: name}
	err := b.whole(name, func(w *appender) error { return b.fill(ctx, w, from, file) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return file, nil
}

func (b *Bundle) suffix() string {
	if len(b.to) > 0 {
		return encryptedSuffix
	}
	return ""
}

// fill copies the contents, through the cipher where there is one.
func (b *Bundle) fill(ctx context.Context, w *appender, from io.Reader, file *BundleFile) error {
	content := sha256.New()
	out, finish := io.Writer(w), func() error { return nil }
	if len(b.to) > 0 {
		cipher, err := age.Encrypt(w, recipientKeys(b.to)...)
		if err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
		out, finish = cipher, cipher.Close
	}
	n, err := io.Copy(io.MultiWriter(out, content), &unreadable{ctx, from})
	if err == nil {
		err = finish()
	}
	if err != nil {
		return err
	}
	file.Size, file.SHA256 = n, hex.EncodeToString(content.Sum(nil))
	if len(b.to) > 0 {
		file.FileSize, file.FileSHA256 = w.off, hex.EncodeToString(w.digest.Sum(nil))
	}
	return nil
}

// unreadable tells what goes wrong with a reader from what goes wrong with the target,
// and stops when it is asked to.
type unreadable struct {
	ctx context.Context //nolint:containedctx // it lives as long as one copy
	r   io.Reader
}

func (u *unreadable) Read(p []byte) (int, error) {
	if err := context.Cause(u.ctx); err != nil {
		return 0, err
	}
	n, err := u.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return n, err
}

// use is what a name of the bundle is the name of.
type use int

const (
	unused use = iota
	folderName
	fileName
)

// free is a name for a file, the first that this run has not used. Its folders may have
// others in them, but two names of the disk can become one here: what is a file to this
// run is no folder, and gets a number too.
func (b *Bundle) free(name string) string {
	folder := ""
	if dir := path.Dir(name); dir != "." {
		for e := range strings.SplitSeq(dir, "/") {
			folder = b.take(folder, e, folderName)
		}
	}
	return b.take(folder, path.Base(name), fileName)
}

// take is the first of a name and its numbered forms in a folder that is unused, or a
// folder where one is asked for.
func (b *Bundle) take(folder, name string, as use) string {
	for i := 0; ; i++ {
		free := path.Join(folder, numberedName(name, i))
		key := strings.ToLower(free)
		if was := b.used[key]; was == unused || was == folderName && as == folderName {
			b.used[key] = as
			return free
		}
	}
}

// replace writes a file that only the bundle itself reads and writes.
func (b *Bundle) replace(name string, text []byte) error {
	err := b.whole(name, func(w *appender) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// writeTemp is the name of a file of the bundle until it is whole.
const writeTemp = ".hangkit-write.tmp"

// whole gives a file its name when it is whole and on the disk. That the folder knows
// the name for good is left to flush: a collection that ends before it goes on with
// these files as if they were not there.
func (b *Bundle) whole(name string, fill func(*appender) error) error {
	dir := path.Dir(name)
	b.note(dir)
	if _, err := b.Folder(dir); err != nil {
		return err
	}
	temp := path.Join(dir, writeTemp)
	if err := removeFrom(b.root, temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return bundleError(err)
	}
	f, err := b.create(b.root, temp)
	if err != nil {
		return bundleError(err)
	}
	err = fill(&appender{f, 0, sha256.New()})
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = hasName(b.root, temp, f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = b.root.Rename(temp, name)
	}
	switch {
	case errors.Is(err, ErrReplaced):
		return err // and is not ours to remove
	case err != nil:
		return errors.Join(bundleError(err), removeFrom(b.root, temp))
	}
	return nil
}

// note remembers a folder whose names are to be flushed, and those above it.
func (b *Bundle) note(dir string) {
	for ; !b.unflushed[dir]; dir = path.Dir(dir) {
		b.unflushed[dir] = true
	}
}

// flush makes sure that what was written keeps its names after a power cut.
func (b *Bundle) flush() error {
	for dir := range b.unflushed {
		if err := syncDir(b.root, dir); err != nil {
			return bundleError(err)
		}
		delete(b.unflushed, dir)
	}
	return nil
}

// bundleError names what the operating system says of the target; what it says of the
// disk has its name.
func bundleError(err error) error {
	if errors.Is(err, ErrUnreadable) {
		return err
	}
	return targetError(readOnlyError(err))
}

// SafePath makes every element of a slash path a safe name.
func SafePath(name string) string {
	elements := strings.Split(strings.Trim(name, "/"), "/")
	for i, e := range elements {
		elements[i] = SafeName(e)
	}
	return path.Join(elements...)
}
