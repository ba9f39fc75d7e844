package target

import "golang.org/x/sys/unix"

// InMemory tells whether a folder lies in the machine's memory, so that what is written
// there is gone when it is switched off.
func InMemory(dir string) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return false
	}
	return inMemory(int64(st.Type)) //nolint:unconvert // 32 bits on some machines
}

func inMemory(kind int64) bool { return kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC }
