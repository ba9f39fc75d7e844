package regtext

import (
	"errors"
	"fmt"
	"strings"

	"hangkit/hive"
)

// Resolve turns the path of a key as written in a text into its path below the hive's root, "" for
// the root itself. A path of another hive is ErrForeignKey.
type Resolve func(path string) (string, error)

// shortRoots are the short names of the registry's roots.
var shortRoots = map[string]string{
	"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKCR": "HKEY_CLASSES_ROOT", "HKU": "HKEY_USERS", "HKCC": "HKEY_CURRENT_CONFIG",
}

// Below is the Resolve of a hive that stands at a place in the registry, like
// HKEY_LOCAL_MACHINE\SYSTEM. Short names of roots count as the long ones.
func Below(place string) Resolve {
	place = longRoot(place)
	return func(path string) (string, error) {
		long := longRoot(path)
		if len(long) >= len(place) && strings.EqualFold(long[:len(place)], place) {
			if rest := long[len(place):]; rest == "" || rest[0] == '\\' {
				return rest, nil
			}
		}
		return "", fmt.Errorf("%q is not below %q: %w", path, place, ErrForeignKey)
	}
}

func longRoot(path string) string {
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
func (f *File) Apply(h *hive.Hive, r Resolve) (Summary, error) {
	var sum Summary
	for _, k := range f.Keys {
		if err := k.apply(h, r, &sum); err != nil {
			return sum, fmt.Errorf("line %d: %w", k.Line, err)
		}
	}
	return sum, nil
}

func (k *Key) apply(h *hive.Hive, r Resolve, sum *Summary) error {
	path, err := r(k.Path)
	if err != nil {
		return err
	}
	if k.Delete {
		return deleteKey(h, path, sum)
	}
	created, err := h.CreateKey(path)
	if err != nil {
		return err
	}
	sum.Keys += len(created)
	for _, v := range k.Values {
		if err := v.apply(h, path, sum); err != nil {
			return fmt.Errorf("value in line %d: %w", v.Line, err)
		}
	}
	return nil
}

func deleteKey(h *hive.Hive, path string, sum *Summary) error {
	k, err := h.Key(path)
	if errors.Is(err, hive.ErrNotExist) {
		sum.Unchanged++
		return nil
	}
	if err != nil {
		return err
	}
	n, err := countKeys(k)
	if err != nil {
		return err
	}
	sum.DeletedKeys += n
	return h.DeleteKey(path)
}

func countKeys(k *hive.Key) (int, error) {
	n := 1
	for child, err := range k.Subkeys() {
		if err != nil {
			return 0, err
		}
		below, err := countKeys(child)
		if err != nil {
			return 0, err
		}
		n += below
	}
	return n, nil
}

func (v *Value) apply(h *hive.Hive, path string, sum *Summary) error {
	k, err := h.Key(path)
	if err != nil {
		return err
	}
	want := hive.Value{Name: v.Name, Type: v.Type, Data: v.Data}
	old, err := k.Value(v.Name)
	missing := errors.Is(err, hive.ErrNotExist)
	switch {
	case err != nil && !missing:
		return err
	case v.Delete && missing, !v.Delete && !missing && old.Equal(want):
		sum.Unchanged++
		return nil
	case v.Delete:
		sum.DeletedValues++
		return h.DeleteValue(path, v.Name)
	}
	sum.Values++
	return h.SetValue(path, want)
}
