package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func requireOracles() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

func needPrograms(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is required and missing", name)
		}
	}
}

// TestOracleRelease: the same source in two folders makes the same release, and the
// programs that people will unpack it with take all of it.
func TestOracleRelease(t *testing.T) {
	if !requireOracles() {
		t.Skip("two releases take their time")
	}
	needPrograms(t, "dpkg-deb", "dpkg", "sha256sum", "tar", "man")
	t.Setenv(epochVariable, "1790000000")
	t.Setenv("GOFLAGS", "-mod=mod") // whatever a user has set
	from, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	var sums []string
	var out string
	for _, folder := range []string{"a", "another one/of another length"} {
		source := filepath.Join(t.TempDir(), folder)
		copySource(t, from, source)
		from = source // the tree may be worked on meanwhile
		out = filepath.Join(source, "dist")
		t.Chdir(source)
		args := []string{"--no-iso", "--version", "1.2.3-rc1", "-o", out}
		if err := run(t.Context(), args, io.Discard, platform{"linux", "amd64"}, platform{"windows", "arm64"}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(out, sumsFile))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, string(text))
	}
	if diff := cmp.Diff(sums[0], sums[1]); diff != "" {
		t.Errorf("two folders, two releases:\n%s", diff)
	}
	says(t, out, "OK", "sha256sum", "--check", sumsFile)
	checkTar(t, out)
	checkZip(t, filepath.Join(out, "hangkit-1.2.3-rc1-windows-arm64.zip"))
	checkDeb(t, filepath.Join(out, "hangkit_1.2.3~rc1_amd64.deb"))
	checkBill(t, filepath.Join(out, "hangkit-1.2.3-rc1.spdx.json"))
	if err := clearRelease(out); err != nil {
		t.Error(err)
	}
}

// copySource copies what a tarball of the source has: no repository.
func copySource(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum", "main.go", "LICENSE", "README.md"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err := errors.Join(err, os.WriteFile(filepath.Join(to, name), data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"offline", "hive", "ntfs", "collect", "image", "scripts/winpe"} {
		if err := os.CopyFS(filepath.Join(to, dir), os.DirFS(filepath.Join(from, dir))); err != nil {
			t.Fatal(err)
		}
	}
}

// says runs a program, which must print a text, and is all that it printed.
func says(t *testing.T, dir, want string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%s: %v, want %q in:\n%s", strings.Join(args, " "), err, want, out)
	}
	return string(out)
}

func checkTar(t *testing.T, out string) {
	t.Helper()
	dir := t.TempDir()
	says(t, dir, "", "tar", "-xzf", filepath.Join(out, "hangkit-1.2.3-rc1-linux-amd64.tar.gz"))
	dir = filepath.Join(dir, "hangkit-1.2.3-rc1-linux-amd64")
	says(t, dir, "hangkit 1.2.3-rc1, go", "./hangkit", "version")
	says(t, dir, `"date": "2026-09-21T`, "./hangkit", "version", "--json")
	says(t, dir, "Configure the next boot", "man", "-l", "man/man1/hangkit-arm.1")
	says(t, dir, "__complete", "cat", "completions/hangkit.bash")
	says(t, dir, "github.com/alecthomas/kong", "cat", noticesFile)
	says(t, dir, "Apache License", "cat", "LICENSE")
}

func checkZip(t *testing.T, name string) {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	for _, want := range []string{"hangkit.exe", "README.md", noticesFile, "completions/hangkit.ps1", "winpe/winpe.ps1", "winpe/startnet.cmd", "winpe/winpeshl.ini"} {
		if !slices.Contains(names, "hangkit-1.2.3-rc1-windows-arm64/"+want) {
			t.Errorf("no %s in %q", want, names)
		}
	}
}

