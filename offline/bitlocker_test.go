package offline

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/bitlocker"
	encrypt "hangkit/image/bitlocker/format"
	"hangkit/image/wim"
	"hangkit/ntfs/format"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows/sample"
)

// encrypted is a disk of one BitLocker volume with Windows on it.
type encrypted struct {
	disk  *image.Memory
	areas encrypt.Areas
	*encrypt.Result
}

// encryptedVolume is testVolume under BitLocker. Only what the file system wrote is encrypted.
func encryptedVolume(t *testing.T, files map[string][]byte, o encrypt.Options) encrypted {
	t.Helper()
	e := encrypted{disk: image.NewMemory(64<<20, 512)}
	plain := image.NewOverlay(e.disk)
	var config, fve []format.Entry
	for name, data := range files {
		config = append(config, format.Entry{Name: name, Data: data})
	}
	for _, f := range encrypt.Files() {
		fve = append(fve, format.Entry{Name: f.Name, Size: f.Size, Fragments: 1})
	}
	layout, err := format.Build(plain, format.Options{Seed: 1, Root: []format.Entry{
		{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}}}},
		{Name: encrypt.Folder, Dir: fve},
		{Name: "pagefile.sys", Size: 4 << 20},
	}})
	if err != nil {
		t.Fatal(err)
	}
	copyRanges(t, e.disk, plain, plain.Dirty())
	var at []int64
	for _, f := range encrypt.Files() {
		at = append(at, layout.Files[path.Join(encrypt.Folder, f.Name)].Extents[0].DeviceOffset)
	}
	e.areas = encrypt.Areas{Metadata: [3]int64(at[:3]), Boot: at[3]}
	o.SectorSize, o.Areas, o.Used, o.Seed, o.Description = 512, e.areas, plain.Dirty(), 5, "DEAD C: 11/21/2026"
	if e.Result, err = encrypt.Encrypt(t.Context(), e.disk, o); err != nil {
		t.Fatal(err)
	}
	return e
}

func copyRanges(t *testing.T, to, from image.Disk, ranges []image.Range) {
	t.Helper()
	for _, r := range ranges {
		b := make([]byte, r.Len)
		if _, err := from.ReadAt(b, r.Off); err != nil {
			t.Fatal(err)
		}
		if _, err := to.WriteAt(b, r.Off); err != nil {
			t.Fatal(err)
		}
	}
}

// file writes the disk to a file, beside which lies its key file.
func (e encrypted) file(t *testing.T) (img, bek string) {
	t.Helper()
	dir := t.TempDir()
	img, bek = filepath.Join(dir, "disk.img"), filepath.Join(dir, e.KeyFileName)
	f, err := image.Create(img, e.disk.Size())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	copyRanges(t, f, e.disk, []image.Range{{Off: 0, Len: e.disk.Size()}})
	if err := os.WriteFile(bek, e.KeyFile, 0o600); err != nil {
		t.Fatal(err)
	}
	return img, bek
}

