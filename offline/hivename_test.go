package offline

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/internal/ui"
	"hangkit/offline/windows/sample"
)

func TestHiveKind(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"SYSTEM": "SYSTEM", "system": "SYSTEM", "SYSTEM_B": "SYSTEM", "system.bak": "SYSTEM", "SYSTEM-old": "SYSTEM",
		"Software": "SOFTWARE", "NTUSER.DAT": "NTUSER.DAT", "ntuser.dat": "NTUSER.DAT", "UsrClass.dat": "USRCLASS.DAT",
		"BCD": "BCD", "BCD.LOG": "BCD", "DEFAULT": "DEFAULT", "SAM": "SAM",
		"SYSTEMS": "", "h1": "", "": "", "x.SYSTEM": "", "NTUSER": "",
	}
	for name, want := range tests {
		if got := hiveKind(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestResolve: a written name leads to one key of this hive, or to an error.
func TestResolve(t *testing.T) {
	t.Parallel()
	system, err := sample.System(sample.Client())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		file, prefix, written, want string
		err                         error
	}{
		{"SYSTEM", "", "", "", nil},
		{"SYSTEM", "", `\`, "", nil},
		{"SYSTEM", "", "/", "", nil},
		{"SYSTEM", "", "Select", "Select", nil},
		{"SYSTEM", "", `\Select`, "Select", nil},
		{"SYSTEM", "", "a/b/c", `a\b\c`, nil},
		{"SYSTEM", "", `a/b\c`, `\a/b\c`, nil},
		{"SYSTEM", "", `\a/b`, `\a/b`, nil},
		{"SYSTEM", "", `HKEY_LOCAL_MACHINE\SYSTEM`, "", nil},
		{"SYSTEM", "", `HKEY_LOCAL_MACHINE\SYSTEM\Select`, "Select", nil},
		{"SYSTEM", "", `hklm\system\SELECT`, "SELECT", nil},
		{"SYSTEM", "", `HKLM/SYSTEM/Select`, "Select", nil},
		{"SYSTEM", "", `\HKLM\SYSTEM\Select`, "Select", nil},
		{"SYSTEM", "", `CurrentControlSet\Control`, `ControlSet001\Control`, nil},
		{"SYSTEM", "", `HKLM\SYSTEM\currentcontrolset`, "ControlSet001", nil},
		{"SYSTEM", "", `\CurrentControlSet\Control`, `CurrentControlSet\Control`, nil},
		{"SYSTEM", "", `HKLM\SYSTEMS\x`, "", errOtherHive},
		{"SYSTEM", "", `HKLM\SOFTWARE\x`, "", errOtherHive},
		{"SYSTEM", "", `HKEY_LOCAL_MACHINE`, "", errOtherHive},
		{"SYSTEM", "", `HKCU\Software`, "", errOtherHive},
		{"SYSTEM", `HKLM\off`, `HKEY_LOCAL_MACHINE\off\a`, "a", nil},
		{"SYSTEM", `HKLM\off`, `HKLM\SYSTEM\a`, "", errOtherHive},
		{"SYSTEM", `my root`, `my root\a`, "a", nil},
		{"SOFTWARE", "", `HKLM\SOFTWARE\Microsoft`, "Microsoft", nil},
		{"SOFTWARE", "", `HKCR\.txt`, `Classes\.txt`, nil},
		{"SOFTWARE", "", `CurrentControlSet\x`, `CurrentControlSet\x`, nil},
		{"NTUSER.DAT", "", `HKCU\Environment`, "Environment", nil},
		{"NTUSER.DAT", "", `HKU\S-1-5-21\Environment`, "", errOtherHive},
		{"DEFAULT", "", `HKU\.DEFAULT\Environment`, "Environment", nil},
		{"BCD", "", `HKLM\BCD00000000\Objects`, "Objects", nil},
		{"other.hiv", "", `HKLM\other.hiv\a`, "a", nil},
		{"other.hiv", "", `HKLM\SYSTEM\a`, "", errOtherHive},
	}
	for _, tt := range tests {
		n := namesOf(system, tt.file, tt.prefix)
		got, err := n.resolve(tt.written)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s, prefix %q: %q is %q, %v; want %q, %v", tt.file, tt.prefix, tt.written, got, err, tt.want, tt.err)
		}
	}
}

// TestResolveWithoutControlSet: CurrentControlSet is not guessed.
func TestResolveWithoutControlSet(t *testing.T) {
	t.Parallel()
	h := hive.New(hive.NewOptions{Now: time.Now()})
	_, err := namesOf(h, "SYSTEM", "").resolve(`CurrentControlSet\Control`)
	if ui.Explain(err, rules).Status != ui.NotFound {
		t.Errorf("%v", err)
	}
}

func TestFullNames(t *testing.T) {
	t.Parallel()
	h := hive.New(hive.NewOptions{})
	n := namesOf(h, "Users/bob/NTUSER.DAT", "")
	for path, want := range map[string]string{"": currentUser, `a\b`: currentUser + `\a\b`, `\a/b`: currentUser + `\a/b`} {
		if got := n.full(path); got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
}

// TestSplitNameKeepsItsOwn: what is cut and joined again leads to the same key.
func TestSplitNameKeepsItsOwn(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "a", `a\b`, `\a/b`, `a/b\c`} {
		if diff := cmp.Diff(splitKey(path), splitKey(joinKey(splitKey(path)))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", path, diff)
		}
	}
}

func TestVolumePath(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		`Users/bob/NTUSER.DAT`: "Users/bob/NTUSER.DAT", `\Users\bob\NTUSER.DAT`: "Users/bob/NTUSER.DAT", `/a/../b/c`: "b/c",
		`C:\Users`: "", `/`: ".", `../../etc/passwd`: "etc/passwd",
	}
	for name, want := range tests {
		got, err := volumePath(name)
		if want == "." || want == "" {
			if err == nil {
				t.Errorf("%q is %q, want an error", name, got)
			}
			continue
		}
		if got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", name, got, err, want)
		}
	}
}
