package target

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"hangkit/image"
	"hangkit/image/wim"
)

var imageTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// newWIM writes an archive of two images with one file each, which is the same.
func newWIM(t *testing.T, patch func(b []byte)) string {
	t.Helper()
	entries := []wim.Entry{{Path: "Windows/System32/config/SYSTEM", Data: []byte("regf old"), Modified: imageTime}}
	b, err := wim.Create([]wim.NewImage{{Name: "first", Entries: entries}, {Name: "second", Entries: entries}}, wim.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if patch != nil {
		patch(b)
	}
	name := filepath.Join(t.TempDir(), "install.wim")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func openWIMOf(t *testing.T, name string, mode Mode) *Target {
	t.Helper()
	opened, err := Open(name, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func hiveOf(t *testing.T, v *Volume) string {
	t.Helper()
	f, err := v.FS.OpenInPlace("windows/system32/CONFIG/system")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, f.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{1}, 0); !errors.Is(err, image.ErrReadOnly) {
		t.Errorf("a write: %v", err)
	}
	return string(b)
}

func TestWIM(t *testing.T) {
	t.Parallel()
	name := newWIM(t, nil)
	opened := openWIMOf(t, name, ReadOnly)
	if opened.Kind != Archive || len(opened.Volumes) != 2 || len(opened.Warnings) > 0 {
		t.Fatalf("%+v", opened)
	}
	v := opened.Volumes[1]
	if v.Image() != 2 || v.Info.Label != "second" || v.FileSystem() != "WIM" || v.Label() != name+", image 2" || v.Refuse() != nil || v.Hibernated() != nil {
		t.Errorf("%+v", v)
	}
	if hiveOf(t, v) != "regf old" {
		t.Error("another hive")
	}
	if err := fstest.TestFS(v.FS, "Windows/System32/config/SYSTEM"); err != nil {
		t.Error(err)
	}
	raw, err := v.FS.OpenRaw("Windows/System32/config/SYSTEM")
	if err != nil || raw.Size() != 8 {
		t.Errorf("raw: %v, %v", raw, err)
	}
	for _, folder := range []string{"Windows", "nothing"} {
		if _, err := v.FS.OpenRaw(folder); err == nil {
			t.Errorf("%s was opened", folder)
		}
		if _, err := v.FS.OpenInPlace(folder); err == nil {
			t.Errorf("%s was opened", folder)
		}
	}
	if _, err := v.FS.Free(); err == nil {
		t.Error("an archive has free space")
	}
}

// TestWIMAppend: a change reaches one image, in the file or in memory, and goes back.
func TestWIMAppend(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{DryRun, Writable} {
		name := newWIM(t, nil)
		before, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		opened := openWIMOf(t, name, mode)
		first, second := opened.Volumes[0], opened.Volumes[1]
		change, err := first.PlanAppend("Windows/System32/config/SYSTEM", []byte("regf new and longer"), imageTime)
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Append(change); err != nil {
			t.Fatal(err)
		}
		if hiveOf(t, first) != "regf new and longer" || hiveOf(t, second) != "regf old" {
			t.Error("not the one hive was changed")
		}
		after, err := os.ReadFile(name)
		if err != nil || bytes.Equal(before, after) != (mode == DryRun) || (len(opened.Pending()) > 0) != (mode == DryRun) {
			t.Errorf("mode %d: %v, %v", mode, opened.Pending(), err)
		}
		if err := first.TakeBack(change.Undo()); err != nil || hiveOf(t, first) != "regf old" {
			t.Errorf("the way back: %v", err)
		}
		if after, err := os.ReadFile(name); err != nil || !bytes.Equal(before, after) {
			t.Errorf("mode %d: not as before (%v)", mode, err)
		}
	}
}

func TestWIMRefusals(t *testing.T) {
	t.Parallel()
	opened := openWIMOf(t, newWIM(t, func(b []byte) { b[16] = 4 }), Writable)
	if err := opened.Volumes[0].Refuse(); !errors.Is(err, ErrRefused) || !errors.Is(err, wim.ErrReadOnly) {
		t.Errorf("marked read-only: %v", err)
	}
	for what, patch := range map[string]func(b []byte){
		"solid": func(b []byte) { copy(b[12:], []byte{0, 0x0e, 0, 0}) }, "split": func(b []byte) { b[42] = 2 }, "pipable": func(b []byte) { copy(b, "WLPWM") },
	} {
		name := newWIM(t, patch)
		_, err := Open(name, ReadOnly)
		hint, ok := errors.AsType[interface {
			error
			Hint() string
		}](err)
		if !ok || !errors.Is(err, image.ErrUnsupported) || !strings.Contains(hint.Hint(), "wimlib-imagex") || !strings.Contains(hint.Hint(), "'"+name+"'") {
			t.Errorf("%s: %v", what, err)
		}
		stem := strings.TrimSuffix(name, ".wim")
		if !strings.Contains(hint.Hint(), "'"+stem+"-plain.wim'") {
			t.Errorf("%s: no new name in %q", what, hint.Hint())
		}
		if err := os.WriteFile(stem+"-plain.wim", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(hint.Hint(), "'"+stem+"-plain-2.wim'") {
			t.Errorf("%s: a name that is taken in %q", what, hint.Hint())
		}
	}
	if _, err := Open(newWIM(t, func(b []byte) { b[60] = 0xff }), ReadOnly); !errors.Is(err, image.ErrTruncated) && !errors.Is(err, image.ErrFormat) {
		t.Errorf("damaged: %v", err)
	}
	broken := openWIMOf(t, newWIM(t, func(b []byte) { b[bytes.Index(b, []byte("S\x00Y\x00S"))] = 'T' }), ReadOnly).Volumes[0].FS
	if _, err := fs.ReadDir(broken, "."); !errors.Is(err, wim.ErrHash) {
		t.Errorf("damaged metadata: %v", err)
	}
}

// TestWIMMemory: of many large images only some are kept in memory, and each can be read again.
func TestWIMMemory(t *testing.T) {
	t.Parallel()
	opened := openWIMOf(t, newWIM(t, nil), ReadOnly)
	archive := opened.wim
	first, second := opened.Volumes[0], opened.Volumes[1]
	hiveOf(t, first)
	hiveOf(t, second)
	if len(archive.loaded) != 2 {
		t.Fatalf("%d images are kept", len(archive.loaded))
	}
	archive.makeRoom(maxLoaded - archive.archive.MetadataSize(2))
	if f := second.FS.(*wimFS); len(archive.loaded) != 1 || archive.loaded[0] != f || f.image == nil || first.FS.(*wimFS).image != nil {
		t.Errorf("%d images are kept", len(archive.loaded))
	}
	if hiveOf(t, first) != "regf old" || len(archive.loaded) != 2 {
		t.Errorf("%q, %d images are kept", hiveOf(t, first), len(archive.loaded))
	}
}
