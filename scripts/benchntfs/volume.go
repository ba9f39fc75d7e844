//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"hangkit/image"
	"hangkit/ntfs/format"
)

const (
	fileName   = "pagefile.sys"
	fileSize   = 2 << 30
	volumeSize = 4 << 30
	manyPieces = 20_000
)

// volume is an image of one NTFS volume with the file in it.
type volume struct {
	image  string
	pieces int
	record int64 // of the file in $MFT
	start  int64 // of as many bytes of the image in one piece: the file, if it is in one
	file   *os.File
	digest [sha256.Size]byte // of the contents
}

// numbers is contents that differ everywhere: each 8 bytes are a hash of where they lie.
type numbers struct{}

func (numbers) ReadAt(p []byte, off int64) (int, error) {
	var word [8]byte
	for done := 0; done < len(p); {
		at := off + int64(done)
		x := uint64(at/8) * 0x9e3779b97f4a7c15
		binary.LittleEndian.PutUint64(word[:], x^x>>29)
		done += copy(p[done:], word[at%8:])
	}
	return len(p), nil
}

// makeVolume makes an image whose space is there from the start, so that the disk
// below has it in one piece, whatever order it is written in.
func makeVolume(dir string, pieces int) (v *volume, err error) {
	v = &volume{image: filepath.Join(dir, fmt.Sprintf("%d.img", pieces)), pieces: pieces}
	disk, err := image.Create(v.image, volumeSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	if err := allocate(v.image); err != nil {
		return nil, err
	}
	layout, err := format.Build(disk, format.Options{Seed: 1, Root: []format.Entry{
		{Name: fileName, Content: numbers{}, Size: fileSize, Fragments: pieces},
	}})
	if err != nil {
		return nil, err
	}
	file := layout.Files[fileName]
	if len(file.Extents) != pieces {
		return nil, fmt.Errorf("the file is in %d pieces, not %d", len(file.Extents), pieces)
	}
	v.record = file.Record
	if pieces == 1 {
		v.start = file.Extents[0].DeviceOffset
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(numbers{}, 0, fileSize)); err != nil {
		return nil, err
	}
	v.digest = [sha256.Size]byte(hash.Sum(nil))
	v.file, err = os.Open(v.image)
	return v, errors.Join(err, disk.Sync())
}

func allocate(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fallocate(int(f.Fd()), 0, 0, volumeSize)
}

// forget drops the image from the page cache.
func (v *volume) forget() error {
	return unix.Fadvise(int(v.file.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// remember puts the image into the page cache.
func (v *volume) remember() error {
	_, err := io.Copy(io.Discard, io.NewSectionReader(v.file, 0, volumeSize))
	return err
}
