//go:build !linux

package collect_test

import "testing"

// memoryDir is a folder for many small copies.
func memoryDir(tb testing.TB) string {
	tb.Helper()
	return tb.TempDir()
}
