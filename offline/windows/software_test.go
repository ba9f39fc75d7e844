package windows_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

const currentVersion = `Microsoft\Windows NT\CurrentVersion`

// software builds a SOFTWARE hive with these values of CurrentVersion: strings, and an int for a
// REG_DWORD.
func software(tb testing.TB, values map[string]any) []byte {
	tb.Helper()
	h := hive.New(hive.NewOptions{})
	for name, value := range values {
		v := hive.Value{Name: name, Type: hive.SZ}
		switch x := value.(type) {
		case string:
			v.Data = hive.EncodeSZ(x)
		case int:
			v.Type, v.Data = hive.DWORD, hive.EncodeDWORD(uint32(x))
		}
		if err := h.SetValue(currentVersion, v); err != nil {
			tb.Fatal(err)
		}
	}
	p, err := h.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func versionOf(t *testing.T, o sample.Options, software []byte) windows.Version {
	t.Helper()
	v := windowstest.NewVolume(t, o)
	v.MapFS["Windows/System32/config/SOFTWARE"] = &fstest.MapFile{Data: software}
	return windowstest.Facts(t, windowstest.Open(t, v, "Windows"), windows.Live{}).Version
}

// What each Windows writes about itself, and what is told of it.
func TestSoftwareVersion(t *testing.T) {
	t.Parallel()
	type values = map[string]any
	for name, tt := range map[string]struct {
		values  values
		text    string
		edition string
		kind    string
	}{
		"XP SP3": {values{"ProductName": "Microsoft Windows XP", "CurrentBuildNumber": "2600", "CSDVersion": "Service Pack 3"},
			"Microsoft Windows XP Service Pack 3 (build 2600)", "", ""},
		"7 SP1": {values{"ProductName": "Windows 7 Professional", "CurrentBuildNumber": "7601", "CurrentBuild": "7601", "CSDVersion": "Service Pack 1",
			"EditionID": "Professional", "InstallationType": "Client"}, "Windows 7 Professional Service Pack 1 (build 7601)", "Professional", "Client"},
		"8.1": {values{"ProductName": "Windows 8.1 Pro", "CurrentBuildNumber": "9600", "UBR": 19994, "EditionID": "Professional", "InstallationType": "Client"},
			"Windows 8.1 Pro (build 9600.19994)", "Professional", "Client"},
		"10 1507": {values{"ProductName": "Windows 10 Enterprise 2015 LTSB", "CurrentBuildNumber": "10240", "UBR": 16384, "EditionID": "EnterpriseS"},
			"Windows 10 Enterprise 2015 LTSB (build 10240.16384)", "EnterpriseS", ""},
		"10 1909": {values{"ProductName": "Windows 10 Pro", "CurrentBuildNumber": "18363", "ReleaseId": "1909", "UBR": 1556},
			"Windows 10 Pro 1909 (build 18363.1556)", "", ""},
		"10 22H2": {values{"ProductName": "Windows 10 Pro", "CurrentBuildNumber": "19045", "ReleaseId": "2009", "DisplayVersion": "22H2", "UBR": 4170},
			"Windows 10 Pro 22H2 (build 19045.4170)", "", ""},
		"11 21H2": {values{"ProductName": "Windows 10 Home", "CurrentBuildNumber": "22000", "DisplayVersion": "21H2", "UBR": 2538, "InstallationType": "Client"},
			"Windows 11 Home 21H2 (build 22000.2538)", "", "Client"},
		"11 24H2": {values{"ProductName": "Windows 10 Enterprise", "CurrentBuildNumber": "26100", "DisplayVersion": "24H2", "UBR": 1742, "EditionID": "Enterprise"},
			"Windows 11 Enterprise 24H2 (build 26100.1742)", "Enterprise", ""},
		"11 that says so": {values{"ProductName": "Windows 11 Pro", "CurrentBuildNumber": "22631"}, "Windows 11 Pro (build 22631)", "", ""},
		"Server 2019": {values{"ProductName": "Windows Server 2019 Standard", "CurrentBuildNumber": "17763", "ReleaseId": "1809", "UBR": 5329, "InstallationType": "Server"},
			"Windows Server 2019 Standard 1809 (build 17763.5329)", "", "Server"},
		"Server 2022 Core": {values{"ProductName": "Windows Server 2022 Datacenter", "CurrentBuildNumber": "20348", "ReleaseId": "2009", "DisplayVersion": "21H2",
			"UBR": 2340, "EditionID": "ServerDatacenter", "InstallationType": "Server Core"}, "Windows Server 2022 Datacenter 21H2 (build 20348.2340)", "ServerDatacenter", "Server Core"},
		"Server 2025": {values{"ProductName": "Windows Server 2025 Standard", "CurrentBuildNumber": "26100", "DisplayVersion": "24H2", "UBR": 2033, "InstallationType": "Server"},
			"Windows Server 2025 Standard 24H2 (build 26100.2033)", "", "Server"},
		"a server that says 10": {values{"ProductName": "Windows 10 Server", "CurrentBuildNumber": "26100", "InstallationType": "Server"},
			"Windows 10 Server (build 26100)", "", "Server"},
		"build only in CurrentBuild": {values{"ProductName": "Windows 10 Pro", "CurrentBuild": "19044"}, "Windows 10 Pro (build 19044)", "", ""},
		"build of another type":      {values{"ProductName": "Windows 10 Pro", "CurrentBuildNumber": 19044, "CurrentBuild": "19043"}, "Windows 10 Pro (build 19043)", "", ""},
		"build is nonsense":          {values{"ProductName": "Windows 10 Pro", "CurrentBuildNumber": "-1", "CurrentBuild": "x"}, "Windows 10 Pro (build 19045)", "", ""},
		"no values":                  {values{}, "Windows 10 (build 19045)", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := versionOf(t, sample.Client(), software(t, tt.values))
			if v.String() != tt.text || v.Edition != tt.edition || v.Type != tt.kind {
				t.Errorf("%q, edition %q, type %q; want %q, %q, %q", v, v.Edition, v.Type, tt.text, tt.edition, tt.kind)
			}
		})
	}
}

