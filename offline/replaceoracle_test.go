package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/hive"
	"hangkit/hive/regtext"
	"hangkit/image"
	"hangkit/ntfs/format"
	"hangkit/offline/windows/sample"
)

// growth is a change that a full hive has to grow for.
type growth struct {
	name string
	size int64 // how much at least
	data int   // bytes of the values that are imported; 0 arms instead
}

var growths = []growth{{"arm", 4 << 10, 0}, {"4 KiB", 4 << 10, 1000}, {"256 KiB", 256 << 10, 256 << 10}, {"8 MiB", 8 << 20, 8 << 20}}

// TestOracleReplace grows a hive on volumes of every cluster size, and has every program
// that knows NTFS or the registry judge the volume and the hive: grown, taken back byte
// for byte, grown again, and taken back by its values.
func TestOracleReplace(t *testing.T) {
	needPrograms(t, "ntfscat", "hivexml", "hivexget")
	for _, cluster := range []int{512, 4 << 10, 64 << 10, 2 << 20} {
		for _, g := range growths {
			if !requireOracles() && (cluster != 4<<10 || g.size != 256<<10) {
				continue
			}
			t.Run(fmt.Sprintf("%d, %s", cluster, g.name), func(t *testing.T) {
				t.Parallel()
				img := grownImage(t, cluster)
				old, text := systemOf(t, img), textOf(t, img)
				bytesFile, _ := grow(t, img, g)
				grown := systemOf(t, img)
				if by := int64(len(grown) - len(old)); by < g.size || by > g.size+g.size/32+64<<10 {
					t.Errorf("SYSTEM grew by %d bytes", by)
				} else {
					t.Logf("SYSTEM grew by %d bytes", by)
				}
				judgeVolume(t, img, grown)

				hangkit(t, 0, "undo", img, "--bytes", bytesFile, "--yes")
				if !bytes.Equal(systemOf(t, img), old) {
					t.Error("the old file is not back")
				}
				judgeVolume(t, img, old)

				_, undo := grow(t, img, g)
				hangkit(t, 0, undo...)
				if textOf(t, img) != text {
					t.Error("the values are not as they were")
				}
				judgeVolume(t, img, systemOf(t, img))
			})
		}
	}
}

// grownImage is an image file of a clean volume whose SYSTEM has no room.
func grownImage(t *testing.T, cluster int) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "disk.img")
	disk, err := image.Create(img, 256<<20)
	if err != nil {
		t.Fatal(err)
	}
	var config []format.Entry
	for name, data := range fullFiles(t) {
		config = append(config, format.Entry{Name: name, Data: data})
	}
	err = format.Write(disk, format.Options{Seed: 5, ClusterSize: cluster, Root: []format.Entry{
		{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}}}},
	}})
	if err := errors.Join(err, disk.Close()); err != nil {
		t.Fatal(err)
	}
	return img
}

// grow changes the hive, and returns the file of old bytes and the command that takes the
// change back. hivex must see what was written.
func grow(t *testing.T, img string, g growth) (oldBytes string, undo []string) {
	t.Helper()
	folder := t.TempDir()
	if g.data == 0 {
		doc := replacedArm(t, img)
		for _, c := range doc.Changes {
			checkHivex(t, img, c)
		}
		return doc.OldBytes, []string{"undo", img, "--record", doc.Record, "--yes"}
	}
	back := filepath.Join(folder, "undo.reg")
	out := hangkit(t, 0, "hive", "import", img, bigText(t, g.data), "--yes", "--json", "--undo", back, "--backup", filepath.Join(folder, "backup"))
	var doc hiveEditDocument
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Protocol != protocolReplace {
		t.Fatalf("protocol %s", doc.Protocol)
	}
	checkHivex(t, img, changeJSON{Key: "Small", Name: "small", New: &valueJSON{Type: "REG_DWORD", Data: "07000000"}})
	return doc.OldBytes, []string{"hive", "import", img, back, "--yes", "--undo", filepath.Join(folder, "redo.reg"), "--backup", filepath.Join(folder, "grown")}
}

// hivexLimit is how large a value hivex reads at least, in bytes.
const hivexLimit = 1 << 20

