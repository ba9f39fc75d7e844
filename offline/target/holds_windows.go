package target

import (
	"path/filepath"
	"strings"
)

// Holds tells whether a folder lies on the volume that this target is.
func (t *Target) Holds(dir string) (bool, error) {
	if t.Kind != Directory {
		return false, nil
	}
	there, err := filepath.Abs(dir)
	if err != nil {
		return false, err
	}
	here, err := filepath.Abs(t.Name)
	if err != nil {
		return false, err
	}
	return strings.EqualFold(filepath.VolumeName(here), filepath.VolumeName(there)), nil
}
