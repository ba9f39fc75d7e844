package offline

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestHelp keeps the help texts as they were read and found good.
func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	for _, command := range []string{"", "list", "check", "arm", "undo", "trigger", "collect", "menu", "dump", "dump info", "dump verify", "dump join", "hive", "hive check", "hive recover", "hive get", "hive set", "hive delete", "hive export", "hive import", "hive bcd", "image", "image sample", "image live", "image data", "demo", "man", "completion", "version"} {
		name := strings.ReplaceAll("hangkit "+command, " ", "-")
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			args := append(strings.Fields(command), "--help")
			if status := Main(args, nil, &out, &errOut); status != 0 || errOut.Len() > 0 {
				t.Fatalf("exit status %d, said %q", status, &errOut)
			}
			if !strings.HasPrefix(command, "hive") { // whose examples are paths in the registry, which are long
				checkWidth(t, out.String())
			}
			golden(t, filepath.Join("testdata", "help", strings.Trim(name, "-")+".txt"), out.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
