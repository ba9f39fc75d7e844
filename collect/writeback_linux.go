package collect

import (
	"os"
	"syscall"
)

// syncFileRangeWrite starts writing dirty pages out without waiting for them
// (sync_file_range(2), SYNC_FILE_RANGE_WRITE).
const syncFileRangeWrite = 2

// startWriteBack lets the disk begin with what has been written to a file, so that
// the flush at the end finds little left to do. It is only a hint: what fails here
// fails again, and is told, at the flush.
func startWriteBack(f outFile, off, n int64) {
	if file, ok := f.(*os.File); ok {
		_ = syscall.SyncFileRange(int(file.Fd()), off, n, syncFileRangeWrite)
	}
}
