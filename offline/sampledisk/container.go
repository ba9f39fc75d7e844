package sampledisk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"hangkit/image"
	"hangkit/image/container"
	"hangkit/image/qcow2"
	"hangkit/image/vhd"
	"hangkit/image/vhdx"
)

// Format is the kind of file that a disk lies in.
type Format string

// The formats. Those but raw grow with what is written.
const (
	Raw   Format = "raw"
	VHD   Format = "vhd"
	VHDX  Format = "vhdx"
	QCOW2 Format = "qcow2"
)

// sectorSize is that of every disk made here.
const sectorSize = 512

// Create writes a disk of size bytes to an empty file. Wrap may put something between the disk and
// the file.
func Create(file *os.File, format Format, size int64, o Options, wrap func(image.Disk) image.Disk) (*Disk, error) {
	disk, err := newContainer(file, format, size, o)
	if err != nil {
		return nil, err
	}
	made, err := Write(wrap(disk), o)
	if err != nil {
		return nil, err
	}
	return made, file.Sync()
}

func newContainer(file *os.File, format Format, size int64, o Options) (image.Disk, error) {
	random := rand.NewChaCha8(containerSeed(o.Seed))
	var d *container.Disk
	var err error
	switch s := (storage{file}); format {
	case Raw:
		return rawDisk{s, size}, file.Truncate(size)
	case VHD:
		options := vhd.Options{Size: size, Time: o.Time}
		_, _ = random.Read(options.ID[:]) // never fails
		if err = vhd.Create(s, options); err == nil {
			d, err = vhd.Open(s, nil)
		}
	case VHDX:
		d, err = vhdx.Create(s, vhdx.Options{Size: size, Sector: sectorSize, Random: random})
	case QCOW2:
		d, err = qcow2.Create(s, qcow2.Options{Size: size})
	default:
		return nil, fmt.Errorf("%w: format %q", ErrOptions, format)
	}
	switch {
	case errors.Is(err, container.ErrOutOfBounds), errors.Is(err, container.ErrUnsupported):
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	case err != nil:
		return nil, err
	}
	return containerDisk{d}, nil
}

// containerSeed is what ids of the file itself come from.
func containerSeed(seed uint64) (key [32]byte) {
	binary.LittleEndian.PutUint64(key[:], seed)
	key[8] = byte(containerIDs)
	return key
}

// storage is the file that a container lies in.
type storage struct{ *os.File }

func (s storage) Size() (int64, error) {
	info, err := s.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// rawDisk is a file whose bytes are the disk's.
type rawDisk struct {
	storage
	size int64
}

func (d rawDisk) Size() int64     { return d.size }
func (d rawDisk) SectorSize() int { return sectorSize }

func (d rawDisk) WriteAt(p []byte, off int64) (int, error) {
	if err := container.CheckWrite(len(p), off, d.size); err != nil {
		return 0, err
	}
	return d.storage.WriteAt(p, off)
}

// containerDisk has sectors also where the format does not say.
type containerDisk struct{ *container.Disk }

func (d containerDisk) SectorSize() int { return sectorSize }
