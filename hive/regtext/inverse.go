package regtext

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hangkit/hive"
)

// Inverse gives the text that puts back what Apply of this one would change: applied after it, it
// leaves the same keys, values, types and data as before. It has to be asked before Apply. Each
// line of lost names something that no text can put back: class names, security other than that of
// the key above, links, keys whose names cannot be written. Times and the order of values are not
// put back either.
func (f *File) Inverse(ctx context.Context, h *hive.Hive, r Resolve) (undo *File, lost []string, err error) {
	v := inverter{h: h, resolve: r, removed: map[int64]struct{}{}, done: map[string]struct{}{}, room: spaceOf(h), undo: &File{}}
	for _, k := range f.Keys {
		if err := v.noteRemoved(k); err != nil {
			return nil, nil, fmt.Errorf("%skey %q: %w", lineOf(k.Line), k.Path, err)
		}
	}
	for _, k := range f.Keys {
		if err := v.key(ctx, k); err != nil {
			return nil, nil, fmt.Errorf("%skey %q: %w", lineOf(k.Line), k.Path, err)
		}
	}
	return v.undo, v.lost, nil
}

// inverter looks at the hive as it is before the text is applied. The order of the text does not
// matter for what has to be put back: a removed key comes back whole whatever was made in its place,
// a key that was not there goes, and any other key gets its own values.
type inverter struct {
	h       *hive.Hive
	resolve Resolve
	removed map[int64]struct{}  // keys the text deletes, by offset
	done    map[string]struct{} // what undo already has, and what the text did
	room    *space
	undo    *File
	lost    []string
}

// place is where a path leads in the hive.
type place struct {
	key     *hive.Key // the last one that exists
	above   *hive.Key // the one above it; nil for the root
	missing []string  // names below it that do not exist
	swept   bool      // a key above this one is removed by the text
}

func (v *inverter) locate(path string) (place, error) {
	root, err := v.h.Key("")
	if err != nil {
		return place{}, err
	}
	p := place{key: root}
	list := names(path)
	for i, name := range list {
		child, err := subkeyOf(p.key, name)
		if err != nil {
			return place{}, err
		}
		p.swept = p.swept || v.isRemoved(p.key)
		if child == nil {
			p.missing = list[i:]
			break
		}
		p.above, p.key = p.key, child
	}
	return p, nil
}

func (v *inverter) isRemoved(k *hive.Key) bool {
	_, ok := v.removed[k.Offset()]
	return ok
}

// once says whether what is asked for the first time.
func (v *inverter) once(what string) bool {
	_, again := v.done[what]
	v.done[what] = struct{}{}
	return !again
}

func (v *inverter) noteRemoved(k Key) error {
	if !k.Delete {
		return nil
	}
	path, err := v.resolve(k.Path)
	if err != nil {
		return err
	}
	p, err := v.locate(path)
	if err == nil && len(p.missing) == 0 {
		v.removed[p.key.Offset()] = struct{}{}
	}
	return err
}

func (v *inverter) key(ctx context.Context, k Key) error {
	path, err := v.resolve(k.Path)
	if err := errors.Join(ctx.Err(), err); err != nil {
		return err
	}
	p, err := v.locate(path)
	switch {
	case err != nil:
		return err
	case p.swept:
		return nil
	case len(p.missing) > 0:
		return v.created(k, path, p)
	case v.isRemoved(p.key):
		return v.restored(k, path, p)
	}
	return v.values(ctx, k, p.key)
}

// created deletes the topmost key that was not there.
func (v *inverter) created(k Key, path string, p place) error {
	if k.Delete || !v.once(fmt.Sprintf("created %d %s", p.key.Offset(), p.missing[0])) {
		return nil
	}
	extra := len(p.missing) - 1
	top, err := v.above(k.Path, path, extra)
	if err != nil {
		return err
	}
	v.undo.Keys = append(v.undo.Keys, Key{Path: top, Delete: true})
	return nil
}

