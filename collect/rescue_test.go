package collect_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"hangkit/collect"
)

// oneFile is a volume with one file, whatever it is asked for.
type oneFile struct {
	*volume
	r io.ReaderAt
}

func (v oneFile) Open(name string) (fs.File, error) {
	f, err := v.volume.Open(name)
	return readAtFile{f, v.r}, err
}

// readAtFile is a file whose bytes come from elsewhere.
type readAtFile struct {
	fs.File
	io.ReaderAt
}

// TestCopyAroundBadSectors: a log keeps what can be read of it.
func TestCopyAroundBadSectors(t *testing.T) {
	t.Parallel()
	const page, name = 4096, "Windows/a.log"
	content := memory(600*page + 77)
	var everything []int64
	for i := range int64(601) {
		everything = append(everything, i)
	}
	for _, c := range []struct {
		what string
		bad  []int64
		lost int64
		err  error
	}{
		{"sound", nil, 0, nil},
		{"a page", []int64{3}, page, nil},
		{"the end", []int64{600}, 77, nil},
		{"scattered", []int64{0, 100, 599}, 3 * page, nil},
		{"too much", everything[:300], 0, collect.ErrUnreadable},
		{"all", everything, 0, collect.ErrUnreadable},
	} {
		b := newBundle(t, t.TempDir())
		v := oneFile{volume: files(map[string][]byte{name: content}), r: badSectors{bytes.NewReader(content), c.bad}}
		f, err := b.Copy(t.Context(), "logs/"+name, v, name)
		if !errors.Is(err, c.err) || err == nil && f.BadBytes != c.lost {
			t.Errorf("%s: %+v, %v", c.what, f, err)
			continue
		}
		got, err := os.ReadFile(filepath.Join(b.Dir, "logs", name))
		if c.err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %d bytes left, %v", c.what, len(got), err)
			}
			continue
		}
		want := bytes.Clone(content)
		for _, p := range c.bad {
			clear(want[p*page : min(p*page+page, int64(len(want)))])
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes that differ, %v", c.what, len(got), err)
		}
	}
}

// TestCopyOfWhatCannotBeOpened leaves nothing and says whose fault it is.
func TestCopyOfWhatCannotBeOpened(t *testing.T) {
	t.Parallel()
	b := newBundle(t, t.TempDir())
	v := files(map[string][]byte{"a.log": []byte("a"), "dir/b.log": nil})
	v.broken["a.log"] = syscall.EIO
	for _, name := range []string{"a.log", "dir", "none.log"} {
		if f, err := b.Copy(t.Context(), "logs/"+name, v, name); !errors.Is(err, collect.ErrUnreadable) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	if f, err := b.Copy(t.Context(), "logs/b.log", v, "dir/b.log"); err != nil || f.Size != 0 {
		t.Errorf("an empty file: %+v, %v", f, err)
	}
	if got := names(t, filepath.Join(b.Dir, "logs")); len(got) != 1 {
		t.Errorf("in the folder: %q", got)
	}
}

// TestCopyFromALostDisk ends with the disk, not with zeros, whenever it was lost.
func TestCopyFromALostDisk(t *testing.T) {
	t.Parallel()
	b := newBundle(t, t.TempDir())
	content := memory(9000)
	v := oneFile{volume: files(map[string][]byte{"a.log": content, "b.log": content}), r: lostDisk{}}
	v.broken["b.log"] = &fs.PathError{Op: "open", Path: "b.log", Err: syscall.ENODEV}
	for _, name := range []string{"a.log", "b.log"} {
		if f, err := b.Copy(t.Context(), "logs/"+name, v, name); !errors.Is(err, collect.ErrSourceGone) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// TestCopyOfAStrangeTime: a time that the target cannot have becomes no other one.
func TestCopyOfAStrangeTime(t *testing.T) {
	t.Parallel()
	b := newBundle(t, t.TempDir())
	v := files(map[string][]byte{"a.log": []byte("a")})
	before := time.Now().Add(-time.Minute)
	for year, kept := range map[int]bool{2001: true, 1601: false, 12000: false} {
		want := time.Date(year, 1, 2, 3, 4, 5, 0, time.UTC)
		v.MapFS["a.log"].ModTime = want
		f, err := b.Copy(t.Context(), "logs/a.log", v, "a.log")
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(b.Dir, filepath.FromSlash(f.Name)))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.ModTime(); kept && !got.Equal(want) || !kept && (got.Before(before) || got.After(time.Now())) {
			t.Errorf("%d: %s", year, got)
		}
	}
}

// lostDisk was unplugged.
type lostDisk struct{}

func (lostDisk) ReadAt([]byte, int64) (int, error) { return 0, syscall.ENODEV }
