package bitlocker_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/image/bitlocker/format"
	ntfs "hangkit/ntfs/format"
)

// ntfsVolume is a real file system with room for BitLocker's areas.
func ntfsVolume(t *testing.T, sector int) (*image.Memory, format.Areas) {
	t.Helper()
	const size = 16 << 20
	d := image.NewMemory(size, sector)
	var files []ntfs.Entry
	for _, f := range format.Files() {
		files = append(files, ntfs.Entry{Name: f.Name, Size: f.Size, Fragments: 1})
	}
	layout, err := ntfs.Build(d, ntfs.Options{SectorSize: sector, Seed: 1, Root: []ntfs.Entry{
		{Name: format.Folder, Dir: files},
		{Name: "hello.txt", Data: bytes.Repeat([]byte("plain text inside "), 9000)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var at []int64
	for _, f := range format.Files() {
		at = append(at, layout.Files[path.Join(format.Folder, f.Name)].Extents[0].DeviceOffset)
	}
	return d, format.Areas{Metadata: [3]int64(at[:3]), Boot: at[3]}
}

// toFile writes a disk to a file in a folder of the test's.
func toFile(t *testing.T, d image.Disk) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "volume.img")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, io.NewSectionReader(d, 0, d.Size())); err != nil {
		t.Fatal(err)
	}
	return name
}

// dislocker decrypts a volume with the given way to unlock it.
func dislocker(t *testing.T, volume string, how ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "plain.img")
	args := append([]string{"-V", volume}, how...)
	cmd := exec.CommandContext(t.Context(), program(t, "dislocker-file"), append(args, "--", out)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("dislocker-file %q: %v\n%s", how, err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// asciiPassword is one that dislocker reads as Windows does.
const asciiPassword = "correct horse"

// TestOracleMadeVolumes lets dislocker open what is made here, in every way it knows.
func TestOracleMadeVolumes(t *testing.T) {
	t.Parallel()
	program(t, "dislocker-file")
	for _, method := range allMethods {
		for _, sector := range []int{512, 4096} {
			t.Run(fmt.Sprintf("%v/%d", method, sector), func(t *testing.T) {
				t.Parallel()
				d, areas := ntfsVolume(t, sector)
				plain := contents(t, d)
				o := testOptions(method, sector)
				o.Areas, o.RecoveryPassword, o.Password = areas, testRecovery, asciiPassword
				made, err := format.Encrypt(t.Context(), d, o)
				if err != nil {
					t.Fatal(err)
				}
				bek := filepath.Join(t.TempDir(), made.KeyFileName)
				if err := os.WriteFile(bek, made.KeyFile, 0o600); err != nil {
					t.Fatal(err)
				}
				name := toFile(t, d)
				for _, how := range [][]string{{"-p" + testRecovery}, {"-u" + asciiPassword}, {"-f", bek}} {
					if !bytes.Equal(dislocker(t, name, how...), plain) {
						t.Errorf("%s: decrypts to something else", how[0][:2])
					}
				}
			})
		}
	}
}

// TestOracleWrites writes to volumes that Windows made, and lets dislocker read them.
func TestOracleWrites(t *testing.T) {
	t.Parallel()
	program(t, "dislocker-file")
	if !requireOracles() {
		t.Skip("unpacks 1 GB")
	}
	for _, s := range sampleVolumes {
		if !slices.Contains(writtenSamples, s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			v, d := writeSample(t, s)
			if !bytes.Equal(dislocker(t, toFile(t, d), "-p"+s.secrets[1]), contents(t, v)) {
				t.Error("dislocker reads something else")
			}
		})
	}
}

// writtenSamples are one for each method, large sectors, and To Go.
var writtenSamples = []string{
	"bitlk-aes-cbc-128.img.gz", "bitlk-aes-cbc-256.img.gz", "bitlk-aes-cbc-elephant-128.img.gz", "bitlk-aes-cbc-elephant-256.img.gz",
	"bitlk-aes-xts-128-4k.img.gz", "bitlk-aes-xts-256.img.gz", "bitlk-togo-aes-xts-128.img.gz",
}

// writeSample writes to a sample at odd places: in the relocated boot sectors, across their
// end, and further on.
func writeSample(t *testing.T, s sampleVolume) (*bitlocker.Volume, image.Disk) {
	t.Helper()
	d := image.NewOverlay(unpack(t, s.name))
	locked, err := bitlocker.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := bitlocker.ParseSecret(s.secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	v, err := locked.Unlock(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	before := contents(t, v)
	for _, off := range []int64{100, 8192 - 3000, 1 << 20, 7<<20 + 4095} {
		p := bytes.Repeat([]byte("written "), 1000)
		copy(before[off:], p)
		if n, err := v.WriteAt(p, off); n != len(p) || err != nil {
			t.Fatalf("write at 0x%x: %d, %v", off, n, err)
		}
	}
	if !bytes.Equal(contents(t, v), before) {
		t.Error("reads otherwise than it was written")
	}
	return v, d
}

// TestOracleBdeinfo lets libbde read the metadata of volumes made here and unlock them.
func TestOracleBdeinfo(t *testing.T) {
	t.Parallel()
	for _, method := range allMethods {
		if method == bitlocker.XTS256 {
			continue // unknown to Debian's version
		}
		d, areas := ntfsVolume(t, 512)
		o := testOptions(method, 512)
		o.Areas, o.RecoveryPassword = areas, testRecovery
		if _, err := format.Encrypt(t.Context(), d, o); err != nil {
			t.Fatal(err)
		}
		text, err := exec.CommandContext(t.Context(), program(t, "bdeinfo"), "-r", testRecovery, toFile(t, d)).CombinedOutput()
		if err != nil || bytes.Contains(text, []byte("is locked")) || !bytes.Contains(text, []byte(o.Description)) {
			t.Errorf("%v: %v\n%s", method, err, text)
		}
	}
}
