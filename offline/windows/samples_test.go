package windows_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/windowstest"
)

// realFacts are facts of a real hive, as other readers show them.
type realFacts struct {
	Set       string
	Name      string
	Build     int
	Guessed   bool
	Arch      string
	Role      windows.Role
	Domain    string
	Dump      uint32
	PageFiles []string
	Letter    string
	Platform  string
	Keyboards []string // installed drivers
	InUse     []string // of these, with a keyboard seen
	Hiberboot uint32   // 9 = absent
	Boot      uint32   // the boot counter; 0 = none
	Shutdown  string   // the last clean one
}

func TestOracleSamples(t *testing.T) {
	t.Parallel()
	managed := []string{`?:\pagefile.sys`}
	for name, want := range map[string]realFacts{
		"real/SYSTEM_B/SYSTEM_B": {"ControlSet001", "DESKTOP-PM6C56D", 16299, false, "amd64", windows.Client, "", 7, managed, "C:",
			windows.Laptop, []string{"i8042prt", "kbdhid", "hyperkbd"}, []string{"i8042prt"}, 1, 4, "2018-03-27T21:45:28Z"},
		"real/SYSTEM_win7sp1_x86": {"ControlSet001", "WKS-WIN732BITA", 7601, false, "x86", windows.Client, "shieldbase.local", 2, managed, "C:",
			windows.VMware, []string{"i8042prt", "kbdhid"}, []string{"i8042prt"}, 9, 39, "2012-04-04T01:58:40Z"},
		"real/SYSTEM_winxpsp3_x86_m57": {"ControlSet001", "M57-PAT", 2600, true, "x86", windows.Client, "", 3, []string{`C:\pagefile.sys 768 1536`}, "C:",
			windows.UnknownPlace, []string{"i8042prt"}, []string{"i8042prt"}, 9, 0, "2009-12-09T00:17:32Z"},
		"real/SYSTEM_winxp_regsave_v1.3": {"ControlSet001", "OFIARA", 2600, true, "x86", windows.Client, "", 3, []string{`C:\pagefile.sys 2046 4092`}, "C:",
			windows.VMware, []string{"i8042prt"}, []string{"i8042prt"}, 9, 0, ""},
		"real/SYSTEM_win2003dc_x86": {"ControlSet001", "ADDEMO", 3790, true, "x86", windows.DomainController, "demo.local", 1, []string{`C:\pagefile.sys 576 1152`}, "C:",
			windows.VMware, []string{"i8042prt"}, []string{"i8042prt"}, 9, 0, "2016-07-10T10:57:22Z"},
		"real/SYSTEM_win10_10240_small": {"ControlSet001", "", 10240, true, "", "", "", 7, nil, "C:",
			windows.UnknownPlace, nil, nil, 9, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := windowstest.Facts(t, windowstest.Sample(t, name), windows.Live{})
			if diff := cmp.Diff(want, realOf(f)); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			for _, p := range f.Problems {
				t.Errorf("problem: %s", p)
			}
		})
	}
}

func realOf(f *windows.Facts) realFacts {
	got := realFacts{
		Set: f.ControlSet.Name, Name: f.Name.Value, Build: f.Version.Build.Value, Guessed: f.Version.Build.Guessed, Arch: f.Arch.Value,
		Role: f.Role.Value, Domain: f.Domain.Value, Dump: f.CrashControl.Or("CrashDumpEnabled", 9), Letter: f.Letter(),
		Platform: f.Platform.ID, Hiberboot: f.SessionPower.Or("HiberbootEnabled", 9),
		Boot: f.LastRun.BootID.Value,
	}
	if at := f.LastRun.Shutdown; at.Known {
		got.Shutdown = at.Value.Format("2006-01-02T15:04:05Z")
	}
	for _, p := range f.PageFiles {
		got.PageFiles = append(got.PageFiles, p.Raw)
	}
	for _, k := range f.Keyboards {
		if k.Installed {
			got.Keyboards = append(got.Keyboards, k.Service)
		}
		if k.InUse.Value {
			got.InUse = append(got.InUse, k.Service)
		}
	}
	return got
}

// A hive that was never written out and has no logs is refused.
func TestOracleSamplesRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"real/SYSTEM_2", "real/SYSTEM_WIN_10_1709"} {
		_, err := windows.FromHive(windowstest.SampleSource(t, name))
		if _, ok := errors.AsType[*windows.HiveError](err); !ok || !errors.Is(err, hive.ErrDirtyNoLog) {
			t.Errorf("%s: %v, want a HiveError wrapping hive.ErrDirtyNoLog", name, err)
		}
	}
}

