package offline

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// eachData walks the parts of a sparse file that are not holes. Zeros are skipped
// too, so that a hole and written zeros are the same.
func eachData(f *os.File, visit func(off int64, p []byte)) error {
	buf := make([]byte, 1<<20)
	for off := int64(0); ; {
		start, err := f.Seek(off, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil
		}
		if err != nil {
			return err
		}
		n, err := f.ReadAt(buf, start/4096*4096)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		visitPages(start/4096*4096, buf[:n], visit)
		off = start/4096*4096 + int64(n)
	}
}

func visitPages(off int64, p []byte, visit func(off int64, p []byte)) {
	for len(p) > 0 {
		page := p[:min(4096, len(p))]
		for _, b := range page {
			if b != 0 {
				visit(off, page)
				break
			}
		}
		off, p = off+int64(len(page)), p[len(page):]
	}
}
