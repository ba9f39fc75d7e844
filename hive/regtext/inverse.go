package regtext

import (
	"errors"

	"hangkit/hive"
)

// Inverse gives the text that puts back what Apply of this one would change. lost names, one line
// each, what no text can put back.
func (f *File) Inverse(h *hive.Hive, r Resolve) (undo *File, lost []string, err error) {
	return nil, nil, errors.ErrUnsupported
}
