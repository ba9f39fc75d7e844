// Package format makes BitLocker volumes for demonstrations and tests. A seed decides
// everything that is random on a real volume, its keys too: what it makes protects nothing.
//
// [Encrypt] turns a volume that holds a file system into one that Windows' own tools would
// have encrypted. BitLocker keeps its metadata and the volume's boot sectors in clusters that
// files claim, so the file system has to be made with [Files] on it first, in one piece each,
// and their places go into [Options].
package format

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/image/bitlocker/internal/crypt"
)

// Sizes of what the file system has to keep free.
const (
	MetadataSize = 64 << 10
	// BootSize is how much of the volume's start is kept elsewhere.
	BootSize = 8 << 10
)

// File is one that claims clusters for BitLocker. It holds zeros.
type File struct {
	Name string
	Size int64
}

// Folder is where Windows puts the files.
const Folder = "System Volume Information"

// Files are those to be made in [Folder]: three for the metadata and one for the boot sectors.
// Windows names them so, by GUIDs that are the same on all volumes.
func Files() []File {
	const metadata = "FVE2.{e40ad34d-dae9-4bc7-95bd-b16218c10f72}"
	return []File{
		{metadata + ".1", MetadataSize}, {metadata + ".2", MetadataSize}, {metadata + ".3", MetadataSize},
		{"FVE2.{c9ca54a3-6983-46b7-8684-a7e5e23499e3}", BootSize},
	}
}

// Areas says where on the volume the [Files] lie.
type Areas struct {
	Metadata [3]int64
	Boot     int64
}

// Options say what the volume is to be like.
type Options struct {
	Method     bitlocker.Method
	SectorSize int // that of the file system's boot sector: 512 or 4096
	Areas      Areas
	Seed       uint64
	Time       time.Time
	// Description is what Windows makes of the computer's name, the drive and the date.
	Description string
	// Used limits what is encrypted, as Windows does on a drive that was empty; what is left
	// out decrypts to noise. It is sorted, as [image.Overlay.Dirty] is; nil is the whole volume.
	Used []image.Range

	// The protectors. Empty ones are not made.
	Password         string
	RecoveryPassword string
	KeyFile          bool // as startup and recovery keys are
	ClearKey         bool // protection is suspended
	TPM              bool // one that nothing opens here
}

// Result is what a user would have kept.
type Result struct {
	KeyFile     []byte // the .BEK file, if there is one
	KeyFileName string
	Protectors  []bitlocker.Protector
}

// Encrypt turns the plain volume on d into an encrypted one.
func Encrypt(ctx context.Context, d image.Disk, o Options) (*Result, error) {
	m, err := newMaker(ctx, d.Size(), o)
	if err != nil {
		return nil, err
	}
	boot := make([]byte, BootSize)
	if _, err := d.ReadAt(boot, 0); err != nil {
		return nil, fmt.Errorf("boot sectors of the file system: %w", err)
	}
	if err := m.encryptUsed(ctx, d); err != nil {
		return nil, err
	}
	header := m.bootSector(boot)
	m.cipher.Encrypt(boot, o.Areas.Boot)
	for _, w := range m.writes(header, boot) {
		if _, err := d.WriteAt(w.data, w.off); err != nil {
			return nil, err
		}
	}
	return &m.result, d.Sync()
}

// maker holds the keys while a volume is made.
type maker struct {
	Options
	size   int64
	random *rand.ChaCha8
	nonces uint32
	vmk    []byte
	fvek   []byte
	cipher crypt.Cipher
	info   []byte // the metadata block
	result Result
}

func newMaker(ctx context.Context, size int64, o Options) (*maker, error) {
	if err := o.check(size); err != nil {
		return nil, err
	}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], o.Seed)
	m := &maker{Options: o, size: size, random: rand.NewChaCha8(seed)}
	m.vmk, m.fvek = m.bytes(vmkSize), m.bytes(o.Method.KeyLen())
	var err error
	if m.cipher, err = crypt.NewCipher(o.Method, m.fvek, o.SectorSize); err != nil {
		return nil, err
	}
	return m, m.build(ctx)
}

// ErrOptions means that no volume can be made so.
var ErrOptions = errors.New("impossible BitLocker volume")

func (o *Options) check(size int64) error {
	if o.SectorSize != 512 && o.SectorSize != 4096 {
		return fmt.Errorf("%w: sectors of %d bytes", ErrOptions, o.SectorSize)
	}
	sector := int64(o.SectorSize)
	for _, r := range o.reserved() {
		if r.Off < BootSize || r.Len > size || r.Off > size-r.Len || r.Off%sector != 0 || size%sector != 0 {
			return fmt.Errorf("%w: %v is no place for metadata on a volume of %d bytes", ErrOptions, r, size)
		}
	}
	return nil
}

// reserved are the areas of BitLocker's own, where nothing is encrypted.
func (o *Options) reserved() []image.Range {
	list := []image.Range{{Off: o.Areas.Boot, Len: BootSize}}
	for _, off := range o.Areas.Metadata {
		list = append(list, image.Range{Off: off, Len: MetadataSize})
	}
	return list
}

// bytes are random ones.
func (m *maker) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = m.random.Read(b) // never fails
	return b
}

// step is how much is encrypted at once.
const step = 1 << 20

// encryptUsed encrypts everything but the boot sectors and the reserved areas.
func (m *maker) encryptUsed(ctx context.Context, d image.Disk) error {
	used := m.Used
	if used == nil {
		used = []image.Range{{Off: 0, Len: m.size}}
	}
	sector := int64(m.SectorSize)
	buf, start := make([]byte, step), int64(BootSize)
	for _, r := range used {
		start = max(start, r.Off-r.Off%sector)
		for end := min(m.size, (r.End()+sector-1)/sector*sector); start < end; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := m.until(start, min(end, start+step))
			if n > 0 {
				if err := m.encryptAt(d, buf[:n], start); err != nil {
					return err
				}
			}
			start += max(n, sector)
		}
	}
	return nil
}

// until is how many bytes before end may be encrypted: none inside a reserved area.
func (m *maker) until(start, end int64) int64 {
	for _, r := range m.reserved() {
		switch {
		case start >= r.Off && start < r.End():
			return 0
		case r.Off > start:
			end = min(end, r.Off)
		}
	}
	return end - start
}

func (m *maker) encryptAt(d image.Disk, b []byte, off int64) error {
	if n, err := d.ReadAt(b, off); n < len(b) {
		return fmt.Errorf("plain volume at 0x%x: %w", off, err)
	}
	m.cipher.Encrypt(b, off)
	_, err := d.WriteAt(b, off)
	return err
}

// write is one to the finished volume.
type write struct {
	off  int64
	data []byte
}

// writes are all that is not the file system's own, the boot sector last.
func (m *maker) writes(header, boot []byte) []write {
	area := make([]byte, MetadataSize)
	copy(area, m.info)
	list := []write{{m.Areas.Boot, boot}}
	for _, off := range m.Areas.Metadata {
		list = append(list, write{off, area})
	}
	return append(list, write{0, header})
}
