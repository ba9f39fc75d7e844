package windows_test

import (
	"slices"
	"testing"
	"time"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// changed is a sample installation whose SYSTEM hive has further values.
func changed(t *testing.T, change func(h *hive.Hive) error) *windows.Facts {
	t.Helper()
	i := windowstest.Open(t, windowstest.NewVolume(t, sample.Client()), "Windows")
	if err := change(i.System); err != nil {
		t.Fatal(err)
	}
	return windowstest.Facts(t, i, windows.Live{})
}

func TestLastRun(t *testing.T) {
	t.Parallel()
	const prefetch = `\Control\Session Manager\Memory Management\PrefetchParameters`
	shutdown := []byte{0xEA, 0x32, 0xBD, 0xEB, 0x14, 0xC6, 0xD3, 0x01} // as a real machine has it
	for name, tt := range map[string]struct {
		key, name string
		value     hive.Value
		boot      uint32
		shutdown  time.Time
	}{
		"boot counter":            {key: `ControlSet001` + prefetch, value: hive.Value{Name: "BootId", Type: hive.DWORD, Data: hive.EncodeDWORD(39)}, boot: 39},
		"another type":            {key: `ControlSet001` + prefetch, value: hive.Value{Name: "BootId", Type: hive.SZ, Data: hive.EncodeSZ("39")}},
		"of another control set":  {key: `ControlSet002` + prefetch, value: hive.Value{Name: "BootId", Type: hive.DWORD, Data: hive.EncodeDWORD(39)}},
		"shutdown":                {key: `ControlSet001\Control\Windows`, value: hive.Value{Name: "ShutdownTime", Type: hive.Binary, Data: shutdown}, shutdown: time.Date(2018, 3, 27, 21, 45, 28, 56701800, time.UTC)},
		"shutdown never":          {key: `ControlSet001\Control\Windows`, value: hive.Value{Name: "ShutdownTime", Type: hive.Binary, Data: make([]byte, 8)}},
		"shutdown out of time":    {key: `ControlSet001\Control\Windows`, value: hive.Value{Name: "ShutdownTime", Type: hive.Binary, Data: []byte{255, 255, 255, 255, 255, 255, 255, 255}}},
		"shutdown of other width": {key: `ControlSet001\Control\Windows`, value: hive.Value{Name: "ShutdownTime", Type: hive.Binary, Data: shutdown[:4]}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := changed(t, func(h *hive.Hive) error { return h.SetValue(tt.key, tt.value) }).LastRun
			if got.BootID.Value != tt.boot || got.BootID.Known != (tt.boot != 0) || !got.Shutdown.Value.Equal(tt.shutdown) || got.Shutdown.Known == tt.shutdown.IsZero() {
				t.Errorf("%+v", got)
			}
		})
	}
}

// The last boot may have used another control set than the next will.
func TestLastRunOfTheCurrentSet(t *testing.T) {
	t.Parallel()
	f := changed(t, func(h *hive.Hive) error {
		for set, id := range map[string]uint32{"ControlSet001": 1, "ControlSet002": 2} {
			err := h.SetValue(set+`\Control\Session Manager\Memory Management\PrefetchParameters`,
				hive.Value{Name: "BootId", Type: hive.DWORD, Data: hive.EncodeDWORD(id)})
			if err != nil {
				return err
			}
		}
		return h.SetValue("Select", hive.Value{Name: "Current", Type: hive.DWORD, Data: hive.EncodeDWORD(2)})
	})
	if f.ControlSet.Name != "ControlSet001" || f.LastRun.BootID.Value != 2 {
		t.Errorf("boots %s, last run %+v", f.ControlSet.Name, f.LastRun)
	}
}

func TestLiveReportsDir(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]windows.Path{
		`\??\D:\live`:              {Letter: 'D', Name: "live"},
		`\SystemRoot\Live Reports`: {Letter: 'C', Name: "Windows/Live Reports"},
		`%SystemRoot%\Live`:        {Letter: 'C', Name: "Windows/Live"},
		`C:\a\b`:                   {Letter: 'C', Name: "a/b"},
		`live`:                     {},
		`\\server\share`:           {},
	} {
		f := changed(t, func(h *hive.Hive) error {
			return h.SetValue(`ControlSet001\Control\CrashControl\LiveKernelReports`,
				hive.Value{Name: windows.LiveReportsPath, Type: hive.SZ, Data: hive.EncodeSZ(setting)})
		})
		if got, ok := f.LiveReportsDir(); got != want || ok != (want != windows.Path{}) {
			t.Errorf("%s: %+v, %t", setting, got, ok)
		}
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	o := sample.Client()
	o.Volume = windows.VolumeID{MBRSignature: 0x1234ABCD, Offset: 1 << 20}
	f := windowstest.Facts(t, windowstest.Open(t, windowstest.NewVolume(t, o), "Windows"), windows.Live{})
	other := windows.VolumeID{MBRSignature: 0x1234ABCD, Offset: 1 << 30}
	for _, tt := range []struct {
		letter byte
		id     windows.VolumeID
		holds  bool
	}{
		{'C', o.Volume, true}, {'C', other, false},
		{'D', windows.VolumeID{}, false}, // a CD drive
		{'E', o.Volume, false},
	} {
		if got := f.Holds(windows.Path{Letter: tt.letter}, tt.id); got != tt.holds {
			t.Errorf("%c on %+v: %t", tt.letter, tt.id, got)
		}
	}
}

func TestProgramDumpFolders(t *testing.T) {
	t.Parallel()
	const key = `Microsoft\Windows\Windows Error Reporting\LocalDumps`
	i := windowstest.Open(t, windowstest.NewVolume(t, sample.Client()), "Windows")
	software, err := i.Software()
	if err != nil {
		t.Fatal(err)
	}
	for below, folder := range map[string]string{"": `D:\dumps`, `\calc.exe`: `%SystemRoot%\calc`, `\odd.exe`: `%LOCALAPPDATA%\CrashDumps`} {
		if err := software.SetValue(key+below, hive.Value{Name: "DumpFolder", Type: hive.ExpandSZ, Data: hive.EncodeSZ(folder)}); err != nil {
			t.Fatal(err)
		}
	}
	f := windowstest.Facts(t, i, windows.Live{})
	want := []windows.Path{{Letter: 'D', Name: "dumps"}, {Letter: 'C', Name: "Windows/calc"}}
	if got := i.ProgramDumpFolders(f); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	bare := windowstest.Open(t, windowstest.NewVolume(t, sample.Client()), "Windows")
	if got := bare.ProgramDumpFolders(f); got != nil {
		t.Errorf("without a setting: %+v", got)
	}
}
