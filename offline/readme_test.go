package offline

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// readmeStatus is the exit status of every hangkit command in the README; 0 where it
// is not listed.
var readmeStatus = map[string]int{
	"hangkit check server.img --ram 8G":        7,
	"hangkit check server.img --ram 8G --json": 7,
	"hangkit list server.img --verify-volume":  7, // its journal waits to be replayed
	"hangkit check srv2019.qcow2 --ram 8G":     7, // its last change switched dumps off
}

// readmeElsewhere are the README's commands that run in other places, and where.
var readmeElsewhere = map[string]string{
	"go test ./...":                     ".ci/run", // running it here would never end
	"go run ./scripts/release --no-iso": "justfile",

	"hangkit list install.wim":                           wimScript,
	"hangkit check install.wim --index 2 --ram 8G":       wimScript,
	"hangkit arm install.wim --index all --ram 8G --yes": wimScript,
	"hangkit undo install.wim --index all --yes":         wimScript,
}

// wimScript has an install archive, which this test has not.
const wimScript = "offline/testdata/script/wim.txtar"

// TestReadme runs every command that the README shows, in its order, in a folder
// that holds nothing but the disk the README speaks of.
func TestReadme(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	commands := readmeCommands(t, filepath.Join(root, "README.md"))
	t.Chdir(t.TempDir())
	if err := makeDemoDisk("server.img"); err != nil {
		t.Fatal(err)
	}
	for _, line := range commands {
		if file, ok := readmeElsewhere[line]; ok {
			text, err := os.ReadFile(filepath.Join(root, file))
			if err != nil || !strings.Contains(string(text), line) {
				t.Errorf("%s is not run by %s (%v)", line, file, err)
			}
			continue
		}
		runReadme(t, root, line)
	}
}

func readmeCommands(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for i, block := range strings.Split(string(text), "```") {
		if i%2 == 0 || !strings.HasPrefix(block, "console\n") {
			continue
		}
		for line := range strings.Lines(block) {
			if command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ "); ok {
				commands = append(commands, command)
			}
		}
	}
	if len(commands) < 10 {
		t.Fatalf("the README shows %d commands only", len(commands))
	}
	return commands
}

func runReadme(t *testing.T, root, line string) {
	t.Helper()
	args := strings.Fields(line)
	if args[0] == "hangkit" {
		if args[1] == "collect" {
			if err := crashDemoDisk("server.img"); err != nil {
				t.Fatal(err)
			}
		}
		hangkit(t, readmeStatus[line], expand(t, args[1:])...)
		return
	}
	// The Go tool's commands run at the top of the source; what they build goes here.
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	shell := strings.ReplaceAll(line, "-o hangkit", "-o "+filepath.Join(here, "hangkit"))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", shell)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// expand does what the shell does with a star.
func expand(t *testing.T, args []string) []string {
	t.Helper()
	var out []string
	for _, a := range args {
		if !strings.Contains(a, "*") {
			out = append(out, a)
			continue
		}
		names, err := filepath.Glob(a)
		if err != nil || len(names) != 1 {
			t.Fatalf("%s stands for %d files (%v), want one", a, len(names), err)
		}
		out = append(out, names[0])
	}
	return out
}
