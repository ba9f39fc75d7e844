package image_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hangkit/image"
	"hangkit/image/imagetest"
)

// windowsParts is what Windows setup makes on a GPT disk.
var windowsParts = []image.NewPartition{
	{Type: image.TypeEFISystem, Name: "EFI system partition", Size: 4 * mib},
	{Type: image.TypeMSReserved, Name: "Microsoft reserved partition", Size: mib},
	{Type: image.TypeBasicData, Name: "Basic data partition"},
}

// oldParts is what an MBR disk had before.
var oldParts = []image.NewPartition{
	{Type: "0x07", Size: 3 * mib, Active: true},
	{Type: "0x07", Size: 2 * mib, Logical: true},
	{Type: "0x0c", Logical: true},
}

type create func(image.Disk) (*image.Table, error)

func gptOf(parts []image.NewPartition, seed uint64) create {
	return func(d image.Disk) (*image.Table, error) { return image.CreateGPT(d, parts, seed) }
}

func mbrOf(parts []image.NewPartition, seed uint64) create {
	return func(d image.Disk) (*image.Table, error) { return image.CreateMBR(d, parts, seed) }
}

// withTable is a disk that has a table.
func withTable(t *testing.T, sector int, c create) (*image.Memory, *image.Table) {
	t.Helper()
	d := image.NewMemory(16*mib, sector)
	table, err := c(d)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Warnings) != 0 {
		t.Fatalf("warnings %q", table.Warnings)
	}
	return d, table
}

func TestCreateReproducible(t *testing.T) {
	t.Parallel()
	for _, c := range []func(seed uint64) create{
		func(seed uint64) create { return gptOf(windowsParts, seed) },
		func(seed uint64) create { return mbrOf(oldParts, seed) },
	} {
		_, first := withTable(t, 512, c(1))
		_, again := withTable(t, 512, c(1))
		_, other := withTable(t, 512, c(2))
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("the same seed differs\n%s", diff)
		}
		if cmp.Equal(first, other) {
			t.Error("another seed makes the same table")
		}
	}
}

// A boot sector that was there before must not make the new disk look like a
// volume.
func TestCreateOverVolume(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]create{"gpt": gptOf(windowsParts, 1), "mbr": mbrOf(oldParts, 1)} {
		d := image.NewMemory(16*mib, 512)
		mustWriteAt(t, d, []byte("\xeb\x52\x90NTFS    \x00\x02\x08"), 0)
		mustWriteAt(t, d, []byte{0x55, 0xaa}, 510)
		table, err := c(d)
		if err != nil || table.Scheme == image.None || len(table.Partitions) != 3 {
			t.Errorf("%s: %+v, %v", name, table, err)
		}
	}
}

// After a power cut at any sector the disk has its old table or the new one.
func TestCreateGPTCrashCuts(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]create{
		"over an mbr": mbrOf(oldParts, 9),
		"over a gpt":  gptOf([]image.NewPartition{{Type: image.TypeBasicData, Name: "before"}}, 9),
	} {
		for _, sector := range []int{512, 4096} {
			base, old := withTable(t, sector, before)
			rec := image.NewRecorder(image.NewOverlay(base))
			now, err := image.CreateGPT(rec, windowsParts, 1)
			if err != nil {
				t.Fatal(err)
			}
			cuts := 0
			for cut, d := range imagetest.Cuts(base, rec.Ops(), sector) {
				table, err := image.ReadTable(d)
				if err != nil {
					t.Errorf("%s, %v: %v", name, cut, err)
					continue
				}
				if !cmp.Equal(table.Partitions, old.Partitions) && !cmp.Equal(table.Partitions, now.Partitions) {
					t.Errorf("%s, %v: neither old nor new: %+v", name, cut, table)
				}
				cuts++
			}
			t.Logf("%s, sectors of %d: %d cuts", name, sector, cuts)
		}
	}
}

// Every call that fails is noticed.
func TestCreateFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]create{"gpt": gptOf(windowsParts, 1), "mbr": mbrOf(oldParts, 1)} {
		for n := range 200 {
			d := imagetest.NewFaulty(image.NewMemory(16*mib, 512), n, imagetest.Any)
			_, err := c(d)
			if (err != nil) != d.Failed() {
				// ReadTable may do without the backup of a GPT.
				if table, errRead := image.ReadTable(d.Disk); errRead != nil || len(table.Partitions) != 3 {
					t.Errorf("%s, call %d: failed %v, error %v", name, n, d.Failed(), err)
				}
			}
			if !d.Failed() {
				t.Logf("%s: %d calls", name, n)
				break
			}
		}
	}
}