// A hive with a hole gives the facts around it, and says where it could not read.
func TestOracleSampleDamaged(t *testing.T) {
	t.Parallel()
	i := windowstest.Sample(t, "real/corrupted_system_hive")
	f := windowstest.Facts(t, i, windows.Live{})
	if len(f.Problems) == 0 || !f.CrashControl.Is("CrashDumpEnabled", 3) {
		t.Errorf("problems %q, crash settings %+v", f.Problems, f.CrashControl)
	}
}

// TestOracleSamplePlatforms: what machine every sample ran on. Two were left unfinished, without their logs; the check
// that refuses them is told otherwise, as their devices are whole.
func TestOracleSamplePlatforms(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]windows.Platform{
		"real/SYSTEM_B/SYSTEM_B":         {ID: windows.Laptop, Source: "SYSTEM, HardwareConfig"},
		"real/SYSTEM_2":                  {ID: windows.VirtualBox, Source: "SYSTEM, HardwareConfig"},
		"real/SYSTEM_WIN_10_1709":        {ID: windows.VMware, Source: "SYSTEM, HardwareConfig"},
		"real/SYSTEM_win10_10240_small":  {},
		"real/SYSTEM_win7sp1_x86":        {ID: windows.VMware, Source: "SYSTEM, Enum: devices seen so far", Guessed: true},
		"real/SYSTEM_win2003dc_x86":      {ID: windows.VMware, Source: "SYSTEM, Enum: devices seen so far", Guessed: true},
		"real/SYSTEM_winxp_regsave_v1.3": {ID: windows.VMware, Source: "SYSTEM, Enum: devices seen so far", Guessed: true},
		"real/SYSTEM_winxpsp3_x86_m57":   {},
		"real/corrupted_system_hive":     {ID: windows.VMware, Source: "SYSTEM, Enum: devices seen so far", Guessed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, err := windows.FromHive(windowstest.SampleSource(t, name))
			if errors.Is(err, hive.ErrDirtyNoLog) {
				i, err = windows.FromHive(hive.Source{Primary: windowstest.NewFile(finished(windowstest.SampleFile(t, name+".xz")))})
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = i.Close() })
			if diff := cmp.Diff(want, windowstest.Facts(t, i, windows.Live{}).Platform); diff != "" {
				t.Errorf("platform (-want +got):\n%s", diff)
			}
		})
	}
}

// finished is a hive whose base block says that it was written out: both sequence numbers alike, and the checksum over
// the 127 numbers before it (regf specification, "Base block").
func finished(b []byte) []byte {
	const secondary, checksum = 8, 508
	b = slices.Clone(b)
	copy(b[secondary:], b[secondary-4:secondary])
	sum := uint32(0)
	for at := 0; at < checksum; at += 4 {
		sum ^= binary.LittleEndian.Uint32(b[at:])
	}
	binary.LittleEndian.PutUint32(b[checksum:], sum)
	return b
}

// The disk controllers of real registries, with the drivers that came with Windows.
func TestOracleSampleStorage(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]windows.Storage{
		"real/SYSTEM_B/SYSTEM_B": {FixedDisks: 2, Controllers: []windows.Controller{
			{Device: `PCI\VEN_8086&DEV_282A&SUBSYS_05341028&REV_04`, Service: "iaStorAV", Boot: true, Inf: "iastorav.inf", Provider: "Intel Corporation", Version: "13.44.0.1026"},
			{Device: `ROOT\spaceport`, Service: "spaceport", Boot: true, Inf: "spaceport.inf", Provider: "Microsoft", Version: "10.0.16299.251"},
		}},
		"real/SYSTEM_winxp_regsave_v1.3": {FixedDisks: 1, Controllers: []windows.Controller{
			{Device: `PCI\VEN_8086&DEV_7111&SUBSYS_197615AD&REV_01`, Service: "intelide", Boot: true, Inf: "mshdc.inf", Provider: "Microsoft", Version: "5.1.2600.5512"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := windowstest.Facts(t, windowstest.Sample(t, name), windows.Live{})
			if diff := cmp.Diff(want, f.Storage); diff != "" {
				t.Errorf("storage (-want +got):\n%s", diff)
			}
			for _, c := range f.Storage.Controllers {
				if c.Foreign() {
					t.Errorf("%s came with Windows", c.Service)
				}
			}
		})
	}
}
