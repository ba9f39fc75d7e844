package crashconfig_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// live is a machine with 16 GB.
var live = windows.Live{RAM: 16 << 30, RAMSource: "--ram", Volume: windows.VolumeState{Serial: 0xABCD}}

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// machine is an installation on a volume, and what is known about it.
type machine struct {
	i *windows.Installation
	f *windows.Facts
}

func newMachine(tb testing.TB, o sample.Options, l windows.Live) machine {
	tb.Helper()
	i := windowstest.Open(tb, windowstest.NewVolume(tb, o), "Windows")
	return machine{i, windowstest.Facts(tb, i, l)}
}

func (m machine) plan(tb testing.TB, s crashconfig.Settings) *crashconfig.Plan {
	tb.Helper()
	p, err := crashconfig.PlanArm(m.i, m.f, s)
	if err != nil {
		tb.Fatalf("PlanArm: %v", err)
	}
	return p
}

// arm plans and applies, and returns the record.
func (m machine) arm(tb testing.TB, s crashconfig.Settings) *crashconfig.Record {
	tb.Helper()
	rec := crashconfig.NewRecord(m.f, "hangkit test", now)
	stored, err := m.plan(tb, s).Apply(m.i.System, rec)
	if err != nil || !stored {
		tb.Fatalf("Apply: stored %v, %v", stored, err)
	}
	return rec
}

// planText writes a plan as a golden file has it.
func planText(p *crashconfig.Plan) string {
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%s\\%s: %s -> %s\n    %s %v\n", c.Key, c.Name, crashconfig.Describe(c.Old), crashconfig.Describe(c.New), c.Why, c.Fixes)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func reportText(r *crashconfig.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ready: %v\n", r.Ready)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s | %s | %s | %s\n    %s\n", f.Group, f.ID, f.Verdict, f.Title, f.Detail)
		if f.Fix != "" {
			fmt.Fprintf(&b, "    fix: %s\n", f.Fix)
		}
	}
	return b.String()
}

var presets = map[string]func() sample.Options{
	"client": sample.Client, "laptop": sample.Laptop, "server": sample.Server, "windows7": sample.Windows7, "xp": sample.WindowsXP,
}

// The default profile of every Windows, and the reports before and after.
func TestDefaultPlans(t *testing.T) {
	t.Parallel()
	for name, preset := range presets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, preset(), live)
			p := m.plan(t, crashconfig.Settings{})
			golden(t, name+".report.txt", reportText(crashconfig.Check(m.f)))
			golden(t, name+".plan.txt", planText(p))
			golden(t, name+".after.txt", reportText(crashconfig.Check(p.After)))
			if !crashconfig.Check(p.After).Ready {
				t.Error("not ready after the plan")
			}
		})
	}
}

