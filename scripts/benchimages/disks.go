//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"time"

	"hangkit/image"
	"hangkit/image/bitlocker"
	encrypt "hangkit/image/bitlocker/format"
	"hangkit/image/container"
	"hangkit/image/qcow2"
	"hangkit/image/vhdx"
	"hangkit/ntfs/format"
)

// recovery unlocks every volume made here. Its groups are multiples of 11, as they have to be.
const recovery = "000011-000022-000033-000044-000055-000066-000077-000088"

const sectorSize = 512

// day is when everything was made.
var day = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// repeated is contents that begin again whenever they end. A cluster packs as it does anywhere:
// what came long before is of no use to deflate.
type repeated []byte

func (r repeated) ReadAt(p []byte, off int64) (int, error) {
	for done := 0; done < len(p); {
		done += copy(p[done:], r[(off+int64(done))%int64(len(r)):])
	}
	return len(p), nil
}

// metadataFolder claims the clusters that BitLocker keeps for itself.
func metadataFolder() format.Entry {
	folder := format.Entry{Name: encrypt.Folder, Dir: []format.Entry{}}
	for _, f := range encrypt.Files() {
		folder.Dir = append(folder.Dir, format.Entry{Name: f.Name, Size: f.Size, Fragments: 1})
	}
	return folder
}

// areas are where the clusters of metadataFolder lie.
func areas(layout *format.Layout) encrypt.Areas {
	var at []int64
	for _, f := range encrypt.Files() {
		at = append(at, layout.Files[path.Join(encrypt.Folder, f.Name)].Extents[0].DeviceOffset)
	}
	return encrypt.Areas{Metadata: [3]int64(at[:3]), Boot: at[3]}
}

// lock encrypts a volume with a metadataFolder, or those ranges of it.
func lock(ctx context.Context, d image.Disk, layout *format.Layout, method bitlocker.Method, used []image.Range) error {
	_, err := encrypt.Encrypt(ctx, d, encrypt.Options{
		Method: method, SectorSize: sectorSize, Areas: areas(layout), Seed: 1, Time: day,
		RecoveryPassword: recovery, Used: used,
	})
	return err
}

// tracked remembers where a disk was written.
type tracked struct {
	image.Disk
	ranges []image.Range
}

func (t *tracked) WriteAt(p []byte, off int64) (int, error) {
	t.ranges = append(t.ranges, image.Range{Off: off, Len: int64(len(p))})
	return t.Disk.WriteAt(p, off)
}

// used are the ranges that were written, in order and apart from each other.
func (t *tracked) used() []image.Range {
	slices.SortFunc(t.ranges, func(a, b image.Range) int { return cmp.Compare(a.Off, b.Off) })
	var apart []image.Range
	for _, r := range t.ranges {
		if last := len(apart) - 1; last >= 0 && r.Off <= apart[last].End() {
			apart[last].Len = max(apart[last].End(), r.End()) - apart[last].Off
		} else {
			apart = append(apart, r)
		}
	}
	return apart
}

// kind is a container, by the name that qemu-img has for it.
type kind struct {
	name   string
	format string
	packed bool // its clusters are compressed, which only qemu-img does
}

var (
	qcow2Kind  = kind{"qcow2", "qcow2", false}
	vhdxKind   = kind{"VHDX", "vhdx", false}
	packedKind = kind{"qcow2, zlib", "qcow2", true}
)

// pack makes an image of a raw one: with qemu-img, which its readers were written for, else
// with our own packages.
func (k kind) pack(ctx context.Context, raw, name string) error {
	if !installed("qemu-img") {
		return k.packOurselves(raw, name)
	}
	args := []string{"qemu-img", "convert", "-f", "raw", "-O", k.format}
	if k.packed {
		args = append(args, "-c")
	}
	return do(ctx, append(args, raw, name)...)
}

func (k kind) packOurselves(raw, name string) (err error) {
	from, err := image.Open(raw, false)
	if err != nil {
		return err
	}
	defer from.Close()
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	to, err := k.create(storage{file}, from.Size())
	if err != nil {
		return fmt.Errorf("create %s: %w", k.name, err)
	}
	if err := copyWhole(from, from.Size(), to); err != nil {
		return err
	}
	return to.Sync()
}

func (k kind) create(s container.Storage, size int64) (*container.Disk, error) {
	if k.format == vhdxKind.format {
		return vhdx.Create(s, vhdx.Options{Size: size, Sector: sectorSize, Random: rand.NewChaCha8([32]byte{})})
	}
	return qcow2.Create(s, qcow2.Options{Size: size})
}

// storage is the file that a container lies in.
type storage struct{ *os.File }

func (s storage) Size() (int64, error) { return s.Seek(0, io.SeekEnd) }
