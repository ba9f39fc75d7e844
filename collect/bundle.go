package collect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hangkit/collect/safejson"
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
// and the last to go: a bundle without it is never written into. Whoever writes into
// the bundle keeps it locked.
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

// maxComputer is the longest host name there is, in bytes.
const maxComputer = 63

// Errors of bundles that callers branch on.
var (
	ErrUnreadable   = errors.New("the file cannot be read")
	ErrFinished     = errors.New("a finished collection is not written into again")
	ErrOtherMachine = errors.New("only the disk it is of can go on with it")
	ErrBundleBusy   = errors.New("another hangkit is writing this collection")
)

// BundleID is whose collection a bundle is, how it is made, and for whose eyes.
type BundleID struct {
	Schema    string    `json:"schema"`
	Computer  string    `json:"computer"`          // as its registry has it, or empty
	Volumes   []string  `json:"volumes,omitempty"` // serial numbers, where they are known
	What      string    `json:"what"`              // is collected
	Begun     time.Time `json:"begun"`
	Options   []string  `json:"options,omitempty"`    // that decide what a copy is like
	EncryptTo []string  `json:"encrypt_to,omitempty"` // the recipients, in order
}

// SameMachine tells whether two collections are surely of one machine. Machines of the
// same name are told apart by their volumes where these are known; those without a name
// have to have a volume in common.
func (id *BundleID) SameMachine(other *BundleID) bool {
	return !id.differs(other) && (id.Computer != "" || id.sharesVolume(other))
}

// differs tells whether two collections are surely not of one machine.
func (id *BundleID) differs(other *BundleID) bool {
	return id.Computer != other.Computer || len(id.Volumes) > 0 && len(other.Volumes) > 0 && !id.sharesVolume(other)
}

func (id *BundleID) sharesVolume(other *BundleID) bool {
	return slices.ContainsFunc(id.Volumes, func(v string) bool { return slices.Contains(other.Volumes, v) })
}

// folder is the bundle's name. Nothing of a name from the disk is lost for the time
// behind it: a computer's is short, and what claims to be longer is cut.
func (id *BundleID) folder() string {
	name := cmp.Or(strings.TrimSpace(shorten(id.Computer, maxComputer)), unknownComputer)
	return SafeName(bundlePrefix + name + "-" + id.Begun.UTC().Format(bundleTime))
}

// Bundle is an unfinished bundle, open for writing.
type Bundle struct {
	Dir string
	ID  BundleID

	root   *os.Root
	mark   *os.File // the locked file unfinishedName, nil once the bundle is left
	to     []Recipient
	used   map[string]use // names in lower case: the target may not tell the cases apart
	create createFunc     // replaced by tests

	unflushed map[string]bool // folders with names that a power cut may take
}

// NewBundle makes the folder of a new collection in dir, which is made if missing. The
// id's Schema and EncryptTo are filled in.
func NewBundle(dir string, id BundleID, to []Recipient) (*Bundle, error) {
	id.Schema, id.EncryptTo = bundleSchema, sortedRecipients(to)
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
		return nil, fmt.Errorf("output folder: %w", bundleError(err))
	}
	b, err := openBundle(filepath.Join(dir, name), id, to)
	if err != nil {
		return nil, err
	}
	if err := b.begin(); err != nil {
		return nil, errors.Join(err, b.Close(), removeFrom(parent, name))
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

// ResumeBundle opens a bundle that was left unfinished, for the recipients for which
// it was begun: what is for their eyes only must not get company in the clear.
func ResumeBundle(dir string, to []Recipient) (*Bundle, error) {
	id, err := readBundleID(dir)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(id.EncryptTo, sortedRecipients(to)) {
		return nil, fmt.Errorf("%s: %w", dir, &OtherRecipientsError{id.EncryptTo})
	}
	b, err := openBundle(dir, *id, to)
	if err != nil {
		return nil, err
	}
	if err := b.lock(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), b.Close())
	}
	return b, nil
}

// OtherRecipientsError means a bundle that was begun for somebody else, or for nobody.
type OtherRecipientsError struct{ EncryptTo []string }

func (e *OtherRecipientsError) Error() string {
	if len(e.EncryptTo) == 0 {
		return "the collection was begun without encryption"
	}
	return "the collection was begun for " + strings.Join(e.EncryptTo, ", ")
}

// UnfinishedBundle is a bundle that can be gone on with.
type UnfinishedBundle struct {
	Dir string
	ID  BundleID
}

