//go:build !linux

package collect

// startWriteBack is a hint that only Linux takes.
func startWriteBack(outFile, int64, int64) {}

const keptCached = 0

// forgetFlushed is another.
func forgetFlushed(outFile, int64) {}
