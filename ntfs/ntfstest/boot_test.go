package ntfstest_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/ntfstest"
	"hangkit/offline/windows/sample"
)

// bootVariable names the folder with the kernel and the initial file system that
// scripts/bootntfs3 makes.
const bootVariable = "HANGKIT_BOOT"

const hivePath = "Windows/System32/config/SYSTEM"

// volume is one of the suite.
type volume struct {
	name   string
	img    string
	sector int
	files  map[string]string // digests by path
}

// TestOracleBoot has Linux's ntfs3 mount every volume of the suite read-write, read
// all of it and write to it, and everybody judge it before and afterwards.
func TestOracleBoot(t *testing.T) {
	boot := os.Getenv(bootVariable)
	if boot == "" {
		t.Skip("scripts/bootntfs3 runs this")
	}
	suite := makeSuite(t, filepath.Join(boot, "hangkit"))
	for i := range suite {
		ntfstest.Approve(t, suite[i].img)
		suite[i].files = digests(t, suite[i].img)
	}
	start := time.Now()
	report := bootGuest(t, boot, suite)
	t.Logf("%d volumes in %v", len(suite), time.Since(start).Round(time.Second))
	for i, v := range suite {
		t.Run(v.name, func(t *testing.T) { v.judge(t, report[fmt.Sprintf("vd%c", 'b'+i)]) })
	}
	t.Logf("the kernel says:\n%s", report["kernel"])
}

// judge compares what the guest read with what we read, and looks at what it wrote.
func (v *volume) judge(t *testing.T, said string) {
	t.Helper()
	read := map[string]string{}
	var other []string
	for line := range strings.Lines(said) {
		line = strings.TrimSuffix(line, "\n")
		if digest, name, ok := strings.Cut(line, "  ./"); ok {
			read[name] = digest
		} else {
			other = append(other, line)
		}
	}
	if !slices.Equal(other, []string{"done"}) {
		t.Errorf("ntfs3: %s", strings.Join(other, "\n"))
	}
	for name, digest := range v.files {
		if read[name] != digest {
			t.Errorf("%q: ntfs3 reads %q, we %q", name, read[name], digest)
		}
		delete(read, name)
	}
	for name := range read {
		t.Errorf("%q: only ntfs3 sees it", name)
	}
	t.Logf("%d files", len(v.files))
	ntfstest.Approve(t, v.img)
	if b, err := fs.ReadFile(open(t, v.img), "made by ntfs3/numbers"); err != nil || !bytes.HasSuffix(b, []byte("\n100000\n")) {
		t.Errorf("what ntfs3 wrote: %d bytes, %v", len(b), err)
	}
}

