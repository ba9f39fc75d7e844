package collect

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
)

// A bundle is the folder that one collection makes:
//
//	hangkit-COMPUTER-20261121T211403Z/
//	    manifest.json   what was taken and what was left, never encrypted
//	    report.html, report.txt, registry.txt
//	    dumps/          what Extract writes
//	    logs/           files of the disk, by their paths there
//
// As long as it lacks something that could still be had it also holds the file
// unfinishedName, which says whose collection it is. That file is the first to come
// and the last to go: a bundle without it is never written into.
const (
	bundlePrefix   = "hangkit-"
	unfinishedName = ".hangkit-unfinished.json"
	bundleSchema   = "hangkit/collect-unfinished/1"
	bundleTime     = "20060102T150405Z"

	// DumpsFolder and LogsFolder are the bundle's folders.
	DumpsFolder = "dumps"
	LogsFolder  = "logs"
)

// unknownComputer is the name of a computer that none is known of.
const unknownComputer = "unknown"

// Errors of bundles that callers branch on.
var (
	ErrUnreadable = errors.New("the file cannot be read")
	ErrFinished   = errors.New("the folder holds a finished collection, which is not written into again")
)

// BundleID is whose collection a bundle is, and for whose eyes.
type BundleID struct {
	Schema   string    `json:"schema"`
	Computer string    `json:"computer"`          // as its registry has it, or empty
	Volumes  []string  `json:"volumes,omitempty"` // serial numbers, where they are known
	Begun    time.Time `json:"begun"`
	// EncryptTo are the recipients, in order, with spaces between.
	EncryptTo string `json:"encrypt_to,omitempty"`
}

// NewBundleID says whose collection is begun now. The computer's name is any text.
func NewBundleID(computer string, volumes []string, to []Recipient, now time.Time) BundleID {
	return BundleID{bundleSchema, computer, volumes, now.UTC().Truncate(time.Second), sortedNames(to)}
}

// SameMachine tells whether two collections are of one machine. Machines without a
// name, or with the same one, are told apart by their volumes where these are known.
func (id *BundleID) SameMachine(other *BundleID) bool {
	if id.Computer != other.Computer {
		return false
	}
	if len(id.Volumes) == 0 || len(other.Volumes) == 0 {
		return true
	}
	return slices.ContainsFunc(id.Volumes, func(v string) bool { return slices.Contains(other.Volumes, v) })
}

func (id *BundleID) folder() string {
	return SafeName(bundlePrefix + cmp.Or(strings.TrimSpace(id.Computer), unknownComputer) + "-" + id.Begun.Format(bundleTime))
}

// Bundle is an unfinished bundle, open for writing.
type Bundle struct {
	Dir string
	ID  BundleID

	root *os.Root
	to   []Recipient
	used map[string]bool // names in lower case: the target may not tell the cases apart
}

// NewBundle makes the folder of a new collection in dir, which is made if missing.
func NewBundle(dir string, id BundleID, to []Recipient) (*Bundle, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("output folder: %w", readOnlyError(err))
	}
	parent, err := openOutputDir(dir)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	name, err := makeFolder(parent, id.folder())
	if err != nil {
		return nil, fmt.Errorf("output folder: %w", targetError(readOnlyError(err)))
	}
	b, err := openBundle(filepath.Join(dir, name), id, to)
	if err != nil {
		return nil, err
	}
	if err := b.begin(); err != nil {
		return nil, errors.Join(err, b.Close(), parent.Remove(name))
	}
	return b, syncDir(parent, ".")
}

// makeFolder makes a folder that nobody has, numbered if need be.
func makeFolder(parent *os.Root, name string) (string, error) {
	for i := range maxAttempts {
		free := numberedName(name, i)
		if err := parent.Mkdir(free, 0o700); !errors.Is(err, fs.ErrExist) {
			return free, err
		}
	}
	return "", fmt.Errorf("%s and its numbered forms: %w", name, fs.ErrExist)
}

// ResumeBundle opens a bundle that was left unfinished.
func ResumeBundle(dir string, to []Recipient) (*Bundle, error) {
	id, err := readBundleID(dir)
	if err != nil {
		return nil, err
	}
	return openBundle(dir, *id, to)
}

func openBundle(dir string, id BundleID, to []Recipient) (*Bundle, error) {
	root, err := openOutputDir(dir)
	if err != nil {
		return nil, err
	}
	return &Bundle{Dir: dir, ID: id, root: root, to: to, used: map[string]bool{}}, nil
}

