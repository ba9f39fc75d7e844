package live

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"
)

// Package is one Debian package, pinned.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Archive string `json:"archive"` // "debian" or "debian-security"
	Path    string `json:"path"`    // in the archive's pool
	Size    int64  `json:"size"`
	SHA256  string `json:"sha256"`
	Source  string `json:"source"` // the source package and its version: what the GPL asks to be named
}

// Lock names the packages that a medium is made of.
type Lock struct {
	Schema   string    `json:"schema"`
	Arch     string    `json:"arch"`
	Suite    string    `json:"suite"`
	Date     time.Time `json:"date"` // of the indexes, and of every file on the medium
	Packages []Package `json:"packages"`
}

//go:embed pins/*.json
var pins embed.FS

// lockSchema is the form of the lock file.
const lockSchema = "hangkit/live-pins/1"

// Archs are the processors that a medium can be made for.
func Archs() []string { return []string{"amd64", "arm64"} }

// LockFor is the lock file that this program carries for a processor.
func LockFor(arch string) (*Lock, error) {
	text, err := pins.ReadFile("pins/" + arch + ".json")
	if err != nil {
		return nil, fmt.Errorf("packages for %q: %w", arch, err)
	}
	return ParseLock(text)
}

// ParseLock reads a lock file.
func ParseLock(text []byte) (*Lock, error) {
	var l Lock
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, fmt.Errorf("lock file: %w", err)
	}
	if l.Schema != lockSchema {
		return nil, fmt.Errorf("lock file: schema %q, want %q: %w", l.Schema, lockSchema, errors.ErrUnsupported)
	}
	for _, p := range l.Packages {
		if p.Size <= 0 || len(p.SHA256) != 64 || path.Base(p.Path) == "." || !slices.Contains([]string{"debian", "debian-security"}, p.Archive) {
			return nil, fmt.Errorf("lock file: package %q is not pinned whole: %w", p.Name, ErrFormat)
		}
	}
	return &l, nil
}

// FileName is what the archive calls the package.
func (p Package) FileName() string { return path.Base(p.Path) }

// snapshotTime is how snapshot.debian.org writes a moment.
const snapshotTime = "20060102T150405Z"

// snapshotDelay is by when the snapshot surely holds what the indexes of a moment name.
const snapshotDelay = 24 * time.Hour

// URLs are the places of a package, the best first: the pool loses a version some months after
// its successor has come, and the snapshot keeps all.
func (l *Lock) URLs(p Package) []string {
	return []string{
		"https://deb.debian.org/" + p.Archive + "/" + p.Path,
		"https://snapshot.debian.org/archive/" + p.Archive + "/" + l.Date.UTC().Add(snapshotDelay).Format(snapshotTime) + "/" + p.Path,
	}
}
