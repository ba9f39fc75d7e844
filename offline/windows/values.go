package windows

import (
	"errors"
	"io/fs"
	"strings"

	"hangkit/hive"
)

// Fact is something known about the installation, and where it came from.
type Fact[T any] struct {
	Value   T
	Known   bool
	Source  string // in words a support engineer can check: `SOFTWARE, CurrentBuildNumber`
	Guessed bool   // inferred, not stated by the source
}

func sure[T any](v T, source string) Fact[T] { return Fact[T]{Value: v, Known: true, Source: source} }

func guessed[T any](v T, source string) Fact[T] {
	return Fact[T]{Value: v, Known: true, Source: source, Guessed: true}
}

// Values are the values of one registry key as found.
type Values struct {
	Key     string // path below the root of its hive
	Present bool   // whether the key exists
	list    []hive.Value
}

// NewValues returns the values of an existing key.
func NewValues(key string, list ...hive.Value) Values {
	return Values{Key: key, Present: true, list: list}
}

// All returns every value, in the order of the hive.
func (v Values) All() []hive.Value { return v.list }

// Value returns a value by name, whatever its case.
func (v Values) Value(name string) (hive.Value, bool) {
	for _, val := range v.list {
		if strings.EqualFold(val.Name, name) {
			return val, true
		}
	}
	return hive.Value{}, false
}

// Has reports whether the value exists, of whatever type.
func (v Values) Has(name string) bool {
	_, ok := v.Value(name)
	return ok
}

// With returns the values with one set.
func (v Values) With(val hive.Value) Values {
	out := v.Without(val.Name)
	out.Present, out.list = true, append(out.list, val)
	return out
}

// Without returns the values with one deleted.
func (v Values) Without(name string) Values {
	out := v
	out.list = nil
	for _, val := range v.list {
		if !strings.EqualFold(val.Name, name) {
			out.list = append(out.list, val)
		}
	}
	return out
}

// DWORD returns a REG_DWORD; false if the value is absent or has another type, which Windows ignores.
func (v Values) DWORD(name string) (uint32, bool) {
	val, ok := v.Value(name)
	if !ok || val.Type != hive.DWORD {
		return 0, false
	}
	return val.Uint32()
}

// Is reports whether the value is a REG_DWORD with this number.
func (v Values) Is(name string, want uint32) bool {
	got, ok := v.DWORD(name)
	return ok && got == want
}

// Or returns a REG_DWORD, or the number that counts when it is absent.
func (v Values) Or(name string, absent uint32) uint32 {
	if got, ok := v.DWORD(name); ok {
		return got
	}
	return absent
}

// Text returns a REG_SZ or REG_EXPAND_SZ.
func (v Values) Text(name string) (string, bool) {
	val, ok := v.Value(name)
	if !ok || (val.Type != hive.SZ && val.Type != hive.ExpandSZ) {
		return "", false
	}
	return val.Text(), true
}

// Strings returns the non-empty strings of a REG_MULTI_SZ.
func (v Values) Strings(name string) ([]string, bool) {
	val, ok := v.Value(name)
	if !ok || val.Type != hive.MultiSZ {
		return nil, false
	}
	var out []string
	for _, s := range val.Strings() {
		if s != "" {
			out = append(out, s)
		}
	}
	return out, true
}

// reader reads keys of a hive and keeps what went wrong, so that one damaged key costs one fact and not all.
type reader struct {
	h        *hive.Hive
	problems []string
}

// maxValues bounds the values taken from one key: real keys read here hold a few dozen, MountedDevices some hundred.
const maxValues = 10_000

// values returns the values of a key; a key that does not exist has none.
func (r *reader) values(key string) Values {
	k := r.key(key)
	if k == nil {
		return Values{Key: key}
	}
	out := Values{Key: key, Present: true}
	for val, err := range k.Values() {
		if err != nil {
			r.problem(key, err)
			break
		}
		if len(out.list) == maxValues {
			break
		}
		out.list = append(out.list, val)
	}
	return out
}

// key returns nil for a key that is absent or cannot be read.
func (r *reader) key(key string) *hive.Key {
	k, err := r.h.Key(key)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.problem(key, err)
		}
		return nil
	}
	return k
}

// text returns one string value, "" if absent.
func (r *reader) text(key, name string) string {
	s, _ := r.values(key).Text(name)
	return strings.TrimSpace(s)
}

func (r *reader) problem(key string, err error) {
	r.problems = append(r.problems, key+": "+err.Error())
}
