// Package scripts has no code: its tests look at the Windows build as a whole.
package scripts

import (
	"debug/pe"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func requireOracles() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

// importedDLLs are what Windows loads before the program runs. Windows PE has it, as has
// everything that calls itself Windows.
var importedDLLs = []string{"kernel32.dll"}

// lazyDLLs are loaded when something in them is first called, from the system's folder alone.
// Each has its reason to be there in Windows PE, or not to be needed.
var lazyDLLs = map[string]string{
	"kernel32.dll":         "imported; what Windows 10 may lack in it is looked for before it is called",
	"ntdll.dll":            "part of every process; os.Root opens files by it",
	"bcryptprimitives.dll": "Go's random numbers; Windows PE has it since Windows 10, and hangkit runs on no older one",
	"advapi32.dll":         "the registry key that tells Windows PE; Windows PE has it, for its own programs use it",
	"ws2_32.dll":           "sockets, for nbd:// alone; the runtime looks whether it is there",
	"mswsock.dll":          "sockets, for nbd:// alone",
	"dnsapi.dll":           "names of nbd:// servers",
	"iphlpapi.dll":         "names of nbd:// servers",
	"crypt32.dll":          "certificates, when image live fetches packages",
	"netapi32.dll":         "os/user, not called",
	"userenv.dll":          "os/user, not called",
	"secur32.dll":          "os/user, not called",
	"sechost.dll":          "services, not called",
	"shell32.dll":          "known folders, not called",
	"ole32.dll":            "known folders, not called",
	"psapi.dll":            "not called",
	"setupapi.dll":         "not called",
	"cfgmgr32.dll":         "not called",
	"wintrust.dll":         "not called",
	"version.dll":          "not called",
	"user32.dll":           "not called",
	"dwmapi.dll":           "not called",
	"wtsapi32.dll":         "not called",
	"powrprof.dll":         "the runtime asks to hear of suspends, and goes on without",
	"hal.dll":              "a module's name in dumps, not loaded",
	"winmm.dll":            "the runtime's timer where Windows has no finer one, and goes on without",
}

// TestOracleWindowsDLLs holds the Windows build against what Windows PE has.
func TestOracleWindowsDLLs(t *testing.T) {
	if !requireOracles() {
		t.Skip("building takes its time: HANGKIT_REQUIRE_ORACLES=1")
	}
	for _, arch := range []string{"amd64", "arm64"} {
		exe := filepath.Join(t.TempDir(), "hangkit.exe")
		goTool(t, arch, "build", "-trimpath", "-o", exe, "hangkit")
		f, err := pe.Open(exe)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		symbols, err := f.ImportedSymbols()
		if err != nil {
			t.Fatal(err)
		}
		var dlls []string
		for _, s := range symbols {
			_, dll, _ := strings.Cut(s, ":")
			dlls = append(dlls, strings.ToLower(dll))
		}
		slices.Sort(dlls)
		if got := slices.Compact(dlls); !slices.Equal(got, importedDLLs) {
			t.Errorf("%s: imports %q, want %q", arch, got, importedDLLs)
		}
	}
}

func goTool(t *testing.T, arch string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH="+arch, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// dllName finds names of DLLs; the runtime spells its own in letters with quotes and commas.
var dllName = regexp.MustCompile(`([a-z0-9_]+\.dll)["']`)

// TestOracleLazyDLLs: no package of the build names a DLL that was not thought about.
func TestOracleLazyDLLs(t *testing.T) {
	if !requireOracles() {
		t.Skip("listing every source takes its time: HANGKIT_REQUIRE_ORACLES=1")
	}
	found := map[string]string{}
	sources := goTool(t, "amd64", "list", "-deps", "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`, "hangkit")
	for name := range strings.Lines(sources) {
		for _, dll := range dllsOf(t, strings.TrimSpace(name)) {
			found[dll] = strings.TrimSpace(name)
		}
	}
	for _, dll := range slices.Sorted(maps.Keys(found)) {
		if lazyDLLs[dll] == "" {
			t.Errorf("%s is named by %s: say why Windows PE has it or does not need it", dll, found[dll])
		}
	}
	for dll := range lazyDLLs {
		if found[dll] == "" {
			t.Errorf("%s is explained, and nothing names it", dll)
		}
	}
}

// dllsOf lists the DLLs that a source names outside of its comments.
func dllsOf(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, data, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Comments {
		for i := set.Position(group.Pos()).Offset; i < set.Position(group.End()).Offset; i++ {
			data[i] = ' '
		}
	}
	letters := strings.NewReplacer("', '", "", "','", "").Replace(string(data))
	var names []string
	for _, m := range dllName.FindAllStringSubmatch(strings.ToLower(letters), -1) {
		names = append(names, m[1])
	}
	return names
}
