package ntfs

import (
	"fmt"
	"io"
)

// ReadHibernation tells from a hiberfil.sys, however it was opened, whether a
// suspended Windows still owns its volume.
func ReadHibernation(r io.ReaderAt, size int64) (Hibernation, error) {
	if size < minHiberfil {
		return Hibernated, nil
	}
	magic := make([]byte, hibernateMagic)
	if _, err := r.ReadAt(magic, 0); err != nil {
		return HibernationUnknown, fmt.Errorf("%s: %w", hiberfil, err)
	}
	return hibernationOf(magic), nil
}