// TestBitLockerCommands goes the whole way on a locked volume: told what opens it, refused
// without a key, and with it armed and put back.
func TestBitLockerCommands(t *testing.T) {
	t.Parallel()
	e := encryptedVolume(t, sampleFiles(t, sample.Client()), encrypt.Options{Method: bitlocker.XTS128, KeyFile: true, TPM: true})
	img, bek := e.file(t)
	key := []string{"--bitlocker-key", bek}
	before := fileDigest(t, img)

	out := hangkit(t, 0, "list", img)
	for _, want := range append(keyIDs(e.Protectors), "locked, AES-XTS 128, DEAD C:", "TPM", "startup or recovery key file") {
		if !strings.Contains(out, want) {
			t.Errorf("list does not say %q:\n%s", want, out)
		}
	}
	for _, want := range []string{"locked by BitLocker", "--bitlocker-key FILE", e.Protectors[0].ID.String()} {
		if text := refused(t, 4, "check", img); !strings.Contains(text, want) {
			t.Errorf("check without a key does not say %q:\n%s", want, text)
		}
	}
	wrong := filepath.Join(t.TempDir(), "typo.txt")
	if err := os.WriteFile(wrong, []byte("482548-408683-386024-032725-083754-344718-228228-361845\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := refused(t, 80, "check", img, "--bitlocker-key", wrong); !strings.Contains(text, "group 3") || strings.Contains(text, "386024") {
		t.Errorf("a mistyped key: %s", text)
	}
	refused(t, 6, "check", img, "--bitlocker-key", filepath.Join(t.TempDir(), "none"))

	out = hangkit(t, 0, append(key, "list", img)...)
	if !strings.Contains(out, "unlocked, AES-XTS 128") || !strings.Contains(out, "[1] Windows") || !strings.Contains(out, "NTFS") {
		t.Errorf("list with the key:\n%s", out)
	}
	hangkit(t, 0, append(key, "list", img, "--verify-volume")...)
	if fileDigest(t, img) != before {
		t.Fatal("the image was changed by reading")
	}
	record := filepath.Join(t.TempDir(), "undo.json")
	hangkit(t, 0, append(key, "arm", img, "--yes", "--ram", "2M", "--dump", "small", "--record", record)...)
	if fileDigest(t, img) == before {
		t.Fatal("arm wrote nothing")
	}
	if out := refusedOrNot(t, append(key, "check", img, "--ram", "2M", "--json")); !strings.Contains(out, "hangkit arm "+img+" --bitlocker-key "+bek) {
		t.Errorf("the next command lacks the key:\n%s", out)
	}
	if out := refusedOrNot(t, append(key, "check", img, "--ram", "2M")); !strings.Contains(out, "A01") || !strings.Contains(out, "encrypted with BitLocker") {
		t.Errorf("check with the key:\n%s", out)
	}
	hangkit(t, 0, append(key, "undo", img, "--yes")...)
	e.sameFrame(t, img)
}

// TestLockedNeighbour: what a locked volume holds is not known, so nothing is written beside it
// unless that is accepted or it is unlocked.
func TestLockedNeighbour(t *testing.T) {
	t.Parallel()
	locked := encryptedVolume(t, sampleFiles(t, sample.Client()), encrypt.Options{Method: bitlocker.XTS128, KeyFile: true, TPM: true})
	plain := testVolume(t, sampleFiles(t, sample.Client()))
	disk := image.NewMemory(256<<20, 512)
	table, err := image.CreateGPT(disk, []image.NewPartition{
		{Type: image.TypeBasicData, Name: "a", Size: plain.Size()}, {Type: image.TypeBasicData, Name: "b", Size: locked.disk.Size()},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, from := range []image.Disk{plain, locked.disk} {
		section, err := table.Open(disk, table.Partitions[i])
		if err != nil {
			t.Fatal(err)
		}
		copyUsed(t, section, from)
	}
	both := locked
	both.disk = disk
	img, bek := both.file(t)
	before := fileDigest(t, img)
	arm := []string{"arm", img, "--yes", "--ram", "2M", "--dump", "small", "--record", filepath.Join(t.TempDir(), "undo.json")}
	for _, want := range []string{"partition 2", "locked", "--bitlocker-key", "--accept-locked"} {
		if text := refused(t, 4, arm...); !strings.Contains(text, want) {
			t.Errorf("arm does not say %q:\n%s", want, text)
		}
	}
	if text := refusedOrNot(t, []string{"check", img}); !strings.Contains(text, "partition 2 is locked and may hold another Windows") ||
		!strings.Contains(text, "A12") || strings.Contains(text, "To fix it: hangkit arm") {
		t.Errorf("check says nothing of the locked volume:\n%s", text)
	}
	if fileDigest(t, img) != before {
		t.Fatal("the image was changed")
	}
	refused(t, 80, append(arm, "--bitlocker-key", bek)...) // now there are two
	hangkit(t, 0, append(arm, "--bitlocker-key", bek, "--install", "1", "--dry-run")...)
	hangkit(t, 0, append(arm, "--accept-locked")...)
	refused(t, 4, "undo", img, "--yes")
	hangkit(t, 0, "undo", img, "--yes", "--accept-locked")
}

// TestLockedHints: a key is asked for where there can be one, by its ID, and several locked
// volumes are no less locked than one.
func TestLockedHints(t *testing.T) {
	t.Parallel()
	lockedDisk := func(o encrypt.Options) *target.Target {
		o.Method = bitlocker.XTS128
		opened, err := target.FromDisk("disk", encryptedVolume(t, nil, o).disk, target.ReadOnly)
		if err != nil {
			t.Fatal(err)
		}
		return opened
	}
	tpm, recovery := lockedDisk(encrypt.Options{TPM: true}), lockedDisk(encrypt.Options{TPM: true, RecoveryPassword: "482548-408683-386023-032725-083754-344718-228228-361845"})
	for name, c := range map[string]struct {
		targets []*target.Target
		say     []string
		key     bool
	}{
		"TPM only": {[]*target.Target{tpm}, []string{"only the machine's own TPM"}, false},
		"recovery": {[]*target.Target{recovery}, []string{"look for the recovery password with the key ID"}, true},
		"several":  {[]*target.Target{tpm, recovery}, []string{"only the machine's own TPM", "look for the recovery password with the key ID", "locked by BitLocker"}, true},
	} {
		e := ui.Explain((&scan{targets: c.targets}).noWindows(), rules)
		said := e.Error() + "\n" + strings.Join(e.Hints, "\n")
		for _, want := range c.say {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q is missing from\n%s", name, want, said)
			}
		}
		if e.Status != ui.Refused || strings.Contains(said, "--bitlocker-key") != c.key {
			t.Errorf("%s: status %d\n%s", name, e.Status, said)
		}
	}
}

// TestArchiveRefusalHints: a refusal to change an archive leads on.
func TestArchiveRefusalHints(t *testing.T) {
	t.Parallel()
	for _, err := range []error{wim.ErrReadOnly, wim.ErrInProgress} {
		if e := ui.Explain(fmt.Errorf("%w: %w", target.ErrRefused, err), rules); e.Status != ui.Refused || len(e.Hints) == 0 || !strings.Contains(e.Hints[0], "wimlib-imagex") {
			t.Errorf("%v: status %d, hints %q", err, e.Status, e.Hints)
		}
	}
}

// copyUsed copies what is not zeros.
func copyUsed(t *testing.T, to, from image.Disk) {
	t.Helper()
	b, zeros := make([]byte, 256<<10), make([]byte, 256<<10)
	for off := int64(0); off < from.Size(); off += int64(len(b)) {
		if _, err := from.ReadAt(b, off); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(b, zeros) {
			continue
		}
		if _, err := to.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnneededKey: a key that is not for this disk is not even looked at.
func TestUnneededKey(t *testing.T) {
	img := filepath.Join(t.TempDir(), "disk.img")
	f, err := image.Create(img, 128<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	copyUsed(t, f, testVolume(t, sampleFiles(t, sample.Client())))
	t.Setenv(keyVariable, "482548-408683-386024-032725-083754-344718-228228-361845")
	hangkit(t, 0, "list", img)
}

// refusedOrNot runs a command whose verdict does not matter here.
func refusedOrNot(t *testing.T, args []string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	Main(args, strings.NewReader(""), &out, &errOut)
	return out.String() + errOut.String()
}

func keyIDs(protectors []bitlocker.Protector) []string {
	var ids []string
	for _, p := range protectors {
		ids = append(ids, "key ID "+p.KeyID(), p.ID.String())
	}
	return ids
}

// sameFrame demands that BitLocker's own bytes are as they were.
func (e encrypted) sameFrame(t *testing.T, img string) {
	t.Helper()
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range append(e.areas.Metadata[:], 0) {
		was, is := make([]byte, encrypt.BootSize), make([]byte, encrypt.BootSize)
		if _, err := e.disk.ReadAt(was, off); err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadAt(is, off); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(was, is) {
			t.Errorf("BitLocker's bytes at 0x%x were changed", off)
		}
	}
}

// TestBitLockerCrashCuts cuts the power in an arm and in its undo, through BitLocker: the hive
// loads as it was or as it was to be.
func TestBitLockerCrashCuts(t *testing.T) {
	t.Parallel()
	step := 64 << 10
	if requireOracles() {
		step = 512
	}
	for _, m := range []bitlocker.Method{bitlocker.XTS256, bitlocker.CBC128Elephant} {
		t.Run(m.String(), func(t *testing.T) {
			t.Parallel()
			disk := encryptedVolume(t, sampleFiles(t, sample.Client()), encrypt.Options{Method: m, ClearKey: true}).disk
			settings := crashconfig.Settings{Dump: crashconfig.Complete, KeepDump: crashconfig.Yes, AutoReboot: crashconfig.No}
			cutEdit(t, disk, step, func(d image.Disk) error { return armDisk(d, settings) })
			if err := armDisk(disk, settings); err != nil {
				t.Fatal(err)
			}
			cutEdit(t, disk, step, undoDisk)
		})
	}
}

// registryOf is all that a hive says, as hivex sees it.
func registryOf(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "SYSTEM")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return treeOf(t, name)
}

// sampleVolumeFile unpacks a BitLocker volume that Windows made.
func sampleVolumeFile(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("HANGKIT_SAMPLES")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "samples")
	}
	f, err := os.Open(filepath.Join(dir, "bitlocker", name+".gz"))
	if err != nil {
		missing(t, err.Error())
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	img := filepath.Join(t.TempDir(), "volume.img")
	if err := os.WriteFile(img, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return img
}

// TestOracleBitLockerArm arms a volume whose metadata Windows made; dislocker and hivexget see
// the values. Then it is put back.
func TestOracleBitLockerArm(t *testing.T) {
	t.Parallel()
	if !requireOracles() {
		t.Skip("unpacks 100 MB")
	}
	needPrograms(t, "dislocker-file", "ntfscat", "ntfsfix", "hivexget")
	const recovery = "404558-436711-420860-678557-638220-018909-039941-695321"
	img := sampleVolumeFile(t, "full-xts256-system-hive.img")
	keyFile := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(keyFile, []byte(recovery), 0o600); err != nil {
		t.Fatal(err)
	}
	key := []string{"--bitlocker-key", keyFile}

	// ntfscp left holes in the hive, which Windows never does; so nothing is written to it.
	untouched := fileDigest(t, img)
	if text := refused(t, 4, append(key, "arm", img, "--yes")...); !strings.Contains(text, "sparse") {
		t.Errorf("a sparse hive: %s", text)
	}
	if fileDigest(t, img) != untouched {
		t.Fatal("a refused arm changed the image")
	}
	makeHivePlain(t, img, recovery)

	before := dislockedHive(t, img, recovery)
	hangkit(t, 0, append(key, "arm", img, "--yes", "--dump", "kernel", "--keyboard", "rctrl+scroll")...)
	armed := filepath.Join(t.TempDir(), "SYSTEM")
	if err := os.WriteFile(armed, dislockedHive(t, img, recovery), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := command(t, "hivexget", armed, `ControlSet001\Control\CrashControl`); !strings.Contains(got, `"CrashDumpEnabled"=dword:00000002`) {
		t.Errorf("hivexget: %s", got)
	}
	if got := command(t, "hivexget", armed, `ControlSet001\Services\i8042prt\Parameters`); !strings.Contains(got, `"CrashOnCtrlScroll"=dword:00000001`) {
		t.Errorf("hivexget: %s", got)
	}
	hangkit(t, 0, append(key, "undo", img, "--yes")...)
	if registryOf(t, dislockedHive(t, img, recovery)) != registryOf(t, before) {
		t.Error("undo leaves another registry")
	}
}

// makeHivePlain puts another file system on the sample, in which its hive has no holes.
func makeHivePlain(t *testing.T, img, recovery string) {
	t.Helper()
	opened, err := target.Open(img, target.Writable)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	secret, err := bitlocker.NewRecoveryPassword(recovery)
	if err != nil {
		t.Fatal(err)
	}
	if volumes, err := opened.Unlock(t.Context(), secret); len(volumes) != 1 || err != nil {
		t.Fatalf("unlocked %d, %v", len(volumes), err)
	}
	v := opened.Volumes[0]
	data, err := fs.ReadFile(v.FS, "Windows/System32/config/SYSTEM")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != "e178813e4643e8ccf4d1ccc505ddc128041b6135277417b98219dfe3167450c3" {
		t.Fatalf("the sample's hive has the digest %s", got)
	}
	plain := image.NewMemory(v.Device.Size(), 512)
	if err := format.Write(plain, format.Options{Seed: 1, Root: []format.Entry{{Name: "Windows", Dir: []format.Entry{
		{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: []format.Entry{
			{Name: "SYSTEM", Data: data}, {Name: "SYSTEM.LOG1", Data: make([]byte, 256<<10)}, {Name: "SYSTEM.LOG2", Data: make([]byte, 256<<10)},
		}}}},
	}}}}); err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for off := int64(0); off < plain.Size(); off += int64(len(block)) {
		if _, err := plain.ReadAt(block, off); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		_, err := v.Device.WriteAt(block, off)
		if errors.Is(err, bitlocker.ErrReserved) && bytes.Equal(block, make([]byte, len(block))) {
			continue // the file system has nothing where BitLocker keeps its own
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// dislockedHive is the SYSTEM hive as dislocker and ntfscat read it. The volume is sound to
// ntfsfix.
func dislockedHive(t *testing.T, img, recovery string) []byte {
	t.Helper()
	plain := filepath.Join(t.TempDir(), "plain.ntfs")
	command(t, "dislocker-file", "-V", img, "-p"+recovery, "--", plain)
	command(t, "ntfsfix", "--no-action", plain)
	return []byte(command(t, "ntfscat", plain, "Windows/System32/config/SYSTEM"))
}
