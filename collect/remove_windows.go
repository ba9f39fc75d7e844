package collect

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// errorInvalidFunction is what a file system answers to a request that it does not know.
const errorInvalidFunction = syscall.Errno(1)

// removeFrom removes a file or an empty folder of root. Folders that a virtual machine's host
// shares, and Wine's, do not know the request by which os.Root removes (class
// FileDispositionInformationEx): there it goes by its path, as os.Remove does. The names that
// are removed are those we gave.
func removeFrom(root *os.Root, name string) error {
	err := root.Remove(name)
	if !errors.Is(err, errorInvalidFunction) {
		return err
	}
	return os.Remove(filepath.Join(root.Name(), filepath.FromSlash(name)))
}
