package collect_test

import (
	"os"
	"syscall"
	"testing"
)

// memoryDir is a folder that need not be flushed to a disk for a thousand small copies,
// where there is such a place with room.
func memoryDir(tb testing.TB) string {
	tb.Helper()
	const place, room = "/dev/shm", 1 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(place, &fs); err != nil || int64(fs.Bavail)*fs.Bsize < room {
		return tb.TempDir()
	}
	dir, err := os.MkdirTemp(place, "hangkit-") //nolint:usetesting // a folder of the tests is on the disk
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
