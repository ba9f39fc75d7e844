package offline

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/ntfs/format"
	"hangkit/offline/windows/sample"
)

// volumeSpec is a made-up disk that something is wrong with.
type volumeSpec struct {
	options format.Options
	files   map[string][]byte // in Windows/System32/config
	root    []format.Entry    // beside Windows
	damage  func(d *broken)   // after it was written
}

// broken gives a damage what it needs to find its place.
type broken struct {
	t      *testing.T
	disk   image.Disk
	layout *format.Layout
}

// poke overwrites bytes of the disk.
func (b *broken) poke(off int64, data ...byte) {
	b.t.Helper()
	if _, err := b.disk.WriteAt(data, off); err != nil {
		b.t.Fatal(err)
	}
}

// record is where a file's MFT record lies.
func (b *broken) record(name string) int64 {
	mft := b.layout.Files["$MFT"].Extents[0]
	return mft.DeviceOffset + b.layout.Files[name].Record*int64(b.layout.RecordSize)
}

// content is where a file's first byte lies.
func (b *broken) content(name string) int64 {
	b.t.Helper()
	f, ok := b.layout.Files[name]
	if !ok || len(f.Extents) == 0 {
		b.t.Fatalf("%s has no clusters", name)
	}
	return f.Extents[0].DeviceOffset
}

const systemName = "Windows/System32/config/SYSTEM"

// makeBroken writes the disk as an image file.
func makeBroken(t *testing.T, s volumeSpec) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "disk.img")
	disk, err := image.Create(img, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	var config []format.Entry
	for name, data := range s.files {
		config = append(config, format.Entry{Name: name, Data: data})
	}
	s.options.Seed = 3
	s.options.Root = append(slices.Clip(s.root), format.Entry{Name: "Windows", Dir: []format.Entry{
		{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}},
	}})
	layout, err := format.Build(disk, s.options)
	if err != nil {
		t.Fatal(err)
	}
	if s.damage != nil {
		s.damage(&broken{t, disk, layout})
	}
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
	return img
}

// TestRefusals: each bad input ends in one clear error with the right exit status,
// and arm leaves every byte as it was.
func TestRefusals(t *testing.T) {
	t.Parallel()
	good := sampleFiles(t, sample.Client())
	with := func(name string, data []byte) map[string][]byte {
		files := maps.Clone(good)
		files[name] = data
		return files
	}
	changed := func(off int, b ...byte) map[string][]byte {
		data := bytes.Clone(good["SYSTEM"])
		copy(data[off:], b)
		return with("SYSTEM", data)
	}
	tests := map[string]struct {
		spec   volumeSpec
		status int
		words  string
	}{
		"hibernated":        {volumeSpec{files: good, root: []format.Entry{{Name: "hiberfil.sys", Data: append([]byte("HIBR"), make([]byte, 8192)...)}}}, 4, "suspended Windows"},
		"resume begun":      {volumeSpec{files: good, root: []format.Entry{{Name: "hiberfil.sys", Data: append([]byte("RSTR"), make([]byte, 8192)...)}}}, 4, "suspended Windows"},
		"short hiberfil":    {volumeSpec{files: good, root: []format.Entry{{Name: "hiberfil.sys", Data: make([]byte, 100)}}}, 4, "suspended Windows"},
		"dirty, empty logs": {volumeSpec{files: changed(4, 9, 9)}, 4, "log"},
		"not a hive":        {volumeSpec{files: with("SYSTEM", bytes.Repeat([]byte("no hive "), 4096))}, 5, "SYSTEM"},
		"empty hive":        {volumeSpec{files: with("SYSTEM", nil)}, 5, "SYSTEM"},
		"hive cut short":    {volumeSpec{files: with("SYSTEM", good["SYSTEM"][:9000])}, 5, "SYSTEM"},
		"hive bin damaged":  {volumeSpec{files: changed(4096, 'x', 'x', 'x', 'x')}, 5, "hive bin"},
		"root cell damaged": {volumeSpec{files: changed(36, 0xff, 0xff, 0, 0)}, 4, "log"},
		"resident hive":     {volumeSpec{files: with("SYSTEM", []byte("regf"))}, 5, "SYSTEM"},
		"mirror differs": {volumeSpec{files: good, damage: func(d *broken) {
			d.poke(d.content("$MFTMirr")+3*1024+100, 0x77)
		}}, 4, "mirror"},
		"MFT record torn": {volumeSpec{files: good, damage: func(d *broken) {
			d.poke(d.record(systemName)+510, 0xAA, 0xAA)
		}}, 5, "record"},
		"MFT record gone": {volumeSpec{files: good, damage: func(d *broken) {
			d.poke(d.record(systemName), make([]byte, 1024)...)
		}}, 5, "record"},
		"root directory torn": {volumeSpec{files: good, damage: func(d *broken) {
			d.poke(d.record("$MFT")+5*1024+510, 0xAA, 0xAA)
		}}, 5, "record"},
		"cluster marked free": {volumeSpec{files: good, damage: func(d *broken) {
			bitmap := d.content("$Bitmap")
			cluster := d.content(systemName) / int64(d.layout.ClusterSize)
			d.poke(bitmap+cluster/8, 0, 0, 0)
		}}, 4, "in place"},
		"boot sector gone": {volumeSpec{files: good, damage: func(d *broken) {
			d.poke(0, make([]byte, 512)...)
		}}, 5, "no partition table"},
		"boot sector nonsense": {volumeSpec{files: good, damage: func(d *broken) {
			d.poke(11, 0x03, 0x07)
		}}, 5, "boot sector"},
		"BitLocker": {volumeSpec{files: good, damage: func(d *broken) {
			d.poke(3, []byte("-FVE-FS-")...)
		}}, 4, "BitLocker"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := makeBroken(t, tt.spec)
			before := fileDigest(t, img)
			text := refused(t, tt.status, "arm", img, "--yes", "--record", filepath.Join(t.TempDir(), "undo.json"))
			for _, want := range []string{"hangkit: error: ", tt.words, "nothing was changed"} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing in: %s", want, text)
				}
			}
			if fileDigest(t, img) != before {
				t.Error("the image was changed")
			}
		})
	}
}

