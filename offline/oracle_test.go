package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ulikunitz/xz"

	"hangkit/image/imagetest"
	"hangkit/ntfs/ntfstest"
)

// requireOracles makes a missing program or sample a failure, as CI wants it.
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

// sampleBytes unpacks a sample hive.
func sampleBytes(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("HANGKIT_SAMPLES")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "samples")
	}
	f, err := os.Open(filepath.Join(dir, "hives", "real", name+".xz"))
	if errors.Is(err, os.ErrNotExist) {
		missing(t, "sample "+name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := xz.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// command runs a program that must succeed and returns what it prints.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &out, &errOut)
	}
	return out.String()
}

// hangkit runs one of our commands in this process and demands its exit status.
func hangkit(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if got := Main(args, strings.NewReader(""), &out, &errOut); got != want {
		t.Fatalf("hangkit %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, want, &out, &errOut)
	}
	return out.String()
}

// realHive is a registry that Windows wrote, as it lies on a disk.
type realHive struct {
	name      string
	root      string            // of the installation
	files     map[string][]byte // in System32/config
	recovered []byte            // SYSTEM as Windows would recover it
}

func realHives(t *testing.T) []realHive {
	t.Helper()
	win7, xp := sampleBytes(t, "SYSTEM_win7sp1_x86"), sampleBytes(t, "SYSTEM_winxpsp3_x86_m57")
	return []realHive{
		{name: "Windows10-dirty", root: "Windows", recovered: sampleBytes(t, "SYSTEM_B/SYSTEM_B.expected"), files: map[string][]byte{
			"SYSTEM":      sampleBytes(t, "SYSTEM_B/SYSTEM_B"),
			"SYSTEM.LOG1": sampleBytes(t, "SYSTEM_B/SYSTEM_B.LOG1"),
			"SYSTEM.LOG2": sampleBytes(t, "SYSTEM_B/SYSTEM_B.LOG2"),
		}},
		{name: "Windows7", root: "Windows", recovered: win7, files: map[string][]byte{
			"SYSTEM": win7, "SYSTEM.LOG1": make([]byte, 256<<10), "SYSTEM.LOG2": nil,
		}},
		{name: "Windows7-without-logs", root: "Windows", recovered: win7, files: map[string][]byte{"SYSTEM": win7}},
		{name: "WindowsXP", root: "WINDOWS", recovered: xp, files: map[string][]byte{
			"SYSTEM": xp, "SYSTEM.LOG": make([]byte, 1024),
		}},
	}
}

// makeNTFS makes a volume with mkntfs and fills it through ntfs-3g.
func makeNTFS(t *testing.T, h realHive) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "disk.img")
	if err := errors.Join(os.WriteFile(img, nil, 0o600), os.Truncate(img, 192<<20)); err != nil {
		t.Fatal(err)
	}
	command(t, "mkntfs", "-F", "-q", "-L", "Windows", img)
	volume := mount(t, img)
	config := filepath.Join(volume.dir, h.root, "System32", "config")
	if err := os.MkdirAll(config, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range h.files {
		if err := os.WriteFile(filepath.Join(config, name), data, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(volume.dir, "pagefile.sys"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	volume.unmount(t)
	return img
}

// mounted is a volume that ntfs-3g has mounted.
type mounted struct {
	dir    string
	driver *exec.Cmd
}

// mount mounts a volume. The driver stays a child of the test, so that it is known
// when it has let go.
func mount(t *testing.T, img string) *mounted {
	t.Helper()
	m := &mounted{dir: t.TempDir()}
	m.driver = exec.Command("ntfs-3g", "-o", "no_detach,streams_interface=none", img, m.dir)
	var said bytes.Buffer
	m.driver.Stderr = &said
	if err := m.driver.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { imagetest.Unmount(t, m.dir) })
	for range 500 {
		if table, err := os.ReadFile("/proc/mounts"); err == nil && bytes.Contains(table, []byte(" "+m.dir+" ")) {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("ntfs-3g did not mount %s: %s", img, &said)
	return nil
}

// unmount returns once everything is written and the driver has gone.
func (m *mounted) unmount(t *testing.T) {
	t.Helper()
	imagetest.Unmount(t, m.dir)
	if err := m.driver.Wait(); err != nil {
		t.Fatalf("ntfs-3g: %v", err)
	}
}

// TestOracleArmRealHives arms and undoes registries that Windows wrote, on volumes
// that mkntfs made, and lets programs we did not write judge every step.
func TestOracleArmRealHives(t *testing.T) {
	needPrograms(t, "mkntfs", "ntfs-3g", "ntfscat", "hivexml", "hivexget", "reglookup", "regfinfo", "reged", "umount")
	for _, h := range realHives(t) {
		t.Run(h.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			img := makeNTFS(t, h)
			armed := armAndRead(t, img, filepath.Join(t.TempDir(), "undo.json"))
			hive := filepath.Join(t.TempDir(), "armed")
			catHive(t, h, img, hive)
			checkArmed(t, h, armed, hive)
			checkVolume(t, img)

			hangkit(t, 0, "undo", img, "--yes")
			undone := filepath.Join(t.TempDir(), "undone")
			catHive(t, h, img, undone)
			checkUndone(t, h, undone)
			checkVolume(t, img)
		})
	}
}

func armAndRead(t *testing.T, target, record string) editDocument {
	t.Helper()
	var doc editDocument
	out := hangkit(t, 0, "arm", target, "--yes", "--json", "--record", record, "--ram", "4G")
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Changes) == 0 || doc.Outcome != outcomeWritten {
		t.Fatalf("arm changed nothing: %s", out)
	}
	t.Logf("%d changes by the %s protocol, %d writes; %s", len(doc.Changes), doc.Protocol, len(doc.Writes), strings.Join(doc.Notes, "; "))
	return doc
}

func catHive(t *testing.T, h realHive, img, name string) {
	t.Helper()
	data := command(t, "ntfscat", img, h.root+"/System32/config/SYSTEM")
	if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkArmed reads every change back with hivex, and counts the keys.
func checkArmed(t *testing.T, h realHive, armed editDocument, hive string) {
	t.Helper()
	keys := map[string]string{}
	for _, c := range armed.Changes {
		if keys[c.Key] == "" {
			keys[c.Key] = command(t, "hivexget", hive, c.Key)
		}
		line := ""
		for l := range strings.Lines(keys[c.Key]) {
			if strings.HasPrefix(l, `"`+c.Name+`"=`) {
				line = strings.TrimSpace(l)
			}
		}
		if want := hivexLine(t, c); line != want {
			t.Errorf("%s: hivexget shows %q, want %q", c.Key, line, want)
		}
	}
	recovered := filepath.Join(t.TempDir(), "recovered")
	if err := os.WriteFile(recovered, h.recovered, 0o600); err != nil {
		t.Fatal(err)
	}
	want := countKeys(t, recovered) + createdKeys(t, armed.Record)
	if got := countKeys(t, hive); got != want {
		t.Errorf("hivexml counts %d keys, want %d", got, want)
	} else {
		t.Logf("hivexml counts %d keys", got)
	}
	readAll(t, hive)
}

// readAll lets the other readers walk the whole hive.
func readAll(t *testing.T, hive string) {
	t.Helper()
	command(t, "reglookup", hive)
	command(t, "regfinfo", hive)
	command(t, "reged", "-x", hive, `HKEY_LOCAL_MACHINE\SYSTEM`, `\Select`, filepath.Join(t.TempDir(), "select.reg"))
}

// hivexLine is how hivexget prints the new value of a change; nothing for a deleted one.
func hivexLine(t *testing.T, c changeJSON) string {
	t.Helper()
	switch {
	case c.New == nil:
		return ""
	case c.New.Type == "REG_DWORD":
		var b [4]byte
		if _, err := fmt.Sscanf(c.New.Data, "%02x%02x%02x%02x", &b[0], &b[1], &b[2], &b[3]); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`"%s"=dword:%02x%02x%02x%02x`, c.Name, b[3], b[2], b[1], b[0])
	}
	kind := map[string]string{"REG_EXPAND_SZ": "hex(2)", "REG_MULTI_SZ": "hex(7)"}[c.New.Type]
	var pairs []string
	for i := 0; i < len(c.New.Data); i += 2 {
		pairs = append(pairs, c.New.Data[i:i+2])
	}
	return fmt.Sprintf(`"%s"=%s:%s`, c.Name, kind, strings.Join(pairs, ","))
}

func countKeys(t *testing.T, hive string) int {
	t.Helper()
	return strings.Count(command(t, "hivexml", hive), "<node ")
}

// createdKeys counts the keys that the undo record says arm created, and those of
// the record's own copy: hangkit and one below it.
func createdKeys(t *testing.T, record string) int {
	t.Helper()
	data, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Created []string `json:"created_keys"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return len(r.Created) + 2
}

// checkUndone compares the whole tree with the recovered hive's, as hivex sees both:
// every key, value, type and byte; only the times of keys differ, and where in the file
// the data of a value lie.
func checkUndone(t *testing.T, h realHive, hive string) {
	t.Helper()
	recovered := filepath.Join(t.TempDir(), "recovered")
	if err := os.WriteFile(recovered, h.recovered, 0o600); err != nil {
		t.Fatal(err)
	}
	want, got := treeOf(t, recovered), treeOf(t, hive)
	if got != want {
		t.Errorf("the undone hive differs from the recovered one: %s", firstDifference(want, got))
	}
}

// checkVolume lets everybody judge the volume.
func checkVolume(t *testing.T, img string) {
	t.Helper()
	ntfstest.Approve(t, img)
}

// treeOf is what hivex sees in a hive, without times and places.
func treeOf(t *testing.T, hive string) string {
	t.Helper()
	return without(without(command(t, "hivexml", hive), "mtime"), "byte_runs")
}

// without cuts every element of a name out of an XML text.
func without(text, element string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "<"+element+">")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, text, _ = strings.Cut(rest, "</"+element+">")
	}
}

func firstDifference(want, got string) string {
	n := 0
	for n < len(want) && n < len(got) && want[n] == got[n] {
		n++
	}
	clip := func(s string) string { return s[max(0, n-80):min(len(s), n+80)] }
	return fmt.Sprintf("at %d: want …%s…, got …%s…", n, clip(want), clip(got))
}
