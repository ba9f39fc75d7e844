package offline

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/windows/sample"
)

// runTrigger is what hangkit trigger prints, which must be fit for a terminal of 80 characters.
func runTrigger(t *testing.T, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if status := Main(append([]string{"trigger"}, args...), nil, &out, &errOut); status != 0 || errOut.Len() > 0 {
		t.Fatalf("trigger %q: exit status %d, said %q", args, status, &errOut)
	}
	return out.String()
}

func checkWidth(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d characters: %s", n, line)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("characters that no terminal should see: %q", line)
		}
	}
}

// TestTriggerPlatforms keeps the general advice for every kind of machine, and every way, as it was read and found good,
// with the commands that --copy prints.
func TestTriggerPlatforms(t *testing.T) {
	t.Parallel()
	for _, p := range slices.Concat(crashconfig.Platforms(), crashconfig.Ways()) {
		t.Run(p.ID, func(t *testing.T) {
			t.Parallel()
			text := runTrigger(t, "--platform", p.ID)
			checkWidth(t, text)
			var doc triggerDocument
			if err := json.Unmarshal([]byte(runTrigger(t, "--platform", p.ID, "--json")), &doc); err != nil {
				t.Fatal(err)
			}
			if len(doc.Commands) > 0 {
				bare := runTrigger(t, "--platform", p.ID, "--copy")
				if want := strings.Join(doc.Commands, "\n") + "\n"; bare != want {
					t.Errorf("--copy prints\n%s\nwant\n%s", bare, want)
				}
				text += "\n$ hangkit trigger --platform " + p.ID + " --copy\n" + bare
			}
			golden(t, filepath.Join("testdata", "trigger", p.ID+".txt"), []byte(text))
		})
	}
}

func TestTriggerList(t *testing.T) {
	t.Parallel()
	text := runTrigger(t, "--platform", "list")
	checkWidth(t, text)
	golden(t, filepath.Join("testdata", "trigger", "list.txt"), []byte(text))
}

// --all tells of every platform that has something to tell, and of every way.
func TestTriggerAll(t *testing.T) {
	t.Parallel()
	text := runTrigger(t, "--platform", "kvm", "--all")
	checkWidth(t, text)
	bare := runTrigger(t, "--platform", "kvm", "--all", "--copy")
	for _, p := range crashconfig.Platforms() {
		var doc triggerDocument
		if err := json.Unmarshal([]byte(runTrigger(t, "--platform", p.ID, "--json")), &doc); err != nil {
			t.Fatal(err)
		}
		for _, s := range doc.Sections {
			for _, step := range s.Steps {
				if s.ID == "nmi" && step.Command != "" && !strings.Contains(bare, step.Command+"\n") {
					t.Errorf("%s: --all --copy lacks %s", p.ID, step.Command)
				}
			}
		}
	}
	for _, want := range []string{"notmyfaultc64", ".crash", "livekd64", "virsh dump", "Nitro", "Generate NMI to System"} {
		if !strings.Contains(text, want) {
			t.Errorf("--all lacks %q", want)
		}
	}
}

