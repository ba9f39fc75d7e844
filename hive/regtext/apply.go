package regtext

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hangkit/hive"
)

// Resolve turns the path of a key as written in a text into its path below the hive's root, cut at
// backslashes; "" is the root itself. Keys below a key must resolve to keys below it. A path of
// another hive is ErrForeignKey.
type Resolve func(path string) (string, error)

// shortRoots are the short names of the registry's roots.
var shortRoots = map[string]string{
	"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKCR": "HKEY_CLASSES_ROOT", "HKU": "HKEY_USERS", "HKCC": "HKEY_CURRENT_CONFIG",
}

// Below is the Resolve of a hive that stands at a place in the registry, like
// HKEY_LOCAL_MACHINE\SYSTEM. Short names of roots count as the long ones.
func Below(place string) Resolve {
	place = LongRoot(place)
	return func(path string) (string, error) {
		long := LongRoot(path)
		if len(long) >= len(place) && strings.EqualFold(long[:len(place)], place) {
			if rest := long[len(place):]; rest == "" || rest[0] == '\\' {
				return rest, nil
			}
		}
		return "", fmt.Errorf("%q is not below %q: %w", path, place, ErrForeignKey)
	}
}

// LongRoot writes out the short name of a root that a path begins with: HKLM\SYSTEM becomes
// HKEY_LOCAL_MACHINE\SYSTEM. Any other path stays as it is.
func LongRoot(path string) string {
	root, rest, more := strings.Cut(path, `\`)
	if long, ok := shortRoots[strings.ToUpper(root)]; ok {
		root = long
	}
	if more {
		root += `\`
	}
	return root + rest
}

// Apply edits the hive as the text says, in its order. What the hive already is as wanted is not
// touched, and deleting what is not there is no error. On an error the hive may hold a part of the
// edits: it is to be dropped.
func (f *File) Apply(ctx context.Context, h *hive.Hive, r Resolve) (Summary, error) {
	var sum Summary
	for _, k := range f.Keys {
		if err := k.apply(ctx, h, r, &sum); err != nil {
			return sum, fmt.Errorf("%skey %q: %w", lineOf(k.Line), k.Path, err)
		}
	}
	return sum, nil
}

func lineOf(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: ", n)
}

func (k *Key) apply(ctx context.Context, h *hive.Hive, r Resolve, sum *Summary) error {
	path, err := r(k.Path)
	if err := errors.Join(ctx.Err(), err); err != nil {
		return err
	}
	e := keyEdit{h: h, path: joinNames(names(path)), sum: sum}
	if k.Delete {
		return e.delete()
	}
	if err := e.create(); err != nil {
		return err
	}
	for _, v := range k.Values {
		if err := e.value(ctx, v); err != nil {
			return fmt.Errorf("%svalue %q: %w", lineOf(v.Line), v.Name, err)
		}
	}
	return nil
}

// keyEdit is the edit of one key.
type keyEdit struct {
	h    *hive.Hive
	path string
	key  *hive.Key // nil when an edit made it stale
	sum  *Summary
}

// find gives the key as it is now, or nil where it is missing.
func (e *keyEdit) find() (*hive.Key, error) {
	if e.key != nil {
		return e.key, nil
	}
	k, err := e.h.Key(e.path)
	if errors.Is(err, hive.ErrNotExist) {
		return nil, nil
	}
	e.key = k
	return k, err
}

func (e *keyEdit) delete() error {
	k, err := e.find()
	if err != nil {
		return err
	}
	if k == nil {
		e.sum.Unchanged++
		return nil
	}
	err = walk(k, e.path, func(*hive.Key, string) (bool, error) {
		e.sum.DeletedKeys++
		return true, nil
	})
	if err != nil {
		return err
	}
	return e.h.DeleteKey(e.path)
}

func (e *keyEdit) create() error {
	if k, err := e.find(); k != nil || err != nil {
		return err
	}
	created, err := e.h.CreateKey(e.path)
	e.sum.Keys += len(created)
	return err
}

func (e *keyEdit) value(ctx context.Context, v Value) error {
	k, err := e.find()
	if err := errors.Join(ctx.Err(), err); err != nil {
		return err
	}
	old, err := valueOf(k, v.Name)
	if err != nil {
		return err
	}
	if old == nil && v.Delete || old != nil && v.wants(*old) {
		e.sum.Unchanged++
		return nil
	}
	e.key = nil
	if v.Delete {
		e.sum.DeletedValues++
		return e.h.DeleteValue(e.path, v.Name)
	}
	e.sum.Values++
	return e.h.SetValue(e.path, hive.Value{Name: v.Name, Type: v.Type, Data: v.Data})
}

// valueOf gives a key's value, or nil where it has none of that name.
func valueOf(k *hive.Key, name string) (*Value, error) {
	v, err := k.Value(name)
	if errors.Is(err, hive.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value := fromHive(v)
	return &value, nil
}

func fromHive(v hive.Value) Value { return Value{Name: v.Name, Type: v.Type, Data: v.Data} }

// wants says whether v leaves old, of the same name, as it is.
func (v Value) wants(old Value) bool {
	return v.Delete == old.Delete && v.Type == old.Type && string(v.Data) == string(old.Data)
}
