package sampledisk

import (
	"errors"
	"fmt"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/image/fat/fattest"
	"hangkit/ntfs/format"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// Sizes of the partitions that Windows' setup makes beside its own.
const (
	efiSize       = 100 * mib
	reservedSize  = 16 * mib
	reservedSize8 = 128 * mib // Windows 8.1
	bootSize      = 100 * mib
	unused        = 1 * mib // at either end of the disk
	// logSize is less than Windows takes, so that a sample stays small.
	logSize = 4 * mib
)

// write makes the partitions and what is on them.
func (m *maker) write() (err error) {
	switch {
	case m.before(windows.BuildVista):
		err = m.writeOneVolume()
	case m.before(windows.Build81):
		err = m.writeBIOS()
	default:
		err = m.writeUEFI()
	}
	return err
}

func (m *maker) writeOneVolume() (err error) {
	m.made.Table, err = image.CreateMBR(m.disk, []image.NewPartition{
		{Type: image.TypeMBRNTFS, Size: m.disk.Size() - 2*unused, Active: true},
	}, m.diskSeed())
	if err != nil {
		return err
	}
	return m.writeWindows(1)
}

func (m *maker) writeBIOS() (err error) {
	m.made.Table, err = image.CreateMBR(m.disk, []image.NewPartition{
		{Type: image.TypeMBRNTFS, Size: bootSize, Active: true}, {Type: image.TypeMBRNTFS, Size: m.disk.Size() - bootSize - 2*unused},
	}, m.diskSeed())
	if err != nil {
		return err
	}
	return errors.Join(m.writeWindows(2), m.writeSystemReserved(1))
}

func (m *maker) writeUEFI() (err error) {
	reserved := int64(reservedSize)
	if m.before(windows.Build10) {
		reserved = reservedSize8
	}
	m.made.Table, err = image.CreateGPT(m.disk, []image.NewPartition{
		{Type: image.TypeEFISystem, Name: "EFI system partition", Size: efiSize},
		{Type: image.TypeMSReserved, Name: "Microsoft reserved partition", Size: reserved},
		{Type: image.TypeBasicData, Name: "Basic data partition"},
	}, m.diskSeed())
	if err != nil {
		return err
	}
	return errors.Join(m.writeWindows(3), m.writeESP(1))
}

// open opens a partition, and tells how Windows names it.
func (m *maker) open(number int) (*image.SectionDisk, windows.VolumeID, error) {
	p := m.made.Table.Partitions[number-1]
	id := windows.VolumeID{PartitionGUID: p.GUID, Offset: p.Start, MBRSignature: m.made.Table.DiskSignature}
	section, err := m.made.Table.Open(m.disk, p)
	return section, id, err
}

// bootStore is the BCD of the disk.
func (m *maker) bootStore(efi bool, system windows.VolumeID) ([]byte, error) {
	store, err := sample.BCD(sample.BCDOptions{
		EFI: efi, System: system, Volume: m.id, Windows: m.menuName(), Now: m.Time, Elements: sample.BCDElements{bootMenuPolicy: m.menuPolicy()},
	})
	if err != nil {
		return nil, err
	}
	return store.Bytes()
}

// bootMenuPolicy is legacy before Windows 8, and the standard menu since.
const bootMenuPolicy windows.ElementType = 0x250000C2

func (m *maker) menuPolicy() any {
	if m.before(windows.Build8) {
		return nil
	}
	return 1
}

// menuName is what setup calls the Windows in the boot menu.
func (m *maker) menuName() string {
	switch w := m.Windows; {
	case w.Role != "WinNT":
		return "Windows Server"
	case w.Build >= windows.Build11:
		return "Windows 11"
	case w.Build >= windows.Build10:
		return "Windows 10"
	case w.Build >= windows.Build81:
		return "Windows 8.1"
	}
	return "Windows 7"
}

// writeESP fills the EFI system partition.
func (m *maker) writeESP(number int) error {
	part, id, err := m.open(number)
	if err != nil {
		return err
	}
	store, err := m.bootStore(true, id)
	if err != nil {
		return err
	}
	return fattest.Write(part, part.Size(), fattest.Options{
		Kind: fat.FAT32, Label: "SYSTEM", HiddenSectors: m.sectorsBefore(number), Serial: uint32(m.diskSeed() >> 32),
		Root: []fattest.Entry{{Name: "EFI", Dir: []fattest.Entry{
			{Name: "Boot", Dir: []fattest.Entry{}},
			{Name: "Microsoft", Dir: []fattest.Entry{{Name: "Boot", Dir: []fattest.Entry{
				{Name: "BCD", Data: store}, {Name: "BCD.LOG"},
			}}}},
		}}},
	})
}

// bootLog is how long setup makes the log of a store on NTFS.
const bootLog = 21 << 10

// writeSystemReserved fills the volume that a BIOS machine boots from.
func (m *maker) writeSystemReserved(number int) error {
	part, id, err := m.open(number)
	if err != nil {
		return err
	}
	store, err := m.bootStore(false, id)
	if err != nil {
		return err
	}
	return format.Write(part, format.Options{
		Label: "System Reserved", Seed: m.diskSeed() + 1, Time: m.Time, HiddenSectors: m.sectorsBefore(number), Log: format.LogClean,
		Root: []format.Entry{{Name: "Boot", Dir: []format.Entry{
			{Name: "BCD", Data: store}, {Name: "BCD.LOG", Data: make([]byte, bootLog)}, {Name: "BCD.LOG1"}, {Name: "BCD.LOG2"},
		}}},
	})
}

func (m *maker) sectorsBefore(number int) uint32 {
	return uint32(m.made.Table.Partitions[number-1].Start / int64(m.disk.SectorSize()))
}

// writeWindows fills the volume of the installation.
func (m *maker) writeWindows(number int) error {
	part, id, err := m.open(number)
	if err != nil {
		return err
	}
	m.id, m.made.Windows = id, m.made.Table.Partitions[number-1]
	root, err := m.files(part.Size())
	if err != nil {
		return err
	}
	o := format.Options{
		Label: "Windows", Seed: m.diskSeed(), Time: m.Time, HiddenSectors: m.sectorsBefore(number), SectorSize: m.disk.SectorSize(),
		Log: m.logState(), LogSize: logSize, VolumeFlags: m.volumeFlags(), Torn: m.tornWrites(), Root: root,
	}
	if m.BitLocker != nil {
		return m.writeEncrypted(part, o)
	}
	return volumeError(format.Write(part, o))
}

// volumeError says that a volume cannot be made as it was asked for.
func volumeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, format.ErrOptions), errors.Is(err, format.ErrNoSpace):
		err = fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return fmt.Errorf("volume of Windows: %w", err)
}

// registry builds the hives of the installation.
func (m *maker) registry() (system, software *hive.Hive, err error) {
	o := m.Windows
	o.Volume, o.Now = m.id, m.Time
	if system, err = sample.System(o); err != nil {
		return nil, nil, err
	}
	software, err = sample.Software(o)
	return system, software, err
}