// systemFile writes a SYSTEM hive, changed by the test.
func systemFile(t *testing.T, o sample.Options, change map[string]map[string]any) string {
	t.Helper()
	h, err := sample.System(o)
	if err != nil {
		t.Fatal(err)
	}
	for key, values := range change {
		for name, data := range values {
			v := hive.Value{Name: name}
			switch data := data.(type) {
			case string:
				v.Type, v.Data = hive.SZ, hive.EncodeSZ(data)
			case int:
				v.Type, v.Data = hive.DWORD, hive.EncodeDWORD(uint32(data))
			}
			if err := h.SetValue(key, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "SYSTEM")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestTriggerHives: a bare hive file tells the platform and what is armed.
func TestTriggerHives(t *testing.T) {
	goldens, err := filepath.Abs(filepath.Join("testdata", "trigger"))
	if err != nil {
		t.Fatal(err)
	}
	const set = `ControlSet001\Services\`
	virtualBox := sample.Client()
	virtualBox.Manufacturer, virtualBox.Model = "innotek GmbH", "VirtualBox"
	for name, tt := range map[string]struct {
		o      sample.Options
		change map[string]map[string]any
	}{
		"hive-server": {sample.Server(), map[string]map[string]any{
			set + `i8042prt\Parameters`: {"CrashOnCtrlScroll": 1},
			set + `kbdhid\crashdump`:    {"Dump1Keys": 0x60, "Dump2Key": 123},
		}},
		"hive-laptop": {sample.Laptop(), map[string]map[string]any{`ControlSet001\Control\Power`: {"PowerButtonBugcheck": 1}}},
		"hive-virtualbox": {virtualBox, map[string]map[string]any{
			set + `i8042prt\crashdump`:             {"Dump1Keys": 0x77, "Dump2Key": 76}, // everything and Delete
			`ControlSet001\Control\CrashControl`:   {"AutoReboot": 0},
			`ControlSet001\Enum\PCI\VEN_15AD&D\1`:  {"Service": "vmci"},
			`ControlSet001\Services\VBoxGuest`:     {"Start": 1},
			`ControlSet001\Services\ClusSvc`:       {"Start": 2},
			`ControlSet001\Control\SystemResource`: {"unrelated": "x"},
		}},
		"hive-nothing-armed": {sample.Windows7(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			file := systemFile(t, tt.o, tt.change)
			t.Chdir(filepath.Dir(file)) // so that the lines do not depend on its name
			text := runTrigger(t, filepath.Base(file), "--ram", "16G")
			checkWidth(t, text)
			golden(t, filepath.Join(goldens, name+".txt"), []byte(text))
		})
	}
}

// TestTriggerCopyUnarmed: an NMI to a machine that is not armed for it would destroy what is to be dumped.
func TestTriggerCopyUnarmed(t *testing.T) {
	t.Parallel()
	file := systemFile(t, sample.Windows7(), nil)
	for _, more := range [][]string{nil, {"--all"}} {
		var out, errOut bytes.Buffer
		status := Main(append([]string{"trigger", file, "--platform", "vmware", "--copy"}, more...), nil, &out, &errOut)
		if status != int(ui.NotFound) || out.Len() > 0 || !strings.Contains(errOut.String(), "without a dump") {
			t.Errorf("%q: exit status %d, prints %q, says %q", more, status, &out, &errOut)
		}
	}
}

// TestTriggerHostileNames: names on a disk are written by others. They steer no terminal and are part of no command.
func TestTriggerHostileNames(t *testing.T) {
	t.Parallel()
	const evil = "x\x1b[31m\n$(evil)`evil`'\";evil\x07"
	file := systemFile(t, sample.Client(), map[string]map[string]any{
		`HardwareConfig\{67314d56-e237-4c1c-9d3f-5a0c7c1b2a31}`: {"SystemManufacturer": "VMware, Inc." + evil, "SystemProductName": evil},
		`ControlSet001\Control\ComputerName\ComputerName`:       {"ComputerName": evil},
		`ControlSet001\Control\CrashControl`:                    {"DumpFile": `C:\` + evil, "DedicatedDumpFile": evil},
	})
	text := runTrigger(t, file, "--all")
	if !strings.Contains(text, "evil") {
		t.Fatal("the test's names are not shown, so it shows nothing")
	}
	for line := range strings.Lines(text) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("characters that no terminal should see: %q", line)
		}
		if strings.HasPrefix(line, commandIndent) && strings.Contains(line, "evil") {
			t.Errorf("a name is part of a command: %q", line)
		}
	}
	if bare := runTrigger(t, file, "--copy", "--all"); strings.Contains(bare, "evil") || strings.Contains(bare, "\x1b") {
		t.Errorf("--copy prints %q", bare)
	}
}

// A target whose name a shell would take for something else is quoted.
func TestTriggerQuotesTheTarget(t *testing.T) {
	t.Parallel()
	file := systemFile(t, sample.Windows7(), nil)
	odd := filepath.Join(filepath.Dir(file), "a $(b) 'c'")
	if err := os.Rename(file, odd); err != nil {
		t.Fatal(err)
	}
	if text := runTrigger(t, odd, "--json"); !strings.Contains(text, `a $(b) '\\''c'\\'''`) {
		t.Errorf("the target is not quoted: %s", text)
	}
}

// TestTriggerMisuse: what is not known is refused, with a way on.
func TestTriggerMisuse(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]struct {
		status int
		words  string
	}{
		"--platform amiga":                  {80, "want one of vmware"},
		"--platform nutanix --copy":         {6, "no command that crashes it"},
		"--platform ilo no-such-file":       {6, "no-such-file"},
		"--platform power-button --copy":    {6, "no command that crashes it"},
		"--platform amiga --json":           {80, "unknown platform"},
		"--platform nutanix --copy --quiet": {6, "no command that crashes it"},
	} {
		var out, errOut bytes.Buffer
		status := Main(append([]string{"trigger"}, strings.Fields(args)...), nil, &out, &errOut)
		if status != want.status || out.Len() > 0 || !strings.Contains(errOut.String(), want.words) {
			t.Errorf("%s: exit status %d, printed %q, said %q", args, status, &out, &errOut)
		}
	}
}

// TestCommandLines: the lines of a command, pasted together, are the command.
func TestCommandLines(t *testing.T) {
	t.Parallel()
	long := "curl -sku <user> -H 'Content-Type: application/json' -d '" + `{"ResetType":"Nmi"}` + "' https://<bmc>/redfish/v1/Systems/<id>/Actions/ComputerSystem.Reset"
	every, err := crashconfig.ParseCombination("lshift+lctrl+lalt+rshift+rctrl+ralt+katakana")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ command, where string }{
		{"nmi", "QEMU monitor"},
		{long, "any machine"},
		{"virsh qemu-monitor-command <domain> '" + every.QMP()[0] + "'", "host"},
		{every.QMP()[0], "QMP socket"},
		{`$x = 0x01,0x02` + strings.Repeat(",0x03", 40), "elevated PowerShell"},
		{`Get-CimInstance -Filter "Name = 'a b c'" -Namespace root\virtualization\v2 -ClassName Msvm_ComputerSystem -More 1`, "PowerShell"},
		{strings.Repeat("x", 100), "host"},
		{"echo '" + strings.Repeat("a, b ", 30) + "' c", "host"},
	} {
		lines := commandLines(tt.command, tt.where)
		joined := lines[0]
		for _, line := range lines[1:] {
			line = strings.TrimPrefix(line, "  ")
			if cont := shellOf(tt.where).space; cont != "" && strings.HasSuffix(joined, cont) {
				joined = strings.TrimSuffix(joined, cont) + " " + line
			} else {
				joined += line
			}
		}
		if joined != tt.command {
			t.Errorf("%q became\n%s", tt.command, strings.Join(lines, "\n"))
		}
	}
	if lines := commandLines("", "host"); lines != nil {
		t.Errorf("no command has lines %q", lines)
	}
}

// TestArmNotesNameTheTarget: a command in a note is to be pasted, too.
func TestArmNotesNameTheTarget(t *testing.T) {
	t.Parallel()
	file := systemFile(t, sample.Client(), map[string]map[string]any{`ControlSet001\Control\CrashControl\ForceDumpsDisabled`: {"GuardedHost": 1}})
	var out, errOut bytes.Buffer
	Main([]string{"arm", file, "--dry-run", "--ram", "8G", "--json"}, nil, &out, &errOut)
	if want := "hangkit arm " + file + " --ram 8G --lift-guarded-host"; !strings.Contains(out.String(), want) {
		t.Errorf("lacks %q: %s %s", want, &out, &errOut)
	}
}