// bootGuest boots the guest with the volumes, and returns its report by disk.
func bootGuest(t *testing.T, boot string, suite []volume) map[string]string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "report")
	if err := errors.Join(os.WriteFile(out, nil, 0o600), os.Truncate(out, 64<<20)); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-accel", "tcg", "-cpu", "qemu64", "-m", "512", "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", filepath.Join(boot, "vmlinuz"), "-initrd", filepath.Join(boot, "initrd"), "-append", "console=ttyS0 quiet panic=-1",
	}
	for i, v := range append([]volume{{img: out, sector: 512}}, suite...) {
		args = append(args,
			"-drive", fmt.Sprintf("file=%s,format=raw,if=none,id=disk%d,cache=unsafe", v.img, i),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d,logical_block_size=%d,physical_block_size=4096", i, v.sector))
	}
	if said, err := exec.CommandContext(t.Context(), "qemu-system-x86_64", args...).CombinedOutput(); err != nil {
		t.Fatalf("qemu: %v\n%s", err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	report := map[string]string{}
	for part := range strings.SplitSeq(string(bytes.TrimRight(b, "\x00")), "== ") {
		disk, said, _ := strings.Cut(part, "\n")
		report[disk] = said
	}
	if _, ok := report["kernel"]; !ok {
		t.Fatalf("the guest did not come to its end: %q", report)
	}
	return report
}

// makeSuite makes volumes as our formatter and mkntfs do, and lets every writer of
// ours have its turn on some.
func makeSuite(t *testing.T, hangkit string) (suite []volume) {
	t.Helper()
	dir := t.TempDir()
	add := func(sector int, name string, args ...any) volume {
		v := volume{name: fmt.Sprintf(name, args...), sector: sector}
		v.img = filepath.Join(dir, v.name+".img")
		suite = append(suite, v)
		return v
	}
	for _, g := range [][2]int{{512, 512}, {512, 1024}, {512, 4096}, {512, 64 << 10}, {512, 2 << 20}, {4096, 4096}, {4096, 64 << 10}} {
		size := max(64<<20, 200*int64(g[1]))
		formatVolume(t, add(g[0], "formatted %d %d", g[0], g[1]).img, size, g)
		v := add(g[0], "written %d %d", g[0], g[1])
		formatVolume(t, v.img, size, g)
		changeContents(t, v.img)
		changeNames(t, v.img)
	}
	for _, cluster := range []int{512, 4096, 64 << 10} {
		v := add(512, "mkntfs %d written", cluster)
		makeVolume(t, v.img, cluster)
		changeContents(t, v.img)
		v = add(512, "mkntfs %d taken back", cluster)
		makeVolume(t, v.img, cluster)
		takeBack(t, v.img)
	}
	v := add(512, "mkntfs armed")
	makeVolume(t, v.img, 4096)
	run(t, hangkit, "arm", v.img, "--yes", "--record", filepath.Join(dir, "undo.json"))
	v = add(512, "mkntfs undone")
	makeVolume(t, v.img, 4096)
	record := filepath.Join(dir, "undone.json")
	run(t, hangkit, "arm", v.img, "--yes", "--record", record)
	run(t, hangkit, "undo", v.img, "--yes", "--record", record)
	return suite
}

func formatVolume(t *testing.T, img string, size int64, g [2]int) {
	t.Helper()
	f, err := os.Create(img)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	o := format.Options{SectorSize: g[0], ClusterSize: g[1], Label: "suite", Root: entries(t, g[1]), ExtraRecords: 100}
	if err := errors.Join(f.Truncate(size), format.Write(device{f, size}, o)); err != nil {
		t.Fatal(err)
	}
}

// entries are those of a small Windows, with a directory that has a tree and a file
// of many pieces.
func entries(t *testing.T, cluster int) []format.Entry {
	t.Helper()
	many := make([]format.Entry, 400)
	for i := range many {
		many[i] = format.Entry{Name: fmt.Sprintf("file number %d.txt", i), Data: noise(i % 500)}
	}
	var config []format.Entry
	for name, data := range registry(t) {
		config = append(config, format.Entry{Name: name, Data: data})
	}
	return []format.Entry{
		{Name: "Windows", Dir: []format.Entry{
			{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}},
			{Name: "many", Dir: many},
		}},
		{Name: "pieces", Data: noise(2 << 20), Fragments: min(40, (2<<20)/cluster)},
		{Name: "Größe 日本.txt", Data: noise(100)},
	}
}

// registry are hives that can be armed, and their logs.
func registry(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{"SYSTEM.LOG1": make([]byte, 256<<10), "SYSTEM.LOG2": make([]byte, 256<<10)}
	system, err := sample.System(sample.Client())
	if err != nil {
		t.Fatal(err)
	}
	software, err := sample.Software(sample.Client())
	if err != nil {
		t.Fatal(err)
	}
	files["SYSTEM"], err = system.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	files["SOFTWARE"], err = software.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// makeVolume has mkntfs make a volume and ntfs-3g fill it.
func makeVolume(t *testing.T, img string, cluster int) {
	t.Helper()
	ntfstest.Need(t, "mkntfs")
	if err := errors.Join(os.WriteFile(img, nil, 0o600), os.Truncate(img, 96<<20)); err != nil {
		t.Fatal(err)
	}
	run(t, "mkntfs", "-F", "-Q", "-q", "-s", "512", "-c", fmt.Sprint(cluster), "-p", "0", "-H", "16", "-S", "63", img)
	ntfstest.Mounted(t, img, "rw", func(dir string) { ntfstest.Admit(t, dir, entries(t, cluster)) })
}

// planner plans one change of a volume.
type planner func(v *ntfs.Volume) (*ntfs.Change, error)

// changeContents writes in place and exchanges files.
func changeContents(t *testing.T, img string) {
	t.Helper()
	writeInPlace(t, img)
	hive, err := fs.ReadFile(open(t, img), hivePath)
	if err != nil {
		t.Fatal(err)
	}
	carryOut(t, img,
		func(v *ntfs.Volume) (*ntfs.Change, error) {
			return v.PlanReplace(hivePath, append(hive, noise(256<<10)...), ntfs.ReplaceOptions{})
		},
		func(v *ntfs.Volume) (*ntfs.Change, error) {
			return v.PlanReplace("pieces", noise(3<<20), ntfs.ReplaceOptions{KeepAs: "before"})
		})
}

// changeNames makes files and removes one. A volume that ntfs-3g has filled has no
// file whose access rights a new one could share.
func changeNames(t *testing.T, img string) {
	t.Helper()
	carryOut(t, img,
		func(v *ntfs.Volume) (*ntfs.Change, error) {
			return v.PlanCreate("Windows/System32/config/created by us", noise(100_000), ntfs.CreateOptions{})
		},
		func(v *ntfs.Volume) (*ntfs.Change, error) {
			return v.PlanCreate("Windows/many/file number 222 and a half.txt", noise(50), ntfs.CreateOptions{})
		},
		func(v *ntfs.Volume) (*ntfs.Change, error) {
			return v.PlanRemove("Windows/many/file number 300.txt", ntfs.RemoveOptions{})
		})
}

func carryOut(t *testing.T, img string, plans ...planner) {
	t.Helper()
	for _, plan := range plans {
		change, err := plan(open(t, img))
		if err == nil {
			err = change.Run(t.Context())
		}
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(img), err)
		}
	}
}

