//go:build !linux

package offline

import (
	"errors"
	"io"
	"os"
)

// eachData walks the whole file where the system cannot tell its holes.
func eachData(f *os.File, visit func(off int64, p []byte)) error {
	buf := make([]byte, 1<<20)
	for off := int64(0); ; {
		n, err := f.ReadAt(buf, off)
		visit(off, buf[:n])
		off += int64(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
