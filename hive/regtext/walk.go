package regtext

import (
	"errors"
	"fmt"
	"strings"

	"hangkit/hive"
)

// A visit of a key that says no keeps the walk out of what is below.
type visit func(k *hive.Key, path string) (down bool, err error)

// walk visits a key and all below it, each key before those below it, in the hive's order.
func walk(k *hive.Key, path string, v visit) error {
	w := walker{v, map[int64]struct{}{}}
	return w.key(k, path, 0)
}

// walker knows the keys it has seen, by offset: a damaged hive may go in circles.
type walker struct {
	visit visit
	seen  map[int64]struct{}
}

const maxDepth = 512 // of keys, as Windows has it

func (w *walker) key(k *hive.Key, path string, depth int) error {
	if _, again := w.seen[k.Offset()]; again || depth > maxDepth {
		return &hive.FormatError{Off: k.Offset(), What: "key", Want: "one place in a tree of at most 512 levels", Got: fmt.Sprintf("another at level %d", depth)}
	}
	w.seen[k.Offset()] = struct{}{}
	if down, err := w.visit(k, path); !down || err != nil {
		return err
	}
	for child, err := range k.Subkeys() {
		if err != nil {
			return fmt.Errorf("key %q: %w", path, err)
		}
		if err := w.key(child, path+`\`+child.Name(), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// names cuts a path at its backslashes. Key names may hold slashes.
func names(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '\\' })
}

// joinNames is a path for the hive: the backslash in front keeps it from cutting at slashes.
func joinNames(list []string) string { return `\` + strings.Join(list, `\`) }

// subkeyOf gives the key of that name directly below, or nil where there is none.
func subkeyOf(k *hive.Key, name string) (*hive.Key, error) {
	child, err := k.Subkey(name)
	if errors.Is(err, hive.ErrNotExist) {
		return nil, nil
	}
	return child, err
}
