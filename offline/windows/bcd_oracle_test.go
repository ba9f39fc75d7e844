package windows_test

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// xmlNode is a key as hivexml writes it.
type xmlNode struct {
	Name   string     `xml:"name,attr"`
	Nodes  []xmlNode  `xml:"node"`
	Values []xmlValue `xml:"value"`
}

type xmlValue struct {
	Key      string   `xml:"key,attr"`
	Value    string   `xml:"value,attr"`
	Encoding string   `xml:"encoding,attr"`
	Strings  []string `xml:"string"`
}

// TestOracleBCDHivex compares every element of a real store and a made one with what hivex reads.
func TestOracleBCDHivex(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("hivexml")
	if err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for name, data := range map[string][]byte{
		"real": windowstest.SampleFile(t, "real/BCD.xz"),
		"made": storeBytes(t, sample.BCDOptions{EFI: true, Elements: sample.BCDElements{0x17000077: []int{1, 2}, 0x12000030: "x y"}}),
	} {
		file := filepath.Join(t.TempDir(), "BCD")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(program, file).Output()
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Root xmlNode `xml:"node"`
		}
		if err := xml.Unmarshal(out, &doc); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		collectElements(want, "", doc.Root)
		got := map[string]string{}
		for _, e := range open(t, data).Entries {
			for _, el := range e.Elements {
				got[fmt.Sprintf(`%s\Elements\%08x`, e.ID, uint32(el.Type))] = rawText(el)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
			t.Errorf("%s (-hivex +ours):\n%s", name, diff)
		}
	}
}

func collectElements(all map[string]string, path string, n xmlNode) {
	for _, v := range n.Values {
		if v.Key == "Element" {
			all[path] = v.text()
		}
	}
	for _, below := range n.Nodes {
		at := path + `\` + below.Name
		if below.Name == "Objects" && path == "" {
			at = ""
		}
		collectElements(all, strings.TrimPrefix(at, `\`), below)
	}
}

func (v xmlValue) text() string {
	switch {
	case v.Encoding == "base64":
		raw, err := base64.StdEncoding.DecodeString(v.Value)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%x", raw)
	case len(v.Strings) > 0:
		return strings.TrimRight(strings.Join(v.Strings, "|"), "|")
	}
	return v.Value
}

func rawText(e windows.Element) string {
	switch e.Raw.Type {
	case hive.SZ:
		return e.Raw.Text()
	case hive.MultiSZ:
		return strings.Join(e.Raw.Strings(), "|")
	default:
		return fmt.Sprintf("%x", e.Raw.Data)
	}
}