// settingsCases are requests that can be met on the preset they name.
var settingsCases = map[string]struct {
	preset func() sample.Options
	s      crashconfig.Settings
	want   map[string]string // value below ControlSet001 -> what it becomes
}{
	"complete": {sample.Client, crashconfig.Settings{Dump: crashconfig.Complete}, map[string]string{
		`Control\CrashControl\CrashDumpEnabled`:                 "1",
		`Control\Session Manager\Memory Management\PagingFiles`: "",
	}},
	"active": {sample.Server, crashconfig.Settings{Dump: crashconfig.Active}, map[string]string{
		`Control\CrashControl\CrashDumpEnabled`:                 "1",
		`Control\CrashControl\FilterPages`:                      "1",
		`Control\Session Manager\Memory Management\PagingFiles`: `["C:\\pagefile.sys 16684 16684"]`,
	}},
	"none": {sample.Client, crashconfig.Settings{Dump: crashconfig.NoDump}, map[string]string{`Control\CrashControl\CrashDumpEnabled`: "0"}},
	"custom keys": {sample.Client, crashconfig.Settings{Keyboard: keys("lctrl+lalt+f12")}, map[string]string{
		`Services\i8042prt\crashdump\Dump1Keys`:          "96",
		`Services\i8042prt\crashdump\Dump2Key`:           "123",
		`Services\kbdhid\crashdump\Dump1Keys`:            "96",
		`Services\hyperkbd\crashdump\Dump2Key`:           "123",
		`Services\i8042prt\Parameters\CrashOnCtrlScroll`: "",
	}},
	"keys off":  {sample.Client, crashconfig.Settings{Keyboard: keys("off")}, map[string]string{`Services\kbdhid\Parameters\CrashOnCtrlScroll`: ""}},
	"page file": {sample.Client, crashconfig.Settings{PageFiles: []crashconfig.PageFileRequest{{Initial: 20000, Maximum: 30000}}}, map[string]string{`Control\Session Manager\Memory Management\PagingFiles`: `["C:\\pagefile.sys 20000 30000"]`}},
	"managed":   {sample.Server, crashconfig.Settings{PageFiles: []crashconfig.PageFileRequest{{}}}, map[string]string{`Control\Session Manager\Memory Management\PagingFiles`: `["C:\\pagefile.sys 0 0"]`}},
	"dedicated": {sample.Server, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\hangkit.dmp`, MB: 20000}}, map[string]string{
		`Control\CrashControl\DedicatedDumpFile`:                `"C:\\hangkit.dmp"`,
		`Control\CrashControl\DumpFileSize`:                     "20000",
		`Control\Session Manager\Memory Management\PagingFiles`: "",
	}},
	"dump file":    {sample.Client, crashconfig.Settings{DumpFile: `C:\Windows\hang.dmp`}, map[string]string{`Control\CrashControl\DumpFile`: `"C:\\Windows\\hang.dmp"`}},
	"power button": {sample.Server, crashconfig.Settings{PowerButton: crashconfig.Yes}, map[string]string{`Control\Power\PowerButtonBugcheck`: "1"}},
	"laptop":       {sample.Laptop, crashconfig.Settings{}, map[string]string{`Control\Power\PowerButtonBugcheck`: "1"}},
	"stop screen":  {sample.Client, crashconfig.Settings{AutoReboot: crashconfig.No}, map[string]string{`Control\CrashControl\AutoReboot`: "0"}},
	"no NMI on 7":  {sample.Windows7, crashconfig.Settings{NMI: crashconfig.No}, map[string]string{`Control\CrashControl\NMICrashDump`: ""}},
	"kernel on XP": {sample.WindowsXP, crashconfig.Settings{}, map[string]string{`Control\CrashControl\CrashDumpEnabled`: "2", `Control\CrashControl\NMICrashDump`: "1", `Control\CrashControl\AlwaysKeepMemoryDump`: "", `Control\Session Manager\Power\HiberbootEnabled`: ""}},
	"one shot": {sample.Client, crashconfig.Settings{Profile: crashconfig.OneShot}, map[string]string{
		`Control\CrashControl\CrashDumpEnabled`:                 "2",
		`Control\CrashControl\AutoReboot`:                       "0",
		`Control\CrashControl\DisplayParameters`:                "1",
		`Control\Session Manager\Memory Management\PagingFiles`: `["C:\\pagefile.sys 16512 49152"]`,
	}},
	"one shot on XP": {sample.WindowsXP, crashconfig.Settings{Profile: crashconfig.OneShot}, map[string]string{
		`Control\CrashControl\AutoReboot`: "0", `Control\CrashControl\DisplayParameters`: "", `Control\CrashControl\EnableLogFile`: "",
	}},
	"complete on 7":        {sample.Windows7, crashconfig.Settings{Profile: crashconfig.ProfileComplete}, map[string]string{`Control\CrashControl\CrashDumpEnabled`: "1"}},
	"fast startup is kept": {sample.Client, crashconfig.Settings{KeepFastStartup: true}, map[string]string{`Control\Session Manager\Power\HiberbootEnabled`: ""}},
	"do not keep":          {sample.Client, crashconfig.Settings{KeepDump: crashconfig.No}, map[string]string{`Control\CrashControl\AlwaysKeepMemoryDump`: ""}},
	"dump automatic":       {sample.Client, crashconfig.Settings{Dump: crashconfig.Automatic}, map[string]string{`Control\CrashControl\CrashDumpEnabled`: ""}},
}

func keys(s string) *crashconfig.Combination {
	c, err := crashconfig.ParseCombination(s)
	if err != nil {
		panic(err)
	}
	return &c
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, tt := range settingsCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newMachine(t, tt.preset(), live).plan(t, tt.s)
			got := map[string]string{}
			for _, c := range p.Changes {
				below, _ := strings.CutPrefix(c.Key, `ControlSet001\`)
				got[below+`\`+c.Name] = crashconfig.Describe(c.New)
			}
			for value, want := range tt.want {
				if got[value] != want {
					t.Errorf("%s becomes %q, want %q", value, got[value], want)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		preset func() sample.Options
		s      crashconfig.Settings
		flag   string
	}{
		"active on 7":               {sample.Windows7, crashconfig.Settings{Dump: crashconfig.Active}, "--dump active"},
		"automatic on XP":           {sample.WindowsXP, crashconfig.Settings{Dump: crashconfig.Automatic}, "--dump automatic"},
		"power button on 7":         {sample.Windows7, crashconfig.Settings{PowerButton: crashconfig.Yes}, "--power-button"},
		"power button on a VM":      {sample.Client, crashconfig.Settings{PowerButton: crashconfig.Yes}, "--power-button"},
		"dedicated on XP":           {sample.WindowsXP, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\x.dmp`, MB: 3000}}, "--dedicated-dump"},
		"dedicated on a CD":         {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `D:\x.dmp`, MB: 30000}}, "--dedicated-dump"},
		"dedicated nowhere":         {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `Q:\x.dmp`, MB: 30000}}, "--dedicated-dump"},
		"dedicated too large":       {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\x.dmp`, MB: 300000}}, "--dedicated-dump"},
		"dedicated too small":       {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\x.dmp`, MB: 2}}, "--dedicated-dump"},
		"dedicated UNC":             {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `\\a\b\x.dmp`, MB: 2}}, "--dedicated-dump"},
		"dump file UNC":             {sample.Client, crashconfig.Settings{DumpFile: `\\server\x.dmp`}, "--dump-file"},
		"dump file over another":    {sample.Client, crashconfig.Settings{DumpFile: `C:\Windows\System32\config\SYSTEM`}, "--dump-file"},
		"dedicated over a hive":     {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\Windows\System32\config\SYSTEM`, MB: 20000}}, "--dedicated-dump"},
		"dedicated, page file":      {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\PageFile.sys`, MB: 20000}}, "--dedicated-dump"},
		"dedicated, hibernation":    {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\hiberfil.sys`, MB: 20000}}, "--dedicated-dump"},
		"dedicated, the dump":       {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\Windows\MEMORY.DMP`, MB: 20000}}, "--dedicated-dump"},
		"dedicated, a folder":       {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\Windows`, MB: 20000}}, "--dedicated-dump"},
		"dump file on a CD":         {sample.Client, crashconfig.Settings{DumpFile: `D:\x.dmp`}, "--dump-file"},
		"dump file's folder":        {sample.Client, crashconfig.Settings{DumpFile: `C:\dumps\x.dmp`}, "--dump-file"},
		"dedicated file's folder":   {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\dumps\x.dmp`, MB: 20000}}, "--dedicated-dump"},
		"dedicated with a variable": {sample.Client, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `%SystemRoot%\x.dmp`, MB: 20000}}, "--dedicated-dump"},
		"page file too large":       {sample.Client, crashconfig.Settings{PageFiles: []crashconfig.PageFileRequest{{Initial: 1 << 20, Maximum: 1 << 20}}}, "--pagefile"},
		"NMI on ARM64":              {arm64, crashconfig.Settings{NMI: crashconfig.Yes}, "--nmi"},
		"keys without a driver":     {noKeyboard, crashconfig.Settings{Keyboard: keys("rctrl+scroll")}, "--keyboard"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, tt.preset(), live)
			if name == "keys without a driver" {
				m.f.Keyboards = nil
			}
			_, err := crashconfig.PlanArm(m.i, m.f, tt.s)
			refused, ok := errors.AsType[*crashconfig.RefusedError](err)
			if !ok || refused.Flag != tt.flag || !errors.Is(err, crashconfig.ErrRefused) {
				t.Errorf("PlanArm = %v, want a refusal of %s", err, tt.flag)
			}
			if m.i.System.Changed() {
				t.Error("a refused plan changed the hive")
			}
		})
	}
}

