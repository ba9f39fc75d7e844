package offline

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/ntfs/format"
	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// The disk of the check tests: small, and with room enough that nothing complains of it.
const (
	checkDiskSize = 40 << 30
	checkPageFile = 1 << 30
)

// checkDisk makes a disk with one Windows volume, as an image file.
func checkDisk(t *testing.T, name string, root func(windows.VolumeID) []format.Entry) {
	t.Helper()
	disk, err := image.Create(name, checkDiskSize)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	}()
	table, err := image.CreateGPT(disk, []image.NewPartition{{Type: image.TypeBasicData, Name: "Basic data partition"}}, demoSeed)
	if err != nil {
		t.Fatal(err)
	}
	part := table.Partitions[0]
	volume, err := table.Open(disk, part)
	if err != nil {
		t.Fatal(err)
	}
	err = format.Write(volume, format.Options{
		Label: "Windows", Seed: demoSeed, Time: demoTime, Log: format.LogClean, Root: root(windows.VolumeID{PartitionGUID: part.GUID, Offset: part.Start}),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// windowsTree is a volume with these files in System32/config and a page file.
func windowsTree(folder string, config map[string][]byte) []format.Entry {
	var entries []format.Entry
	for name, data := range config {
		entries = append(entries, format.Entry{Name: name, Data: data})
	}
	return []format.Entry{
		{Name: folder, Dir: []format.Entry{{Name: "Minidump", Dir: []format.Entry{}}, {Name: "System32", Dir: []format.Entry{{Name: "config", Dir: entries}}}}},
		{Name: "pagefile.sys", Size: checkPageFile, Attributes: format.AttrHidden | format.AttrSystem},
	}
}

// checkSample makes the disk of a made-up Windows.
func checkSample(t *testing.T, name string, o sample.Options) {
	t.Helper()
	checkDisk(t, name, func(id windows.VolumeID) []format.Entry {
		o.Volume, o.Now = id, demoTime
		files, err := sampleRegistry(o)
		if err != nil {
			t.Fatal(err)
		}
		return windowsTree("Windows", files)
	})
}

// checkGolden compares what a command printed, or its error, with a golden file.
func checkGolden(t *testing.T, name string, status int, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	got := Main(args, strings.NewReader(""), &out, &errOut)
	text := out.String() + errOut.String()
	if got != status {
		t.Fatalf("hangkit %s: exit status %d, want %d\n%s", strings.Join(args, " "), got, status, text)
	}
	file := filepath.Join(goldenDir, name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
	return text
}

// goldenDir is absolute: the tests run in folders of their own.
var goldenDir = func() string {
	dir, err := filepath.Abs(filepath.Join("testdata", "check"))
	if err != nil {
		return ""
	}
	return dir
}()

// TestCheckScreen: what check prints of a usual machine fits one screen, and is what was
// read line by line.
func TestCheckScreen(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		name   string
		o      sample.Options
		status int
	}{
		{"client", sample.Client(), 0}, {"laptop", sample.Laptop(), 7}, {"server", sample.Server(), 7},
		{"windows7", sample.Windows7(), 7}, {"xp", sample.WindowsXP(), 7},
	} {
		checkSample(t, tt.name+".img", tt.o)
		checkGolden(t, tt.name+".verbose", tt.status, "check", tt.name+".img", "--ram", "8G", "-v")
		fitsScreen(t, tt.name, checkGolden(t, tt.name, tt.status, "check", tt.name+".img", "--ram", "8G"))
		fitsScreen(t, tt.name, checkGolden(t, tt.name+".unknown-memory", tt.status, "check", tt.name+".img"))
	}
}

func fitsScreen(t *testing.T, name, text string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > screenLines {
		t.Errorf("%s: %d lines, more than %d", name, len(lines), screenLines)
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > screenWidth || strings.HasSuffix(line, " ") || strings.Contains(line, "\t") {
			t.Errorf("%s: %d characters: %q", name, n, line)
		}
	}
}

// TestCheckSettled: the command that check names does what check says of it.
func TestCheckSettled(t *testing.T) {
	t.Chdir(t.TempDir())
	checkSample(t, "c.img", sample.Client())
	var before, after checkedDocument
	decode(t, hangkit(t, 0, "check", "c.img", "--ram", "8G", "--json"), &before)
	args := strings.Fields(before.Command)
	hangkit(t, 0, append(args[1:], "--yes", "--record", "r.json")...)
	decode(t, hangkit(t, 0, "check", "c.img", "--ram", "8G", "--json"), &after)
	armed := false
	for _, f := range before.Findings {
		f.ByArm, armed = false, f.ByArm
		if armed && slices.Contains(after.Findings, f) {
			t.Errorf("%s is not settled", f.ID)
		}
	}
	if after.Command != "" || !after.Ready {
		t.Errorf("ready %v, and still %q", after.Ready, after.Command)
	}
}

// checkedDocument is what a program reads of check's document.
type checkedDocument struct {
	Ready    bool
	Command  string
	Findings []struct {
		ID, Verdict, Title string
		ByArm              bool `json:"fixed_by_command"`
	}
	Rules []ruleJSON
}

func decode(t *testing.T, text string, doc any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), doc); err != nil {
		t.Fatal(err)
	}
}

