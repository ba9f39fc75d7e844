package collect

import (
	"os"
	"syscall"
)

// Of sync_file_range(2) and posix_fadvise(2): begin to write dirty pages out; forget
// the clean ones.
const (
	syncFileRangeWrite = 2
	fadviseDontNeed    = 4
)

// keptCached is how much of an output stays in the page cache. A dump may be larger than
// the memory of the machine it is collected on: what lies further back is forgotten, so
// that the rest of the rescue system need not be read from its stick again. What is read of
// the disk stays: pages that were read once make way by themselves.
const keptCached = 64 << 20

// startWriteBack lets the disk begin with what has been written to a file, so that
// the flush at the end finds little left to do, and forgets what it is done with. Both are
// only hints: what fails here fails again, and is told, at the flush.
func startWriteBack(f outFile, off, n int64) {
	switch f := f.(type) {
	case *os.File:
		_ = syscall.SyncFileRange(int(f.Fd()), off, n, syncFileRangeWrite)
		forget(f, off-keptCached, n)
	case *splitFile:
		start := max(off, int64(f.at)*f.part) // earlier parts have been flushed
		startWriteBack(f.cur, start-int64(f.at)*f.part, off+n-start)
	}
}

// forgetFlushed forgets a file that was flushed, but for so many bytes at its end.
func forgetFlushed(f outFile, kept int64) {
	switch f := f.(type) {
	case *os.File:
		if info, err := f.Stat(); err == nil {
			forget(f, 0, info.Size()-kept)
		}
	case *splitFile:
		forgetFlushed(f.cur, kept)
	}
}

// forget drops the clean pages of a range from the page cache.
func forget(f *os.File, off, n int64) {
	if n = min(n, off+n); n <= 0 {
		return // a length of 0 would mean all of the file
	}
	_, _, _ = syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), uintptr(max(off, 0)), uintptr(n), fadviseDontNeed, 0, 0)
}
