package regtext

import (
	"fmt"
	"io"

	"hangkit/hive"
)

// Export writes a key and all below it as regedit does: each key before those below it, keys and
// values in the hive's order, links as what they are. path is what the key is called in the text,
// with its root: HKEY_LOCAL_MACHINE\SYSTEM.
//
// Where regedit's text says less than the hive, this one says all: strings that are not text with
// one NUL at the end, which regedit cuts at the first NUL, are written as bytes. Keys whose names no
// line can hold are left out with all below them, which the error, a *LeftOutError, says when all
// else is written.
func Export(w io.Writer, k *hive.Key, path string, e Encoding) (Summary, error) {
	var sum Summary
	t, room := newTextWriter(w, e), spaceOf(k.Hive())
	err := walk(k, path, func(k *hive.Key, path string) (bool, error) {
		if !t.key(path, false) {
			return false, nil
		}
		sum.Keys++
		for v, err := range room.take(k) {
			if err != nil {
				return false, fmt.Errorf("key %q: %w", path, err)
			}
			t.value(v)
			sum.Values++
		}
		t.endLine()
		return true, t.err
	})
	if err == nil {
		err = t.close()
	}
	if err != nil {
		return sum, fmt.Errorf("export: %w", err)
	}
	return sum, nil
}
