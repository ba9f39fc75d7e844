package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const mib = 1 << 20

// put writes bytes to a disk of the test.
func put(t *testing.T, d Disk, off int64, p []byte) {
	t.Helper()
	if _, err := d.WriteAt(p, off); err != nil {
		t.Fatal(err)
	}
}

// get reads bytes from it.
func get(t *testing.T, d Disk, off int64, n int) []byte {
	t.Helper()
	b, err := readFull(d, off, n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// windowsGPT is a disk like the one Windows setup makes.
func windowsGPT(t *testing.T, sector int) *Memory {
	t.Helper()
	d := NewMemory(64*mib, sector)
	_, err := CreateGPT(d, []NewPartition{
		{Type: TypeEFISystem, Name: "EFI system partition", Size: 8 * mib},
		{Type: TypeMSReserved, Name: "Microsoft reserved partition", Size: mib},
		{Type: TypeBasicData, Name: "Basic data partition"},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rawEntry is one entry of an MBR by its fields.
type rawEntry struct {
	status, kind byte
	first, count uint32
}

// record builds a boot record by hand, wrong ones too.
func record(entries ...rawEntry) bootRecord {
	b := newBootRecord()
	b.setDiskSignature(0xcafe0001)
	for i, e := range entries {
		b.entry(i).set(e.kind, e.first, e.count)
		b.entry(i)[0] = e.status
	}
	return b
}

// disk64 is a disk of 64 MiB with the given sector 0.
func disk64(t *testing.T, sector int, sector0 []byte) *Memory {
	t.Helper()
	d := NewMemory(64*mib, sector)
	put(t, d, 0, sector0)
	return d
}

// bootSector is that of a volume, as far as this package looks.
func bootSector(oem string, sector int) bootRecord {
	b := newBootRecord()
	copy(b, "\xeb\x52\x90"+oem)
	binary.LittleEndian.PutUint16(b[bpbSectorOff:], uint16(sector))
	b[bpbClusterOff] = 8
	return b
}

// text is a table in one line per partition and warning.
func text(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v/%d", t.Scheme, t.SectorSize)
	for _, p := range t.Partitions {
		fmt.Fprintf(&b, "\n%d: %d+%d %s", p.Number, p.Start, p.Size, p.TypeName)
		if p.Bootable {
			b.WriteString(", bootable")
		}
		if p.Logical {
			b.WriteString(", logical")
		}
	}
	for _, w := range t.Warnings {
		b.WriteString("\nwarning: " + w)
	}
	return b.String()
}

// editGPT changes a header and makes its checksum right again.
func editGPT(t *testing.T, d Disk, lba int64, edit func(h []byte)) {
	t.Helper()
	off := lba * int64(d.SectorSize())
	h := get(t, d, off, d.SectorSize())
	edit(h)
	if size := gptHeader(h).headerSize(); int(size) <= len(h) {
		binary.LittleEndian.PutUint32(h[gptHeaderCRCOff:], gptHeader(h).sum())
	}
	put(t, d, off, h)
}

// editEntries changes the array of entries and makes both checksums right.
func editEntries(t *testing.T, d Disk, lba int64, edit func(entries []byte)) {
	t.Helper()
	h := gptHeader(get(t, d, lba*int64(d.SectorSize()), d.SectorSize()))
	off := int64(h.entriesLBA()) * int64(d.SectorSize())
	entries := get(t, d, off, int(h.entryCount()*h.entrySize()))
	edit(entries)
	put(t, d, off, entries)
	editGPT(t, d, lba, func(h []byte) {
		binary.LittleEndian.PutUint32(h[gptEntriesCRCOff:], crc32.ChecksumIEEE(entries))
	})
}

func TestReadTable(t *testing.T) {
	t.Parallel()
	const windows = "\n1: 1048576+8388608 EFI System\n2: 9437184+1048576 Microsoft Reserved\n3: 10485760+55574528 Basic data"
	for _, c := range []struct {
		name string
		disk func() Disk
		want string
	}{
		{"gpt", func() Disk { return windowsGPT(t, 512) }, "GPT/512" + windows},
		{"gpt 4Kn", func() Disk { return windowsGPT(t, 4096) }, "GPT/4096" + windows},
		{"gpt without partitions", func() Disk {
			d := NewMemory(8*mib, 512)
			_, err := CreateGPT(d, nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}, "GPT/512"},
		{"gpt with a header of 512 bytes", func() Disk {
			d := windowsGPT(t, 512)
			editGPT(t, d, 1, func(h []byte) { binary.LittleEndian.PutUint32(h[gptHeaderSizeOff:], 512) })
			return d
		}, "GPT/512" + windows},
		{"gpt with entries of 256 bytes", func() Disk {
			d := windowsGPT(t, 512)
			editEntries(t, d, 1, func(b []byte) {
				copy(b[512:], b[256:384])
				copy(b[256:], b[128:256])
				clear(b[128:256])
				clear(b[384:512])
			})
			editGPT(t, d, 1, func(h []byte) {
				binary.LittleEndian.PutUint32(h[gptEntryCountOff:], 64)
				binary.LittleEndian.PutUint32(h[gptEntrySizeOff:], 256)
			})
			return d
		}, "GPT/512" + windows},
		{"gpt with a primary header damaged", func() Disk {
			d := windowsGPT(t, 512)
			put(t, d, 512+gptDiskGUIDOff, []byte{1, 2, 3})
			return d
		}, "GPT/512" + windows + "\nwarning: the primary GPT is damaged (gpt header: checksum at 0x210: *): its backup at the end of the disk is used"},
		{"gpt with the primary header wiped", func() Disk {
			d := windowsGPT(t, 4096)
			put(t, d, 4096, make([]byte, 4096))
			return d
		}, "GPT/4096" + windows + "\nwarning: the primary GPT is damaged (gpt header: signature at 0x1000: *): its backup at the end of the disk is used"},
		{"gpt with the primary entries damaged", func() Disk {
			d := windowsGPT(t, 512)
			put(t, d, 1024, make([]byte, 300))
			return d
		}, "GPT/512" + windows + "\nwarning: the primary GPT is damaged (gpt entries: checksum at 0x400: *): its backup at the end of the disk is used"},
		{"gpt with 2^32-1 entries", func() Disk {
			d := windowsGPT(t, 512)
			editGPT(t, d, 1, func(h []byte) { binary.LittleEndian.PutUint32(h[gptEntryCountOff:], math.MaxUint32) })
			return d
		}, "GPT/512" + windows + "\nwarning: the primary GPT is damaged (gpt header: number of entries at 0x250: got 4294967295): its backup at the end of the disk is used"},
		{"gpt with entries beyond the disk", func() Disk {
			d := windowsGPT(t, 512)
			editGPT(t, d, 1, func(h []byte) { binary.LittleEndian.PutUint64(h[gptEntriesLBAOff:], math.MaxUint64) })
			return d
		}, "GPT/512" + windows + "\nwarning: the primary GPT is damaged (gpt header: sector of the entries at 0x248: *): its backup at the end of the disk is used"},
		{"gpt with the backup damaged", func() Disk {
			d := windowsGPT(t, 512)
			put(t, d, 64*mib-512, make([]byte, 512))
			return d
		}, "GPT/512" + windows + "\nwarning: the backup GPT is damaged (gpt header: signature at 0x3fffe00: *)"},
		{"gpt on a disk cut short", func() Disk {
			s, err := Section(windowsGPT(t, 512), 0, 32*mib)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}, "GPT/512" + windows + "\nwarning: the table was made for a disk of 131072 sectors, this one has 65536: an image cut short?" +
			"\nwarning: partition 3 ends at 0x3f00000, beyond the end of the disk at 0x2000000"},
		{"gpt on a disk that has grown", func() Disk {
			d := NewMemory(80*mib, 512)
			put(t, d, 0, get(t, windowsGPT(t, 512), 0, 64*mib))
			return d
		}, "GPT/512" + windows + "\nwarning: the table was made for a disk of 131072 sectors, this one has 163840: the disk has grown"},
		{"gpt of a 4Kn disk behind 512-byte sectors", func() Disk {
			d := NewMemory(64*mib, 512)
			put(t, d, 0, get(t, windowsGPT(t, 4096), 0, 64*mib))
			return d
		}, "GPT/4096" + windows + "\nwarning: the table counts in sectors of 4096 bytes, the disk has sectors of 512: an image of another disk?"},
		{"gpt without its mbr", func() Disk {
			d := windowsGPT(t, 512)
			put(t, d, 0, make([]byte, 512))
			return d
		}, "GPT/512" + windows + "\nwarning: the protective MBR in sector 0 is missing: Windows and firmware do not see this table"},
		{"stale gpt behind an mbr", func() Disk {
			d := windowsGPT(t, 512)
			put(t, d, 0, record(rawEntry{0x80, 0x07, 2048, 4096}))
			put(t, d, 512, make([]byte, 512))
			return d
		}, "MBR/512\n1: 1048576+2097152 NTFS or exFAT, bootable"},
		{"hybrid mbr", func() Disk {
			d := windowsGPT(t, 512)
			put(t, d, 0, record(rawEntry{0, 0xee, 1, 2047}, rawEntry{0, 0x0c, 2048, 16384}))
			return d
		}, "GPT/512" + windows + "\nwarning: hybrid MBR: its entry 2, type 0x0c at sector 2048, is ignored in favour of the GPT"},
		{"hybrid mbr without its gpt", func() Disk {
			return disk64(t, 512, record(rawEntry{0, 0xee, 1, 2047}, rawEntry{0, 0x07, 2048, 16384}))
		}, "MBR/512\n2: 1048576+8388608 NTFS or exFAT\nwarning: the MBR announces a GPT, but there is none to be read (*): its own entries are used"},
		{"gpt with bad entries", func() Disk {
			d := windowsGPT(t, 512)
			editEntries(t, d, 1, func(b []byte) {
				binary.LittleEndian.PutUint64(b[gptLastOff:], 2047)                          // empty
				binary.LittleEndian.PutUint64(b[gptMinEntrySize+gptLastOff:], math.MaxInt64) // no disk has it
				copy(b[3*128:], b[2*128:3*128])                                              // overlaps 3
				b[2*128+gptAttributesOff] = gptBIOSBootable
			})
			return d
		}, "GPT/512\n3: 10485760+55574528 Basic data, bootable\n4: 10485760+55574528 Basic data" +
			"\nwarning: partition 1 is empty and is left out" +
			"\nwarning: partition 2 lies at sectors 18432+9223372036854757376, which no disk has, and is left out" +
			"\nwarning: partitions 3 and 4 overlap"},

		{"mbr", func() Disk {
			return disk64(t, 512, record(rawEntry{0x80, 0x07, 2048, 4096}, rawEntry{0, 0x27, 8192, 2048}))
		}, "MBR/512\n1: 1048576+2097152 NTFS or exFAT, bootable\n2: 4194304+1048576 Windows Recovery"},
		{"mbr 4Kn", func() Disk {
			return disk64(t, 4096, record(rawEntry{0x80, 0x07, 256, 512}))
		}, "MBR/4096\n1: 1048576+2097152 NTFS or exFAT, bootable"},
		{"mbr without partitions", func() Disk { return disk64(t, 512, record()) }, "MBR/512"},
		{"mbr with an odd status byte", func() Disk {
			return disk64(t, 512, record(rawEntry{0x81, 0x07, 2048, 4096}))
		}, "MBR/512\n1: 1048576+2097152 NTFS or exFAT, bootable\nwarning: partition 1 has the status byte 0x81, which means nothing"},
		{"mbr with a gap in its entries", func() Disk {
			return disk64(t, 512, record(rawEntry{}, rawEntry{0, 0x42, 63, 1000}))
		}, "MBR/512\n2: 32256+512000 Windows dynamic disk (LDM)"},
		{"mbr of a disk of 2 TiB", func() Disk {
			d := NewMemory(2<<40, 512)
			put(t, d, 0, record(rawEntry{0, 0x07, 8 << 20, math.MaxUint32 - 8<<20}))
			return d
		}, "MBR/512\n1: 4294967296+2194728287744 NTFS or exFAT"},
		{"mbr with partitions off the disk", func() Disk {
			return disk64(t, 512, record(rawEntry{0, 0x07, 2048, 1 << 20}, rawEntry{0, 0x07, 1 << 31, 1}, rawEntry{0, 0x07, 0, 4}, rawEntry{0, 0x07, 7, 0}))
		}, "MBR/512\n1: 1048576+536870912 NTFS or exFAT\n2: 1099511627776+512 NTFS or exFAT\n3: 0+2048 NTFS or exFAT" +
			"\nwarning: partition 3 begins on the partition table itself" +
			"\nwarning: partition 4 is empty and is left out" +
			"\nwarning: partition 1 ends at 0x20100000, beyond the end of the disk at 0x4000000" +
			"\nwarning: partition 2 begins at 0x10000000000, beyond the end of the disk at 0x4000000"},
		{"logical partitions", logicals(t, record(rawEntry{0, 0x07, 100, 50}, rawEntry{0, 0x05, 1000, 500}), record(rawEntry{0, 0x0b, 63, 400})),
			"MBR/512\n5: 1099776+25600 NTFS or exFAT, logical\n6: 1592832+204800 FAT32, logical"},
		{"logical partitions linked in the first entry", logicals(t, record(rawEntry{0, 0x05, 1000, 500}, rawEntry{0, 0x07, 100, 50}), record(rawEntry{0, 0x0b, 63, 400})),
			"MBR/512\n5: 1099776+25600 NTFS or exFAT, logical\n6: 1592832+204800 FAT32, logical"},
		{"empty chain of logical partitions", logicals(t, record(), record()), "MBR/512"},
		{"chain of logical partitions that comes back", logicals(t, record(rawEntry{0, 0x07, 100, 50}, rawEntry{0, 0x05, 1000, 500}), record(rawEntry{0, 0x0b, 63, 400}, rawEntry{0, 0x05, 0, 500})),
			"MBR/512\n5: 1099776+25600 NTFS or exFAT, logical\n6: 1592832+204800 FAT32, logical" +
				"\nwarning: the chain of logical partitions comes back to sector 2048"},
		{"chain of logical partitions broken", logicals(t, record(rawEntry{0, 0x07, 100, 50}, rawEntry{0, 0x05, 1000, 500}), make(bootRecord, 512)),
			"MBR/512\n5: 1099776+25600 NTFS or exFAT, logical" +
				"\nwarning: the chain of logical partitions breaks off: extended boot record at 0x17d1fe: want 55 aa, got 00 00"},
		{"chain of logical partitions off the disk", logicals(t, record(rawEntry{0, 0x05, math.MaxUint32, 500}), record()),
			"MBR/512\nwarning: the chain of logical partitions breaks off: *"},

		{"ntfs on the whole disk", func() Disk { return disk64(t, 512, bootSector(oemNTFS, 512)) },
			"none/512\n1: 0+67108864 NTFS volume"},
		{"ntfs with its error texts", func() Disk {
			b := bootSector(oemNTFS, 512)
			copy(b[430:], "BOOTMGR is compressed\r\nPress Ctrl+Alt+Del to restart\r\n")
			return disk64(t, 512, b)
		}, "none/512\n1: 0+67108864 NTFS volume"},
		{"bitlocker on the whole disk", func() Disk { return disk64(t, 512, bootSector(oemBitLocker, 512)) },
			"none/512\n1: 0+67108864 BitLocker volume"},
		{"bitlocker to go on the whole disk", func() Disk {
			b := bootSector(oemBitLockerToGo, 512)
			copy(b[bitLockerToGoOff:], bitLockerGUID)
			return disk64(t, 512, b)
		}, "none/512\n1: 0+67108864 BitLocker volume"},
		{"fat on the whole disk", func() Disk {
			b := bootSector("MSDOS5.0", 512)
			copy(b[fat32TypeOff:], "FAT32   ")
			return disk64(t, 512, b)
		}, "none/512\n1: 0+67108864 FAT volume"},
		{"exfat on the whole disk", func() Disk {
			b := bootSector(oemExFAT, 0)
			b[exFATShiftOff] = 12
			return disk64(t, 512, b)
		}, "none/512\n1: 0+67108864 exFAT volume"},
		{"table written over the boot sector of a volume", func() Disk {
			b := bootSector(oemNTFS, 512)
			b.entry(0).set(typeNTFS, 2048, 4096)
			return disk64(t, 512, b)
		}, "MBR/512\n1: 1048576+2097152 NTFS or exFAT" +
			"\nwarning: sector 0 also begins like that of an older NTFS volume over the whole disk"},
	} {
		d := c.disk()
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			table, err := ReadTable(d)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(table); !matches(c.want, got) {
				t.Errorf("table (-want +got)\n%s", cmp.Diff(c.want, got))
			}
		})
	}
}

// logicals is a disk with an extended partition at sector 2048 and records
// of its chain there and 1000 sectors behind.
func logicals(t *testing.T, first, second bootRecord) func() Disk {
	t.Helper()
	return func() Disk {
		d := disk64(t, 512, record(rawEntry{0, 0x0f, 2048, 4096}))
		put(t, d, 2048*512, first)
		put(t, d, 3048*512, second)
		return d
	}
}

// matches compares texts; an asterisk stands for anything within a line.
func matches(want, got string) bool {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	if len(w) != len(g) {
		return false
	}
	for i := range w {
		head, tail, wild := strings.Cut(w[i], "*")
		if !wild && w[i] != g[i] || wild && (!strings.HasPrefix(g[i], head) || !strings.HasSuffix(g[i], tail)) {
			return false
		}
	}
	return true
}

func TestReadTableErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		disk Disk
		want error
	}{
		{"empty", NewMemory(0, 512), ErrTruncated},
		{"shorter than a sector", NewMemory(511, 512), ErrTruncated},
		{"one blank sector", NewMemory(512, 512), ErrNoTable},
		{"blank", NewMemory(mib, 512), ErrNoTable},
		{"blank 4Kn", NewMemory(mib, 4096), ErrNoTable},
		{"text", disk64(t, 512, []byte(strings.Repeat("all work and no play ", 40))), ErrNoTable},
		{"protective mbr alone", disk64(t, 512, record(rawEntry{0, 0xee, 1, 131071})), ErrFormat},
		{"protective mbr alone on one sector", func() Disk {
			d := NewMemory(512, 512)
			put(t, d, 0, record(rawEntry{0, 0xee, 1, 1}))
			return d
		}(), ErrFormat},
		{"both copies damaged", func() Disk {
			d := windowsGPT(t, 512)
			put(t, d, 600, []byte{0xff})
			put(t, d, 64*mib-512+60, []byte{0xff})
			return d
		}(), ErrFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if table, err := ReadTable(c.disk); !errors.Is(err, c.want) {
				t.Errorf("got %v, %v; want %v", table, err, c.want)
			}
		})
	}
}

// What cannot be read must not look like an empty disk.
func TestReadTableBadDisk(t *testing.T) {
	t.Parallel()
	_, err := ReadTable(brokenDisk{NewMemory(mib, 512)})
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenDisk struct{ Disk }

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

// More partitions than the bound end in a warning.
func TestLogicalLimit(t *testing.T) {
	t.Parallel()
	d := disk64(t, 512, record(rawEntry{0, 0x0f, 2048, 4096}))
	for i := range uint32(maxLogical + 10) {
		put(t, d, (2048+4*int64(i))*512, record(rawEntry{0, 0x07, 1, 3}, rawEntry{0, 0x05, 4 * (i + 1), 4}))
	}
	table, err := ReadTable(d)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Partitions) != maxLogical || len(table.Warnings) != 1 {
		t.Errorf("%d partitions, warnings %q", len(table.Partitions), table.Warnings)
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	table, err := ReadTable(windowsGPT(t, 512))
	if err != nil {
		t.Fatal(err)
	}
	p := table.Partitions[2]
	if table.DiskGUID != strings.ToUpper(seededGUID(1, 0)) || p.GUID != strings.ToUpper(seededGUID(1, 3)) || p.Name != "Basic data partition" || p.Type != TypeBasicData {
		t.Errorf("disk %s, partition %+v", table.DiskGUID, p)
	}
	table, err = ReadTable(disk64(t, 512, record(rawEntry{0, 0x42, 63, 1000})))
	if err != nil {
		t.Fatal(err)
	}
	if p := table.Partitions[0]; table.DiskSignature != 0xcafe0001 || p.DiskSignature != 0xcafe0001 || p.Type != TypeMBRLDM || !p.Dynamic() {
		t.Errorf("signature %x, partition %+v", table.DiskSignature, p)
	}
}

func TestDynamic(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]bool{
		TypeLDMData: true, TypeLDMMetadata: true, TypeStorageSpaces: true, TypeMBRLDM: true, "0xe7": true,
		TypeBasicData: false, TypeMBRNTFS: false, "": false,
	} {
		if got := (Partition{Type: kind}).Dynamic(); got != want {
			t.Errorf("%q: %v", kind, got)
		}
	}
}

// Our decoder of entries and go-diskfs's agree on what both can read.
func TestDecodersAgree(t *testing.T) {
	t.Parallel()
	for _, sector := range sectorSizes {
		d := windowsGPT(t, sector)
		c, err := readGPTCopy(d, sector, 1)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := c.table(d, sector)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(theirs, c.decode(sector)); diff != "" {
			t.Errorf("sector %d (-go-diskfs +ours)\n%s", sector, diff)
		}
	}
}

// A partition that the image lacks in part can be read as far as it is
// there.
func TestOpenTruncated(t *testing.T) {
	t.Parallel()
	whole := windowsGPT(t, 512)
	d, err := Section(whole, 0, 10*mib+5000)
	if err != nil {
		t.Fatal(err)
	}
	table, err := ReadTable(d)
	if err != nil {
		t.Fatal(err)
	}
	s, err := table.Open(d, table.Partitions[2])
	if err != nil {
		t.Fatal(err)
	}
	if s.Size() != 53*mib || s.Missing() != 53*mib-5000 || s.Offset() != 10*mib {
		t.Errorf("size %d, missing %d, offset %d", s.Size(), s.Missing(), s.Offset())
	}
	for _, c := range []struct {
		off     int64
		n, want int
		err     error
	}{{0, 5000, 5000, nil}, {4000, 2000, 1000, ErrTruncated}, {5000, 1, 0, ErrTruncated}, {20 * mib, 1, 0, ErrTruncated}} {
		if n, err := s.ReadAt(make([]byte, c.n), c.off); n != c.want || !errors.Is(err, c.err) {
			t.Errorf("read %d at %d: %d, %v", c.n, c.off, n, err)
		}
	}
	if n, err := s.WriteAt(make([]byte, 2000), 4000); n != 0 || !errors.Is(err, ErrTruncated) {
		t.Errorf("write: %d, %v", n, err)
	}
	short, err := Section(whole, 0, 5*mib)
	if err != nil {
		t.Fatal(err)
	}
	var lost *TruncatedError
	if _, err := table.Open(short, table.Partitions[2]); !errors.As(err, &lost) || lost.Off != 10*mib || lost.Have != 5*mib {
		t.Errorf("open of a lost partition: %v", err)
	}
}

// smallGPT is a table with two entries in the sectors 0 to 2, right but for
// its checksums.
func smallGPT(sector int) []byte {
	b := make([]byte, 3*sector)
	copy(b, record(rawEntry{0, 0xee, 1, 1000}))
	h := b[sector:]
	copy(h, gptSignature)
	binary.LittleEndian.PutUint32(h[gptRevisionOff:], gptRevision1)
	binary.LittleEndian.PutUint32(h[gptHeaderSizeOff:], gptMinHeaderSize)
	binary.LittleEndian.PutUint64(h[gptMyLBAOff:], 1)
	binary.LittleEndian.PutUint64(h[gptEntriesLBAOff:], 2)
	binary.LittleEndian.PutUint32(h[gptEntryCountOff:], 2)
	binary.LittleEndian.PutUint32(h[gptEntrySizeOff:], gptMinEntrySize)
	copy(b[2*sector:], "0123456789abcdef0123456789abcdef")
	binary.LittleEndian.PutUint64(b[2*sector+gptFirstOff:], 3)
	binary.LittleEndian.PutUint64(b[2*sector+gptLastOff:], 9)
	return b
}

// mend makes the checksums of a primary GPT right where that is possible, so
// that the fuzzer gets past them.
func mend(b []byte, sector int) {
	if len(b) < 3*sector {
		return
	}
	h := gptHeader(b[sector : 2*sector])
	start, size := h.entriesLBA()*uint64(sector), uint64(h.entryCount())*uint64(h.entrySize())
	if end := start + size; end >= start && end <= uint64(len(b)) {
		binary.LittleEndian.PutUint32(h[gptEntriesCRCOff:], crc32.ChecksumIEEE(b[start:end]))
	}
	if n := h.headerSize(); n >= gptMinHeaderSize && int(n) <= sector {
		binary.LittleEndian.PutUint32(h[gptHeaderCRCOff:], h.sum())
	}
}

func FuzzReadTable(f *testing.F) {
	f.Add([]byte{}, uint32(0), false)
	f.Add(smallGPT(512), uint32(mib), false)
	f.Add(smallGPT(4096), uint32(mib), true)
	f.Add([]byte(record(rawEntry{0x80, 0x07, 10, 4}, rawEntry{0, 0x05, 1, 20})), uint32(512), false)
	chain := append(record(rawEntry{0x80, 0x07, 10, 4}, rawEntry{0, 0x05, 1, 20}), record(rawEntry{0, 0x07, 1, 1}, rawEntry{0, 0x05, 1, 1})...)
	f.Add([]byte(append(chain, record(rawEntry{0, 0x07, 1, 1}, rawEntry{0, 0x05, 0, 1})...)), uint32(4096), false)
	f.Add([]byte(bootSector(oemNTFS, 4096)), uint32(5000), true)
	f.Fuzz(func(t *testing.T, b []byte, size uint32, large bool) {
		sector := 512
		if large {
			sector = 4096
		}
		b = b[:min(len(b), int(size))]
		mend(b, sector)
		d := NewMemory(int64(size), sector)
		put(t, d, 0, b)
		guessSectorSize(d, d.Size())
		table, err := ReadTable(d)
		if err != nil {
			return
		}
		for _, p := range table.Partitions {
			if p.Size < 0 || p.Start < 0 || p.End() < p.Start {
				t.Errorf("partition %+v", p)
			}
			if s, err := table.Open(d, p); err == nil && s.Offset()+s.Size()-s.Missing() > d.Size() {
				t.Errorf("partition %+v reaches beyond the disk", p)
			}
		}
	})
}
