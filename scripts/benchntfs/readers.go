//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"www.velocidex.com/golang/go-ntfs/parser"

	"hangkit/image"
	"hangkit/ntfs"
)

// What the two libraries are asked for at once, so that each is at its fastest: a
// buffer that a processor's cache holds, and one that makes up for a search through
// all pieces at each read.
const (
	readHangkit = 256 << 10
	readGoNTFS  = 2 << 20
)

// reader is a program that writes the file to its standard output.
type reader struct {
	name    string
	needs   string // the program to look for; "" is this one
	command func(v *volume) []string
	mounts  bool // the command reads from mountPoint
}

const mountPoint = "mounted"

func readers(self string) []reader {
	return []reader{
		{name: "dd, as many bytes", needs: "dd", command: func(v *volume) []string {
			return []string{"dd", "if=" + v.image, "bs=4M", "status=none", "iflag=skip_bytes,count_bytes",
				fmt.Sprintf("skip=%d", v.start), fmt.Sprintf("count=%d", int64(fileSize))}
		}},
		{name: "hangkit", command: func(v *volume) []string { return []string{self, "hangkit", v.image, fileName} }},
		{name: "go-ntfs", command: func(v *volume) []string { return []string{self, "go-ntfs", v.image, fileName} }},
		{name: "icat", needs: "icat", command: func(v *volume) []string {
			return []string{"icat", "-f", "ntfs", v.image, fmt.Sprint(v.record)}
		}},
		{name: "ntfscat", needs: "ntfscat", command: func(v *volume) []string { return []string{"ntfscat", v.image, fileName} }},
		{name: "ntfs-3g", needs: "ntfs-3g", mounts: true, command: func(v *volume) []string {
			return []string{"cat", filepath.Join(filepath.Dir(v.image), mountPoint, fileName)}
		}},
		{name: "7zz", needs: "7zz", command: func(v *volume) []string {
			return []string{"7zz", "e", "-tntfs", "-so", v.image, fileName}
		}},
	}
}

func (r *reader) missing() bool {
	if r.needs == "" {
		return false
	}
	_, err := exec.LookPath(r.needs)
	return err != nil
}

// cost is what one reading takes: seconds by the clock, and of the processors.
type cost struct{ wall, cpu float64 }

// read has the file read to nowhere once.
func (r *reader) read(ctx context.Context, v *volume, cold bool) (c cost, err error) {
	var took time.Duration
	var client *exec.Cmd
	driver, err := r.prepared(ctx, v, func() error {
		if cold {
			if err := v.forget(); err != nil {
				return err
			}
		}
		args := r.command(v)
		client = exec.CommandContext(ctx, args[0], args[1:]...) // its output goes to /dev/null
		start := time.Now()
		err := client.Run()
		took = time.Since(start)
		return err
	})
	if err != nil {
		return c, fmt.Errorf("%s: %w", r.name, err)
	}
	return cost{took.Seconds(), processorTime(client) + processorTime(driver)}, nil
}

// processorTime is what a program that has ended used, in itself and in the kernel.
func processorTime(cmd *exec.Cmd) float64 {
	if cmd == nil {
		return 0
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

// flaw says what is wrong with what the reader gives, "" if nothing is.
func (r *reader) flaw(ctx context.Context, v *volume) (flaw string, err error) {
	if r.needs == "dd" && v.pieces > 1 {
		return "", nil // not the file, but as many bytes
	}
	hash := sha256.New()
	count := &counter{w: hash}
	_, err = r.prepared(ctx, v, func() error {
		args := r.command(v)
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout = count
		return cmd.Run()
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", r.name, err)
	case count.n != fileSize:
		return fmt.Sprintf("wrong: %d MB of %d, and no error", count.n/1e6, int64(fileSize)/1e6), nil
	case !bytes.Equal(hash.Sum(nil), v.digest[:]):
		return "wrong bytes, and no error", nil
	}
	return "", nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.w.Write(p)
}

// prepared does something, with the volume mounted if the reader asks for it: then
// it returns the driver, which has ended.
func (r *reader) prepared(ctx context.Context, v *volume, do func() error) (driver *exec.Cmd, err error) {
	if !r.mounts {
		return nil, do()
	}
	point := filepath.Join(filepath.Dir(v.image), mountPoint)
	if err := os.MkdirAll(point, 0o700); err != nil {
		return nil, err
	}
	driver = exec.CommandContext(ctx, "ntfs-3g", "-o", "no_detach,ro,norecover", v.image, point)
	if err := driver.Start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unmount(point), driver.Wait()) }()
	if err := awaitMount(filepath.Join(point, fileName)); err != nil {
		return nil, err
	}
	return driver, do()
}

const (
	patience = 500
	pause    = 10 * time.Millisecond
)

func awaitMount(file string) (err error) {
	for range patience {
		if _, err = os.Stat(file); err == nil {
			return nil
		}
		time.Sleep(pause)
	}
	return fmt.Errorf("ntfs-3g does not mount the volume: %w", err)
}

// unmount tries for a while: another program may hold the folder for a moment.
func unmount(point string) (err error) {
	for range patience {
		if err = exec.Command("umount", point).Run(); err == nil {
			return nil
		}
		time.Sleep(pause)
	}
	return fmt.Errorf("umount %s: %w", point, err)
}

// readAs writes a file of an image to the standard output as one of the libraries reads it.
func readAs(library, name, file string) error {
	disk, err := image.Open(name, false)
	if err != nil {
		return err
	}
	defer disk.Close()
	switch library {
	case "hangkit":
		v, err := ntfs.Open(disk)
		if err != nil {
			return err
		}
		r, err := v.OpenRaw(file)
		if err != nil {
			return err
		}
		return copyOut(r, readHangkit)
	case "go-ntfs":
		v, err := parser.GetNTFSContext(disk, 0)
		if err != nil {
			return err
		}
		r, err := parser.GetDataForPath(v, file)
		if err != nil {
			return err
		}
		return copyOut(r, readGoNTFS)
	}
	return fmt.Errorf("unknown library %q", library)
}

func copyOut(r io.ReaderAt, size int) error {
	buf := make([]byte, size)
	for off := int64(0); off < fileSize; {
		n, err := r.ReadAt(buf, off)
		if _, err := os.Stdout.Write(buf[:n]); err != nil {
			return err
		}
		off += int64(n)
		if errors.Is(err, io.EOF) || n == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