// UnfinishedBundles lists the unfinished bundles of a machine in dir, the newest first;
// dir itself, where it is one and nothing says that it is of another machine.
func UnfinishedBundles(dir string, of BundleID) ([]UnfinishedBundle, error) {
	if id, err := readBundleID(dir); err == nil {
		if id.differs(&of) {
			return nil, fmt.Errorf("%s holds a collection of another machine, %q: %w", dir, id.Computer, ErrOtherMachine)
		}
		return []UnfinishedBundle{{dir, *id}}, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	var all []UnfinishedBundle
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), bundlePrefix) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if id, err := readBundleID(name); err == nil && id.SameMachine(&of) {
			all = append(all, UnfinishedBundle{name, *id})
		}
	}
	slices.SortFunc(all, func(a, b UnfinishedBundle) int {
		return cmp.Or(-a.ID.Begun.Compare(b.ID.Begun), -cmp.Compare(a.Dir, b.Dir))
	})
	return all, nil
}

// IsFinished tells whether a folder is a bundle that is not written into again.
func IsFinished(dir string) bool {
	_, err := ReadManifest(filepath.Join(dir, ManifestName))
	if err != nil {
		return false
	}
	_, err = os.Lstat(filepath.Join(dir, unfinishedName))
	return errors.Is(err, fs.ErrNotExist)
}

func openBundle(dir string, id BundleID, to []Recipient) (*Bundle, error) {
	root, err := openOutputDir(dir)
	if err != nil {
		return nil, err
	}
	return &Bundle{Dir: dir, ID: id, root: root, to: to, used: map[string]use{}, create: createFile, unflushed: map[string]bool{}}, nil
}

func (b *Bundle) begin() error {
	text, err := json.Marshal(b.ID)
	if err != nil {
		return err
	}
	if err := b.replace(unfinishedName, text); err != nil {
		return err
	}
	if err := b.flush(); err != nil {
		return err
	}
	return b.lock()
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
		return "", fmt.Errorf("output folder: %w", bundleError(err))
	}
	return filepath.Join(b.Dir, name), nil
}

// WriteManifest writes the manifest, over that of a run before.
func (b *Bundle) WriteManifest(m *Manifest) (string, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	if err := b.replace(ManifestName, append(safejson.Escape(text), '\n')); err != nil {
		return "", err
	}
	return filepath.Join(b.Dir, ManifestName), nil
}

// To are the recipients the bundle is encrypted to.
func (b *Bundle) To() []Recipient { return b.to }

// Discard removes a bundle in which there is nothing but folders and its own mark. One
// that holds more stays as it is.
func (b *Bundle) Discard() error {
	for _, folder := range []string{DumpsFolder, LogsFolder} {
		entries, err := fs.ReadDir(b.root.FS(), folder)
		if len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range []string{DumpsFolder, LogsFolder, unfinishedName} {
		if err := removeFrom(b.root, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("output folder: %w", bundleError(err))
		}
	}
	return errors.Join(b.unlock(), os.Remove(b.Dir))
}

// Finish ends the bundle: nothing is written into it from now on.
func (b *Bundle) Finish() error {
	if err := b.sweep(); err != nil {
		return err
	}
	if err := b.flush(); err != nil {
		return err
	}
	if err := removeFrom(b.root, unfinishedName); err != nil {
		return fmt.Errorf("output folder: %w", targetError(err))
	}
	return errors.Join(b.unlock(), syncDir(b.root, "."))
}

// sweep removes the copies that were killed before their journal told what they are of.
// Nothing can go on with them, and in this folder they are nobody else's.
func (b *Bundle) sweep() error {
	entries, err := fs.ReadDir(b.root.FS(), DumpsFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	for _, e := range entries {
		stem := strings.TrimSuffix(strings.TrimSuffix(e.Name(), tempSuffix), journalSuffix)
		if stem == e.Name() || !strings.HasPrefix(stem, tempPrefix) {
			continue
		}
		_, err := readJournal(b.root, path.Join(DumpsFolder, stem+journalSuffix))
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrJournal) {
			continue // it tells what it is of, or could have on a better day
		}
		if err := b.root.RemoveAll(path.Join(DumpsFolder, e.Name())); err != nil {
			return fmt.Errorf("unfinished output: %w", bundleError(err))
		}
	}
	return nil
}

// lock keeps others from writing into the bundle as long as it is open.
func (b *Bundle) lock() error {
	var err error
	if b.mark, err = b.root.OpenFile(unfinishedName, os.O_RDWR, 0); err != nil {
		return fmt.Errorf("output folder: %w", bundleError(err))
	}
	if err := lockFile(b.mark); err != nil {
		return err
	}
	if err := hasName(b.root, unfinishedName, b.mark); err != nil {
		return ErrFinished // by the one who had it locked a moment ago
	}
	return nil
}

// unlock leaves the bundle to others.
func (b *Bundle) unlock() error {
	if b.mark == nil {
		return nil
	}
	err := b.mark.Close()
	b.mark = nil
	return err
}

// Close lets go of the folder.
func (b *Bundle) Close() error { return errors.Join(b.unlock(), b.root.Close()) }
