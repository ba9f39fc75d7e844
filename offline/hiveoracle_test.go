package offline

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/hive"
	"hangkit/hive/regtext"
)

// everyType is a text with a value of each kind, and what hivexget makes of them.
var everyType = &regtext.File{Keys: []regtext.Key{{Path: `HKEY_LOCAL_MACHINE\SYSTEM\hangkit-test\below`, Values: []regtext.Value{
	{Name: "sz", Type: hive.SZ, Data: hive.EncodeSZ("some text")},
	{Name: "dword", Type: hive.DWORD, Data: hive.EncodeDWORD(0x12345678)},
	{Name: "be", Type: hive.DWORDBigEndian, Data: []byte{0, 0, 1, 2}},
	{Name: "qword", Type: hive.QWORD, Data: hive.EncodeQWORD(1 << 40)},
	{Name: "expand", Type: hive.ExpandSZ, Data: hive.EncodeSZ(`%SystemRoot%\x`)},
	{Name: "multi", Type: hive.MultiSZ, Data: hive.EncodeMultiSZ([]string{"a", "b"})},
	{Name: "none", Type: hive.None, Data: nil},
	{Name: "plain", Type: hive.Binary, Data: bytes.Repeat([]byte{0xA5}, 16344)},
	{Name: "", Type: hive.SZ, Data: hive.EncodeSZ("default")},
}}}}

var hivexLines = []string{
	`"sz"="some text"`, `"dword"=dword:12345678`, `"be"=dword:00000102`, `"qword"=hex(11):00,00,00,00,00,01,00,00`,
	`"multi"=hex(7):61,00,00,00,62,00,00,00,00,00`, `"none"=hex(0):`, `"@"="default"`,
}

// someHives are the smaller half of the real hives, and all of them where every oracle
// is required: to read a whole hive with four programs takes seconds.
func someHives(t *testing.T) []realHive {
	t.Helper()
	hives := realHives(t)
	if requireOracles() {
		return hives
	}
	return slices.DeleteFunc(hives, func(h realHive) bool { return strings.HasPrefix(h.name, "Windows7") })
}

// TestOracleHiveImport imports values of every type into hives that Windows wrote, and
// takes them back; programs we did not write read the results.
func TestOracleHiveImport(t *testing.T) {
	t.Parallel()
	needPrograms(t, "hivexml", "hivexget", "reglookup", "regfinfo", "reged")
	for _, h := range someHives(t) {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, data := range h.files {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			system, text := filepath.Join(dir, "SYSTEM"), filepath.Join(dir, "all.reg")
			writeText(t, text, everyType)
			whole := filepath.Join(dir, "recovered")
			if err := os.WriteFile(whole, h.recovered, 0o600); err != nil {
				t.Fatal(err)
			}
			keys := countKeys(t, whole)

			undo := filepath.Join(dir, "undo.reg")
			hangkit(t, 0, "hive", "import", system, text, "--yes", "--undo", undo)
			if got := countKeys(t, system); got != keys+2 {
				t.Errorf("hivexml counts %d keys, want %d", got, keys+2)
			}
			got := command(t, "hivexget", system, `hangkit-test\below`)
			for _, line := range hivexLines {
				if !strings.Contains(got, line+"\n") {
					t.Errorf("hivexget shows no %s in\n%.400s", line, got)
				}
			}
			readAll(t, system)

			hangkit(t, 0, "hive", "import", system, undo, "--yes", "--undo", filepath.Join(dir, "redo.reg"))
			if got := countKeys(t, system); got != keys {
				t.Errorf("hivexml counts %d keys after the undo, want %d", got, keys)
			}
			readAll(t, system)
			hangkit(t, 0, "hive", "check", system)
		})
	}
}

func writeText(t *testing.T, name string, text *regtext.File) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(text.WriteTo(f, regtext.UTF16), f.Close()); err != nil {
		t.Fatal(err)
	}
}
