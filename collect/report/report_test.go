package report_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
	"hangkit/collect/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func render(t *testing.T, r *report.Report) (page, text string) {
	t.Helper()
	var h, p bytes.Buffer
	if err := report.HTML(&h, r); err != nil {
		t.Fatal(err)
	}
	if err := report.Text(&p, r); err != nil {
		t.Fatal(err)
	}
	return h.String(), p.String()
}

// goldenReport is small and holds one of everything.
func goldenReport() *report.Report {
	at := func(minutes int) time.Time { return crashTime.Add(time.Duration(minutes) * time.Minute) }
	bad := []report.Piece{{File: 6 << 30, Volume: 40 << 30, Len: 1 << 30}}
	return &report.Report{
		Tool: "hangkit 1.0", Created: at(600), Computer: "KASSE-04", Target: "/dev/sdb",
		Facts: []report.Fact{{Name: "Windows", Value: "Windows 10 Pro 22H2 (build 19045.5247)"}},
		Clock: []string{"the machine's clock went back by 2h3m0s."},
		Events: []report.Event{
			{Time: at(0), Kind: report.EventCrash, What: "crashed by keyboard", Source: "header of C:pagefile.sys"},
			{Time: at(-4), Kind: report.EventBoot, What: "Windows started", Source: "System.evtx"},
			{Time: at(-3000), Kind: report.EventShutdown, What: "Windows shut down", Source: "registry", Uncertain: "no entry in the log"},
			{Time: at(2), Kind: report.EventDump, What: "the dump was written"},
			{Time: at(3), What: "something else"},
			{Time: at(600), Kind: report.EventCollected, What: "this collection was made"},
		},
		Dumps: []*report.Dump{{
			Name: "C:pagefile.sys", Source: "page file", State: "partial", Grade: report.GradeGaps,
			Told: "Crashed 2026-11-20 21:14 UTC; the dump is still in pagefile.sys.", Stale: "Windows has started once since",
			Verdict: "A debugger opens it, but 1.0 GiB of 8.0 GiB are missing.", Story: []string{"A 64-bit kernel memory dump."},
			Reasons: []string{"length"}, Checks: []report.Check{{Name: "length", Status: "bad", Detail: "too short"}, {Name: "machine", Status: "ok", Detail: "x64"}},
			Problems: []string{"one sector cannot be read"},
			Crash: &report.Crash{Code: "0xE2", Name: "MANUALLY_INITIATED_CRASH", Meaning: "The keyboard shortcut.", Purpose: "This crash was made on purpose.", Advice: "Ignore the cause that !analyze prints.",
				Parameters: []report.Parameter{{Value: "0x1", Words: "one"}, {Value: "0x2"}}},
			Copy: &report.Copy{Name: "dumps/pagefile.dmp.zst", Size: 7 << 30, SHA256: "5eed", FileSize: 2 << 30, FileSHA256: "c0de", BadBytes: 4096, Map: "pagefile.map",
				Unpack: []report.Step{{Command: "zstd -d dumps/pagefile.dmp.zst", Why: "unpacks it"}}},
			Origins: []report.Origin{{Field: "BugCheckCode", From: "KiBugCheckData"}},
			Memory: &report.Memory{End: 4096, Known: true, Machine: 3000, Stored: 900, Missing: 90, Bad: 10, Runs: 12, PerCell: 1024,
				Cells: []report.Cell{{Machine: 1000, Stored: 800}, {Machine: 1000, Stored: 100, Missing: 90, Bad: 10}, {}, {Machine: 1000}},
				Lost:  []report.Frames{{First: 1100, Count: 90}}, More: 3},
			Pieces: report.NewPieces([]report.Piece{{File: 0, Volume: 10 << 30, Len: 4 << 30}, {File: 4 << 30, Volume: 38 << 30, Len: 4 << 30}}, 64<<30, 7<<30, bad),
			Kernel: []report.Fact{{Name: "NtBuildLab", Value: "19041.1.amd64fre"}},
			Doing:  []report.Row{{Name: "0", Value: "System (4)", Words: "thread 0xF8, at acme.sys+0x1234"}}, Unloaded: []report.Row{{Name: "old.sys", Value: "0xF9", Words: "unloaded an hour before"}},
			Modules: report.Modules{Foreign: []report.Module{{Name: "acme.sys", Path: `\SystemRoot\acme.sys`, Base: "0xF8", Size: 4096, Linked: "2026-01-01", Why: "not a known Windows file name"}}, Known: []report.Module{{Name: "ntoskrnl.exe"}}, More: 7},
			Running: report.Processes{Groups: []report.ProcessGroup{{Name: "svchost.exe", Count: 2, PIDs: "8, 12"}}, Total: 4, More: 2},
			Hang:    report.Hang{Title: "hang at boot", How: "No session manager runs.", Commands: []report.Step{{Command: "!locks", Why: "who waits"}}, Further: []report.Step{{Command: "!vm", Why: "memory"}}},
			Open:    []report.Step{{Command: "windbg -z pagefile.dmp", Why: "opens it"}},
		}},
		Left:     []report.Left{{Name: "C:MEMORY.DMP", State: "empty", Size: 12, Why: "it begins with zeros"}},
		Logs:     []report.File{{Name: "C:System.evtx", Category: "event log", Size: 1 << 20, Taken: "logs/System.evtx"}, {Name: "C:x.log", Why: "too large"}},
		Settings: []report.Setting{{Key: `SYSTEM\CrashControl`, Name: "CrashDumpEnabled", Value: "2", Meaning: "a kernel dump"}},
		Notes:    []string{"Volume D: was not looked at."},
	}
}

