package windowstest

import (
	"testing"

	"hangkit/hive"
)

// Interrupted makes a change to a hive, as a Windows of this generation does, and stops where its
// log holds the change and the hive itself only the note that it is unfinished. It returns the
// hive's file and its log.
func Interrupted(tb testing.TB, primary []byte, g hive.Generation, change func(*hive.Hive) error) (file, log []byte) {
	tb.Helper()
	file, log = append(file, primary...), make([]byte, 256<<10)
	h, err := hive.Open(hive.Source{Primary: NewFile(primary), Log1: NewFile(log)})
	if err != nil {
		tb.Fatal(err)
	}
	if err := change(h); err != nil {
		tb.Fatal(err)
	}
	c, err := h.Commit(hive.CommitOptions{Generation: g})
	if err != nil {
		tb.Fatal(err)
	}
	for _, w := range c.Writes {
		switch w.File {
		case hive.Log1:
			copy(log[w.Off:], w.Data)
		case hive.Primary:
			copy(file[w.Off:], w.Data)
			return file, log
		default:
			tb.Fatalf("a write to %s", w.File)
		}
	}
	tb.Fatal("nothing was written to the hive")
	return nil, nil
}