// Without a dump nothing is armed that was not asked for.
func TestNoDumpArmsNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		preset func() sample.Options
		s      crashconfig.Settings
		want   []string // names of the trigger values that change
	}{
		"client":       {sample.Client, crashconfig.Settings{}, nil},
		"laptop":       {sample.Laptop, crashconfig.Settings{}, nil},
		"windows 7":    {sample.Windows7, crashconfig.Settings{}, nil},
		"NMI":          {sample.Windows7, crashconfig.Settings{NMI: crashconfig.Yes}, []string{"NMICrashDump"}},
		"power button": {sample.Laptop, crashconfig.Settings{PowerButton: crashconfig.Yes}, []string{"PowerButtonBugcheck"}},
		"keyboard":     {sample.Windows7, crashconfig.Settings{Keyboard: keys("rctrl+scroll")}, []string{"CrashOnCtrlScroll", "CrashOnCtrlScroll"}},
	} {
		tt.s.Dump = crashconfig.NoDump
		var got []string
		for _, c := range newMachine(t, tt.preset(), live).plan(t, tt.s).Changes {
			if slices.Contains([]string{"NMICrashDump", "PowerButtonBugcheck", "CrashOnCtrlScroll", "Dump1Keys"}, c.Name) {
				got = append(got, c.Name)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q changes, want %q", name, got, tt.want)
		}
	}
}

// The dump file goes back to Windows' own place without a percent sign on the command line.
func TestDefaultDumpFile(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	setCrash(t, m, hive.Value{Name: "DumpFile", Type: hive.SZ, Data: hive.EncodeSZ(`C:\Windows\x.dmp`)})
	m.f = windowstest.Facts(t, m.i, live)
	p := m.plan(t, crashconfig.Settings{DumpFile: "Default"})
	v, ok := p.After.CrashControl.Value("DumpFile")
	if !ok || v.Type != hive.ExpandSZ || v.Text() != windows.DefaultDumpFile {
		t.Errorf("DumpFile becomes %s", crashconfig.Describe(&v))
	}
}