// TestGolden shows every change of the two outputs.
func TestGolden(t *testing.T) {
	t.Parallel()
	page, text := render(t, goldenReport())
	for name, got := range map[string]string{"report.golden.html": page, "report.golden.txt": text} {
		name = filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from what is written now; -update shows how, in the diff", name)
		}
	}
}

// marker is a text that would be seen if it were not escaped, and that names its
// field.
func marker(n int) string { return fmt.Sprintf(`M%d<b class="run">&'`, n) }

// fill puts a marker into every text of a value, one element into every list.
func fill(v reflect.Value, path string, names *[]string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(marker(len(*names)))
		*names = append(*names, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, names)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path, names)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(crashTime))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Name, names)
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Bool:
		v.SetBool(true)
	default:
	}
}

// unseen are the texts that say nothing where they stand, or stand where there is no
// dump.
var unseen = map[string]bool{".NoDump": true, ".Dumps.Modules.Known.Why": true, ".Dumps.Unloaded.Value": true}

// TestEverythingIsEscaped holds every text of the model against the page: each is
// there, and none as it was.
func TestEverythingIsEscaped(t *testing.T) {
	t.Parallel()
	r := &report.Report{}
	var names []string
	fill(reflect.ValueOf(r).Elem(), "", &names)
	r.Dumps[0].Pieces.Cells = nil // the picture has a fixed number of them
	page, text := render(t, r)
	if len(names) < 60 {
		t.Errorf("only %d texts were found in the model", len(names))
	}
	if strings.Contains(page, `<b class`) || strings.Contains(page, `class="run"`) {
		t.Error("a text of the model is markup of the page")
	}
	for i, name := range names {
		if !strings.Contains(html.UnescapeString(page), marker(i)) && !unseen[name] {
			t.Errorf("%s is not on the page", name)
		}
	}
	if !strings.Contains(text, `M0<b`) {
		t.Error("the text report escapes what needs no escape there")
	}
}

// fillHostile puts one text everywhere.
func fillHostile(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer, reflect.Slice, reflect.Struct:
		if v.Kind() == reflect.Struct && v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		if v.Kind() == reflect.Struct {
			for _, f := range v.Fields() {
				fillHostile(f, text)
			}
			return
		}
		if v.Kind() == reflect.Pointer {
			fillHostile(v.Elem(), text)
			return
		}
		for i := range v.Len() {
			fillHostile(v.Index(i), text)
		}
	default:
	}
}

