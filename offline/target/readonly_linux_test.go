package target

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user that owns no file.
const nobody = 65534

// TestReadOnlyLog: a log that may not be written fails the set; a dirty hive would
// otherwise be taken for what it was some changes ago. The test may run as root, who may
// write anything, so this thread becomes somebody else for its look at the files.
func TestReadOnlyLog(t *testing.T) {
	t.Parallel()
	dir, opened := folder(t, Writable, map[string]string{"SYSTEM": "p", "SYSTEM.LOG1": "log"})
	if err := errors.Join(os.Chmod(filepath.Join(dir, "SYSTEM"), 0o666), os.Chmod(filepath.Join(dir, "SYSTEM.LOG1"), 0o444)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this function
		if err := unix.Setfsuid(nobody); err != nil {
			done <- err
			return
		}
		_, err := OpenGrowingHiveSet(opened.Volumes[0].FS, "SYSTEM", false)
		done <- err
	}()
	if err := <-done; !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a log that may not be written: %v, want %v", err, fs.ErrPermission)
	}
}