// Keys in the wrong place go, and come back with undo.
func TestMisplacedKeysGo(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	for _, service := range []string{windows.PS2Keyboard, windows.HIDKeyboard} {
		for _, v := range []hive.Value{dword("Dump1Keys", 2), dword("Dump2Key", 61)} {
			if err := m.i.System.SetValue(`ControlSet001\Services\`+service+`\Parameters\crashdump`, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.f = windowstest.Facts(t, m.i, live)
	p := m.plan(t, crashconfig.Settings{})
	fixed := 0
	for _, c := range p.Changes {
		if strings.HasSuffix(c.Key, `\Parameters\crashdump`) && c.New == nil && slices.Equal(c.Fixes, []string{"T09"}) {
			fixed++
		}
	}
	if _, complains := crashconfig.Check(p.After).Find("T09"); complains || fixed != 4 {
		t.Errorf("T09 complains: %v, %d values go:\n%s", complains, fixed, planText(p))
	}
	roundTrip(t, m, crashconfig.Settings{})
}

// A page file that cannot be made is P08's, and the change says so.
func TestPlanFixesP08(t *testing.T) {
	t.Parallel()
	o := sample.Server()
	o.PageFiles, o.DumpType = []string{`C:\pagefile.sys 200000 200000`}, 7
	for _, c := range newMachine(t, o, live).plan(t, crashconfig.Settings{}).Changes {
		if c.Name == "PagingFiles" && slices.Contains(c.Fixes, "P08") {
			return
		}
	}
	t.Error("no change fixes P08")
}

func arm64() sample.Options {
	o := sample.Laptop()
	o.Arch = "ARM64"
	return o
}

func noKeyboard() sample.Options { return sample.Client() }

func TestNoControlSet(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	if err := m.i.System.DeleteKey("Select"); err != nil {
		t.Fatal(err)
	}
	f := windowstest.Facts(t, m.i, live)
	if _, err := crashconfig.PlanArm(m.i, f, crashconfig.Settings{}); !errors.Is(err, crashconfig.ErrNoControlSet) {
		t.Errorf("PlanArm = %v, want ErrNoControlSet", err)
	}
	if crashconfig.Check(f).Ready {
		t.Error("ready without a control set")
	}
}

// What the plan promises is what a fresh look finds, and a second arm has nothing to do.
func TestPlanHolds(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		preset func() sample.Options
		s      crashconfig.Settings
	}{}
	for name, preset := range presets {
		cases["default "+name] = struct {
			preset func() sample.Options
			s      crashconfig.Settings
		}{preset, crashconfig.Settings{}}
	}
	for name, tt := range settingsCases {
		cases[name] = struct {
			preset func() sample.Options
			s      crashconfig.Settings
		}{tt.preset, tt.s}
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, tt.preset(), live)
			p := m.plan(t, tt.s)
			if _, err := p.Apply(m.i.System, crashconfig.NewRecord(m.f, "test", now)); err != nil {
				t.Fatal(err)
			}
			again := machine{m.i, windowstest.Facts(t, m.i, live)}
			want := reportText(crashconfig.Check(p.After))
			if got := reportText(crashconfig.Check(again.f)); got != want {
				t.Errorf("after (-planned +found):\n%s", cmp.Diff(want, got))
			}
			if second := again.plan(t, tt.s); len(second.Changes) > 0 {
				t.Errorf("a second arm changes:\n%s", planText(second))
			}
		})
	}
}

// A combination somebody chose and that works is kept; broken ones give way.
func TestKeepsWorkingKeys(t *testing.T) {
	t.Parallel()
	o := sample.Client()
	m := newMachine(t, o, live)
	set := func(key, name string, n uint32) {
		t.Helper()
		if err := m.i.System.SetValue(`ControlSet001\Services\`+key, hive.Value{Name: name, Type: hive.DWORD, Data: hive.EncodeDWORD(n)}); err != nil {
			t.Fatal(err)
		}
	}
	set(`i8042prt\crashdump`, "Dump1Keys", 2)
	set(`i8042prt\crashdump`, "Dump2Key", 61)
	set(`kbdhid\crashdump`, "Dump1Keys", 2)
	set(`kbdhid\crashdump`, "Dump2Key", 126)
	m.f = windowstest.Facts(t, m.i, live)
	p := m.plan(t, crashconfig.Settings{})
	for _, k := range crashconfig.ArmedKeyboards(p.After) {
		want := "rctrl+scroll"
		if k.Service == windows.PS2Keyboard {
			want = "rctrl+space"
		}
		if k.Keys.Flag() != want {
			t.Errorf("%s has %s, want %s", k.Service, k.Keys.Flag(), want)
		}
	}
	if !slices.ContainsFunc(p.Notes, func(s string) bool { return strings.Contains(s, "keeps its combination") }) {
		t.Errorf("notes: %q", p.Notes)
	}
}

// A dump that is still in the page file is spoken of before anything starts.
func TestPlanWarnsOfUnsavedDump(t *testing.T) {
	t.Parallel()
	v := windowstest.NewVolume(t, sample.Server())
	v.MapFS["pagefile.sys"].Data = append([]byte("PAGEDU64"), make([]byte, 4088)...)
	i := windowstest.Open(t, v, "Windows")
	p := machine{i, windowstest.Facts(t, i, live)}.plan(t, crashconfig.Settings{})
	if !slices.ContainsFunc(p.Notes, func(s string) bool { return strings.Contains(s, "unsaved in pagefile.sys") }) {
		t.Errorf("notes: %q", p.Notes)
	}
}

// The traces of VDI tuning scripts are undone.
func TestVDILeftovers(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	for name, n := range map[string]uint32{"CrashDumpEnabled": 0, "DumpFileSize": 2, "IgnorePagefileSize": 1, "LogEvent": 0} {
		if err := m.i.System.SetValue(`ControlSet001\Control\CrashControl`, hive.Value{Name: name, Type: hive.DWORD, Data: hive.EncodeDWORD(n)}); err != nil {
			t.Fatal(err)
		}
	}
	m.f = windowstest.Facts(t, m.i, live)
	after := m.plan(t, crashconfig.Settings{}).After.CrashControl
	if !after.Is("CrashDumpEnabled", 7) || after.Has("DumpFileSize") || after.Has("IgnorePagefileSize") || !after.Is("LogEvent", 1) {
		t.Errorf("after: %+v", after.All())
	}
}

// Sizes need the memory size and the free space; without, the page file is Windows' business.
func TestPageFileIsLeftToWindows(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		preset func() sample.Options
		live   windows.Live
		free   int64
		want   string // the new PagingFiles
	}{
		"RAM unknown, some page file": {sample.Client, windows.Live{}, 100 << 30, ""},
		"RAM unknown, too small":      {sample.Server, windows.Live{}, 100 << 30, `["C:\\pagefile.sys 0 0"]`},
		"no space, some page file":    {sample.Client, live, 10 << 30, ""},
		"no space, too small":         {sample.Server, live, 10 << 30, `["C:\\pagefile.sys 0 0"]`},
		"space for the usual dump":    {sample.Server, live, 15 << 30, `["C:\\pagefile.sys 5589 5589"]`},
		"space":                       {sample.Server, live, 100 << 30, `["C:\\pagefile.sys 16512 16512"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := windowstest.NewVolume(t, tt.preset())
			v.FreeBytes = tt.free
			i := windowstest.Open(t, v, "Windows")
			p := machine{i, windowstest.Facts(t, i, tt.live)}.plan(t, crashconfig.Settings{})
			got := ""
			for _, c := range p.Changes {
				if c.Name == "PagingFiles" {
					got = crashconfig.Describe(c.New)
				}
			}
			if got != tt.want {
				t.Errorf("PagingFiles becomes %s, want %s; notes %q", got, tt.want, p.Notes)
			}
		})
	}
}

// The page file never shrinks, other page files stay, and malformed entries go.
func TestPageFileGrows(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, want []string
		free         int64
	}{
		"small initial, large maximum": {[]string{`C:\pagefile.sys 8192 65536`}, []string{`C:\pagefile.sys 16512 65536`}, 100 << 30},
		"small":                        {[]string{`C:\pagefile.sys 256 1024`}, []string{`C:\pagefile.sys 16512 16512`}, 100 << 30},
		"large":                        {[]string{`C:\pagefile.sys 20000 30000`}, []string{`C:\pagefile.sys 20000 30000`}, 100 << 30},
		"large, beside nonsense":       {[]string{`nonsense`, `C:\pagefile.sys 20000 30000`}, []string{`C:\pagefile.sys 20000 30000`}, 100 << 30},
		"third, space for the usual":   {[]string{`C:\pagefile.sys 6000 8000`}, []string{`C:\pagefile.sys 6000 8000`}, 15 << 30},
		"managed":                      {[]string{`?:\pagefile.sys`}, []string{`C:\pagefile.sys 16512 49152`}, 100 << 30},
		"managed, less room":           {[]string{`?:\pagefile.sys`}, []string{`C:\pagefile.sys 16512 34475`}, 40 << 30},
		"unmakeable":                   {[]string{`C:\pagefile.sys 200000 300000`}, []string{`C:\pagefile.sys 16512 300000`}, 100 << 30},
		"others stay": {[]string{`C:\pagefile.sys 256 256`, `E:\pagefile.sys 100 200`, `nonsense`, `C:\second.sys 1 2`},
			[]string{`C:\pagefile.sys 16512 16512`, `E:\pagefile.sys 100 200`, `C:\second.sys 1 2`}, 100 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := sample.Server()
			o.PageFiles, o.DumpType = tt.before, 7
			v := windowstest.NewVolume(t, o)
			v.FreeBytes = tt.free
			i := windowstest.Open(t, v, "Windows")
			p := machine{i, windowstest.Facts(t, i, live)}.plan(t, crashconfig.Settings{})
			if got, _ := p.After.Memory.Strings("PagingFiles"); !slices.Equal(got, tt.want) {
				t.Errorf("PagingFiles %q, want %q; notes %q", got, tt.want, p.Notes)
			}
			if unmade := slices.ContainsFunc(p.Notes, func(s string) bool { return strings.Contains(s, "made smaller") }); unmade != (name == "unmakeable") {
				t.Errorf("notes %q", p.Notes)
			}
		})
	}
}

