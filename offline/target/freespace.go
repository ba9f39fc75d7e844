package target

import "os"

// FreeSpace is the number of free bytes on the file system that holds a folder.
func FreeSpace(dir string) (int64, error) {
	f, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return freeBytes(f)
}

// fatFileLimit is what FAT's 32 bits for a file's size can say.
const fatFileLimit = 1<<32 - 1
