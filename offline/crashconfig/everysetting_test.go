package crashconfig_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// put is a value to set below ControlSet001; one without a type goes.
type put struct {
	key string
	hive.Value
}

// Keys below the control set.
const (
	inCrash    = `Control\CrashControl`
	inMemory   = `Control\Session Manager\Memory Management`
	inPower    = `Control\Power`
	inSession  = `Control\Session Manager\Power`
	inServices = `Services\`
)

func num(key, name string, n uint32) put { return put{key, dword(name, n)} }

func text(key, name, s string) put {
	return put{key, hive.Value{Name: name, Type: hive.SZ, Data: hive.EncodeSZ(s)}}
}

func list(key, name string, s ...string) put {
	return put{key, hive.Value{Name: name, Type: hive.MultiSZ, Data: hive.EncodeMultiSZ(s)}}
}

func paging(s ...string) put { return list(inMemory, "PagingFiles", s...) }

// withRSA is a certificate that Windows cannot encrypt dumps with: the key is too short.
var withRSA = put{inCrash + `\EncryptionCertificates\Certificate.1`, hive.Value{Name: "PublicKey", Type: hive.Binary, Data: []byte("RSA1\x00\x04\x00\x00short")}}

// everySetting has a machine for each value that arm writes or deletes, the rules that complain before, and what hivex
// must read afterwards.
var everySetting = map[string]struct {
	preset func() sample.Options
	state  []put
	s      crashconfig.Settings
	rules  string            // that complain before and not after
	want   map[string]string // below ControlSet001; "absent" for a deleted one
	free   int64             // GB; 0: 100
}{
	"dump automatic": {sample.Server, nil, crashconfig.Settings{Dump: crashconfig.Automatic}, "C01", map[string]string{inCrash + `\CrashDumpEnabled`: "7"}, 0},
	"dump kernel":    {sample.WindowsXP, nil, crashconfig.Settings{Dump: crashconfig.Kernel}, "C03", map[string]string{inCrash + `\CrashDumpEnabled`: "2"}, 0},
	"dump complete":  {sample.Server, nil, crashconfig.Settings{Dump: crashconfig.Complete}, "C01", map[string]string{inCrash + `\CrashDumpEnabled`: "1"}, 0},
	"dump small":     {sample.Server, nil, crashconfig.Settings{Dump: crashconfig.Small}, "C01", map[string]string{inCrash + `\CrashDumpEnabled`: "3"}, 0},
	"dump active": {sample.Server, nil, crashconfig.Settings{Dump: crashconfig.Active}, "C01",
		map[string]string{inCrash + `\CrashDumpEnabled`: "1", inCrash + `\FilterPages`: "1"}, 0},
	"active to complete": {sample.Server, []put{num(inCrash, "CrashDumpEnabled", 1), num(inCrash, "FilterPages", 1)}, crashconfig.Settings{Dump: crashconfig.Complete}, "",
		map[string]string{inCrash + `\FilterPages`: "absent"}, 0},
	"dump none": {sample.Client, nil, crashconfig.Settings{Dump: crashconfig.NoDump}, "", map[string]string{inCrash + `\CrashDumpEnabled`: "0"}, 0},
	"type of the dump type": {sample.Client, []put{text(inCrash, "CrashDumpEnabled", "7")}, crashconfig.Settings{}, "C02",
		map[string]string{inCrash + `\CrashDumpEnabled`: "7"}, 0},
	"automatic on 7":     {sample.Windows7, []put{num(inCrash, "CrashDumpEnabled", 7)}, crashconfig.Settings{}, "C04", map[string]string{inCrash + `\CrashDumpEnabled`: "2"}, 0},
	"undocumented":       {sample.Client, []put{num(inCrash, "CrashDumpEnabled", 5)}, crashconfig.Settings{}, "C05", map[string]string{inCrash + `\CrashDumpEnabled`: "7"}, 0},
	"FilterPages idle":   {sample.Client, []put{num(inCrash, "FilterPages", 1)}, crashconfig.Settings{}, "C06", map[string]string{inCrash + `\FilterPages`: "absent"}, 0},
	"FilterPages on 7":   {sample.Windows7, []put{num(inCrash, "CrashDumpEnabled", 1), num(inCrash, "FilterPages", 1)}, crashconfig.Settings{}, "C07", map[string]string{inCrash + `\FilterPages`: "absent"}, 0},
	"dump file unusable": {sample.Client, []put{text(inCrash, "DumpFile", `\\server\share\x.dmp`)}, crashconfig.Settings{}, "C11", map[string]string{inCrash + `\DumpFile`: windows.DefaultDumpFile}, 0},
	"dump file nowhere":  {sample.Client, []put{text(inCrash, "DumpFile", `Q:\x.dmp`)}, crashconfig.Settings{}, "C12", map[string]string{inCrash + `\DumpFile`: windows.DefaultDumpFile}, 0},
	"dump file asked":    {sample.Client, nil, crashconfig.Settings{DumpFile: `C:\Windows\hang.dmp`}, "", map[string]string{inCrash + `\DumpFile`: `C:\Windows\hang.dmp`}, 0},
	"overwrite":          {sample.Client, []put{num(inCrash, "Overwrite", 0)}, crashconfig.Settings{}, "C14", map[string]string{inCrash + `\Overwrite`: "1"}, 0},
	"no overwrite":       {sample.Client, nil, crashconfig.Settings{Overwrite: crashconfig.No}, "", map[string]string{inCrash + `\Overwrite`: "0"}, 0},
	"log event":          {sample.Client, []put{num(inCrash, "LogEvent", 0)}, crashconfig.Settings{}, "C18", map[string]string{inCrash + `\LogEvent`: "1"}, 0},
	"no log event":       {sample.Client, nil, crashconfig.Settings{LogEvent: crashconfig.No}, "", map[string]string{inCrash + `\LogEvent`: "0"}, 0},
	"restart":            {sample.Client, []put{num(inCrash, "AutoReboot", 0)}, crashconfig.Settings{}, "C17", map[string]string{inCrash + `\AutoReboot`: "1"}, 0},
	"stop screen": {sample.Client, nil, crashconfig.Settings{AutoReboot: crashconfig.No}, "",
		map[string]string{inCrash + `\AutoReboot`: "0", inCrash + `\DisplayParameters`: "1"}, 0},
	"stop parameters": {sample.Client, nil, crashconfig.Settings{StopParameters: crashconfig.Yes}, "", map[string]string{inCrash + `\DisplayParameters`: "1"}, 0},
	"no parameters":   {sample.Client, []put{num(inCrash, "DisplayParameters", 1)}, crashconfig.Settings{StopParameters: crashconfig.No}, "", map[string]string{inCrash + `\DisplayParameters`: "0"}, 0},
	"dump log":        {sample.Client, []put{num(inCrash, "EnableLogFile", 0)}, crashconfig.Settings{}, "", map[string]string{inCrash + `\EnableLogFile`: "1"}, 0},
	"no dump log":     {sample.Client, []put{num(inCrash, "EnableLogFile", 1)}, crashconfig.Settings{DumpLog: crashconfig.No}, "", map[string]string{inCrash + `\EnableLogFile`: "0"}, 0},
	"keep the dump":   {sample.Client, nil, crashconfig.Settings{}, "C16", map[string]string{inCrash + `\AlwaysKeepMemoryDump`: "1"}, 24},
	"do not keep it":  {sample.Client, []put{num(inCrash, "AlwaysKeepMemoryDump", 1)}, crashconfig.Settings{KeepDump: crashconfig.No}, "", map[string]string{inCrash + `\AlwaysKeepMemoryDump`: "0"}, 0},
	"guarded host": {sample.Server, []put{num(inCrash+`\ForceDumpsDisabled`, "GuardedHost", 1)}, crashconfig.Settings{LiftGuardedHost: true}, "C08",
		map[string]string{inCrash + `\ForceDumpsDisabled\GuardedHost`: "0"}, 0},
	"encryption": {sample.Server, []put{num(inCrash, "DumpEncryptionEnabled", 1), withRSA}, crashconfig.Settings{DropBadEncryption: true}, "C09",
		map[string]string{inCrash + `\DumpEncryptionEnabled`: "0"}, 0},
	"NMI on 7":    {sample.Windows7, nil, crashconfig.Settings{}, "T02", map[string]string{inCrash + `\NMICrashDump`: "1"}, 0},
	"no NMI on 7": {sample.Windows7, []put{num(inCrash, "NMICrashDump", 1)}, crashconfig.Settings{NMI: crashconfig.No}, "", map[string]string{inCrash + `\NMICrashDump`: "0"}, 0},

	"default keys": {sample.Client, nil, crashconfig.Settings{}, "T05", map[string]string{
		inServices + `i8042prt\Parameters\CrashOnCtrlScroll`: "1", inServices + `kbdhid\Parameters\CrashOnCtrlScroll`: "1",
		inServices + `hyperkbd\Parameters\CrashOnCtrlScroll`: "1"}, 0},
	"own keys": {sample.Client, nil, crashconfig.Settings{Keyboard: keys("lctrl+lalt+f12")}, "T05", map[string]string{
		inServices + `i8042prt\crashdump\Dump1Keys`: "96", inServices + `i8042prt\crashdump\Dump2Key`: "123",
		inServices + `kbdhid\crashdump\Dump1Keys`: "96", inServices + `hyperkbd\crashdump\Dump2Key`: "123"}, 0},
	"own keys instead of the default": {sample.Client, []put{num(inServices+`kbdhid\Parameters`, "CrashOnCtrlScroll", 1)}, crashconfig.Settings{Keyboard: keys("rctrl+space")}, "",
		map[string]string{inServices + `kbdhid\Parameters\CrashOnCtrlScroll`: "0", inServices + `kbdhid\crashdump\Dump1Keys`: "2", inServices + `kbdhid\crashdump\Dump2Key`: "61"}, 0},
	"both at once": {sample.Client, []put{
		num(inServices+`kbdhid\Parameters`, "CrashOnCtrlScroll", 1), num(inServices+`kbdhid\crashdump`, "Dump1Keys", 2), num(inServices+`kbdhid\crashdump`, "Dump2Key", 61)},
		crashconfig.Settings{}, "T06", map[string]string{inServices + `kbdhid\crashdump\Dump1Keys`: "absent", inServices + `kbdhid\crashdump\Dump2Key`: "absent"}, 0},
	"a key that is none": {sample.Client, []put{num(inServices+`kbdhid\crashdump`, "Dump1Keys", 2), num(inServices+`kbdhid\crashdump`, "Dump2Key", 126)},
		crashconfig.Settings{Keyboard: keys("rctrl+space")}, "T07", map[string]string{inServices + `kbdhid\crashdump\Dump2Key`: "61"}, 0},
	"a mask that is none": {sample.Client, []put{num(inServices+`kbdhid\crashdump`, "Dump1Keys", 8), num(inServices+`kbdhid\crashdump`, "Dump2Key", 61)},
		crashconfig.Settings{Keyboard: keys("rctrl+space")}, "T08", map[string]string{inServices + `kbdhid\crashdump\Dump1Keys`: "2"}, 0},
	"keys in the wrong place": {sample.Client, []put{num(inServices+`kbdhid\Parameters\crashdump`, "Dump1Keys", 2), num(inServices+`kbdhid\Parameters\crashdump`, "Dump2Key", 61)},
		crashconfig.Settings{}, "T09", map[string]string{inServices + `kbdhid\Parameters\crashdump\Dump1Keys`: "absent"}, 0},
	"keys of the wrong type": {sample.Client, []put{text(inServices+`kbdhid\Parameters`, "CrashOnCtrlScroll", "1")}, crashconfig.Settings{}, "T10",
		map[string]string{inServices + `kbdhid\Parameters\CrashOnCtrlScroll`: "1"}, 0},
	"keys off": {sample.Client, []put{num(inServices+`kbdhid\Parameters`, "CrashOnCtrlScroll", 1)}, crashconfig.Settings{Keyboard: keys("off")}, "",
		map[string]string{inServices + `kbdhid\Parameters\CrashOnCtrlScroll`: "0"}, 0},
	"power button": {sample.Laptop, nil, crashconfig.Settings{Keyboard: keys("off"), PowerButton: crashconfig.Yes}, "T01", map[string]string{inPower + `\PowerButtonBugcheck`: "1"}, 0},
	"no power button": {sample.Laptop, []put{num(inPower, "PowerButtonBugcheck", 1)}, crashconfig.Settings{PowerButton: crashconfig.No}, "",
		map[string]string{inPower + `\PowerButtonBugcheck`: "0"}, 0},

	"fast startup": {sample.Client, nil, crashconfig.Settings{}, "R01", map[string]string{inSession + `\HiberbootEnabled`: "0"}, 0},
	"SD disk": {sample.Client, []put{num(`Enum\SD\DISK&GENERIC&SD16G\1`, "Capabilities", 0), num(inServices+"sdbus", "Start", 3)}, crashconfig.Settings{}, "C33",
		map[string]string{inServices + `sdbus\Parameters\ForceF0State`: "1"}, 0},

	"no page file":        {sample.Client, []put{paging()}, crashconfig.Settings{}, "P01", map[string]string{inMemory + `\PagingFiles`: `C:\pagefile.sys 16512 16512`}, 0},
	"page file elsewhere": {sample.Client, []put{paging(`E:\pagefile.sys 100 200`)}, crashconfig.Settings{}, "P02", map[string]string{inMemory + `\PagingFiles`: "C:\\pagefile.sys 16512 16512\nE:\\pagefile.sys 100 200"}, 0},
	"small page file":     {sample.Client, []put{paging(`C:\pagefile.sys 256 256`)}, crashconfig.Settings{}, "P03", map[string]string{inMemory + `\PagingFiles`: `C:\pagefile.sys 16512 16512`}, 0},
	"small at first":      {sample.Client, []put{paging(`C:\pagefile.sys 8192 65536`)}, crashconfig.Settings{}, "P05", map[string]string{inMemory + `\PagingFiles`: `C:\pagefile.sys 16512 65536`}, 0},
	"managed page file":   {sample.Client, nil, crashconfig.Settings{}, "P06", map[string]string{inMemory + `\PagingFiles`: `C:\pagefile.sys 16512 49152`}, 0},
	"too large a one":     {sample.Client, []put{paging(`C:\pagefile.sys 200000 200000`)}, crashconfig.Settings{}, "P08", map[string]string{inMemory + `\PagingFiles`: `C:\pagefile.sys 16512 200000`}, 0},
	"malformed":           {sample.Client, []put{paging("nonsense")}, crashconfig.Settings{}, "P11", map[string]string{inMemory + `\PagingFiles`: `C:\pagefile.sys 16512 16512`}, 0},
	"complete, small":     {sample.Client, []put{num(inCrash, "CrashDumpEnabled", 1), paging(`C:\pagefile.sys 8192 8192`)}, crashconfig.Settings{}, "C27", map[string]string{inMemory + `\PagingFiles`: `C:\pagefile.sys 16684 16684`}, 0},
	"size ignored": {sample.Client, []put{num(inCrash, "IgnorePagefileSize", 1), paging(`C:\pagefile.sys 8192 8192`)}, crashconfig.Settings{}, "C26",
		map[string]string{inCrash + `\IgnorePagefileSize`: "absent", inMemory + `\PagingFiles`: `C:\pagefile.sys 16512 16512`}, 0},
	"was too small": {sample.Client, []put{{inCrash, hive.Value{Name: "PageFileTooSmall", Type: hive.QWORD, Data: make([]byte, 8)}}}, crashconfig.Settings{}, "C29",
		map[string]string{inCrash + `\PageFileTooSmall`: "absent"}, 0},
	"page file asked": {sample.Client, nil, crashconfig.Settings{PageFiles: []crashconfig.PageFileRequest{{Initial: 20000, Maximum: 30000}}}, "P06",
		map[string]string{inMemory + `\PagingFiles`: `C:\pagefile.sys 20000 30000`}, 0},
	"dedicated file": {sample.Client, []put{paging()}, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: `C:\hangkit.dmp`}}, "P01",
		map[string]string{inCrash + `\DedicatedDumpFile`: `C:\hangkit.dmp`, inCrash + `\DumpFileSize`: "16512"}, 0},
	"bad dedicated file":   {sample.Client, []put{text(inCrash, "DedicatedDumpFile", `Q:\x.dmp`)}, crashconfig.Settings{}, "C22", map[string]string{inCrash + `\DedicatedDumpFile`: "absent"}, 0},
	"small dedicated file": {sample.Client, []put{text(inCrash, "DedicatedDumpFile", `C:\x.dmp`), num(inCrash, "DumpFileSize", 2)}, crashconfig.Settings{}, "C25", map[string]string{inCrash + `\DumpFileSize`: "absent"}, 0},
}

// hangMachine is a machine in such a state, with 16 GB and an old dump.
func hangMachine(t *testing.T, preset func() sample.Options, state []put, free int64) machine {
	t.Helper()
	v := windowstest.NewVolume(t, preset())
	if free > 0 {
		v.FreeBytes = free * gb
	}
	v.MapFS["Windows/MEMORY.DMP"] = &fstest.MapFile{Data: make([]byte, 4096)}
	m := machine{i: windowstest.Open(t, v, "Windows")}
	for _, p := range state {
		if err := m.i.System.SetValue(`ControlSet001\`+p.key, p.Value); err != nil {
			t.Fatal(err)
		}
	}
	m.f = windowstest.Facts(t, m.i, live)
	return m
}

// Every setting: armed, it is read by hivex as it was planned; the rule it concerns complains no more; undone, every value
// and key is byte for byte as it was.
func TestOracleEverySetting(t *testing.T) {
	t.Parallel()
	hivexget := program(t, "hivexget")
	for name, tt := range everySetting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := hangMachine(t, tt.preset, tt.state, tt.free)
			before := tree(t, m.i.System)
			complained := crashconfig.Check(m.f)
			p := m.plan(t, tt.s)
			checkWanted(t, p, tt.want)
			if stored, err := p.Apply(m.i.System, crashconfig.NewRecord(m.f, "hangkit test", now)); err != nil || !stored {
				t.Fatalf("Apply: stored %v, %v", stored, err)
			}
			file := writeHive(t, m.i.System)
			for _, c := range p.Changes {
				_, named := tt.want[strings.TrimPrefix(c.Key, `ControlSet001\`)+`\`+c.Name]
				if named || os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
					checkValue(t, hivexget, file, c)
				}
			}
			now := crashconfig.Check(windowstest.Facts(t, m.i, live))
			for id := range strings.FieldsSeq(tt.rules) {
				checkGreen(t, id, complained, now)
			}
			undo(t, m.i.System, crashconfig.NewUndoOptions(m.f))
			if diff := cmp.Diff(before, tree(t, m.i.System)); diff != "" {
				t.Errorf("after undo (-before +after):\n%s", diff)
			}
			if err := m.i.System.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// checkWanted demands changes of a plan.
func checkWanted(t *testing.T, p *crashconfig.Plan, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for _, c := range p.Changes {
		key := strings.TrimPrefix(c.Key, `ControlSet001\`) + `\` + c.Name
		switch {
		case c.New == nil:
			got[key] = "absent"
		case c.New.Type == hive.MultiSZ:
			got[key] = strings.Join(c.New.Strings(), "\n")
		default:
			got[key] = strings.Trim(strings.ReplaceAll(crashconfig.Describe(c.New), `\\`, `\`), `"`)
		}
	}
	for key, w := range want {
		if got[key] != w {
			t.Errorf("%s becomes %q, want %q; plan:\n%s", key, got[key], w, planText(p))
		}
	}
}

// checkGreen demands that a rule complained before, and is silent or content now.
func checkGreen(t *testing.T, id string, before, after *crashconfig.Report) {
	t.Helper()
	if f, ok := before.Find(id); !ok || f.Verdict < crashconfig.Note {
		t.Errorf("%s did not complain before: %+v", id, f)
	}
	if f, ok := after.Find(id); ok && f.Verdict != crashconfig.OK {
		t.Errorf("%s still says %s: %s", id, f.Verdict, f.Title)
	}
}
