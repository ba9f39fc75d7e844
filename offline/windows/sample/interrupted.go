package sample

import (
	"bytes"
	"errors"
	"fmt"

	"hangkit/hive"
)

// Interrupted makes a change to a hive, as a Windows of this generation does, and stops where its
// log holds the change and the hive itself only the note that it is unfinished. It returns the
// hive's file and its log.
func Interrupted(primary []byte, logSize int, g hive.Generation, change func(*hive.Hive) error) (file, log []byte, err error) {
	file, log = bytes.Clone(primary), make([]byte, logSize)
	h, err := hive.Open(hive.Source{Primary: bytes.NewReader(primary), Log1: bytes.NewReader(log)})
	if err != nil {
		return nil, nil, err
	}
	if err := change(h); err != nil {
		return nil, nil, err
	}
	c, err := h.Commit(hive.CommitOptions{Generation: g})
	if err != nil {
		return nil, nil, err
	}
	for _, w := range c.Writes {
		switch w.File {
		case hive.Log1:
			copy(log[w.Off:], w.Data)
		case hive.Primary:
			copy(file[w.Off:], w.Data)
			return file, log, nil
		default:
			return nil, nil, fmt.Errorf("a write to %s", w.File)
		}
	}
	return nil, nil, errors.New("nothing was written to the hive")
}