// A managed page file that becomes a fixed one stays within what 32-bit Windows can use.
func TestManagedPageFile32(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Windows7(), live)
	setCrash(t, m, hive.Value{Name: "PageFileTooSmall", Type: hive.QWORD, Data: make([]byte, 8)})
	m.f = windowstest.Facts(t, m.i, live)
	p := m.plan(t, crashconfig.Settings{})
	want := []string{`C:\pagefile.sys 2064 4095`}
	if got, _ := p.After.Memory.Strings("PagingFiles"); !slices.Equal(got, want) {
		t.Errorf("PagingFiles %q, want %q", got, want)
	}
}

// No page file is planned that 32-bit Windows without PAE does not take: the present one stays, and that is said.
func TestNoPageFileTooLarge32(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]crashconfig.Settings{
		"asked": {Dump: crashconfig.Complete}, "one-shot": {Dump: crashconfig.Complete, Profile: crashconfig.OneShot},
	} {
		m := newMachine(t, sample.Windows7(), windows.Live{RAM: 4 << 30, RAMSource: "--ram"})
		m.f.PageFiles = windows.ParsePageFiles([]string{`C:\pagefile.sys 4000 4000`})
		m.f.Free = windows.Fact[int64]{Value: 100 << 30, Known: true}
		p, err := crashconfig.PlanArm(m.i, m.f, s)
		if err != nil {
			if r, ok := errors.AsType[*crashconfig.RefusedError](err); !ok || s.Profile != crashconfig.OneShot {
				t.Errorf("%s: %v", name, r)
			}
			continue
		}
		for _, c := range p.Changes {
			if c.Name == windows.PagingFiles {
				t.Errorf("%s: %s", name, crashconfig.Describe(c.New))
			}
		}
		if !slices.ContainsFunc(p.Notes, func(s string) bool { return strings.Contains(s, "without PAE 32-bit Windows takes 4095 MB") }) {
			t.Errorf("%s: notes %q", name, p.Notes)
		}
	}
}