// bigText is a text that sets values of so many bytes in all, and a small one.
func bigText(t *testing.T, size int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "big.reg")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	big := regtext.Key{Path: `HKEY_LOCAL_MACHINE\SYSTEM\Big`}
	for n := 0; size > 0; n++ {
		big.Values = append(big.Values, regtext.Value{Name: fmt.Sprint(n), Type: hive.Binary, Data: bytes.Repeat([]byte{0x5A}, min(size, hivexLimit))})
		size -= hivexLimit
	}
	text := regtext.File{Keys: []regtext.Key{big, {Path: `HKEY_LOCAL_MACHINE\SYSTEM\Small`, Values: []regtext.Value{
		{Name: "small", Type: hive.DWORD, Data: hive.EncodeDWORD(7)},
	}}}}
	if err := errors.Join(text.WriteTo(f, regtext.UTF8), f.Close()); err != nil {
		t.Fatal(err)
	}
	return name
}

// checkHivex demands that hivexget shows a change in the hive that ntfscat gets out.
func checkHivex(t *testing.T, img string, c changeJSON) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "SYSTEM")
	if err := os.WriteFile(name, []byte(command(t, "ntfscat", img, systemName)), 0o600); err != nil {
		t.Fatal(err)
	}
	want, got := hivexLine(t, c), ""
	for l := range strings.Lines(command(t, "hivexget", name, c.Key)) {
		if strings.HasPrefix(l, `"`+c.Name+`"=`) {
			got = strings.TrimSpace(l)
		}
	}
	if got != want {
		t.Errorf("%s: hivexget shows %q, want %q", c.Key, got, want)
	}
}

// systemOf is the SYSTEM file of an image, as we read it.
func systemOf(t *testing.T, img string) []byte {
	t.Helper()
	disk, err := image.Open(img, false)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	return hiveFiles(t, disk, map[string][]byte{"SYSTEM": nil})["SYSTEM"]
}

// textOf is all of an image's SYSTEM hive as a text.
func textOf(t *testing.T, img string) string {
	t.Helper()
	disk, err := image.Open(img, false)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	return hiveText(t, loaded(t, disk))
}

// judgeVolume asks every program about a volume, and those that know the registry about
// its hive, which must be the one that is wanted.
func judgeVolume(t *testing.T, img string, system []byte) {
	t.Helper()
	checkVolume(t, img)
	hangkit(t, 0, "list", img, "--verify-volume")
	hangkit(t, 0, "hive", "check", img)
	data := command(t, "ntfscat", img, systemName)
	if data != string(system) {
		t.Errorf("ntfscat reads %d bytes of SYSTEM, want %d equal ones", len(data), len(system))
	}
	name := filepath.Join(t.TempDir(), "SYSTEM")
	if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "hivexml", name)
}

// TestArmInPlaceBytes: on a volume with a journal to be replayed, of either version, or
// marked dirty, an arm in place changes no byte outside of the clusters of SYSTEM and
// SYSTEM.LOG1.
func TestArmInPlaceBytes(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]format.Options{
		"dirty v1.1 journal": {Log: format.LogDirty}, "v2.0 journal": {Log: format.LogV2},
		"dirty flag":  {Log: format.LogClean, VolumeFlags: format.VolumeDirty},
		"all of that": {Log: format.LogV2, VolumeFlags: format.VolumeDirty | format.VolumeMounted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var layout *format.Layout
			img := makeBroken(t, volumeSpec{files: sampleFiles(t, sample.Client()), options: o, damage: func(b *broken) { layout = b.layout }})
			before := readImage(t, img)
			hangkit(t, 0, "arm", img, "--yes", "--record", filepath.Join(t.TempDir(), "undo.json"))
			changed := map[string]int{}
			for _, r := range changedSectors(before, readImage(t, img)) {
				owner := ownerOf(layout, r)
				changed[owner]++
				t.Logf("0x%08x +0x%x  %s", r.Off, r.Len, owner)
			}
			if changed["SYSTEM"] == 0 || changed["SYSTEM.LOG1"] == 0 || len(changed) != 2 {
				t.Errorf("changed: %v", changed)
			}
		})
	}
}

// changedSectors are the runs of sectors in which two images differ.
func changedSectors(a, b []byte) []image.Range {
	const sector = 512
	var ranges []image.Range
	for off := 0; off < len(a); off += sector {
		if bytes.Equal(a[off:off+sector], b[off:off+sector]) {
			continue
		}
		if n := len(ranges); n > 0 && ranges[n-1].End() == int64(off) {
			ranges[n-1].Len += sector
			continue
		}
		ranges = append(ranges, image.Range{Off: int64(off), Len: sector})
	}
	return ranges
}

// ownerOf names the file whose clusters hold a range.
func ownerOf(layout *format.Layout, r image.Range) string {
	for name, f := range layout.Files {
		for _, e := range f.Extents {
			if e.DeviceOffset <= r.Off && r.End() <= e.DeviceOffset+e.Length {
				return filepath.Base(name)
			}
		}
	}
	return "nobody"
}