func (b *Bundle) begin() error {
	text, err := json.Marshal(b.ID)
	if err != nil {
		return err
	}
	return b.replace(unfinishedName, text)
}

// maxBundleID is longer than any file that begin wrote.
const maxBundleID = 1 << 20

func readBundleID(dir string) (*BundleID, error) {
	root, err := openOutputDir(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := openRegular(root, unfinishedName)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBundleID))
	if err != nil {
		return nil, err
	}
	id := &BundleID{}
	if err := json.Unmarshal(text, id); err != nil || id.Schema != bundleSchema {
		return nil, fmt.Errorf("%s: not the mark of an unfinished collection: %w", filepath.Join(dir, unfinishedName), errors.Join(err, errors.ErrUnsupported))
	}
	return id, nil
}

// Folder makes one of the bundle's folders, if it is not there, and returns its path.
func (b *Bundle) Folder(name string) (string, error) {
	if err := b.root.MkdirAll(name, 0o700); err != nil {
		return "", fmt.Errorf("output folder: %w", targetError(readOnlyError(err)))
	}
	return filepath.Join(b.Dir, name), nil
}

// BundleFile is a file that was written into a bundle.
type BundleFile struct {
	Name   string // slash path in the bundle
	Size   int64  // of the contents
	SHA256 string // of the contents, hex

	FileSize   int64  // of what was written, where that is encrypted
	FileSHA256 string // likewise
}

// Write writes a file into the bundle, whole or not at all, encrypted where the
// bundle is. The name is a slash path of which every element is made safe; a name
// that this run of the collection has written already gets a number, one that a run
// before it wrote is replaced. What goes wrong with the reader is ErrUnreadable.
func (b *Bundle) Write(ctx context.Context, name string, from io.Reader) (*BundleFile, error) {
	name = b.free(SafePath(name) + b.suffix())
	file := &BundleFile{Name: name}
	err := b.whole(name, func(w io.Writer) error { return b.fill(ctx, w, from, file) })
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
func (b *Bundle) fill(ctx context.Context, w io.Writer, from io.Reader, file *BundleFile) error {
	content, written := sha256.New(), &counter{w: w, digest: sha256.New()}
	out, finish := io.Writer(written), func() error { return nil }
	if len(b.to) > 0 {
		cipher, err := age.Encrypt(written, recipientKeys(b.to)...)
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
		file.FileSize, file.FileSHA256 = written.n, hex.EncodeToString(written.digest.Sum(nil))
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

// counter counts and hashes what is written.
type counter struct {
	w      io.Writer
	digest hash.Hash
	n      int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.digest.Write(p[:n])
	c.n += int64(n)
	return n, err
}

// free is the first of a name and its numbered forms that this run has not used.
func (b *Bundle) free(name string) string {
	for i := 0; ; i++ {
		free := path.Join(path.Dir(name), numberedName(path.Base(name), i))
		if key := strings.ToLower(free); !b.used[key] {
			b.used[key] = true
			return free
		}
	}
}

// replace writes a file that only the bundle itself reads and writes.
func (b *Bundle) replace(name string, text []byte) error {
	err := b.whole(name, func(w io.Writer) error {
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

// whole gives a file its name when it is whole and on the disk.
func (b *Bundle) whole(name string, fill func(io.Writer) error) (err error) {
	dir := path.Dir(name)
	if _, err := b.Folder(dir); err != nil {
		return err
	}
	temp := path.Join(dir, writeTemp)
	if err := b.root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return targetError(readOnlyError(err))
	}
	f, err := b.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return targetError(readOnlyError(err))
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = b.root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(targetError(err), b.root.Remove(temp))
	}
	return syncDir(b.root, dir)
}

// WriteManifest writes the manifest, over that of a run before.
func (b *Bundle) WriteManifest(m *Manifest) (string, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	if err := b.replace(ManifestName, append(text, '\n')); err != nil {
		return "", err
	}
	return filepath.Join(b.Dir, ManifestName), nil
}

// Finish ends the bundle: nothing is written into it from now on.
func (b *Bundle) Finish() error {
	if err := b.root.Remove(unfinishedName); err != nil {
		return fmt.Errorf("output folder: %w", targetError(err))
	}
	return syncDir(b.root, ".")
}

// Close lets go of the folder.
func (b *Bundle) Close() error { return b.root.Close() }

// SafePath makes every element of a slash path a safe name.
func SafePath(name string) string {
	elements := strings.Split(strings.Trim(name, "/"), "/")
	for i, e := range elements {
		elements[i] = SafeName(e)
	}
	return path.Join(elements...)
}