// A small dump is no reason to shrink what Windows manages.
func TestOneShotSmall(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	m.f.PageFiles = windows.ParsePageFiles([]string{`C:\pagefile.sys 0 0`})
	p := m.plan(t, crashconfig.Settings{Profile: crashconfig.OneShot, Dump: crashconfig.Small})
	for _, c := range p.Changes {
		if c.Name == windows.PagingFiles {
			t.Errorf("page file: %s", crashconfig.Describe(c.New))
		}
	}
}

// A complete or active dump is somebody's decision: it stays unless it is known not to fit, and then that is said.
func TestDumpTypeStays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		live windows.Live
		free int64
		s    crashconfig.Settings
		want string
	}{
		"RAM unknown":            {windows.Live{}, 100 << 30, crashconfig.Settings{}, "1"},
		"page file can grow":     {live, 100 << 30, crashconfig.Settings{}, "1"},
		"perhaps enough room":    {live, 17 << 30, crashconfig.Settings{}, "1"},
		"no room":                {live, 15 << 30, crashconfig.Settings{}, "7"},
		"no room, asked for":     {live, 15 << 30, crashconfig.Settings{Dump: crashconfig.Complete}, "1"},
		"small page file asked":  {live, 100 << 30, crashconfig.Settings{PageFiles: []crashconfig.PageFileRequest{{Initial: 4000, Maximum: 40000}}}, "7"},
		"large page file asked":  {live, 100 << 30, crashconfig.Settings{PageFiles: []crashconfig.PageFileRequest{{Initial: 17000, Maximum: 17000}}}, "1"},
		"managed page file":      {live, 100 << 30, crashconfig.Settings{PageFiles: []crashconfig.PageFileRequest{{}}}, "1"},
		"small dedicated file":   {live, 100 << 30, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\x.dmp`, MB: 8000}}, "7"},
		"dedicated file as wide": {live, 100 << 30, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\x.dmp`}}, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := sample.Server()
			o.DumpType = 1
			v := windowstest.NewVolume(t, o)
			v.FreeBytes = tt.free
			i := windowstest.Open(t, v, "Windows")
			p := machine{i, windowstest.Facts(t, i, tt.live)}.plan(t, tt.s)
			got, _ := p.After.CrashControl.Value("CrashDumpEnabled")
			if crashconfig.Describe(&got) != tt.want {
				t.Errorf("CrashDumpEnabled becomes %s, want %s; notes %q", crashconfig.Describe(&got), tt.want, p.Notes)
			}
			said := slices.ContainsFunc(p.Notes, func(s string) bool { return strings.HasPrefix(s, "The dump type was complete") })
			if said != (tt.want == "7") {
				t.Errorf("notes %q", p.Notes)
			}
		})
	}
}

// What Windows recorded about a page file that was too small goes once it is not.
func TestPageFileTooSmallGoes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pageFile string
		actual   int
		live     windows.Live
		gone     bool
	}{
		"enlarged":               {`C:\pagefile.sys 2000 2000`, 0, live, true},
		"large enough":           {`C:\pagefile.sys 16600 16600`, 0, live, true},
		"RAM unknown":            {`C:\pagefile.sys 16600 16600`, 0, windows.Live{}, false},
		"managed, become fixed":  {`?:\pagefile.sys`, 1 << 20, live, true},
		"managed, small machine": {`?:\pagefile.sys`, 135 << 20, windows.Live{RAM: 4 << 20, RAMSource: "--ram"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := sample.Server()
			o.DumpType, o.PageFiles = 7, []string{tt.pageFile}
			v := windowstest.NewVolume(t, o)
			v.MapFS["pagefile.sys"].Data = make([]byte, tt.actual)
			m := machine{i: windowstest.Open(t, v, "Windows")}
			setCrash(t, m, hive.Value{Name: "PageFileTooSmall", Type: hive.QWORD, Data: make([]byte, 8)})
			m.f = windowstest.Facts(t, m.i, tt.live)
			p := m.plan(t, crashconfig.Settings{})
			if _, complains := crashconfig.Check(p.After).Find("C29"); complains == tt.gone {
				t.Errorf("C29 complains: %v; plan:\n%s", complains, planText(p))
			}
		})
	}
}

// setCrash sets values of CrashControl in the hive.
func setCrash(t *testing.T, m machine, list ...hive.Value) {
	t.Helper()
	for _, v := range list {
		if err := m.i.System.SetValue(`ControlSet001\Control\CrashControl`, v); err != nil {
			t.Fatal(err)
		}
	}
}

func dword(name string, n uint32) hive.Value {
	return hive.Value{Name: name, Type: hive.DWORD, Data: hive.EncodeDWORD(n)}
}

