package windows_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// enumDevice is an instance below Enum, and the driver key it names.
type enumDevice struct{ path, class, service, inf, version string }

const (
	diskClass = "{4D36E967-E325-11CE-BFC1-08002BE10318}" // upper case, as XP writes it
	scsiClass = "{4d36e97b-e325-11ce-bfc1-08002be10318}"
)

// withDevices is the client with devices put into its registry.
func withDevices(t *testing.T, list ...enumDevice) *windows.Facts {
	t.Helper()
	h, err := sample.System(sample.Client())
	if err != nil {
		t.Fatal(err)
	}
	set := func(key, name, s string) {
		if err := h.SetValue(`ControlSet001\`+key, hive.Value{Name: name, Type: hive.SZ, Data: hive.EncodeSZ(s)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range list {
		set(`Enum\`+d.path, "ClassGUID", d.class)
		if d.service == "" {
			continue
		}
		driver := scsiClass + `\` + d.service
		set(`Enum\`+d.path, "Service", d.service)
		set(`Enum\`+d.path, "Driver", driver)
		set(`Control\Class\`+driver, "InfPath", d.inf)
		set(`Control\Class\`+driver, "DriverVersion", d.version)
		if err := h.SetValue(`ControlSet001\Services\`+d.service, hive.Value{Name: "Start", Type: hive.DWORD, Data: hive.EncodeDWORD(0)}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	v := windowstest.NewVolume(t, sample.Client())
	v.MapFS["Windows/System32/config/SYSTEM"] = &fstest.MapFile{Data: b}
	return windowstest.Facts(t, windowstest.Open(t, v, "Windows"), windows.Live{})
}

func TestStorage(t *testing.T) {
	t.Parallel()
	f := withDevices(t,
		enumDevice{path: `SD\DISK&GENERIC&SL16G\5&1`, class: diskClass},
		enumDevice{path: `SCSI\Disk&Ven_X\4&1`, class: diskClass},
		enumDevice{path: `USBSTOR\Disk&Ven_Y\1`, class: diskClass},
		enumDevice{`PCI\VEN_1AF4&DEV_1004\3&1`, scsiClass, "vioscsi", "oem3.inf", "100.91.104.22100"},
		enumDevice{`PCI\VEN_1AF4&DEV_1004\3&2`, scsiClass, "vioscsi", "oem3.inf", "100.91.104.22100"},
	)
	want := windows.Storage{SDDisks: 1, FixedDisks: 1, Controllers: []windows.Controller{
		{Device: `PCI\VEN_1AF4&DEV_1004`, Service: "vioscsi", Boot: true, Inf: "oem3.inf", Version: "100.91.104.22100"},
	}}
	if diff := cmp.Diff(want, f.Storage); diff != "" {
		t.Errorf("storage (-want +got):\n%s", diff)
	}
	if c := f.Storage.Controllers[0]; !c.Foreign() || !c.VirtIO() || c.VirtIOBuild() != 221 {
		t.Errorf("foreign %v, VirtIO %v build %d", c.Foreign(), c.VirtIO(), c.VirtIOBuild())
	}
}

func TestVirtIOBuild(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{"100.91.104.22100": 221, "61.63.103.3000": 30, "": 0, "x": 0, "1.2.3.": 0, "7": 0, "1.-500": 0} {
		if got := (windows.Controller{Version: version}).VirtIOBuild(); got != want {
			t.Errorf("%q: build %d, want %d", version, got, want)
		}
	}
}

// The driver's own setup file tells what came with Windows.
func TestForeignDriver(t *testing.T) {
	t.Parallel()
	for inf, want := range map[string]bool{"oem12.inf": true, "OEM0.INF": true, "mshdc.inf": false, "iastorav.inf": false, "": false, "oem.sys": false} {
		if got := (windows.Controller{Inf: inf}).Foreign(); got != want {
			t.Errorf("%q: foreign %v, want %v", inf, got, want)
		}
	}
}

// Policies are found in the files of group policy, whatever their encoding, and in what device management set.
func TestPolicies(t *testing.T) {
	t.Parallel()
	v := windowstest.NewVolume(t, sample.Client())
	h, err := sample.Software(sample.Client())
	if err != nil {
		t.Fatal(err)
	}
	mdm := `Microsoft\PolicyManager\current\device\MemoryDump`
	for key, name := range map[string]string{mdm: "AllowCrashDump", `Microsoft\PolicyManager\current\device\Camera`: "AllowCamera", `Microsoft\Windows\Windows Error Reporting`: "Disabled"} {
		if err := h.SetValue(key, hive.Value{Name: name, Type: hive.DWORD, Data: hive.EncodeDWORD(1)}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	v.MapFS["Windows/System32/config/SOFTWARE"] = &fstest.MapFile{Data: b}
	var pol []byte
	for _, c := range []byte(`PReg[System\CurrentControlSet\Control\crashcontrol;AutoReboot;`) {
		pol = append(pol, c, 0)
	}
	v.MapFS["Windows/System32/GroupPolicy/Machine/Registry.pol"] = &fstest.MapFile{Data: pol}
	v.MapFS["ProgramData/Microsoft/Group Policy/History/{1}/Machine/Preferences/Registry/Registry.xml"] = &fstest.MapFile{Data: []byte(`<Registry name="PagingFiles"/>`)}
	v.MapFS["ProgramData/ntuser.pol"] = &fstest.MapFile{Data: []byte("nothing of interest")}
	f := windowstest.Facts(t, windowstest.Open(t, v, "Windows"), windows.Live{})
	want := []windows.Policy{
		{Source: `SOFTWARE, ` + mdm, Names: []string{"AllowCrashDump"}},
		{Source: "Windows/System32/GroupPolicy/Machine/Registry.pol", Names: []string{`Control\CrashControl`}},
		{Source: "ProgramData/Microsoft/Group Policy/History/{1}/Machine/Preferences/Registry/Registry.xml", Names: []string{"PagingFiles"}},
	}
	if diff := cmp.Diff(want, f.Policies); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	if !f.ErrorReporting.Is("Disabled", 1) {
		t.Error("error reporting is not read")
	}
}