// checkDeb has dpkg read the package, and install it into a folder of its own.
func checkDeb(t *testing.T, name string) {
	t.Helper()
	says(t, "", "Version: 1.2.3~rc1", "dpkg-deb", "--info", name)
	list := says(t, "", "root/root", "dpkg-deb", "--contents", name)
	for _, want := range []string{"./usr/bin/hangkit\n", "./usr/share/man/man1/hangkit-hive-get.1.gz\n", "./usr/share/zsh/vendor-completions/_hangkit\n", "./usr/share/doc/hangkit/copyright\n"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %s in:\n%s", want, list)
		}
	}
	if os.Getuid() != 0 {
		return // dpkg installs as root only
	}
	root := t.TempDir()
	for _, dir := range []string{"updates", "info"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	says(t, "", "Setting up hangkit (1.2.3~rc1)", "dpkg", "--root", root, "--force-script-chrootless", "--install", name)
	says(t, "", "hangkit 1.2.3-rc1", filepath.Join(root, "usr/bin/hangkit"), "version")
	if out, err := exec.CommandContext(t.Context(), "dpkg", "--root", root, "--verify", "hangkit").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("dpkg --verify: %v\n%s", err, out)
	}
}

func checkBill(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var b bill
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{documentID: true}
	for _, p := range b.Packages {
		if ids[p.ID] || p.Concluded == "" {
			t.Errorf("%s: twice, or without a licence", p.ID)
		}
		ids[p.ID] = true
	}
	described := 0
	for _, r := range b.Relationships {
		if !ids[r.From] || !ids[r.To] {
			t.Errorf("%v leads nowhere", r)
		}
		if r.Type == "DESCRIBES" {
			described++
		}
	}
	if described != 2 || !ids["SPDXRef-Go-stdlib"] || !ids["SPDXRef-Go-github.com-alecthomas-kong"] {
		t.Errorf("describes %d files, of %v", described, ids)
	}
}

func TestLicences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"Redistribution and use in source\n   and binary forms, with or without", "BSD-2-Clause"},
		{"Redistribution and use in source and binary forms … may\nbe used to endorse or promote products", "BSD-3-Clause"},
		{"GNU GENERAL PUBLIC LICENSE", ""},
	} {
		if got := strings.Join(licencesIn(c.text), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
	unknown := library{texts: map[string]string{"LICENSE": "GNU GENERAL PUBLIC LICENSE"}}
	if err := unknown.classify(); !errors.Is(err, errLicence) {
		t.Errorf("an unknown licence: %v", err)
	}
	both := library{texts: map[string]string{"LICENSE": "be used to endorse or promote products", "sub/LICENSE": "Licensed under the Apache License, Version 2.0"}}
	if err := both.classify(); err != nil || both.licence != "Apache-2.0 AND BSD-3-Clause" {
		t.Errorf("%q, %v", both.licence, err)
	}
}

// TestControl: what packAr writes readControl reads, and the sources are all named.
func TestControl(t *testing.T) {
	t.Parallel()
	text := "Package: linux-image\nVersion: 6.12-1\nSource: linux-signed (6.12+1)\nBuilt-Using: linux (= 6.12-1),\n gcc-14 (= 14.2-1)\n"
	packed, err := packTar([]entry{{"md5sums", plainMode, nil}, {"control", plainMode, []byte(text)}}, "./", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	deb := packAr([]entry{{"debian-binary", plainMode, []byte("2.0\n")}, {"control.tar.gz", plainMode, packed}}, time.Unix(0, 0))
	c, err := readControl(bytes.NewReader(deb))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"linux-signed 6.12+1", "linux 6.12-1", "gcc-14 14.2-1"}
	if diff := cmp.Diff(want, c.sources()); diff != "" {
		t.Error(diff)
	}
	if own := (control{"Package": "syslinux", "Version": "3:6.04"}).sources(); !slices.Equal(own, []string{"syslinux 3:6.04"}) {
		t.Errorf("%q", own)
	}
	for _, bad := range []string{"", "!<arch>\n", strings.Repeat("x", 500), string(deb[:200])} {
		if _, err := readControl(strings.NewReader(bad)); err == nil {
			t.Errorf("%.20q… is a package", bad)
		}
	}
}

func TestClearRelease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := clearRelease(filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"thesis.txt", "hangkit-linux-amd64"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := clearRelease(dir); !errors.Is(err, errForeign) {
		t.Errorf("a folder with other files: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("%d files are left", len(entries))
	}
}

func TestCheckSize(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "hangkit")
	if err := os.WriteFile(name, make([]byte, 10), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkSize(name, 11); err != nil {
		t.Error(err)
	}
	if err := checkSize(name, 10); !errors.Is(err, errTooLarge) {
		t.Errorf("10 bytes of 10: %v", err)
	}
}
