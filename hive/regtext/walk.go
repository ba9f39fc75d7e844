package regtext

import (
	"errors"
	"fmt"
	"iter"
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

func (w *walker) key(k *hive.Key, path string, depth int) error {
	if _, again := w.seen[k.Offset()]; again || depth > hive.MaxDepth {
		return &hive.FormatError{Off: k.Offset(), What: "key", Want: fmt.Sprintf("one place in a tree of at most %d levels", hive.MaxDepth), Got: fmt.Sprintf("another at level %d", depth)}
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

// space is what the values of a hive have left of it. In a valid hive no two share a cell, so it lasts
// for all; in a damaged one a few cells can be the values of every key.
type space struct{ left int64 }

// What a value takes in a hive at least: its entry in the list, its cell, which can hold short data,
// and the name in it, which is at most twice as long in WTF-8.
const (
	listEntry = 4
	valueCell = 24
	inline    = 4
)

func spaceOf(h *hive.Hive) *space { return &space{h.Size()} }

// take gives the values of a key, up to the first error.
func (s *space) take(k *hive.Key) iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		for v, err := range k.Values() {
			s.left -= listEntry + valueCell + int64(len(v.Name)/2+max(0, len(v.Data)-inline))
			if err == nil && s.left < 0 {
				err = &hive.FormatError{Off: k.Offset(), What: "values", Want: "less than the whole hive holds", Got: "lists or data that keys share"}
			}
			if !yield(fromHive(v), err) || err != nil {
				return
			}
		}
	}
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
