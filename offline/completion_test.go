package offline

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"hangkit/offline/internal/cmdline"
)

// completed is what hangkit itself answers a shell.
func completed(t *testing.T, words ...string) (kind string, found []string) {
	t.Helper()
	var out, errOut bytes.Buffer
	if status := Main(append([]string{completeWord}, words...), nil, &out, &errOut); status != 0 || errOut.Len() > 0 {
		t.Fatalf("%q: exit status %d, said %q", words, status, &errOut)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, l := range lines[1:] {
		word, _, _ := strings.Cut(l, "\t")
		found = append(found, word)
	}
	return lines[0], found
}

func TestComplete(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		words string // the last behind an equals sign
		kind  cmdline.Kind
		found string
	}{
		{"=che", cmdline.OnlyWords, "check"},
		{"=nonsense", cmdline.OnlyWords, ""},
		{"--json =che", cmdline.OnlyWords, "check"},
		{"--bitlocker-key arm =che", cmdline.OnlyWords, "check"}, // arm is a file here
		{"hive =re", cmdline.OnlyWords, "recover"},
		{"hive get =", cmdline.Files, ""},
		{"hive get SYSTEM =", cmdline.OnlyWords, ""}, // a key is no file
		{"list a.img =", cmdline.Files, ""},          // and more of them
		{"check a.img =", cmdline.OnlyWords, ""},
		{"dump join =", cmdline.Folders, ""},
		{"arm =--dump-", cmdline.OnlyWords, "--dump-file --dump-log"},
		{"arm =--no-n", cmdline.OnlyWords, "--no-nmi"},
		{"arm -nq =--prof", cmdline.OnlyWords, "--profile"},
		{"arm --dump =k", cmdline.OnlyWords, "kernel"},
		{"arm --dump = =k", cmdline.OnlyWords, "kernel"}, // as bash cuts it
		{"arm --dump ==", cmdline.OnlyWords, "none small kernel automatic active complete"},
		{"arm =--dump=k", cmdline.OnlyWords, "--dump=kernel"},
		{"arm =--nonsense=k", cmdline.OnlyWords, ""},
		{"arm -- =--du", cmdline.Files, ""},
		{"arm --record =", cmdline.Files, ""},
		{"arm =--record=x", cmdline.Files, ""},
		{"arm --ram =", cmdline.OnlyWords, ""},
		{"collect -no =", cmdline.Folders, ""},
		{"collect -oX =", cmdline.Files, ""},
		{"image sample --state =hi", cmdline.OnlyWords, "hibernated"},
		{"image sample --protectors =password,st", cmdline.OnlyWords, "password,startup-key"},
		{"trigger --platform =hyper", cmdline.OnlyWords, "hyperv"},
		{"man =hive-g", cmdline.OnlyWords, "hive-get"},
		{"completion =f", cmdline.OnlyWords, "fish"},
	} {
		kind, found := completed(t, strings.Split(c.words, " ")...)
		if kind != string(c.kind) || strings.Join(found, " ") != c.found {
			t.Errorf("%s: %s %q, want %s %q", c.words, kind, found, c.kind, c.found)
		}
	}
	if status := Main([]string{completeWord}, nil, &bytes.Buffer{}, &bytes.Buffer{}); status == 0 {
		t.Error("no word to complete is no error")
	}
}

// TestCompletedValues: what the table offers belongs to a flag that there is, and is taken
// by it.
func TestCompletedValues(t *testing.T) {
	t.Parallel()
	commands := map[string]*kong.Node{}
	for _, n := range leavesOf(modelOf(t, nil)) {
		commands[n.Path()] = n
	}
	for name, values := range completedValues {
		path, flag, _ := strings.Cut(name, " --")
		n := commands[path]
		if n == nil || !slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == flag }) {
			t.Errorf("%s is no flag", name)
			continue
		}
		i := slices.IndexFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == flag })
		for _, v := range values() {
			scan := kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: v})
			if err := n.Flags[i].Parse(scan, n.Flags[i].Target); err != nil {
				t.Errorf("%s=%s: %v", name, v, err)
			}
		}
	}
}

// shellLines are lines as somebody types them before pressing Tab, and as the shell has
// them then.
var shellLines = []struct{ typed, want string }{
	{"hangkit ar", "hangkit arm"},
	{"hangkit arm --prof", "hangkit arm --profile"},
	{"hangkit arm --dump ker", "hangkit arm --dump kernel"},
	{"hangkit arm --dump=ker", "hangkit arm --dump=kernel"},
	{"hangkit image sample --state hib", "hangkit image sample --state hibernated"},
	{"hangkit dump info crash-o", "hangkit dump info crash-of-monday.dmp"},
	{"hangkit arm --record=crash-o", "hangkit arm --record=crash-of-monday.dmp"},
	{"hangkit collect -o cra", "hangkit collect -o crates"}, // a folder is wanted
}

// typeInto has an interactive shell on a terminal complete a line, and echo it.
const typeInto = `(printf '%s\n' "$PREPARE"; sleep 1; printf '%s\t' "$TYPED"; sleep .3
printf '\001echo "LINE:\005"\n'; sleep .2; printf 'exit\n') | script -qec "$SHELL_COMMAND" /dev/null`

// TestOracleShells: the shells themselves complete what people type.
func TestOracleShells(t *testing.T) {
	needPrograms(t, "bash", "zsh", "fish", "script")
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "crash-of-monday.dmp"), nil, 0o600), os.Mkdir(filepath.Join(dir, "crates"), 0o700)); err != nil {
		t.Fatal(err)
	}
	lines := shellLines
	if !requireOracles() {
		lines = lines[:2]
	}
	for _, shell := range []struct{ name, command, prepare string }{
		{"bash", "bash --norc --noprofile -i", "PS1=; source <(hangkit completion bash)"},
		{"zsh", "zsh -f -i", "PS1=; autoload -Uz compinit; compinit -D -u; source <(hangkit completion zsh)"},
	} {
		for _, line := range lines {
			t.Run(shell.name+"/"+line.typed, func(t *testing.T) {
				t.Parallel()
				cmd := exec.CommandContext(t.Context(), "sh", "-c", typeInto)
				cmd.Dir = dir
				cmd.Env = append(cmd.Environ(), "TERM=dumb", "PREPARE="+shell.prepare, "TYPED="+line.typed, "SHELL_COMMAND="+shell.command)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				checkLine(t, string(out), line.want)
			})
		}
	}
	for _, line := range lines {
		t.Run("fish/"+line.typed, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "fish", "--no-config", "-c",
				`hangkit completion fish | source; complete -C "$TYPED"`)
			cmd.Dir = dir
			cmd.Env = append(cmd.Environ(), "TYPED="+line.typed)
			out, err := cmd.CombinedOutput()
			word := line.want[strings.LastIndexByte(line.want, ' ')+1:]
			got, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\t")
			if err != nil || strings.TrimSuffix(got, "/") != word {
				t.Errorf("offers %q (%v), want %q", out, err, word)
			}
		})
	}
}

func checkLine(t *testing.T, out, want string) {
	t.Helper()
	for line := range strings.Lines(out) {
		if got, ok := strings.CutPrefix(strings.TrimSpace(line), "LINE:"); ok {
			if got = strings.TrimRight(got, " /"); got != want {
				t.Errorf("made %q of it, want %q", got, want)
			}
			return
		}
	}
	t.Errorf("the shell echoed no line: %q", out)
}
