package image

import "os"

// OpenPlain opens an ordinary file that holds something else than a disk. For writing
// it must be ours alone, as a disk image must.
func OpenPlain(path string, writable bool) (*os.File, error) {
	f := &File{path: path, writable: writable}
	if err := f.openRegular(); err != nil {
		return nil, err
	}
	return f.file, nil
}
