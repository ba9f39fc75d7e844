//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"hangkit/image"
	"hangkit/image/bitlocker"
)

// What this program starts itself for, with an image and, to write a raw image, its name.
const (
	readVerb   = "read"   // the disk in the image
	unlockVerb = "unlock" // the BitLocker volume that the image is
)

// Sizes of a read, which a processor's cache holds, and of the zeros that are not written.
const (
	readSize = 1 << 20
	zeroSize = 64 << 10
)

// readAs reads a disk as a whole.
func readAs(ctx context.Context, args []string) (err error) {
	if len(args) < 2 {
		return errUsage
	}
	f, err := image.Open(args[1], false)
	if err != nil {
		return err
	}
	defer f.Close()
	var d image.Disk = f
	if args[0] == unlockVerb {
		if d, err = unlock(ctx, f); err != nil {
			return err
		}
	}
	if len(args) == 2 {
		return copyWhole(d, d.Size(), nowhere{})
	}
	out, err := os.Create(args[2])
	if err != nil {
		return err
	}
	return errors.Join(out.Truncate(d.Size()), copyWhole(d, d.Size(), out), out.Close())
}

func unlock(ctx context.Context, d image.Disk) (image.Disk, error) {
	locked, err := bitlocker.Open(d)
	if err != nil {
		return nil, err
	}
	secret, err := bitlocker.NewRecoveryPassword(recovery)
	if err != nil {
		return nil, err
	}
	return locked.Unlock(ctx, secret)
}

type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// copyWhole copies a disk on all processors: a converter reads while it writes, too.
func copyWhole(from io.ReaderAt, size int64, to io.WriterAt) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, runtime.GOMAXPROCS(0))
	for i := range errs {
		wg.Go(func() {
			buf := make([]byte, readSize)
			for errs[i] == nil {
				off := next.Add(readSize) - readSize
				if off >= size {
					return
				}
				errs[i] = copyPart(from, buf[:min(readSize, size-off)], off, to)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// copyPart leaves out zeros, which a new file has everywhere.
func copyPart(from io.ReaderAt, buf []byte, off int64, to io.WriterAt) error {
	if n, err := from.ReadAt(buf, off); n < len(buf) {
		return err
	}
	if _, discard := to.(nowhere); discard {
		return nil
	}
	for len(buf) > 0 {
		n := written(buf)
		if n > 0 {
			if _, err := to.WriteAt(buf[:n], off); err != nil {
				return err
			}
		}
		n = min(n+zeroSize, len(buf))
		buf, off = buf[n:], off+int64(n)
	}
	return nil
}

var zeros [zeroSize]byte

// written is how far it is to the next zeros.
func written(buf []byte) (n int) {
	for n < len(buf) {
		piece := buf[n:min(n+zeroSize, len(buf))]
		if bytes.Equal(piece, zeros[:len(piece)]) {
			break
		}
		n += len(piece)
	}
	return n
}
