package regtext

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/hive"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// goldenHive has a value of every kind.
func goldenHive(t *testing.T) *hive.Hive {
	t.Helper()
	h := hive.New(hive.NewOptions{})
	set := func(key, name string, kind hive.Type, data []byte) {
		if err := h.SetValue(key, hive.Value{Name: name, Type: kind, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	set("Types", "", hive.SZ, hive.EncodeSZ("the default value"))
	for kind := range hive.QWORD + 2 {
		set("Types", kind.String(), kind, count(8))
		set("Types", kind.String()+" empty", kind, nil)
	}
	set("Types", "unknown", 0xFFFF0012, count(2))
	set("Types", "REG_DWORD of four bytes", hive.DWORD, hive.EncodeDWORD(0xFEDC0123))
	set("Types", "REG_MULTI_SZ of strings", hive.MultiSZ, hive.EncodeMultiSZ([]string{"one", "", "two"}))
	for _, n := range []int{1, 25, 100} {
		set("Lengths", strings.Repeat("n", n), hive.Binary, count(60))
	}
	for _, s := range []string{"", `C:\a\b`, `"quoted"`, "two\r\nlines", "tab\t;#[]", "жя 😀", "\xed\xa0\x80"} {
		set("Strings", s, hive.SZ, hive.EncodeSZ(s))
	}
	set("Strings", "no NUL", hive.SZ, []byte{0x61, 0})
	set("Strings", "NUL within", hive.SZ, hive.EncodeSZ("a\x00b"))
	set("Strings", "odd", hive.SZ, []byte{0x61, 0, 0})
	for _, key := range []string{`Keys\a[1]`, `Keys\b\deep\er`, `Keys\c/d`, `Keys\ж`, "Keys\\\xed\xa0\x80", `Keys\"q"`} {
		if _, err := h.CreateKey(key); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestGolden(t *testing.T) {
	t.Parallel()
	h := goldenHive(t)
	for e, name := range map[Encoding]string{UTF16: "utf16.reg", UTF8: "utf8.reg"} {
		path := filepath.Join("testdata", name)
		got := mustExport(t, h, e)
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs:\n%s", path, got)
		}
		if got, want := dump(t, newHive(t, string(want))), dump(t, h); got != want {
			t.Errorf("%s read back:\n%s\nwant\n%s", path, got, want)
		}
	}
}
