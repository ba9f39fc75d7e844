package ntfstest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hangkit/image/imagetest"
	"hangkit/ntfs/format"
)

// How long ntfs-3g may take until the volume is mounted, and how often we look.
const (
	mountPatience = 60 * time.Second
	mountPause    = 5 * time.Millisecond
)

// Mounted runs do on an image that ntfs-3g mounts with options, and returns when
// the driver has written its last byte and gone.
func Mounted(tb testing.TB, img, options string, do func(dir string)) {
	tb.Helper()
	d, err := mount(tb, img, options)
	if err != nil {
		tb.Fatal(err)
	}
	defer d.unmount(tb)
	do(d.dir)
}

// driver is an ntfs-3g that has mounted a volume. It stays in the foreground, so
// that its end can be awaited.
type driver struct {
	dir   string
	ended chan error
}

func mount(tb testing.TB, img, options string) (*driver, error) {
	tb.Helper()
	Need(tb, "ntfs-3g", "umount")
	d := &driver{tb.TempDir(), make(chan error, 1)}
	var said bytes.Buffer
	cmd := exec.Command("ntfs-3g", "-o", "no_detach,"+options, img, d.dir)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { imagetest.Unmount(tb, d.dir) })
	go func() { d.ended <- cmd.Wait() }()
	if err := d.await(tb); err != nil {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("ntfs-3g: %w\n%s", err, &said)
	}
	return d, nil
}

// await waits for the volume to be mounted.
func (d *driver) await(tb testing.TB) error {
	tb.Helper()
	for deadline := time.Now().Add(mountPatience); !imagetest.Mounted(tb, d.dir); {
		select {
		case err := <-d.ended:
			return err
		case <-time.After(mountPause):
		}
		if time.Now().After(deadline) {
			return errors.New("does not mount the image")
		}
	}
	return nil
}

func (d *driver) unmount(tb testing.TB) {
	tb.Helper()
	imagetest.Unmount(tb, d.dir)
	if err := <-d.ended; err != nil {
		tb.Errorf("ntfs-3g: %v", err)
	}
}

// Admit fills a mounted volume with entries: files, and folders with what they hold.
func Admit(tb testing.TB, dir string, entries []format.Entry) {
	tb.Helper()
	for _, e := range entries {
		name := filepath.Join(dir, e.Name)
		if e.Dir == nil {
			if err := os.WriteFile(name, e.Data, 0o600); err != nil {
				tb.Fatal(err)
			}
			continue
		}
		if err := os.Mkdir(name, 0o755); err != nil {
			tb.Fatal(err)
		}
		Admit(tb, name, e.Dir)
	}
}
