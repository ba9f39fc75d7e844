// Package winpe has no code: its tests drive the script beside them, and what it puts into
// an image, with a boot.wim that they make.
package winpe

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hangkit/hive"
	"hangkit/offline/windows/sample"
)

func requireOracles() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

// missing skips the test, or fails it where nothing may be skipped.
func missing(t *testing.T, what string) {
	t.Helper()
	if requireOracles() {
		t.Fatalf("%s is required and missing", what)
	}
	t.Skipf("%s is missing", what)
}

func needPrograms(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, name)
		}
	}
}

// command runs a program that must succeed and returns what it prints.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// maxLaunchLine is what a line of winpeshl.ini may be long ("Winpeshl.ini Reference",
// Microsoft).
const maxLaunchLine = 250

// TestForm holds the files of an image against what reads them: cmd finds labels only in
// lines that end as it expects, and Windows PE has no other letters than these.
func TestForm(t *testing.T) {
	for _, name := range []string{"startnet.cmd", "winpeshl.ini"} {
		for n, line := range bytes.SplitAfter(read(t, name), []byte("\n")) {
			if len(line) > 0 && !bytes.HasSuffix(line, []byte("\r\n")) {
				t.Errorf("%s:%d does not end as lines of Windows do", name, n+1)
			}
			if i := bytes.IndexFunc(line, func(r rune) bool { return r > '~' }); i >= 0 {
				t.Errorf("%s:%d has %q", name, n+1, line[i:])
			}
			if strings.HasSuffix(name, ".ini") && len(line) > maxLaunchLine {
				t.Errorf("%s:%d is too long", name, n+1)
			}
		}
	}
}

var (
	jumps  = regexp.MustCompile(`(?m)\b(?:goto |call :)([a-z]+)`)
	labels = regexp.MustCompile(`(?m)^:([a-z]+)\r$`)
)

// TestLabels finds a jump to nowhere, which ends the batch without a word.
func TestLabels(t *testing.T) {
	text := string(read(t, "startnet.cmd"))
	var known []string
	for _, m := range labels.FindAllStringSubmatch(text, -1) {
		known = append(known, m[1])
	}
	found := jumps.FindAllStringSubmatch(text, -1)
	if len(found) < len(known) {
		t.Errorf("%d jumps to %d labels", len(found), len(known))
	}
	for _, m := range found {
		if !slices.Contains(known, m[1]) {
			t.Errorf("%s leads to no label", m[0])
		}
	}
}

// Machine types of programs ("PE Format", Microsoft).
const (
	machineAMD64 = 0x8664
	machineARM64 = 0xaa64
)

// program is a file whose header says which machines it is for, and no more.
func program(machine uint16) []byte {
	const headerField, header = 0x3c, 0x80
	b := make([]byte, header+24)
	copy(b, "MZ")
	binary.LittleEndian.PutUint32(b[headerField:], header)
	copy(b[header:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(b[header+4:], machine)
	return b
}

// image is one of an archive, as WIM's XML describes it.
type image struct {
	name, arch, version string
	boot                bool
}

// windowsPE makes a folder like an unpacked Windows ISO, and returns its boot.wim. What is
// in the archive is a Windows PE's registry, and files that the script must replace.
func windowsPE(t *testing.T, media string, images ...image) (wim string) {
	t.Helper()
	tree := t.TempDir()
	o := sample.Client()
	o.Edition, o.DumpType, o.PageFiles = "WindowsPE", 0, nil
	for name, make := range map[string]func(sample.Options) (*hive.Hive, error){"SYSTEM": sample.System, "SOFTWARE": sample.Software} {
		h, err := make(o)
		if err != nil {
			t.Fatal(err)
		}
		data, err := h.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(tree, "Windows/System32/config", name), data)
	}
	write(t, filepath.Join(tree, "Windows/System32/WINPESHL.INI"), []byte("[LaunchApp]\r\nAppPath=X:\\sources\\recovery\\recenv.exe\r\n"))
	write(t, filepath.Join(tree, "sources/setup.exe"), []byte("a setup"))
	for name, text := range map[string]string{"EFI/BOOT/BOOTX64.EFI": "efi", "boot/BCD": "bcd", "bootmgr": "mgr", "sources/install.wim": "not taken", "setup.exe": "not taken"} {
		write(t, filepath.Join(media, name), []byte(text))
	}
	wim = filepath.Join(media, "sources/boot.wim")
	for n, i := range images {
		args := []string{"append", tree, wim, i.name, "--image-property", "WINDOWS/ARCH=" + i.arch, "--image-property", "WINDOWS/VERSION/MAJOR=" + i.version}
		if n == 0 {
			args[0] = "capture"
			args = append(args, "--compress=XPRESS")
		}
		if i.boot {
			args = append(args, "--boot")
		}
		command(t, "wimlib-imagex", args...)
	}
	return wim
}

// Architectures as WIM's XML has them.
const (
	archX86   = "0"
	archAMD64 = "9"
	archARM64 = "12"
)

// script runs the script on arguments and returns what it says.
func script(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "./winpe", args...).CombinedOutput()
	return string(out), err
}

