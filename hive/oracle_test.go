package hive

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program finds a program that is not ours; without it the test is skipped, or fails in CI.
func program(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		skipOrFail(tb, "%s is not installed", name)
	}
	return path
}

// run gives a program's output and fails unless it exits with 0.
func run(tb testing.TB, name string, args ...string) []byte {
	tb.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(program(tb, name), args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", name, err, stderr.Bytes())
	}
	return out
}

// oracleHives are primaries after our edits: committed to real hives, or made from nothing.
func oracleHives() []commitCase {
	var list []commitCase
	for _, c := range commitCases() {
		if strings.HasPrefix(c.name, "SYSTEM_B") || strings.HasPrefix(c.name, "Windows") || strings.HasSuffix(c.name, "clean") {
			list = append(list, c)
		}
	}
	xp := func(name string) func(testing.TB) files {
		return func(tb testing.TB) files { tb.Helper(); return files{sample(tb, name), make([]byte, 256<<10)} }
	}
	o := CommitOptions{Generation: GenerationXP, Now: testTime}
	return append(list,
		commitCase{"XP SYSTEM", xp("real/SYSTEM_winxpsp3_x86_m57"), o, ProtocolDIRT, 1500},
		commitCase{"XP SYSTEM 1.3", xp("real/SYSTEM_winxp_regsave_v1.3"), o, ProtocolDIRT, 300},
	)
}

func TestOracleReaders(t *testing.T) {
	t.Parallel()
	for _, c := range oracleHives() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path, keys, values, checks := commitToFile(t, c)
			t.Run("hivexml", func(t *testing.T) {
				out := run(t, "hivexml", path)
				if k, v := bytes.Count(out, []byte("<node ")), bytes.Count(out, []byte("<value ")); k != keys || v != values {
					t.Errorf("%d keys, %d values, want %d and %d", k, v, keys, values)
				}
			})
			t.Run("hivexget", func(t *testing.T) {
				for _, c := range checks {
					if n, ok := c.Want.Uint32(); ok {
						if got := strings.TrimSpace(string(run(t, "hivexget", path, c.Path, c.Name))); got != fmt.Sprint(n) {
							t.Errorf("%s %s: %s, want %d", c.Path, c.Name, got, n)
						}
					}
				}
			})
			t.Run("reglookup", func(t *testing.T) {
				out := run(t, "reglookup", "-p", `/ControlSet001/Control/CrashControl`, path)
				if !bytes.Contains(out, []byte("/ControlSet001/Control/CrashControl/NMICrashDump,DWORD,0x00000001")) {
					t.Errorf("no NMICrashDump in:\n%s", out)
				}
			})
			t.Run("regfinfo", func(t *testing.T) {
				if out := run(t, "regfinfo", path); !bytes.Contains(out, []byte("Windows NT Registry File information")) {
					t.Errorf("output:\n%s", out)
				}
			})
			t.Run("reged", func(t *testing.T) { readWithReged(t, path) })
		})
	}
}

// armKeys are the keys that the edits of arm reach.
var armKeys = []string{`ControlSet001\Control\CrashControl`, `ControlSet001\Services\kbdhid\Parameters`, `hangkit\undo`}

// commitToFile edits and commits a hive, counts it by our own reader before and after, and writes
// the primary to a file.
func commitToFile(tb testing.TB, c commitCase) (path string, keys, values int, checks []ValueCheck) {
	tb.Helper()
	f := c.f(tb)
	h := mustOpen(tb, f)
	keys, values = countTree(tb, mustKey(tb, h, ""))
	for _, path := range armKeys {
		created, err := h.CreateKey(path)
		if err != nil {
			tb.Fatal(err)
		}
		keys += len(created)
	}
	before := countValues(tb, h)
	checks = arm(tb, h, c.record)
	values += countValues(tb, h) - before
	commit, err := h.Commit(c.o)
	if err != nil {
		tb.Fatal(err)
	}
	d := disk(f)
	final := d.clone()
	if err := commit.Run(final.targets(nil)); err != nil {
		tb.Fatal(err)
	}
	path = filepath.Join(tb.TempDir(), "SYSTEM")
	if err := os.WriteFile(path, final[Primary], 0o600); err != nil {
		tb.Fatal(err)
	}
	return path, keys, values, checks
}

// countValues counts the values of these keys.
func countValues(tb testing.TB, h *Hive) (n int) {
	tb.Helper()
	for _, path := range armKeys {
		n += mustKey(tb, h, path).NumValues()
	}
	return n
}

// readWithReged lists a key with reged, which exits with 0 and prints an error where it finds none.
func readWithReged(t *testing.T, path string) {
	t.Helper()
	cmd := exec.Command(program(t, "reged"), "-e", path)
	cmd.Stdin = strings.NewReader("cd ControlSet001\\Control\\CrashControl\nls\nq\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("NMICrashDump")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// A hive made from nothing is good enough for hivex to edit.
func TestOracleNewHiveEditable(t *testing.T) {
	t.Parallel()
	for _, minor := range []uint32{3, 5} {
		h := New(NewOptions{Minor: minor, Now: testTime})
		setValue(t, h, `A\B`, Value{"v", SZ, EncodeSZ("x")})
		path := filepath.Join(t.TempDir(), "hive")
		if err := os.WriteFile(path, mustBytes(t, h), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program(t, "hivexsh"), "-w", path)
		cmd.Stdin = strings.NewReader("cd A\nadd C\ncommit\nquit\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		p, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		edited := mustOpen(t, files{p})
		if err := edited.Validate(); err != nil {
			t.Error(err)
		}
		mustKey(t, edited, `A\C`)
	}
}
