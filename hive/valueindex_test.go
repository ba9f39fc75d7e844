package hive

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Two keys with many values, edited at random and in turns, hold what two maps do: sets, deletions,
// other cases of names, edits that fail, and keys that go and come back.
func TestManyValues(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{Minor: 5})
	random := rand.New(rand.NewPCG(1, 2))
	keys := [2]string{`Big\One`, `Big\Two`}
	models := [2]map[string]byte{{}, {}}
	for step := range 20_000 {
		which := random.IntN(40) / 38 // long runs on the first, the second in between
		path, model := keys[which], models[which]
		name := fmt.Sprintf("Näme %d", random.IntN(3*manyValues))
		switch action := random.IntN(1000); {
		case action == 0 && len(model) > 0 && step < 15_000:
			if err := h.DeleteKey(path); err != nil {
				t.Fatal(err)
			}
			clear(model)
		case action < 10:
			tooLong := Value{Name: name + strings.Repeat("n", maxValueName), Type: Binary}
			if err := h.SetValue(path, tooLong); !errors.Is(err, ErrUnsupported) {
				t.Fatalf("a name that is too long: %v", err)
			}
		case action < 20: // fails when the value stands in the list already
			h.AllowGrowth(0)
			if err := h.SetValue(path, Value{name, Binary, make([]byte, 1<<20)}); !errors.Is(err, ErrNoRoom) {
				t.Fatalf("a value without room: %v", err)
			}
			h.AllowGrowth(1 << 30)
		case action < 250:
			_, there := model[name]
			if err := h.DeleteValue(path, strings.ToUpper(name)); there != (err == nil) {
				t.Fatalf("step %d, delete %s: %v, there: %v", step, name, err, there)
			}
			delete(model, name)
		default:
			setValue(t, h, path, Value{name, Binary, []byte{byte(step)}})
			model[name] = byte(step)
		}
	}
	noFindings(t, h)
	for i, path := range keys {
		compareValues(t, mustKey(t, h, path), models[i])
	}
}

func compareValues(t *testing.T, k *Key, want map[string]byte) {
	t.Helper()
	got := map[string]byte{}
	for v, err := range k.Values() {
		if err != nil {
			t.Fatal(err)
		}
		got[v.Name] = v.Data[0]
		if found, err := k.Value(strings.ToLower(v.Name)); err != nil || !found.Equal(v) {
			t.Errorf("value %q is found as %v: %v", v.Name, found, err)
		}
	}
	if len(got) < manyValues || !maps.Equal(got, want) {
		t.Errorf("%s: %d values, want %d: %v", k.Name(), len(got), len(want), slices.Sorted(maps.Keys(want))[:3])
	}
	if _, err := k.Value("none"); !errors.Is(err, ErrNotExist) {
		t.Errorf("a value that is not there: %v", err)
	}
}