// content lists a folder's files.
func content(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestOracleStick makes a stick's tree from an ISO's and lets wimlib judge the archive.
func TestOracleStick(t *testing.T) {
	needPrograms(t, "wimlib-imagex")
	t.Parallel()
	dir := filepath.Join(t.TempDir(), `a "b" c`)
	media, out, exe := filepath.Join(dir, "iso"), filepath.Join(dir, "stick"), filepath.Join(dir, "h.exe")
	wim := windowsPE(t, media, image{name: "PE", arch: archAMD64, version: "10"}, image{name: "Setup", arch: archAMD64, version: "10", boot: true})
	before := read(t, wim)
	write(t, exe, program(machineAMD64))
	write(t, filepath.Join(dir, "drivers/vmd/ia storvd.inf"), []byte("a driver"))
	if said, err := script(t, "-o", out, "--exe", exe, "--drivers", filepath.Join(dir, "drivers"), media); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	want := []string{"boot/BCD", "bootmgr", "efi/BOOT/BOOTX64.EFI", "hangkit/hangkit.exe", "hangkit/startnet.cmd", "sources/boot.wim"}
	if got := content(t, out); !slices.Equal(got, want) {
		t.Errorf("on the stick are %q, want %q", got, want)
	}
	if !bytes.Equal(read(t, wim), before) {
		t.Error("the archive that was named has changed")
	}
	judgeImage(t, filepath.Join(out, "sources/boot.wim"), map[string][]byte{
		"hangkit/hangkit.exe":               program(machineAMD64),
		"hangkit/drivers/vmd/ia storvd.inf": []byte("a driver"),
		"sources/setup.exe":                 []byte("a setup"),
		"Windows/System32/startnet.cmd":     read(t, "startnet.cmd"),
		"Windows/System32/winpeshl.ini":     read(t, "winpeshl.ini"),
		"Windows/System32/config/SYSTEM":    nil,
		"Windows/System32/config/SOFTWARE":  nil,
	})
}

// judgeImage has wimlib verify an archive and take out its one image, which must have
// these files and no others; nil stands for any content.
func judgeImage(t *testing.T, wim string, want map[string][]byte) {
	t.Helper()
	command(t, "wimlib-imagex", "verify", wim)
	info := command(t, "wimlib-imagex", "info", wim)
	for _, line := range []string{`Image Count: +1\n`, `Boot Index: +1\n`} {
		if !regexp.MustCompile(line).MatchString(info) {
			t.Errorf("no %q in:\n%s", line, info)
		}
	}
	out := t.TempDir()
	command(t, "wimlib-imagex", "apply", wim, "1", out, "--check")
	got := content(t, out)
	for _, name := range got {
		data, ok := want[name]
		if !ok || data != nil && !bytes.Equal(read(t, filepath.Join(out, name)), data) {
			t.Errorf("%s is not as it should be", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !slices.Contains(got, name) {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestOracleRefused: what cannot become a stick is refused in words, and leaves nothing.
func TestOracleRefused(t *testing.T) {
	needPrograms(t, "wimlib-imagex")
	t.Parallel()
	dir := t.TempDir()
	wim := windowsPE(t, filepath.Join(dir, "iso"), image{"PE", archAMD64, "10", true}, image{"ARM", archARM64, "10", false}, image{"x86", archX86, "10", false}, image{"old", archAMD64, "6", false})
	amd64, arm64, there := filepath.Join(dir, "amd64.exe"), filepath.Join(dir, "arm64.exe"), filepath.Join(dir, "there")
	write(t, amd64, program(machineAMD64))
	write(t, arm64, program(machineARM64))
	write(t, filepath.Join(there, "a file"), []byte("mine"))
	for _, c := range []struct {
		name, says string
		args       []string
	}{
		{"a program for another machine", "is not for amd64", []string{"--exe", arm64, wim}},
		{"an image for another machine", "is not for arm64", []string{"--exe", amd64, "--index", "2", wim}},
		{"32 bits", "no architecture that hangkit has: x86", []string{"--exe", amd64, "--index", "3", wim}},
		{"Windows 7", "hangkit needs that of Windows 10", []string{"--exe", amd64, "--index", "4", wim}},
		{"no such image", "", []string{"--exe", amd64, "--index", "9", wim}},
		{"no program", "name hangkit.exe with --exe", []string{"--exe", filepath.Join(dir, "none"), wim}},
		{"no archive", "holds no sources/boot.wim", []string{"--exe", amd64, there}},
		{"no drivers", "no folder of drivers", []string{"--exe", amd64, "--drivers", amd64, wim}},
		{"a script for a program", "is not for amd64", []string{"--exe", "winpe", wim}},
		{"no source", "winpe -o FOLDER", []string{"--exe", amd64}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "stick")
			said, err := script(t, append([]string{"-o", out}, c.args...)...)
			if err == nil || !strings.Contains(said, c.says) {
				t.Errorf("%v, want %q in:\n%s", err, c.says, said)
			}
			if left := content(t, filepath.Dir(out)); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
	if said, err := script(t, "-o", there, "--exe", amd64, wim); err == nil || !strings.Contains(said, "exists") || !slices.Equal(content(t, there), []string{"a file"}) {
		t.Errorf("a folder that is there: %v\n%s", err, said)
	}
	if said, err := script(t, "-o", filepath.Join(dir, "arm"), "--exe", arm64, "--index", "2", wim); err != nil {
		t.Errorf("ARM64: %v\n%s", err, said)
	}
}
