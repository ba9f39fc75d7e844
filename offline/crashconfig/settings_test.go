package crashconfig

import (
	"errors"
	"testing"
)

func TestParsePageFile(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]PageFileRequest{
		"system":   {},
		"SYSTEM":   {},
		"none":     {None: true},
		"d:none":   {Drive: 'D', None: true},
		"D:System": {Drive: 'D'},
		"8G":       {Initial: 8192, Maximum: 8192},
		"8G:16G":   {Initial: 8192, Maximum: 16384},
		"E:8G:16G": {Drive: 'E', Initial: 8192, Maximum: 16384},
		"z:1":      {Drive: 'Z', Initial: 1, Maximum: 1},
		"1048577":  {Initial: 2, Maximum: 2},
		"C: 2000M": {Drive: 'C', Initial: 2000, Maximum: 2000},
	} {
		if got, err := ParsePageFile(in); err != nil || got != want {
			t.Errorf("ParsePageFile(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "0:8G", "8G:4G", ":", "8G:", "9223372036854775807", "D:", "D", "DD:8G", "D:D:8G", `D:\pagefile.sys`, "17T"} {
		if got, err := ParsePageFile(in); !errors.Is(err, ErrPageFile) {
			t.Errorf("ParsePageFile(%q) = %+v, %v; want ErrPageFile", in, got, err)
		}
	}
}

// A profile fills in what nobody asked for, and only that.
func TestProfiles(t *testing.T) {
	t.Parallel()
	for _, p := range profiles {
		if got, err := ParseProfile(p.name); err != nil || got != p.p || got.String() != p.name {
			t.Errorf("ParseProfile(%q) = %v, %v", p.name, got, err)
		}
	}
	if _, err := ParseProfile("two-shot"); !errors.Is(err, ErrProfile) {
		t.Errorf("ParseProfile = %v, want ErrProfile", err)
	}
	s := Settings{Profile: OneShot}.withProfile()
	if s.Dump != Kernel || s.AutoReboot != No || s.AutoRepair != No || s.BootLog != Yes || s.KeepDump != Yes || s.StopParameters != Yes {
		t.Errorf("one-shot: %+v", s)
	}
	s = Settings{Profile: OneShot, Dump: Complete, AutoReboot: Yes, AutoRepair: Yes, BootLog: No, KeepDump: No, DumpLog: No}.withProfile()
	if s.Dump != Complete || s.AutoReboot != Yes || s.AutoRepair != Yes || s.BootLog != No || s.KeepDump != No || s.DumpLog != No {
		t.Errorf("one-shot overrides what was asked for: %+v", s)
	}
	if s := (Settings{Profile: ProfileActive}).withProfile(); s.Dump != Active || s.AutoReboot != ByDefault {
		t.Errorf("active: %+v", s)
	}
}

func FuzzParsePageFile(f *testing.F) {
	for _, s := range []string{"system", "D:8G:16G", "none", ":", "é:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParsePageFile(s)
		if err == nil && (r.Initial < 0 || r.Maximum < r.Initial || r.None && r.Initial != 0) {
			t.Errorf("%q: %+v", s, r)
		}
	})
}

func TestParseDedicated(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Dedicated{
		`D:\hangkit.dmp:64G`: {`D:\hangkit.dmp`, 65536},
		`D:\hangkit.dmp`:     {`D:\hangkit.dmp`, 0},
	} {
		if got, err := ParseDedicated(in); err != nil || got != want {
			t.Errorf("ParseDedicated(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "64G", "D:64G", `D:\x:lots`, `\\server\x:64G`, "D:/x:64G"} {
		if got, err := ParseDedicated(in); !errors.Is(err, ErrDedicated) && !errors.Is(err, ErrSize) {
			t.Errorf("ParseDedicated(%q) = %+v, %v; want ErrDedicated or ErrSize", in, got, err)
		}
	}
}

func TestParseDumpType(t *testing.T) {
	t.Parallel()
	for _, d := range dumpTypes {
		if got, err := ParseDumpType(d.t.String()); err != nil || got != d.t {
			t.Errorf("%s: %v, %v", d.name, got, err)
		}
	}
	if _, err := ParseDumpType("mini"); !errors.Is(err, ErrDumpType) {
		t.Errorf("mini: %v", err)
	}
}
