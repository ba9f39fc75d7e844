package hive

import (
	"bytes"
	"testing"
)

func TestKeyPath(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{})
	for _, path := range []string{"", "One", `One\Two`, `One\with/slash`, `\with/slash`, "lone \xED\xA0\x80"} {
		if _, err := h.CreateKey(path); err != nil {
			t.Fatal(err)
		}
		k, err := h.Key(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Path(); err != nil || got != path {
			t.Errorf("path %q, %v, want %q", got, err, path)
		}
	}
}

func TestKeySecurity(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{})
	if _, err := h.CreateKey("One"); err != nil {
		t.Fatal(err)
	}
	k, err := h.Key("one")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Security(); err != nil || !bytes.Equal(got, defaultSecurity()) {
		t.Errorf("security %x, %v", got, err)
	}
}

func TestHiveName(t *testing.T) {
	t.Parallel()
	if got := New(NewOptions{}).Name(); got != "" {
		t.Errorf("new hive is named %q", got)
	}
	h := mustOpen(t, files{sample(t, "real/SYSTEM_win7sp1_x86")})
	if got, want := h.Name(), "SYSTEM"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
}

func TestSetClass(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{})
	if _, err := h.CreateKey(`A\B`); err != nil {
		t.Fatal(err)
	}
	for _, class := range []string{"", "first", "a longer class name than the first", "x", ""} {
		before := mustBytes(t, h)
		for range 2 {
			if err := h.SetClass(`a\b`, class); err != nil {
				t.Fatal(err)
			}
		}
		k, err := h.Key(`A\B`)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Class(); err != nil || got != class {
			t.Errorf("class %q, %v, want %q", got, err, class)
		}
		if list := h.Findings(); len(list) > 0 {
			t.Errorf("class %q: %v", class, list)
		}
		if again := mustBytes(t, h); class == "" && len(again) != len(before) {
			t.Errorf("%d bytes, before %d", len(again), len(before))
		}
	}
	a, err := h.Key("A")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := a.node.maxClass(), uint32(2*len("a longer class name than the first")); got != want {
		t.Errorf("longest class %d bytes, want %d", got, want)
	}
	if err := h.SetClass("missing", "x"); err == nil {
		t.Error("class of a missing key was set")
	}
}