// takeBack exchanges files and takes that back, in each of the ways there are.
func takeBack(t *testing.T, img string) {
	t.Helper()
	replaced, err := open(t, img).PlanReplace(hivePath, noise(700_000), ntfs.ReplaceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	carryOut(t, img,
		func(*ntfs.Volume) (*ntfs.Change, error) { return replaced, nil },
		func(v *ntfs.Volume) (*ntfs.Change, error) {
			return v.PlanPutBack(replaced.Steps(), replaced.Freed(), ntfs.PutBackOptions{})
		},
		func(v *ntfs.Volume) (*ntfs.Change, error) {
			return v.PlanReplace("pieces", noise(3<<20), ntfs.ReplaceOptions{KeepAs: "before"})
		},
		func(v *ntfs.Volume) (*ntfs.Change, error) {
			return v.PlanTakeBack("pieces", "before", ntfs.ReplaceOptions{})
		})
}

func writeInPlace(t *testing.T, img string) {
	t.Helper()
	f, err := open(t, img).OpenInPlace(hivePath)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(noise(5000), 4096)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// device is an image file that can be written.
type device struct {
	*os.File
	size int64
}

func (d device) Size() int64 { return d.size }

func open(t *testing.T, img string) *ntfs.Volume {
	t.Helper()
	f, err := os.OpenFile(img, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ntfs.Open(device{f, size})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// digests are those of all files.
func digests(t *testing.T, img string) map[string]string {
	t.Helper()
	v, all := open(t, img), map[string]string{}
	err := fs.WalkDir(v, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(v, name)
		all[name] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// noise is reproducible contents of any size.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((uint64(i)/8*0x9e3779b1 + uint64(n)) >> (i % 8 * 4))
	}
	return b
}
