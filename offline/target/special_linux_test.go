package target

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSpecialFiles: a pipe, a socket or a device on a mounted volume is refused at once,
// whatever way it is opened, and so is a folder's name that one of them has.
func TestSpecialFiles(t *testing.T) {
	t.Parallel()
	dir, opened := folder(t, Writable, map[string]string{"Windows/x": "x"})
	in := func(name string) string { return filepath.Join(dir, name) }
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: in("socket"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	err = errors.Join(unix.Mkfifo(in("PIPE"), 0o600), os.Symlink("PIPE", in("link")), os.Symlink("/dev/zero", in("zero")))
	if err != nil {
		t.Fatal(err)
	}
	volume := opened.Volumes[0].FS
	ways := map[string]func(name string) error{
		"Open":        func(name string) error { _, err := volume.Open(name); return err },
		"ReadFile":    func(name string) error { _, err := fs.ReadFile(volume, name); return err },
		"OpenRaw":     func(name string) error { _, err := volume.OpenRaw(name); return err },
		"OpenInPlace": func(name string) error { _, err := volume.OpenInPlace(name); return err },
		"ReadDir":     func(name string) error { _, err := volume.ReadDir(name); return err },
	}
	for way, try := range ways {
		for name, want := range map[string]error{
			"PIPE": ErrNotRegular, "pipe": ErrNotRegular, "link": ErrNotRegular, "socket": ErrNotRegular,
			"zero": ErrOutside, "PIPE/config": ErrNotRegular,
		} {
			if err := atOnce(t, func() error { return try(name) }); !errors.Is(err, want) {
				t.Errorf("%s of %s: %v, want %v", way, name, err, want)
			}
		}
	}
	err = atOnce(t, func() error { _, err := OpenHiveIn(in("PIPE"), "SYSTEM", ReadOnly); return err })
	if !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a pipe as the folder: %v", err)
	}
}

// TestBecomesPipe: what turned into a pipe after it was looked at is not waited for.
func TestBecomesPipe(t *testing.T) {
	t.Parallel()
	dir, _ := folder(t, ReadOnly, nil)
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := openRoot(dir, ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = atOnce(t, func() error { _, _, err := d.openSeen("pipe", os.O_RDONLY); return err })
	if !errors.Is(err, ErrNotRegular) {
		t.Errorf("%v, want %v", err, ErrNotRegular)
	}
}

// atOnce fails a test in which an open waits.
func atOnce(t *testing.T, open func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- open() }()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for the other end of a pipe")
		return nil
	}
}
