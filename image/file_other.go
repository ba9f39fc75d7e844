//go:build !linux

package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// devicePrefixes begin the names of raw devices on Windows.
var devicePrefixes = []string{`\\.\`, `\\?\`, `//./`, `//?/`}

// checkPath refuses device names with words of its own: the operating
// system would say something about files.
func checkPath(path string) error {
	for _, prefix := range devicePrefixes {
		if rest, ok := strings.CutPrefix(path, prefix); ok && !isFilePath(rest) {
			return fmt.Errorf("%s: %w: this build opens image files, not devices", path, ErrUnsupported)
		}
	}
	return nil
}

// isFilePath recognises the long forms of a file's path, \\?\C:\disk.img and
// \\?\UNC\server\share\disk.img.
func isFilePath(rest string) bool {
	return len(rest) > 3 && rest[1] == ':' || strings.HasPrefix(strings.ToUpper(rest), `UNC\`)
}

func (f *File) openDevice() error {
	return fmt.Errorf("%s: %w: this build opens image files, not devices", f.path, ErrUnsupported)
}

func checkFileInUse(string) error { return nil }

func lock(*os.File) error { return nil }

// readOnlyError makes a refused permission our own error.
func readOnlyError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

// willNeed has nothing to do: a disk opened as a whole is read past every cache.
func willNeed(*os.File, int64, int64) {}
