package fat_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/image/fat/fattest"
)

// program finds a program that checks our work. Without it the test is skipped, or fails where
// oracles are required.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err == nil {
		return path
	}
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program(t, name), args...)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// TestOracleMtools reads volumes that dosfstools made and mtools filled, in every geometry that
// an EFI system partition or a stick comes in.
func TestOracleMtools(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		size int64
		args []string
		want fat.Kind
	}{
		"floppy":           {1440 << 10, []string{"-F", "12"}, fat.FAT12},
		"FAT16":            {32 << 20, []string{"-F", "16"}, fat.FAT16},
		"FAT16 4K cluster": {64 << 20, []string{"-F", "16", "-s", "8"}, fat.FAT16},
		"ESP 100 MB":       {100 << 20, []string{"-F", "32", "-n", "SYSTEM"}, fat.FAT32},
		"ESP 34 MB":        {34 << 20, []string{"-F", "32", "-s", "1"}, fat.FAT32},
		"ESP 4K sectors":   {300 << 20, []string{"-F", "32", "-S", "4096"}, fat.FAT32},
		"one table":        {40 << 20, []string{"-F", "32", "-f", "1"}, fat.FAT32},
		"odd sizes":        {77777 * 512, []string{"-F", "16", "-R", "7", "-r", "240"}, fat.FAT16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			img := filepath.Join(dir, "fat.img")
			makeFile(t, img, nil, tt.size)
			run(t, "mkfs.vfat", append(tt.args, img)...)
			files := fill(t, img, dir)
			v := open(t, img)
			if v.Info().Kind != tt.want {
				t.Errorf("kind %s, want %s", v.Info().Kind, tt.want)
			}
			for name, data := range files {
				got, err := fs.ReadFile(v, name)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(data))
				}
			}
			if _, err := v.Stat("deleted.txt"); err == nil {
				t.Error("a deleted file is there")
			}
		})
	}
}

// fill copies files into the image, and fragments one by deleting its neighbours.
func fill(t *testing.T, img, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{
		"EFI/Microsoft/Boot/BCD": pattern(32768), "EFI/Microsoft/Boot/BCD.LOG": pattern(3), "bootmgr": pattern(400_000),
		"A long Name with Spaces.and.dots.TXT": pattern(12345), "lower.txt": pattern(1), "Grüße.txt": pattern(10), "EMPTY": {},
	}
	run(t, "mmd", "-i", img, "::/EFI", "::/EFI/Microsoft", "::/EFI/Microsoft/Boot")
	for i := range 12 {
		files[fmt.Sprintf("EFI/Microsoft/Boot/%d-language.dll.mui", i)] = pattern(i * 100)
	}
	host := filepath.Join(dir, "file")
	put := func(name string, data []byte) {
		makeFile(t, host, data, int64(len(data)))
		run(t, "mcopy", "-i", img, host, "::/"+name)
	}
	for i := range 6 {
		put(fmt.Sprintf("gap%d", i), pattern(20_000))
	}
	put("deleted.txt", pattern(100))
	for i := 0; i < 6; i += 2 {
		run(t, "mdel", "-i", img, fmt.Sprintf("::/gap%d", i))
	}
	run(t, "mdel", "-i", img, "::/deleted.txt")
	for name, data := range files {
		put(name, data)
	}
	return files
}

func makeFile(t *testing.T, name string, data []byte, size int64) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, img string) *fat.Volume {
	t.Helper()
	d, err := image.Open(img, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	v, err := fat.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOracleMaker lets fsck.vfat and mtools judge the volumes that our tests are made with.
func TestOracleMaker(t *testing.T) {
	t.Parallel()
	for kind, size := range sizes {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			img := filepath.Join(t.TempDir(), "fat.img")
			d, err := image.Create(img, size)
			if err != nil {
				t.Fatal(err)
			}
			if err := fattest.Write(d, size, fattest.Options{Kind: kind, Label: "SYSTEM", Root: sample()}); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			run(t, "fsck.vfat", "-n", img)
			if out := run(t, "mtype", "-i", img, "::/EFI/Microsoft/Boot/BCD"); out != string(pattern(30_000)) {
				t.Errorf("mtype shows %d bytes", len(out))
			}
			if n := strings.Count(run(t, "mdir", "-b", "-i", img, "::/many"), "number "); n != 40 {
				t.Errorf("mdir lists %d files", n)
			}
		})
	}
}
