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
	switch f := f.(type) {
	case *os.File:
		_ = syscall.SyncFileRange(int(f.Fd()), off, n, syncFileRangeWrite)
	case *splitFile:
		start := max(off, int64(f.at)*f.part) // earlier parts have been flushed
		startWriteBack(f.cur, start-int64(f.at)*f.part, off+n-start)
	}
}
