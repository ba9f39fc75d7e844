package crashconfig_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/windowstest"
)

// program finds an oracle, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

// hivex reads the armed hives: every planned value has its new type and data, and there are as many keys as before and
// those that arming created.
func TestOracleHivexReadsArmedHives(t *testing.T) {
	t.Parallel()
	hivexget, hivexml := program(t, "hivexget"), program(t, "hivexml")
	for _, name := range []string{"real/SYSTEM_B/SYSTEM_B", "real/SYSTEM_win7sp1_x86", "real/SYSTEM_winxpsp3_x86_m57"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := windowstest.Sample(t, name)
			m := machine{i, windowstest.Facts(t, i, windows.Live{})}
			before := countKeys(t, hivexml, writeHive(t, i.System))
			plan := m.plan(t, crashconfig.Settings{Keyboard: keys("lctrl+lalt+f12")})
			rec := crashconfig.NewRecord(m.f, "hangkit test", now)
			if stored, err := plan.Apply(i.System, rec); err != nil || !stored {
				t.Fatalf("Apply: stored %v, %v", stored, err)
			}
			file := writeHive(t, i.System)
			for _, c := range plan.Changes {
				checkValue(t, hivexget, file, c)
			}
			created := len(rec.Created) + 2 // hangkit and the record's own key
			if after := countKeys(t, hivexml, file); after != before+created {
				t.Errorf("%d keys, want %d and %d new ones", after, before, created)
			}
		})
	}
}

func writeHive(t *testing.T, h *hive.Hive) string {
	t.Helper()
	b, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "SYSTEM")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkValue reads a number or the absence of a value with hivexget.
func checkValue(t *testing.T, hivexget, file string, c crashconfig.Change) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), hivexget, file, c.Key, c.Name).CombinedOutput()
	got := strings.TrimSpace(string(out))
	switch {
	case c.New == nil:
		if err == nil {
			t.Errorf(`%s\%s is still there: %s`, c.Key, c.Name, got)
		}
	case c.New.Type == hive.DWORD:
		if err != nil || got != crashconfig.Describe(c.New) {
			t.Errorf(`%s\%s is %q (%v), want %s`, c.Key, c.Name, got, err, crashconfig.Describe(c.New))
		}
	case err != nil:
		t.Errorf(`%s\%s: %v, %s`, c.Key, c.Name, err, got)
	case c.New.Type == hive.MultiSZ && got != strings.Join(c.New.Strings(), "\n"), c.New.Type != hive.MultiSZ && got != c.New.Text():
		t.Errorf(`%s\%s is %q, want %s`, c.Key, c.Name, got, crashconfig.Describe(c.New))
	}
}

func countKeys(t *testing.T, hivexml, file string) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), hivexml, file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for d := xml.NewDecoder(out); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "node" {
			n++
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return n
}
