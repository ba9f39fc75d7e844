package target

import (
	"slices"
	"strings"

	"hangkit/image"
)

// Holds tells whether a folder, or the place where it is to be made, lies on the volume
// or on the disk that this target is.
func (t *Target) Holds(dir string) (bool, error) {
	there, err := image.VolumeRoot(dir)
	if err != nil {
		return false, err
	}
	roots, err := t.roots()
	return slices.ContainsFunc(roots, func(root string) bool { return strings.EqualFold(root, there) }), err
}

// roots lists where the volumes of this target are mounted.
func (t *Target) roots() ([]string, error) {
	switch t.Kind {
	case Directory:
		root, err := image.VolumeRoot(t.Name)
		return []string{root}, err
	case Device:
		return image.MountsOf(t.Name)
	case Image, Hive, Archive:
	}
	return nil, nil
}