func TestCreateErrors(t *testing.T) {
	t.Parallel()
	small := func(p ...image.NewPartition) []image.NewPartition { return p }
	data := image.NewPartition{Type: "0x07", Size: mib}
	logical := image.NewPartition{Type: "0x07", Size: mib, Logical: true}
	for name, c := range map[string]struct {
		create create
		size   int64
		want   error
	}{
		"gpt, no room":         {gptOf(small(image.NewPartition{Type: image.TypeBasicData, Size: 20 * mib}), 1), 16 * mib, image.ErrOutOfBounds},
		"gpt, absurd size":     {gptOf(small(image.NewPartition{Type: image.TypeBasicData, Size: 1<<63 - 1}), 1), 16 * mib, image.ErrOutOfBounds},
		"gpt, negative size":   {gptOf(small(image.NewPartition{Type: image.TypeBasicData, Size: -1}), 1), 16 * mib, image.ErrOutOfBounds},
		"gpt, nothing left":    {gptOf(append(windowsParts, image.NewPartition{Type: image.TypeBasicData}), 1), 16 * mib, image.ErrOutOfBounds},
		"gpt, tiny disk":       {gptOf(windowsParts, 1), 512, image.ErrOutOfBounds},
		"gpt, long name":       {gptOf(small(image.NewPartition{Type: image.TypeBasicData, Name: strings.Repeat("𝄞", 19)}), 1), 16 * mib, image.ErrUnsupported},
		"gpt, no such type":    {gptOf(small(image.NewPartition{Type: "basic"}), 1), 16 * mib, nil},
		"mbr, five entries":    {mbrOf(small(data, data, data, data, data), 1), 16 * mib, image.ErrUnsupported},
		"mbr, type of a gpt":   {mbrOf(windowsParts, 1), 16 * mib, image.ErrUnsupported},
		"mbr, no type":         {mbrOf(small(image.NewPartition{Type: "0"}), 1), 16 * mib, image.ErrUnsupported},
		"mbr, logicals apart":  {mbrOf(small(logical, data, logical), 1), 16 * mib, image.ErrUnsupported},
		"mbr, more than 2 TiB": {mbrOf(small(data), 1), 3 << 40, image.ErrUnsupported},
		"mbr, no room":         {mbrOf(small(logical, logical), 1), 4 * mib, image.ErrOutOfBounds},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := image.NewRecorder(image.NewMemory(c.size, 512))
			table, err := c.create(rec)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %+v, %v; want %v", table, err, c.want)
			}
			if ops := rec.Ops(); len(ops) != 0 {
				t.Errorf("%d writes before the refusal", len(ops))
			}
		})
	}
}

// A disk beyond 2 TiB: its protective entry covers what 32 bits can say.
func TestCreateGPTLarge(t *testing.T) {
	t.Parallel()
	d := image.NewMemory(5<<40, 512)
	table, err := image.CreateGPT(d, []image.NewPartition{{Type: image.TypeBasicData, Size: 3 << 40}, {Type: image.TypeBasicData}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if p := table.Partitions[1]; p.Start != 3<<40+mib || p.End() != 5<<40-mib || len(table.Warnings) != 0 {
		t.Errorf("%+v, warnings %q", p, table.Warnings)
	}
	b := make([]byte, 4)
	if _, err := d.ReadAt(b, 446+12); err != nil || string(b) != "\xff\xff\xff\xff" {
		t.Errorf("protective entry: % x sectors, %v", b, err)
	}
}

// A disk that stops answering gives an error or the right table.
func TestReadTableFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]create{"gpt": gptOf(windowsParts, 1), "mbr": mbrOf(oldParts, 1)} {
		d, want := withTable(t, 512, c)
		for n := range 100 {
			faulty := imagetest.NewFaulty(d, n, imagetest.Any)
			table, err := image.ReadTable(faulty)
			if err == nil && !cmp.Equal(table.Partitions, want.Partitions) && len(table.Warnings) == 0 {
				t.Errorf("%s, call %d: %+v without a word", name, n, table)
			}
			if !faulty.Failed() {
				break
			}
		}
	}
}

func BenchmarkReadTable(b *testing.B) {
	d := image.NewMemory(1<<40, 512)
	if _, err := image.CreateGPT(d, windowsParts, 1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := image.ReadTable(d); err != nil {
			b.Fatal(err)
		}
	}
}
