package container

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Reference names the image below, as the image above spells it.
type Reference struct {
	Names []string // the places it may lie, the best first
	// Format is what the image below is, as QEMU calls it; "" if the one above
	// does not say.
	Format string
	// ID is by what the image above knows it, where that is not its name.
	ID string
}

// Opener opens the image below for reading.
type Opener func(Reference) (Source, error)

// Open calls the opener, if there is one.
func (o Opener) Open(r Reference) (Source, error) {
	if o == nil {
		return nil, fmt.Errorf("%q: %w: an image below", r.Names, ErrUnsupported)
	}
	return o(r)
}

// identified is a Source that can be told from others.
type identified interface {
	ID() string
}

// CheckIdentity refuses an image below that is none of those meant: what
// lies above would make nonsense of it.
func CheckIdentity(s Source, what string, wanted ...string) error {
	id := "none"
	if i, ok := s.(identified); ok && i.ID() != "" {
		id = i.ID()
	}
	if slices.Contains(wanted, id) {
		return nil
	}
	return &FormatError{What: what + ": identity", Want: strings.Join(wanted, " or "), Got: id}
}

// WindowsPaths makes names that Windows wrote such that they may be found
// here: backslashes become slashes, and when the folder is gone the file may
// lie beside the image. Only for formats whose images know each other by
// more than their names.
func WindowsPaths(names []string) []string {
	var paths []string
	for _, n := range names {
		if n = strings.ReplaceAll(strings.TrimRight(n, "\x00"), `\`, "/"); n != "" {
			paths = append(paths, n)
		}
	}
	for _, n := range paths {
		paths = append(paths, path.Base(n))
	}
	return paths
}
