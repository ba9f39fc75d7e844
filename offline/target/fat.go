package target

import (
	"fmt"

	"hangkit/image/fat"
	"hangkit/ntfs"
)

// fatFS is a FAT volume: the EFI system partition, a stick, an old Windows. It is only read.
type fatFS struct{ *fat.Volume }

// OpenInPlace opens a file that refuses every write.
func (f fatFS) OpenInPlace(name string) (File, error) {
	opened, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := opened.Stat()
	if err != nil {
		return nil, err
	}
	r, ok := opened.(readable)
	if !ok {
		return nil, fmt.Errorf("open %s: not a regular file", name)
	}
	return &fatFile{readable: r, name: name, size: info.Size()}, nil
}