// The real SOFTWARE of a Windows XP.
func TestOracleSoftwareSample(t *testing.T) {
	t.Parallel()
	got := versionOf(t, sample.WindowsXP(), windowstest.SampleFile(t, "real/SOFTWARE_winxpsp3_x86.xz"))
	want := windows.Version{
		Build:   windows.Fact[int]{Value: 2600, Known: true, Source: "SOFTWARE, CurrentBuildNumber"},
		Product: "Microsoft Windows XP", Pack: "Service Pack 3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("version (-want +got):\n%s", diff)
	}
}

// A SOFTWARE that Windows left unfinished is completed from its logs, of either generation.
func TestSoftwareFromLog(t *testing.T) {
	t.Parallel()
	before := software(t, map[string]any{"ProductName": "Windows 10 Pro", "CurrentBuildNumber": "19044", "UBR": 1})
	for g, logName := range map[hive.Generation]string{hive.GenerationHvLE: "LOG1", hive.GenerationDIRT: "LOG1", hive.GenerationXP: "LOG"} {
		file, log := windowstest.Interrupted(t, before, g, func(h *hive.Hive) error {
			return h.SetValue(currentVersion, hive.Value{Name: "UBR", Type: hive.DWORD, Data: hive.EncodeDWORD(4170)})
		})
		v := windowstest.NewVolume(t, sample.Client())
		v.MapFS["Windows/System32/config/SOFTWARE"] = &fstest.MapFile{Data: file}
		v.MapFS["Windows/System32/config/SOFTWARE."+logName] = &fstest.MapFile{Data: log}
		i := windowstest.Open(t, v, "Windows")
		if f := windowstest.Facts(t, i, windows.Live{}); f.Version.UBR.Value != 4170 || len(f.Problems) > 0 {
			t.Errorf("generation %d: version %v, problems %q", g, f.Version, f.Problems)
		}
		if h, err := i.Software(); err != nil || !h.Recovery().Dirty {
			t.Errorf("generation %d: not recovered, %v", g, err)
		}
		if on, _ := fs.ReadFile(v, "Windows/System32/config/SOFTWARE"); !bytes.Equal(on, file) {
			t.Errorf("generation %d: the file was changed", g)
		}
	}
}

// huge is a file of which only the beginning holds anything.
type huge struct {
	*bytes.Reader
	size int64
}

func (f huge) Size() int64 { return f.size }

func (f huge) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off+int64(len(p)) > f.size {
		return 0, io.EOF
	}
	_, _ = f.Reader.ReadAt(p, off)
	return len(p), nil
}

// Of a SOFTWARE of 150 MB as little is read as of a small one.
func TestHugeSoftwareIsReadLazily(t *testing.T) {
	t.Parallel()
	const size = 150 << 20
	p := software(t, map[string]any{"CurrentBuildNumber": "19045"})
	le := binary.LittleEndian
	le.PutUint32(p[40:], size-4096)
	var sum uint32
	for i := 0; i < 508; i += 4 {
		sum ^= le.Uint32(p[i:])
	}
	le.PutUint32(p[508:], sum)
	h, err := hive.Open(hive.Source{Primary: huge{bytes.NewReader(p), size}})
	if err != nil {
		t.Fatal(err)
	}
	if k, err := h.Key(currentVersion); err != nil || k.NumValues() != 1 {
		t.Fatalf("%+v, %v", k, err)
	}
	if n := h.BytesRead(); n > 256<<10 {
		t.Errorf("read %d bytes", n)
	}
}

// The store is read with what its log holds, by the names Windows gives the log.
func TestBCDFromLog(t *testing.T) {
	t.Parallel()
	const key = `Objects\` + sample.LoaderID + `\Elements\16000009`
	for g, logName := range map[hive.Generation]string{hive.GenerationHvLE: "BCD.LOG", hive.GenerationDIRT: "BCD.LOG1", hive.GenerationXP: "BCD.LOG"} {
		file, log := windowstest.Interrupted(t, storeBytes(t, sample.BCDOptions{}), g, func(h *hive.Hive) error {
			return h.SetValue(key, hive.Value{Name: "Element", Type: hive.Binary, Data: []byte{0}})
		})
		v := windowstest.Volume{MapFS: fstest.MapFS{"Boot/BCD": {Data: file}, "Boot/" + logName: {Data: log}}}
		if logName == "BCD.LOG" { // as on real machines
			v.MapFS["Boot/BCD.LOG1"], v.MapFS["Boot/BCD.LOG2"] = &fstest.MapFile{}, &fstest.MapFile{}
		}
		b, recovery, err := windows.ReadBCD(v, "Boot/BCD")
		if err != nil {
			t.Fatal(err)
		}
		e, _ := b.Entry("{default}")
		if el, ok := e.Element("recoveryenabled"); !ok || el.Bool || !recovery.Dirty {
			t.Errorf("generation %d: %+v, %+v", g, el, recovery)
		}
		delete(v.MapFS, "Boot/"+logName)
		v.MapFS["Boot/BCD.LOG1"], v.MapFS["Boot/BCD.LOG2"] = &fstest.MapFile{}, &fstest.MapFile{}
		if _, _, err := windows.ReadBCD(v, "Boot/BCD"); err == nil {
			t.Errorf("generation %d: read without its log", g)
		}
	}
}
