// Package sampledisk makes the disk of a made-up Windows: partition table, boot store, NTFS with
// registry, page file and, if asked for, what a crash or a suspended Windows left. It is what the
// demonstration, the tests and users play on. There is no Windows on it: it does not boot.
//
// Windows 8.1 and later lie on a GPT as UEFI machines have them:
//
//	EFI system partition  FAT32, \EFI\Microsoft\Boot\BCD
//	Microsoft reserved    empty
//	Windows               NTFS
//
// Windows 7 lies on an MBR behind a small active NTFS volume with \Boot\BCD, and Windows XP and
// Server 2003 on an MBR with one active volume, with boot.ini.
//
// Equal options make equal disks, to the byte.
package sampledisk

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"hangkit/image"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// ErrOptions is what errors about options wrap that make no disk.
var ErrOptions = errors.New("no such sample disk")

// Options describe a disk.
type Options struct {
	// Windows is the installation. What it leaves open is filled in: where its volume and page
	// file are, and the boots that are counted.
	Windows sample.Options
	State   State
	RAM     int64 // of its machine, which the page file's size goes by; 0 = 4 GiB
	// PageFile is its size; 0 = as this Windows would have it, and large enough for the dump.
	PageFile int64
	// DumpSize is about how large a dump is; 0 = 16 MiB. Small dumps have a size of their own.
	DumpSize  int64
	Fragments int    // extents of the file that holds the dump, or else of the page file; 0 = one
	Seed      uint64 // of everything that is random on a real disk
	Time      time.Time
	BitLocker *BitLocker // encrypt the Windows volume
}

const (
	defaultRAM      = 4 << 30
	defaultDumpSize = 16 << 20
	mib             = 1 << 20
)

// MinSize is that of the smallest disk.
const MinSize = 512 * mib

// maxMBR is as much as 32 bits can count in sectors.
const maxMBR = 2 << 40

// DefaultTime is when a disk was made whose options do not say.
var DefaultTime = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// Disk says what was made.
type Disk struct {
	Table    *image.Table
	Windows  image.Partition // where the installation is
	PageFile int64           // bytes
	Dump     *Dump           // nil if there is none
	Unlock   *Secrets        // nil if it is not encrypted
}

// Write makes the disk on d, which must read as zeros.
func Write(d image.Disk, o Options) (*Disk, error) {
	m, err := newMaker(d, o)
	if err != nil {
		return nil, err
	}
	if err := m.write(); err != nil {
		return nil, fmt.Errorf("make sample disk: %w", err)
	}
	return &m.made, d.Sync()
}

// maker is a disk in the making.
type maker struct {
	Options
	disk   image.Disk
	traits traits
	made   Disk
	id     windows.VolumeID // of the Windows volume
}

func newMaker(d image.Disk, o Options) (*maker, error) {
	m := &maker{Options: o, disk: d}
	if m.RAM == 0 {
		m.RAM = defaultRAM
	}
	if m.Time.IsZero() {
		m.Time = DefaultTime
	}
	switch {
	case d.Size() < MinSize:
		return nil, fmt.Errorf("%w: %d bytes are too few, %d are the least", ErrOptions, d.Size(), int64(MinSize))
	case d.Size()%int64(d.SectorSize()) != 0:
		return nil, fmt.Errorf("%w: %d bytes are no whole sectors", ErrOptions, d.Size())
	case m.before(windows.Build81) && d.Size() > maxMBR:
		return nil, fmt.Errorf("%w: this Windows lies on an MBR, which ends at 2 TiB", ErrOptions)
	case o.Fragments < 0 || o.DumpSize < 0 || o.RAM < 0 || o.PageFile < 0:
		return nil, fmt.Errorf("%w: less than nothing", ErrOptions)
	case o.BitLocker != nil && m.before(windows.Build7):
		return nil, fmt.Errorf("%w: this Windows has no BitLocker that hangkit opens", ErrOptions)
	}
	if err := m.settleState(); err != nil {
		return nil, err
	}
	return m, m.settleDump()
}

// UUID is a machine's, made from a seed.
func UUID(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, machineIDs))
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", uint32(a), uint16(a>>32), a>>48&0xfff, b>>48&0xfff, b&(1<<48-1))
}

// Each kind of random numbers is drawn by itself, so that one more changes no other.
const (
	machineIDs uint64 = iota + 1
	diskIDs
	recoveryDigits
	containerIDs
)

// diskSeed numbers the disk and its partitions: no disk signature is zero.
func (m *maker) diskSeed() uint64 {
	return rand.New(rand.NewPCG(m.Seed, diskIDs)).Uint64() | 1
}

func (m *maker) before(build int) bool { return m.Windows.Build < build }