// above cuts the last names off a path as written, and makes sure that it still leads where it
// should.
func (v *inverter) above(written, path string, cut int) (string, error) {
	list := names(written)
	top := strings.Join(list[:max(0, len(list)-cut)], `\`)
	got, err := v.resolve(top)
	if err != nil {
		return "", err
	}
	if want := names(path); !slices.Equal(names(got), want[:len(want)-cut]) {
		return "", fmt.Errorf("%q is not the key above: %w", top, ErrForeignKey)
	}
	return top, nil
}

// values sets back the values of a key that stays.
func (v *inverter) values(ctx context.Context, k Key, key *hive.Key) error {
	undo := Key{Path: k.Path}
	for _, value := range k.Values {
		old, err := valueOf(key, value.Name)
		if err := errors.Join(ctx.Err(), err); err != nil {
			return fmt.Errorf("value %q: %w", value.Name, err)
		}
		if old == nil {
			old = &Value{Name: value.Name, Delete: true}
		}
		undo.Values = append(undo.Values, v.value(value, *old, key.Offset())...)
	}
	if len(undo.Values) > 0 {
		v.undo.Keys = append(v.undo.Keys, undo)
	}
	return nil
}

// value sets back one value of the key at off. One that the text deletes and sets again under a name
// in another case is deleted first, so that its own name comes back too.
func (v *inverter) value(value, old Value, off int64) (back []Value) {
	id := fmt.Sprintf("%d %s", off, old.Name)
	_, dropped := v.done["dropped "+id]
	if value.Delete {
		v.done["dropped "+id] = struct{}{}
	}
	if !old.Delete && dropped && value.Name != old.Name && v.once("renamed "+id) {
		return []Value{{Name: old.Name, Delete: true}, old}
	}
	if value.wants(old) || !v.once("value "+id) {
		return nil
	}
	return []Value{old}
}

// restored brings a removed key back with all below it.
func (v *inverter) restored(k Key, path string, p place) error {
	if p.above == nil {
		return fmt.Errorf("root key: %w", hive.ErrUnsupported)
	}
	if !v.once(fmt.Sprintf("restored %d", p.key.Offset())) {
		return nil
	}
	inherited, err := p.above.Security()
	if err != nil {
		return err
	}
	above, err := v.above(k.Path, path, 1)
	if err != nil {
		return err
	}
	v.undo.Keys = append(v.undo.Keys, Key{Path: k.Path, Delete: true})
	security := map[string][]byte{}
	return walk(p.key, above+`\`+p.key.Name(), func(key *hive.Key, path string) (bool, error) {
		if strings.ContainsAny(key.Name(), "\\\x00") || !fitsLine(key.Name()) {
			v.lose("key %q and all below it: no text can name it", path)
			return false, nil
		}
		v.noteLost(key, path)
		v.noteSecurity(key, path, inherited, security)
		return true, v.snapshot(key, path)
	})
}

func (v *inverter) lose(format string, args ...any) {
	v.lost = append(v.lost, fmt.Sprintf(format, args...))
}

// noteLost names what a key has beside its values and its security.
func (v *inverter) noteLost(key *hive.Key, path string) {
	if key.IsLink() {
		v.lose("key %q: it is a symbolic link", path)
	}
	if class, err := key.Class(); class != "" || err != nil {
		v.lose("key %q: its class name %q", path, class)
	}
}

// noteSecurity names security that is neither what all keys of the tree will inherit nor, as known
// by path, that of the key above, which is named already.
func (v *inverter) noteSecurity(key *hive.Key, path string, inherited []byte, known map[string][]byte) {
	own, err := key.Security()
	known[path] = own
	above := known[path[:strings.LastIndexByte(path, '\\')]]
	if err != nil || !bytes.Equal(own, inherited) && !bytes.Equal(own, above) {
		v.lose("key %q: its security, also where keys below it share it", path)
	}
}

func (v *inverter) snapshot(key *hive.Key, path string) error {
	k := Key{Path: path}
	for value, err := range v.room.take(key) {
		if err != nil {
			return fmt.Errorf("key %q: %w", path, err)
		}
		k.Values = append(k.Values, value)
	}
	v.undo.Keys = append(v.undo.Keys, k)
	return nil
}
