package winpe

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stub is a program that notes how it was called, with the stick it was told of, and exits
// as the variable of its name says.
const stub = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) {
  char *base = strrchr(argv[0], '\\'), *name = base ? base + 1 : argv[0], variable[80], *dot;
  char *stick = getenv("HANGKIT_STICK"), *live = getenv("HANGKIT_LIVE"), *status;
  FILE *log = fopen(getenv("STUB_LOG"), "a");
  fprintf(log, "%s", name);
  for (int i = 1; i < argc; i++) fprintf(log, " %s", argv[i]);
  fprintf(log, " | %s %s\n", stick ? stick : "-", live ? live : "-");
  fclose(log);
  snprintf(variable, sizeof variable, "STUB_%s", name);
  if ((dot = strchr(variable, '.'))) *dot = 0;
  status = getenv(variable);
  return status ? atoi(status) : 0;
}
`

// winePrograms finds wine, wherever Debian keeps it.
func winePrograms(t *testing.T) (wine, gcc string) {
	t.Helper()
	gcc, err := exec.LookPath("x86_64-w64-mingw32-gcc")
	if err != nil {
		missing(t, "gcc-mingw-w64-x86-64")
	}
	for _, name := range []string{"wine64", "/usr/lib/wine/wine64"} {
		if wine, err = exec.LookPath(name); err == nil {
			return wine, gcc
		}
	}
	missing(t, "wine64")
	return "", ""
}

// pe is a Windows PE as far as cmd can tell: a Wine with its programs as stubs.
type pe struct {
	t    *testing.T
	wine string
	dir  string // of the prefix and all drives
	env  []string
}

// newPE makes one with these drives: Wine knows the labels of those that are there when it starts.
func newPE(t *testing.T, drives ...drive) *pe {
	t.Helper()
	wine, gcc := winePrograms(t)
	p := &pe{t: t, wine: wine, dir: t.TempDir()}
	write(t, filepath.Join(p.dir, "prefix/drive_c/log"), nil)
	p.env = append(os.Environ(), "WINEPREFIX="+p.dir+"/prefix", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=",
		`STUB_LOG=C:\log`)
	t.Cleanup(func() { p.server("-k") })
	boot := exec.CommandContext(t.Context(), wine, "wineboot", "-i")
	boot.Env = p.env
	if out, err := boot.CombinedOutput(); err != nil {
		t.Fatalf("wineboot: %v\n%s", err, out)
	}
	p.server("-k")
	p.server("-w")
	if err := os.Remove(p.dir + "/prefix/dosdevices/z:"); err != nil { // this machine's own disk
		t.Fatal(err)
	}
	for _, d := range drives {
		write(t, filepath.Join(p.dir, d.letter, ".windows-label"), []byte(d.label+"\n"))
		if err := os.Symlink(filepath.Join(p.dir, d.letter), filepath.Join(p.dir, "prefix/dosdevices", d.letter+":")); err != nil {
			t.Fatal(err)
		}
	}
	write(t, p.dir+"/stub.c", []byte(stub))
	command(t, gcc, "-O1", "-s", "-o", p.dir+"/stub.exe", p.dir+"/stub.c")
	for _, name := range []string{"wpeinit", "wpeutil", "drvload"} {
		p.program("prefix/drive_c/windows/system32/" + name + ".exe")
	}
	p.copy("startnet.cmd", "prefix/drive_c/windows/system32/startnet.cmd")
	return p
}

// server tells Wine's server something; that there is none is no fault.
func (p *pe) server(args ...string) {
	cmd := exec.Command(filepath.Join(filepath.Dir(p.wine), "wineserver"), args...)
	cmd.Env = p.env
	_ = cmd.Run()
}

// cmd runs a batch file and returns what it says. Its status is its last command's.
func (p *pe) cmd(batch string) string {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), p.wine, "cmd", "/c", batch)
	cmd.Env, cmd.Dir = p.env, filepath.Join(p.dir, "prefix")
	out, err := cmd.Output()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		p.t.Fatal(err)
	}
	return strings.ReplaceAll(string(out), "\r", "")
}

func (p *pe) copy(from, to string) { write(p.t, filepath.Join(p.dir, to), read(p.t, from)) }

func (p *pe) program(name string) {
	p.t.Helper()
	p.copy(p.dir+"/stub.exe", name)
	if err := os.Chmod(filepath.Join(p.dir, name), 0o755); err != nil {
		p.t.Fatal(err)
	}
}

// drive is a volume and its label.
type drive struct{ letter, label string }

// put puts files on a drive: stubs, and others without content.
func (p *pe) put(letter string, files ...string) {
	p.t.Helper()
	for _, name := range files {
		if strings.HasSuffix(name, ".exe") {
			p.program(letter + "/" + name)
		} else {
			write(p.t, filepath.Join(p.dir, letter, name), nil)
		}
	}
}

// remove takes away a file or a drive.
func (p *pe) remove(name string) {
	p.t.Helper()
	if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
		p.t.Fatal(err)
	}
}

// called runs a batch file and lists which stubs it called.
func (p *pe) called(batch string, env ...string) (calls []string, said string) {
	p.t.Helper()
	log := filepath.Join(p.dir, "prefix/drive_c/log")
	write(p.t, log, nil)
	before := p.env
	p.env = append(slices.Clip(p.env), env...)
	defer func() { p.env = before }()
	said = p.cmd(batch)
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(read(p.t, log)), "\r", "")), "\n"), said
}

// starts is what every start from an image calls first. The machine is hangkit's to switch off,
// the 1, in the menu alone.
var starts = []string{"wpeinit | - -", "wpeutil WaitForRemovableStorage | - -"}

// TestOracleWineStartnet runs startnet.cmd by Wine's cmd. Wine's system drive is C:, where
// that of Windows PE is X:.
func TestOracleWineStartnet(t *testing.T) {
	if !requireOracles() {
		t.Skip("Wine takes its time: HANGKIT_REQUIRE_ORACLES=1")
	}
	p := newPE(t, drive{"d", "HANGKIT"}, drive{"e", "MYHANGKIT"}, drive{"f", "HANGKIT"}, drive{"g", "USB & del *"})
	const image, inImage = `C:\windows\system32\startnet.cmd`, "prefix/drive_c/hangkit/hangkit.exe"
	check := func(name, says string, want []string, batch string, env ...string) {
		t.Helper()
		calls, said := p.called(batch, env...)
		for i := range calls { // Wine gives a stub's name as the batch writes it, with or without .exe
			calls[i] = strings.Replace(calls[i], ".exe", "", 1)
		}
		if !slices.Equal(calls, want) || !strings.Contains(said, says) {
			t.Errorf("%s: called\n%s\nwant\n%s\nsaid\n%s", name, strings.Join(calls, "\n"), strings.Join(want, "\n"), said)
		}
	}
	p.program(inImage)
	p.put("d", "Windows/System32/config/SYSTEM") // a patient of that name
	p.put("f", "drivers/a b.inf", "hangkit/drivers/c(1)/d.inf", "hangkit/drivers/d.sys")
	drivers := []string{`drvload F:\drivers\a b.inf | F:\ -`, `drvload F:\hangkit\drivers\c(1)\d.inf | F:\ -`}
	withStick := func(calls ...string) []string { return slices.Concat(starts, drivers, calls) }
	check("the stick, with drivers", `Dumps go to F:\`, withStick(`hangkit menu | F:\ 1`, `wpeutil Shutdown | F:\ 1`), image, "STUB_drvload=2", "STUB_hangkit=10")
	if _, err := os.Stat(filepath.Join(p.dir, "f/hangkit-stick.tmp")); err == nil {
		t.Error("what was written to try the stick is still there")
	}
	check("the menu again", `Dumps go to F:\`, []string{`hangkit menu | F:\ 1`, `wpeutil Reboot | F:\ 1`}, image+" menu",
		`HANGKIT_EXE=C:\hangkit\hangkit.exe`, `HANGKIT_STICK=F:\`, "STUB_hangkit=11")

	p.remove(inImage)
	p.put("f", "hangkit/hangkit.exe")
	check("hangkit on the stick alone", `startnet.cmd" menu`, withStick(`hangkit menu | F:\ 1`), image)

	p.remove("prefix/dosdevices/f:")
	p.put("g", "hangkit/hangkit.exe", "hangkit/drivers/e.inf") // what lies on any drive is not taken
	check("no stick", "neither in this Windows PE nor on a stick", starts, image)

	p.copy("startnet.cmd", "g/hangkit/startnet.cmd")
	check("by hand, from the stick", `Dumps go to G:\hangkit`, []string{`drvload G:\hangkit\drivers\e.inf | G:\hangkit -`, `hangkit menu | G:\hangkit 1`}, `G:\hangkit\startnet.cmd`)
}