// TestHostileNames gives every text of a whole report to somebody who wants to hurt.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	const longest = 1 << 20 // of a page with nothing but such names
	for name, text := range map[string]string{
		"script":  "<script>alert(1)</script>",
		"end":     `"></title></style></svg></table><img src=x onerror=alert(1)>`,
		"control": "a\x1b[2J\x00\x07\r\nb\x7f\u009b31m",
		"bidi":    "gpj\u202eexe.\u2066\u200b\ufeff\u061c",
		"halves":  "\xff\xfe\xc3(",
		"long":    strings.Repeat("<\u202e", 32<<10),
		"wide":    strings.Repeat("漢", 500),
		"plain":   "{{.}} ${x} %s %n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := goldenReport()
			fillHostile(reflect.ValueOf(r).Elem(), text)
			page, plain := render(t, r)
			if len(page) > longest || len(plain) > longest {
				t.Errorf("%d and %d bytes", len(page), len(plain))
			}
			checkPage(t, page)
			checkText(t, plain)
		})
	}
}

// quoted keeps the first character of an attribute's value.
var quoted = regexp.MustCompile(`"([^"]?)[^"]*"`)

var tags = regexp.MustCompile(`<(/?)([a-zA-Z]+)([^>]*)>`)

// checkPage looks for what no page may have: a tag that this package did not write, a
// way out of the page, characters that are not seen.
func checkPage(t *testing.T, page string) {
	t.Helper()
	if !utf8.ValidString(page) {
		t.Error("the page is not UTF-8")
	}
	if i := strings.IndexFunc(page, func(r rune) bool { return r != '\n' && r != ' ' && isUnseen(r) }); i >= 0 {
		t.Errorf("%q is on the page", page[max(0, i-20):min(len(page), i+20)])
	}
	for _, tag := range tags.FindAllStringSubmatch(page, -1) {
		switch strings.ToLower(tag[2]) {
		case "script", "img", "iframe", "object", "embed", "form", "base", "link", "foreignobject":
			t.Errorf("the page has %s", tag[0])
		case "meta":
			if strings.Contains(tag[3], "refresh") {
				t.Errorf("the page has %s", tag[0])
			}
		}
		if attributes := strings.ToLower(quoted.ReplaceAllString(tag[3], `"$1"`)); strings.Contains(attributes, " on") || strings.Contains(attributes, " src") || strings.Contains(attributes, `href="`) && !strings.Contains(attributes, `href="#`) {
			t.Errorf("the page has %s", tag[0])
		}
	}
	const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">`
	if strings.Index(page, policy) > strings.Index(page, "<title>") || !strings.Contains(page, policy) {
		t.Error("the policy is not the first thing of the page")
	}
}

func isUnseen(r rune) bool {
	return r < ' ' || r >= 0x7F && r < 0xA0 || r >= 0x200B && r <= 0x200F || r >= 0x202A && r <= 0x202E ||
		r >= 0x2060 && r <= 0x2069 || r == 0xFEFF || r == 0x61C || r == utf8.RuneError
}

// checkText allows 80 columns of ASCII and line ends.
func checkText(t *testing.T, text string) {
	t.Helper()
	for i, line := range strings.Split(text, "\n") {
		if len(line) > 80 {
			t.Errorf("line %d has %d columns: %s", i+1, len(line), line)
		}
		if at := strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }); at >= 0 {
			t.Errorf("line %d: %q", i+1, line[at:min(len(line), at+20)])
		}
	}
}

