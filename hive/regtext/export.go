package regtext

import (
	"fmt"
	"io"

	"hangkit/hive"
)

// Export writes a key and all below it as regedit would: each key before those below it, keys and
// values in the hive's order, links as what they are. path is what the key is called in the text,
// with its root: HKEY_LOCAL_MACHINE\SYSTEM. Keys whose names no line can hold are left out, which
// the error, a *LeftOutError, says when all else is written.
func Export(w io.Writer, k *hive.Key, path string, e Encoding) (Summary, error) {
	x := exporter{t: newTextWriter(w, e), seen: map[int64]struct{}{}}
	if err := x.key(k, path); err != nil {
		return x.sum, fmt.Errorf("export: %w", err)
	}
	if err := x.t.close(); err != nil {
		return x.sum, fmt.Errorf("export: %w", err)
	}
	return x.sum, nil
}

type exporter struct {
	t    *textWriter
	seen map[int64]struct{} // keys by offset: a damaged hive may go in circles
	sum  Summary
}

func (x *exporter) key(k *hive.Key, path string) error {
	if _, again := x.seen[k.Offset()]; again {
		return fmt.Errorf("key %q: %w", path, &hive.FormatError{Off: k.Offset(), What: "key", Want: "one place in the tree", Got: "two"})
	}
	x.seen[k.Offset()] = struct{}{}
	if !x.t.key(path, false) {
		return nil
	}
	x.sum.Keys++
	for v, err := range k.Values() {
		if err != nil {
			return fmt.Errorf("key %q: %w", path, err)
		}
		x.t.value(Value{Name: v.Name, Type: v.Type, Data: v.Data})
		x.sum.Values++
	}
	x.t.endLine()
	for child, err := range k.Subkeys() {
		if err != nil {
			return fmt.Errorf("key %q: %w", path, err)
		}
		if err := x.key(child, path+`\`+child.Name()); err != nil {
			return err
		}
	}
	return nil
}