// The setting that makes Windows ignore a small page file goes only when the page file is known to be large enough.
func TestIgnorePageFileSize(t *testing.T) {
	t.Parallel()
	small := windows.Live{RAM: 64 << 20, RAMSource: "--ram"}
	for name, tt := range map[string]struct {
		pageFile string
		actual   int
		live     windows.Live
		dump     uint32
		gone     bool
	}{
		"fixed":                      {`C:\pagefile.sys 16600 16600`, 0, live, 2, true},
		"fixed, RAM unknown":         {`C:\pagefile.sys 16600 16600`, 0, windows.Live{}, 2, false},
		"managed, too small":         {`C:\pagefile.sys 0 0`, 60 << 20, small, 1, false},
		"managed, not there":         {`C:\pagefile.sys 0 0`, 0, small, 1, false},
		"managed, large enough":      {`C:\pagefile.sys 0 0`, 65 << 20, small, 1, true},
		"managed, no room to fix it": {`C:\pagefile.sys 0 0`, 1 << 20, live, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := sample.Server()
			o.DumpType, o.PageFiles = tt.dump, []string{tt.pageFile}
			v := windowstest.NewVolume(t, o)
			v.MapFS["pagefile.sys"].Data = make([]byte, tt.actual)
			m := machine{i: windowstest.Open(t, v, "Windows")}
			setCrash(t, m, dword("IgnorePagefileSize", 1))
			m.f = windowstest.Facts(t, m.i, tt.live)
			if p := m.plan(t, crashconfig.Settings{}); p.After.CrashControl.Has("IgnorePagefileSize") == tt.gone {
				t.Errorf("plan:\n%s", planText(p))
			}
		})
	}
}

