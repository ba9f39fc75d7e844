package live

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestFetch takes a package from places that do not have it, lie, or have it.
func TestFetch(t *testing.T) {
	t.Parallel()
	from := t.TempDir()
	lock := madePackages(t, from)
	p := lock.Packages[0]
	good, err := os.ReadFile(filepath.Join(from, p.FileName()))
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	urls := lock.URLs(p)
	for name, c := range map[string]struct {
		served map[string][]byte
		want   error
	}{
		"pool":              {map[string][]byte{urls[0]: good}, nil},
		"snapshot":          {map[string][]byte{urls[1]: good}, nil},
		"the pool lies":     {map[string][]byte{urls[0]: append([]byte("x"), good[1:]...), urls[1]: good}, nil},
		"all lie":           {map[string][]byte{urls[0]: good[1:], urls[1]: append(good, 0)}, ErrUntrusted},
		"nobody has it":     {nil, gone},
		"the same, shorter": {map[string][]byte{urls[0]: good[:len(good)-1]}, ErrUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "new")
			s := &Store{Dir: dir, Get: func(_ context.Context, url, name string) error {
				if c.served[url] == nil {
					return gone
				}
				return os.WriteFile(name, c.served[url], 0o600)
			}}
			file, err := s.Open(t.Context(), lock, p)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if err == nil {
				file.Close()
			} else if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestStoreOffline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock := madePackages(t, dir)
	s := &Store{Dir: dir, Offline: true, Get: func(context.Context, string, string) error {
		t.Error("something was fetched")
		return fs.ErrNotExist
	}}
	name := filepath.Join(dir, lock.Packages[0].FileName())
	writeFile(t, name, []byte("not the package"))
	if _, err := s.Open(t.Context(), lock, lock.Packages[0]); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a changed package: %v", err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), lock, lock.Packages[0]); !errors.Is(err, ErrOffline) {
		t.Errorf("a missing package: %v", err)
	}
}

// TestLocks holds that the lock files in this program are whole.
func TestLocks(t *testing.T) {
	t.Parallel()
	for _, arch := range Archs() {
		l, err := LockFor(arch)
		if err != nil {
			t.Fatal(err)
		}
		if l.Arch != arch || l.Date.IsZero() {
			t.Errorf("%s: for %s, of %s", arch, l.Arch, l.Date)
		}
		for _, p := range l.Packages {
			if p.Source == "" || p.Version == "" {
				t.Errorf("%s: %s has no version or source", arch, p.Name)
			}
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte(`{"schema":"hangkit/live-pins/1","packages":[{"name":"a","archive":"debian","path":"p/a.deb","size":1,"sha256":"00"}]}`))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = ParseLock(text) })
}