// TestDirtyJournalIsNoReason: every machine that crashed has one.
func TestDirtyJournalIsNoReason(t *testing.T) {
	t.Parallel()
	for _, log := range []format.LogState{format.LogDirty, format.LogV2, format.LogGarbage} {
		t.Run(log.String(), func(t *testing.T) {
			t.Parallel()
			img := makeBroken(t, volumeSpec{files: sampleFiles(t, sample.Client()), options: format.Options{Log: log, VolumeFlags: format.VolumeDirty}})
			hangkit(t, 0, "arm", img, "--yes", "--record", filepath.Join(t.TempDir(), "undo.json"))
		})
	}
}

// TestCheckVolume: what arm would refuse or ought to know, check says.
func TestCheckVolume(t *testing.T) {
	t.Parallel()
	files := sampleFiles(t, sample.Client())
	tests := map[string]struct {
		spec volumeSpec
		want string
	}{
		"hibernated": {volumeSpec{files: files, root: []format.Entry{{Name: "hiberfil.sys", Data: append([]byte("HIBR"), make([]byte, 8192)...)}}}, "BLOCK   A02"},
		"dirty":      {volumeSpec{files: files, options: format.Options{VolumeFlags: format.VolumeDirty}}, "RISK    A03"},
		"dump waits": {volumeSpec{files: files, root: []format.Entry{{Name: "pagefile.sys", Data: append([]byte("PAGEDU64"), make([]byte, 1<<20)...)}}}, "C32"},
		"old dump":   {volumeSpec{files: files, root: []format.Entry{{Name: "DUMP0a1b.tmp", Data: append([]byte("PAGEDU64"), make([]byte, 1<<20)...)}}}, "C31"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := hangkit(t, 7, "check", makeBroken(t, tt.spec), "--ram", "8G", "--verbose")
			if !strings.Contains(out, tt.want) {
				t.Errorf("%q is missing in: %s", tt.want, out)
			}
		})
	}
}

// TestOracleWholeDiskDevice goes the way of a block device, and refuses a mounted one.
func TestOracleWholeDiskDevice(t *testing.T) {
	needPrograms(t, "losetup", "ntfs-3g", "umount")
	img := makeBroken(t, volumeSpec{files: sampleFiles(t, sample.Client())})
	device := strings.TrimSpace(command(t, "losetup", "-f", "--show", img))
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", device).Run() })
	record := filepath.Join(t.TempDir(), "undo.json")

	volume := mount(t, device)
	text := refused(t, 4, "arm", device, "--yes", "--record", record)
	if !strings.Contains(text, "in use") {
		t.Errorf("a mounted device: %s", text)
	}
	volume.unmount(t)

	refusedOrReady := hangkit(t, 0, "arm", device, "--yes", "--record", record)
	if !strings.Contains(refusedOrReady, "Written and read back") {
		t.Errorf("arm of a device: %s", refusedOrReady)
	}
	hangkit(t, 0, "undo", device, "--yes")
}

// TestOrdinaryErrors are those that need more than a damaged volume.
func TestOrdinaryErrors(t *testing.T) {
	t.Parallel()
	files := sampleFiles(t, sample.Client())
	two := makeBroken(t, volumeSpec{files: files, root: []format.Entry{{Name: "WINNT", Dir: []format.Entry{
		{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: []format.Entry{{Name: "SYSTEM", Data: files["SYSTEM"]}}}}},
	}}}})
	text := refused(t, 80, "check", two)
	if !strings.Contains(text, "--install 1") || !strings.Contains(text, "--install 2") {
		t.Errorf("two installations: %s", text)
	}
	none := makeBroken(t, volumeSpec{})
	refused(t, 6, "check", none)
}

// refused runs a command that must fail with this status and returns what it said.
func refused(t *testing.T, status int, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if got := Main(args, strings.NewReader(""), &out, &errOut); got != status {
		t.Errorf("hangkit %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, status, &out, &errOut)
	}
	return errOut.String()
}

func fileDigest(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
