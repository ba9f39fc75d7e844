package windowstest

import (
	"testing"

	"hangkit/hive"
	"hangkit/offline/windows/sample"
)

// Interrupted is [sample.Interrupted] for tests.
func Interrupted(tb testing.TB, primary []byte, g hive.Generation, change func(*hive.Hive) error) (file, log []byte) {
	tb.Helper()
	file, log, err := sample.Interrupted(primary, 256<<10, g, change)
	if err != nil {
		tb.Fatal(err)
	}
	return file, log
}