func TestAllControlSets(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Windows7(), live)
	if err := m.i.System.DeleteKey(`ControlSet002\Services\kbdhid`); err != nil {
		t.Fatal(err)
	}
	m.f = windowstest.Facts(t, m.i, live)
	p := m.plan(t, crashconfig.Settings{AllControlSets: true})
	sets := map[string]int{}
	for _, c := range p.Changes {
		set, below, _ := strings.Cut(c.Key, `\`)
		sets[set]++
		if set == "ControlSet002" && strings.HasPrefix(below, `Services\kbdhid`) {
			t.Errorf("%s: a service is created in a set that lacks it", c.Key)
		}
	}
	if sets["ControlSet001"] == 0 || sets["ControlSet002"] != sets["ControlSet001"]-1 {
		t.Errorf("changes per set: %v", sets)
	}
	roundTrip(t, m, crashconfig.Settings{AllControlSets: true})
}

// A control set that does not boot is judged by itself: what is wrong there is changed though the booting one is right,
// and what it says differently is respected.
func TestOtherControlSetIsWrong(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Windows7(), live)
	m.arm(t, crashconfig.Settings{})
	set := func(key string, v hive.Value) {
		t.Helper()
		if err := m.i.System.SetValue(`ControlSet002\`+key, v); err != nil {
			t.Fatal(err)
		}
	}
	set(`Control\CrashControl`, dword("CrashDumpEnabled", 0))
	set(`Services\i8042prt\crashdump`, dword("Dump1Keys", 2))
	set(`Services\i8042prt\crashdump`, dword("Dump2Key", 61))
	m.f = windowstest.Facts(t, m.i, live)
	if p := m.plan(t, crashconfig.Settings{}); len(p.Changes) > 0 {
		t.Errorf("the booting set is changed:\n%s", planText(p))
	}
	p := m.plan(t, crashconfig.Settings{AllControlSets: true})
	got := map[string]string{}
	for _, c := range p.Changes {
		got[c.Key+`\`+c.Name] = crashconfig.Describe(c.New)
	}
	for value, want := range map[string]string{
		`ControlSet002\Control\CrashControl\CrashDumpEnabled`:          "2",
		`ControlSet002\Control\CrashControl\NMICrashDump`:              "1",
		`ControlSet002\Services\kbdhid\Parameters\CrashOnCtrlScroll`:   "1",
		`ControlSet002\Services\i8042prt\Parameters\CrashOnCtrlScroll`: "",
		`ControlSet001\Services\i8042prt\Parameters\CrashOnCtrlScroll`: "",
		`ControlSet001\Control\CrashControl\CrashDumpEnabled`:          "",
	} {
		if got[value] != want {
			t.Errorf("%s becomes %q, want %q", value, got[value], want)
		}
	}
	if !slices.ContainsFunc(p.Notes, func(s string) bool { return strings.HasPrefix(s, "ControlSet002: i8042prt keeps") }) {
		t.Errorf("notes: %q", p.Notes)
	}
	roundTrip(t, m, crashconfig.Settings{AllControlSets: true})
}

// A set that cannot have what is asked for is left alone, and named.
func TestOtherControlSetRefused(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Windows7(), live)
	if err := m.i.System.DeleteKey(`ControlSet002\Services`); err != nil {
		t.Fatal(err)
	}
	m.f = windowstest.Facts(t, m.i, live)
	p := m.plan(t, crashconfig.Settings{AllControlSets: true, Keyboard: keys("rctrl+space")})
	for _, c := range p.Changes {
		if !strings.HasPrefix(c.Key, "ControlSet001") {
			t.Errorf("%s is changed", c.Key)
		}
	}
	if !slices.ContainsFunc(p.Notes, func(s string) bool { return strings.HasPrefix(s, "ControlSet002 is left alone: --keyboard") }) {
		t.Errorf("notes: %q", p.Notes)
	}
}

// A hive that is not the planned one any more is not touched.
func TestApplyChecksTheHive(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Server(), live)
	p := m.plan(t, crashconfig.Settings{})
	if err := m.i.System.SetValue(`ControlSet001\Control\CrashControl`, hive.Value{Name: "CrashDumpEnabled", Type: hive.DWORD, Data: hive.EncodeDWORD(3)}); err != nil {
		t.Fatal(err)
	}
	before := tree(t, m.i.System)
	if _, err := p.Apply(m.i.System, nil); !errors.Is(err, crashconfig.ErrChanged) {
		t.Errorf("Apply = %v, want ErrChanged", err)
	}
	if diff := cmp.Diff(before, tree(t, m.i.System)); diff != "" {
		t.Errorf("the hive changed:\n%s", diff)
	}
}

// tree lists every key and value of a hive.
func tree(tb testing.TB, h *hive.Hive) []string {
	tb.Helper()
	root, err := h.Key("")
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	var walk func(path string, k *hive.Key)
	walk = func(path string, k *hive.Key) {
		out = append(out, path)
		for v, err := range k.Values() {
			if err != nil {
				tb.Fatalf("%s: %v", path, err)
			}
			out = append(out, fmt.Sprintf("%s\\%q %d %x", path, v.Name, v.Type, v.Data))
		}
		for sub, err := range k.Subkeys() {
			if err != nil {
				tb.Fatalf("%s: %v", path, err)
			}
			walk(path+`\`+sub.Name(), sub)
		}
	}
	walk("", root)
	slices.Sort(out)
	return out
}

// reopen writes a hive out and opens it again.
func reopen(tb testing.TB, h *hive.Hive) *hive.Hive {
	tb.Helper()
	b, err := h.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	again, err := hive.Open(hive.Source{Primary: windowstest.File{Reader: bytes.NewReader(b)}})
	if err != nil {
		tb.Fatal(err)
	}
	return again
}

// unusableKeys are the entries of the drivers' table that Microsoft's page marks so: empty ones and modifiers.
var unusableKeys = []uint32{
	0, 29, 44, 45, 57, 58, 59, 60, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 77, 78, 82, 87, 88, 94, 107, 109, 111, 126, 127, 128, 129, 130,
}

// Every entry of the table with masks of all kinds: what the registry holds afterwards is the mask and the index, in every
// driver there is, with CrashOnCtrlScroll out of the way.
func TestKeyTableInTheRegistry(t *testing.T) {
	t.Parallel()
	masks := []uint32{0x02, 0x60, 0x01, 0x04, 0x10, 0x20, 0x40, 0x11, 0x22, 0x77}
	m := newMachine(t, sample.Client(), live)
	for _, service := range []string{windows.PS2Keyboard, windows.HIDKeyboard} {
		if err := m.i.System.SetValue(`ControlSet001\Services\`+service+`\Parameters`, dword("CrashOnCtrlScroll", 1)); err != nil {
			t.Fatal(err)
		}
	}
	for index := range uint32(140) {
		mask := masks[int(index)%len(masks)]
		c, err := crashconfig.ParseCombination(fmt.Sprintf("%#02x+%#02x", mask, index))
		if unusable := index > 133 || slices.Contains(unusableKeys, index); unusable != (err != nil) {
			t.Errorf("%#x+%#x: %v", mask, index, err)
		}
		if err != nil || c == crashconfig.DefaultCombination {
			continue
		}
		m.f = windowstest.Facts(t, m.i, live)
		if _, err := m.plan(t, crashconfig.Settings{Keyboard: &c}).Apply(m.i.System, nil); err != nil {
			t.Fatal(err)
		}
		for _, service := range []string{windows.PS2Keyboard, windows.HIDKeyboard, windows.HyperVKeyboard} {
			checkKeys(t, m.i.System, `ControlSet001\Services\`+service, mask, index)
		}
	}
}

// checkKeys reads what a keyboard driver would.
func checkKeys(t *testing.T, h *hive.Hive, service string, mask, index uint32) {
	t.Helper()
	for name, want := range map[string]uint32{`crashdump\Dump1Keys`: mask, `crashdump\Dump2Key`: index, `Parameters\CrashOnCtrlScroll`: 0} {
		key, name, _ := strings.Cut(name, `\`)
		k, err := h.Key(service + `\` + key)
		if errors.Is(err, hive.ErrNotExist) && want == 0 {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		v, err := k.Value(name)
		if n, ok := v.Uint32(); err != nil || v.Type != hive.DWORD || !ok || n != want {
			t.Errorf("%s: %s is %s, %v; want %d", service, name, crashconfig.Describe(&v), err, want)
		}
	}
}

// A driver that never loads is left alone; if it is the only one, a combination is refused.
func TestDisabledKeyboard(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Windows7(), live)
	disable := func(service string) {
		t.Helper()
		if err := m.i.System.SetValue(`ControlSet001\Services\`+service, dword("Start", 4)); err != nil {
			t.Fatal(err)
		}
		m.f = windowstest.Facts(t, m.i, live)
	}
	disable(windows.HIDKeyboard)
	p := m.plan(t, crashconfig.Settings{Keyboard: keys("rctrl+space")})
	for _, c := range p.Changes {
		if strings.Contains(c.Key, windows.HIDKeyboard) {
			t.Errorf("%s is changed", c.Key)
		}
	}
	if !slices.ContainsFunc(p.Notes, func(s string) bool { return strings.Contains(s, "(kbdhid) never loads") }) {
		t.Errorf("notes: %q", p.Notes)
	}
	disable(windows.PS2Keyboard)
	if _, err := crashconfig.PlanArm(m.i, m.f, crashconfig.Settings{Keyboard: keys("rctrl+space")}); !errors.Is(err, crashconfig.ErrRefused) {
		t.Errorf("PlanArm = %v, want a refusal", err)
	}
}
