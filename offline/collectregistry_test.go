package offline

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// oddRegistry is a sample with what an attacker, a fault and an update could leave.
func oddRegistry(t *testing.T) *windows.Installation {
	t.Helper()
	install := windowstest.Open(t, windowstest.NewVolume(t, sample.Server()), "Windows")
	text := hive.EncodeSZ
	number := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	set := install.ControlSet.Name + `\Control\`
	for _, v := range []struct {
		key string
		hive.Value
	}{
		{set + "CrashControl", hive.Value{Name: "LastCrashTime", Type: hive.QWORD, Data: number(134081840400000000)}},
		{set + "CrashControl", hive.Value{Name: "PagefileTooSmall", Type: hive.QWORD, Data: number(0)}},
		{set + "CrashControl", hive.Value{Name: "evil\x1b[2J\r\n[HKEY_LOCAL_MACHINE\\SYSTEM]", Type: hive.SZ, Data: text("<script>\x07\u202e")}},
		{set + "CrashControl", hive.Value{Name: "long", Type: hive.SZ, Data: text(strings.Repeat("x", 5000))}},
		{set + "CrashControl", hive.Value{Name: "bytes", Type: hive.Binary, Data: make([]byte, 40)}},
		{set + "CrashControl", hive.Value{Name: "DumpFilters", Type: hive.MultiSZ, Data: hive.EncodeMultiSZ([]string{"dumpfve.sys", "other.sys"})}},
		{set + `CrashControl\EncryptionCertificates\Certificate.1`, hive.Value{Name: "PublicKey", Type: hive.Binary, Data: []byte("RSA1")}},
		{set + `CrashControl\EncryptionCertificates\Certificate.1`, hive.Value{Name: "Thumbprint", Type: hive.SZ, Data: text("AB12")}},
		{set + "Session Manager", hive.Value{Name: "PendingFileRenameOperations", Type: hive.MultiSZ,
			Data: append(append(append(text(`\??\C:\secret-of-alice.tmp`), 0, 0), text(`\??\C:\a`)...), append(text(`!\??\C:\b`), 0, 0)...)}},
		{set + "TimeZoneInformation", hive.Value{Name: "ActiveTimeBias", Type: hive.DWORD, Data: []byte{0xC4, 0xFF, 0xFF, 0xFF}}},
	} {
		if err := install.System.SetValue(v.key, v.Value); err != nil {
			t.Fatal(err)
		}
	}
	return install
}

func TestRegistryText(t *testing.T) {
	t.Parallel()
	got := registryText(oddRegistry(t), time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC))
	golden := filepath.Join("testdata", "registry.golden.txt")
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("registry.txt differs from %s (-update rewrites it):\n%s", golden, got)
	}
	for _, bad := range []string{"\x1b", "\x07", "\u202e", "\r", "secret-of-alice", "PublicKey", "Windows Registry Editor"} {
		if strings.Contains(string(got), bad) {
			t.Errorf("registry.txt holds %q", bad)
		}
	}
	if n := len(got); n > 40_000 {
		t.Errorf("registry.txt has %d bytes", n)
	}
}

// TestRegistryTable: no value is named twice, and every word is there that the text
// needs.
func TestRegistryTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range registryRules {
		id := strings.ToLower(r.hive + `\` + r.key + `\` + r.name)
		if seen[id] {
			t.Errorf("%s is in the table twice", id)
		}
		seen[id] = true
		if r.hive != "SYSTEM" && r.hive != "SOFTWARE" || r.name != anyValue && r.meaning == "" {
			t.Errorf("%s: hive %q, meaning %q", id, r.hive, r.meaning)
		}
	}
}

// TestRegistryWithoutSoftware: what cannot be read is named, and hides nothing else.
func TestRegistryWithoutSoftware(t *testing.T) {
	t.Parallel()
	v := windowstest.NewVolume(t, sample.Client())
	for name := range v.MapFS {
		if strings.HasSuffix(name, "SOFTWARE") {
			v.MapFS[name].Data = []byte("not a hive")
		}
	}
	values, problems := registryValues(windowstest.Open(t, v, "Windows"))
	if len(values) < 20 || len(problems) == 0 || !strings.Contains(problems[0], "SOFTWARE") {
		t.Errorf("%d values, problems %q", len(values), problems)
	}
}