// TestSample reads dumps with real page tables, as a collection does.
func TestSample(t *testing.T) {
	t.Parallel()
	r, d := sampleReport(t)
	page, text := render(t, r)
	checkPage(t, page)
	checkText(t, text)
	hung := r.Dumps[0]
	if hung.Grade != report.GradeGaps || hung.Memory == nil || hung.Pieces == nil || hung.Crash == nil || hung.Crash.Purpose == "" {
		t.Errorf("the page file's dump: %+v", hung)
	}
	for _, want := range []string{
		"made on purpose", "live dump", "acmefltr.sys", "hangkit dump join", "age -d", "zstd -d", "!process 0 17 winlogon.exe", "usable with gaps",
		"&lt;script&gt;", ".ignore_missing_pages 1", "srv*C:\\Symbols*https://msdl.microsoft.com/download/symbols",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	checkMemory(t, d, hung.Memory)
}

// TestNMI wants no part of the report to be surer than another that a crash by NMI
// was made on purpose.
func TestNMI(t *testing.T) {
	t.Parallel()
	disk := &disk{pieces: 1, files: map[string]*dumptest.Reader{
		"Windows/Minidump/112026-1-01.dmp": mustDump(t, dumptest.Spec{Type: dumpfile.TypeTriage, BugCheck: 0x80}),
	}}
	found, err := collect.Find(t.Context(), []collect.Place{{Volume: disk, Label: "C", SystemRoot: "Windows"}})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	d := report.NewDump(taken(t, found[0]))
	for place, text := range map[string]string{
		"told": d.Told, "story": strings.Join(d.Story, " "), "bugcheck": d.Crash.Purpose, "where to begin": d.Hang.How,
	} {
		if !strings.Contains(strings.ToLower(text), "if somebody sent") {
			t.Errorf("%s: %s", place, text)
		}
	}
	page, text := render(t, &report.Report{Dumps: []*report.Dump{d}})
	for _, s := range []string{page, strings.Join(strings.Fields(text), " ")} {
		if !strings.Contains(s, "Then ignore the cause") || strings.Contains(s, "Ignore the cause") || strings.Contains(s, "This crash was made") {
			t.Error(s)
		}
	}
}

// checkMemory counts the pages of the sample's dump again, one by one.
func checkMemory(t *testing.T, d *disk, m *report.Memory) {
	t.Helper()
	dump := d.files["pagefile.sys"]
	stored := uint64(d.length("pagefile.sys")-dump.FirstPage()) / 4096
	var all, runs uint64
	cells := make([]report.Cell, len(m.Cells))
	for _, run := range dump.Runs() {
		runs++
		for pfn := run.Base; pfn < run.End(); pfn++ {
			if all++; all <= stored {
				cells[pfn/m.PerCell].Stored++
			} else {
				cells[pfn/m.PerCell].Missing++
			}
		}
	}
	const bad = 17 // 64 KiB that do not begin at a page
	if m.Stored != stored || m.Missing != all-stored || m.Runs != runs || m.Bad != bad {
		t.Errorf("%d stored, %d missing, %d bad in %d runs; want %d, %d, %d in %d", m.Stored, m.Missing, m.Bad, m.Runs, stored, all-stored, bad, runs)
	}
	for i := range cells {
		cells[i].Bad, cells[i].Machine = m.Cells[i].Bad, m.Cells[i].Machine
		if cells[i] != m.Cells[i] {
			t.Fatalf("cell %d: %+v, want %+v", i, m.Cells[i], cells[i])
		}
	}
}

// TestGradesInWords keeps the five grades apart.
func TestGradesInWords(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for g := report.GradeUnknown; g <= report.GradeNotTaken; g++ {
		page, _ := render(t, &report.Report{Dumps: []*report.Dump{{Name: "x", Grade: g}}})
		if word := g.String(); seen[word] || !strings.Contains(page, word) {
			t.Errorf("%d: %q", g, word)
		}
		seen[g.String()] = true
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	page, text := render(t, &report.Report{})
	if !strings.Contains(page, "No dump was taken.") || !strings.Contains(text, "No dump was taken.") {
		t.Error("an empty collection is not named")
	}
	page, text = render(t, &report.Report{NoDump: "<b>not asked for"})
	if !strings.Contains(page, "&lt;b&gt;not asked for") || !strings.Contains(text, "<b>not asked for") {
		t.Error("why there is no dump is not said")
	}
}

// TestModelIsLeftAlone: what cleans the texts works on a copy.
func TestModelIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := goldenReport()
	fillHostile(reflect.ValueOf(r).Elem(), "\x1b")
	render(t, r)
	if got := cmp.Or(r.Dumps[0].Crash.Name, r.Notes[0]); got != "\x1b" {
		t.Errorf("the caller's model has %q now", got)
	}
}
