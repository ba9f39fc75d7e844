package offline

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wimForms are archives as wimlib makes them.
var wimForms = []struct {
	name    string
	hive    int // of realHives
	args    []string
	second  bool // a further image with the same files
	indexed []string
}{
	{name: "LZX, bootable, integrity table", hive: 1, args: []string{"--compress=LZX", "--boot", "--check"}},
	{name: "XPRESS, dirty hive", hive: 0, args: []string{"--compress=XPRESS"}},
	{name: "uncompressed, Windows XP", hive: 3, args: []string{"--compress=none"}},
	{name: "two images", hive: 2, args: []string{"--compress=XPRESS", "--check"}, second: true, indexed: []string{"--index", "2"}},
}

// TestOracleArmWIM arms and undoes registries that Windows wrote in archives that wimlib
// made, and lets others judge archive, hive and the files around it.
func TestOracleArmWIM(t *testing.T) {
	needPrograms(t, "wimlib-imagex", "7zz", "hivexml", "hivexget", "reglookup", "regfinfo", "reged")
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") != "1" {
		t.Skip("compressing real hives takes its time: HANGKIT_REQUIRE_ORACLES=1")
	}
	hives := realHives(t)
	for _, form := range wimForms {
		t.Run(form.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			h := hives[form.hive]
			dir, wim := captureHive(t, h, form.args...)
			if form.second {
				command(t, "wimlib-imagex", "append", dir, wim, "second", "--no-acls", "--check")
			}
			before, err := os.ReadFile(wim)
			if err != nil {
				t.Fatal(err)
			}
			var doc editDocument
			out := hangkit(t, 0, append([]string{"arm", wim, "--yes", "--json", "--record", "undo.json", "--ram", "4G"}, form.indexed...)...)
			if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.Protocol != protocolAppend {
				t.Fatalf("%v\n%s", err, out)
			}
			checkArmed(t, h, doc, judgeWIM(t, h, wim, dir, form.second))

			hangkit(t, 0, append([]string{"undo", wim, "--yes"}, form.indexed...)...)
			checkUndone(t, h, judgeWIM(t, h, wim, dir, form.second))

			hangkit(t, 0, append([]string{"undo", wim, "--yes", "--bytes", lastBytes(t)}, form.indexed...)...)
			hangkit(t, 0, append([]string{"undo", wim, "--yes", "--bytes", "undo.bytes.json"}, form.indexed...)...)
			if now, err := os.ReadFile(wim); err != nil || !bytes.Equal(now, before) {
				t.Errorf("the archive is not what it was, to the byte (%v)", err)
			}
		})
	}
}

// captureHive has wimlib make an archive of a folder that holds a Windows.
func captureHive(t *testing.T, h realHive, args ...string) (dir, wim string) {
	t.Helper()
	dir, wim = t.TempDir(), filepath.Join(t.TempDir(), "install.wim")
	config := filepath.Join(dir, h.root, "System32", "config")
	if err := os.MkdirAll(config, 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"../ntoskrnl.exe": bytes.Repeat([]byte("not a kernel "), 9000), "empty": nil}
	maps.Copy(files, h.files)
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(config, name), data, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "wimlib-imagex", append([]string{"capture", dir, wim, "--no-acls"}, args...)...)
	return dir, wim
}

// judgeWIM has others read the archive, and returns the changed hive's file. Every other
// file must be as it was.
func judgeWIM(t *testing.T, h realHive, wim, dir string, second bool) string {
	t.Helper()
	command(t, "wimlib-imagex", "verify", wim)
	command(t, "7zz", "t", wim)
	images := []string{"1"}
	if second {
		images = []string{"1", "2"}
	}
	changed := ""
	for _, n := range images {
		out := t.TempDir()
		command(t, "wimlib-imagex", "apply", wim, n, out, "--check")
		changed = filepath.Join(out, h.root, "System32", "config", "SYSTEM")
		args := []string{"-r"}
		if n == images[len(images)-1] {
			args = append(args, "--exclude=SYSTEM")
		}
		if said := command(t, "diff", append(args, dir, out)...); strings.TrimSpace(said) != "" {
			t.Errorf("image %s: %s", n, said)
		}
	}
	return changed
}

// lastBytes is the file that leads back from the undo: arm's has another name.
func lastBytes(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("hangkit-undo-*.bytes.json")
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	return found[0]
}