// TestCheckJSON: every rule is there, with what it read and where.
func TestCheckJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	checkSample(t, "c.img", sample.Client())
	var doc checkedDocument
	decode(t, hangkit(t, 0, "check", "c.img", "--ram", "8G", "--json"), &doc)
	var ids []string
	spoken := 0
	for _, r := range doc.Rules {
		ids = append(ids, r.ID)
		if r.Verdict != silent {
			spoken++
		}
		for _, read := range r.Reads {
			if read.What == "" || read.Known && (read.Value == "" || read.Source == "") || !read.Known && read.Value != "" {
				t.Errorf("%s: %+v", r.ID, read)
			}
		}
	}
	if diff := cmp.Diff(crashconfig.RuleIDs(), ids); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if spoken != len(doc.Findings) {
		t.Errorf("%d rules have a verdict, %d findings", spoken, len(doc.Findings))
	}
}

func TestCheckExplain(t *testing.T) {
	t.Chdir(t.TempDir())
	checkGolden(t, "explain-all", 0, "check", "--explain", "all")
	checkGolden(t, "explain-unknown", 80, "check", "--explain", "C01,C99")
	checkSample(t, "c.img", sample.Client())
	text := checkGolden(t, "explain-client", 0, "check", "c.img", "--ram", "8G", "--explain", "p06,T05,P06")
	if strings.Count(text, "P06: ") != 1 {
		t.Errorf("a rule named twice is told twice:\n%s", text)
	}
	for line := range strings.Lines(text + hangkit(t, 0, "check", "--explain", "all")) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > screenWidth && !strings.HasPrefix(line, "  fix:") {
			t.Errorf("%d characters: %q", n, line)
		}
	}
	var doc struct {
		Rules []struct {
			Verdict string
			Sources []string
		}
	}
	decode(t, hangkit(t, 0, "check", "--explain", "C01", "--json"), &doc)
	if len(doc.Rules) != 1 || doc.Rules[0].Verdict != "" || len(doc.Rules[0].Sources) == 0 {
		t.Errorf("%+v", doc)
	}
}

// TestCheckHostileNames: what the disk says steers no terminal.
func TestCheckHostileNames(t *testing.T) {
	t.Chdir(t.TempDir())
	const evil = "\\\\server\\\x1b[2J\r\nREADY"
	m := &machine{drives: map[byte]string{'C': "00000000-0000-0000-0000-000000000001"}, settings: map[string]hive.Value{
		crashSettings + "DumpFile": text(evil), crashSettings + "DedicatedDumpFile": text(evil), memorySettings + "PagingFiles": texts(evil),
		`ControlSet001\Control\SystemStartOptions`: text("DEBUG" + evil),
	}}
	checkDisk(t, "evil.img", func(windows.VolumeID) []format.Entry {
		return []format.Entry{{Name: "Windows", Dir: []format.Entry{m.config(t)}}}
	})
	for _, args := range [][]string{{"-v"}, {"--explain", "all"}} {
		status := 7
		if args[0] == "--explain" {
			status = 0
		}
		out := hangkit(t, status, append([]string{"check", "evil.img", "--ram", "8G"}, args...)...)
		if regexp.MustCompile(`[^\P{C}\n]`).MatchString(out) || strings.Contains(out, "\nREADY") {
			t.Errorf("%s: %q", args, out)
		}
	}
}

// Every flag for arm that a rule offers exists.
func TestCheckFixFlags(t *testing.T) {
	t.Parallel()
	for _, id := range crashconfig.RuleIDs() {
		s, _ := crashconfig.Explain(id)
		for _, flags := range armFlags.FindAllStringSubmatch(s.Fix, -1) {
			if _, err := parseSettings(exampleFlags(flags[1])); err != nil {
				t.Errorf("%s: %s: %v", id, s.Fix, err)
			}
		}
	}
}

var armFlags = regexp.MustCompile(`hangkit arm (--[a-z-]+(?: [A-Za-z]+)?)`)

// exampleFlags puts something in the place of what the user has to say.
func exampleFlags(text string) []string {
	r := strings.NewReplacer("KEYS", "rctrl+scroll", "TYPE", "kernel", "SIZE", "8G", "--dedicated-dump on", `--dedicated-dump D:\x.dmp:1G`)
	fields := strings.Fields(r.Replace(text))
	if len(fields) == 2 && (fields[0] == "--no-auto-repair" || fields[0] == "--boot-log" || fields[0] == "--all-control-sets") {
		fields = fields[:1]
	}
	return fields
}
