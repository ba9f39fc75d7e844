package image

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// le32 lays out 32-bit numbers as a driver does.
func le32(numbers ...uint32) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

func TestDiskExtents(t *testing.T) {
	t.Parallel()
	two := le32(2, 0,
		0, 0, 0x100000, 0, 0x40000000, 0,
		3, 0, 0, 2, 0, 1)
	got, err := parseDiskExtents(two)
	want := []diskExtent{
		{disk: 0, Range: Range{Off: 1 << 20, Len: 1 << 30}},
		{disk: 3, Range: Range{Off: 2 << 32, Len: 1 << 32}},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if got, err := parseDiskExtents(le32(0, 0)); err != nil || got != nil {
		t.Errorf("no extents: %v, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "half a header": le32(1), "one missing": two[:len(two)-1], "hostile number": le32(0xffffffff, 0),
	} {
		if got, err := parseDiskExtents(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestGeometry(t *testing.T) {
	t.Parallel()
	geometry := func(sector uint32) []byte { return le32(121601, 0, 12, 255, 63, sector, 0x70DA6000, 0x7470) }
	for sector, ok := range map[uint32]bool{512: true, 4096: true, 0: false, 513: false, 256: false, 1 << 31: false} {
		size, got, err := parseGeometry(geometry(sector))
		if (err == nil) != ok || got != int(sector) || size != 0x747070DA6000 {
			t.Errorf("sectors of %d: %d bytes in sectors of %d, %v", sector, size, got, err)
		}
		alignment := le32(1, 28, 0, 0, sector, 4096, 0)
		if got, err := parseAlignment(alignment); (err == nil) != ok || got != int(sector) {
			t.Errorf("sectors of %d: alignment of %d, %v", sector, got, err)
		}
	}
	if _, _, err := parseGeometry(geometry(512)[:31]); !errors.Is(err, ErrFormat) {
		t.Errorf("short geometry: %v", err)
	}
	if _, err := parseAlignment(le32(1, 28, 0, 0)); !errors.Is(err, ErrFormat) {
		t.Errorf("short alignment: %v", err)
	}
}

func TestStorageDevice(t *testing.T) {
	t.Parallel()
	describe := func(vendor, product, serial uint32, texts string) []byte {
		b := append(le32(40, 200, 0x00010000, vendor, product, 0, serial), texts...)
		b[deviceRemovable] = 1
		return b
	}
	for _, c := range []struct {
		name          string
		b             []byte
		model, serial string
	}{
		{"all", describe(28, 37, 50, "ATA     \x00Disk 980 PRO\x00  S5GX \x00"), "ATA Disk 980 PRO", "S5GX"},
		{"no vendor", describe(0, 28, 0, "Disk\x00"), "Disk", ""},
		{"unfinished text", describe(0, 28, 0, "Disk"), "Disk", ""},
		{"texts beyond the end", describe(32, 0xffffffff, 28, "S1\x00"), "", "S1"},
		{"texts in the header", describe(4, 8, 12, ""), "", ""},
	} {
		model, serial, removable := parseStorageDevice(c.b)
		if model != c.model || serial != c.serial || !removable {
			t.Errorf("%s: %q, %q, removable %v", c.name, model, serial, removable)
		}
	}
	if model, serial, removable := parseStorageDevice(le32(40, 200)); model+serial != "" || removable {
		t.Errorf("short: %q, %q, %v", model, serial, removable)
	}
}

// fakeVolumes is a machine with Windows on drive 0, data on drive 1, a volume that spans
// both, and an optical drive.
func fakeVolumes() []volume {
	on := func(disks ...int) []diskExtent {
		var e []diskExtent
		for _, d := range disks {
			e = append(e, diskExtent{disk: d, Range: Range{1 << 20, 1 << 30}})
		}
		return e
	}
	return []volume{
		{name: `\\?\Volume{e}\`, extents: on(0)},
		{name: `\\?\Volume{c}\`, mounts: []string{`C:\`}, extents: on(0)},
		{name: `\\?\Volume{d}\`, mounts: []string{`D:\`, `C:\data\`}, extents: on(1)},
		{name: `\\?\Volume{s}\`, mounts: []string{`S:\`}, extents: on(1, 0)},
		{name: `\\?\Volume{o}\`, mounts: []string{`O:\`}},
	}
}

func TestVolumesBehindDevice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		device deviceName
		want   []string
	}{
		{deviceName{"PhysicalDrive0", 0}, []string{`\\?\Volume{e}\`, `C:\`, `S:\`}},
		{deviceName{"PhysicalDrive1", 1}, []string{`D:\, C:\data\`, `S:\`}},
		{deviceName{"PhysicalDrive2", 2}, nil},
		{deviceName{"c:", notDisk}, []string{`C:\`}},
		{deviceName{"VOLUME{E}", notDisk}, []string{`\\?\Volume{e}\`}},
		{deviceName{"o:", notDisk}, []string{`O:\`}},
		{deviceName{"HarddiskVolume2", notDisk}, nil},
	} {
		var got []string
		for _, v := range behind(fakeVolumes(), c.device) {
			got = append(got, v.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.device.path(), got, c.want)
		}
	}
	if diff := cmp.Diff([]string{`D:\`, `C:\data\`, `S:\`}, mountsOf(fakeVolumes(), deviceName{disk: 1})); diff != "" {
		t.Error(diff)
	}
}

// The disk below the running Windows is never written, the disks beside it may be.
func TestRefuseRunning(t *testing.T) {
	t.Parallel()
	for device, want := range map[deviceName]bool{
		{"PhysicalDrive0", 0}: true, {"C:", notDisk}: true, {"Volume{c}", notDisk}: true,
		{"PhysicalDrive1", 1}: false, {"D:", notDisk}: false, {"Volume{e}", notDisk}: false,
	} {
		err := refuseRunning(device.path(), behind(fakeVolumes(), device), `c:\`)
		var busy *BusyError
		if errors.As(err, &busy) != want || want && (busy.Reason != `this Windows runs from C:\` || busy.Hint() != busy.Remedy) {
			t.Errorf("%s: %v", device.path(), err)
		}
		if err := refuseRunning(device.path(), behind(fakeVolumes(), device), `X:\`); err != nil {
			t.Errorf("%s under Windows PE: %v", device.path(), err)
		}
	}
}

// TestBeginsAt takes no volume for another: not one of several pieces, nor one of another drive.
func TestBeginsAt(t *testing.T) {
	t.Parallel()
	one := volume{extents: []diskExtent{{1, Range{4096, 100}}}}
	two := volume{extents: []diskExtent{{1, Range{4096, 100}}, {1, Range{9000, 100}}}}
	for _, c := range []struct {
		v     volume
		disk  int
		start int64
		want  bool
	}{
		{one, 1, 4096, true}, {one, 0, 4096, false}, {one, 1, 4097, false}, {two, 1, 4096, false}, {volume{}, 0, 0, false},
	} {
		if got := c.v.beginsAt(c.disk, c.start); got != c.want {
			t.Errorf("%v begins at %d of drive %d: %v", c.v.extents, c.start, c.disk, got)
		}
	}
}
