package windows_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

func TestFind(t *testing.T) {
	t.Parallel()
	system := &fstest.MapFile{Data: []byte("regf")}
	v := windowstest.Volume{MapFS: fstest.MapFS{
		"WINNT/system32/config/system":               system,
		"WINDOWS/System32/Config/SYSTEM":             system,
		"Windows.old/Windows/System32/config/SYSTEM": system,
		"Users/x/System32/config/SYSTEM":             system,
		"Program Files/System32/config/SOFTWARE":     system,
		"pagefile.sys":                               system,
	}}
	got, err := windows.Find(v)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"WINDOWS", "WINNT", "Windows.old/Windows"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Find (-want +got):\n%s", diff)
	}
	for root, old := range map[string]bool{"WINDOWS": false, "WINNT": false, "Windows.old/Windows": true, "Windows.old.000/Windows": true} {
		if windows.IsOld(root) != old {
			t.Errorf("IsOld(%q) = %v", root, !old)
		}
	}
}

func TestFindNothing(t *testing.T) {
	t.Parallel()
	v := windowstest.Volume{MapFS: fstest.MapFS{"a.txt": {}}}
	got, err := windows.Find(v)
	if err != nil || len(got) != 0 {
		t.Errorf("Find = %q, %v; want none", got, err)
	}
	if _, err := windows.Open(v, "Windows"); !errors.Is(err, windows.ErrNotWindows) {
		t.Errorf("Open = %v, want ErrNotWindows", err)
	}
}

func TestOpenDamagedHive(t *testing.T) {
	t.Parallel()
	v := windowstest.NewVolume(t, sample.Client())
	v.MapFS["Windows/System32/config/SYSTEM"] = &fstest.MapFile{Data: []byte("not a hive")}
	_, err := windows.Open(v, "Windows")
	herr, ok := errors.AsType[*windows.HiveError](err)
	if !ok || !errors.Is(err, hive.ErrFormat) {
		t.Fatalf("Open = %v, want a HiveError wrapping hive.ErrFormat", err)
	}
	if herr.Path != "Windows/System32/config/SYSTEM" {
		t.Errorf("path %q", herr.Path)
	}
}

// A dirty hive without logs must never be edited, so it is not even opened.
func TestOpenUnreplayable(t *testing.T) {
	t.Parallel()
	v := windowstest.NewVolume(t, sample.Client())
	v.MapFS["Windows/System32/config/SYSTEM"] = &fstest.MapFile{Data: windowstest.SampleFile(t, "real/SYSTEM_2.xz")}
	if _, err := windows.Open(v, "Windows"); !errors.Is(err, hive.ErrDirtyNoLog) {
		t.Errorf("Open = %v, want hive.ErrDirtyNoLog", err)
	}
}

func TestOpenFaults(t *testing.T) {
	t.Parallel()
	full := windowstest.NewVolume(t, sample.Client())
	for name := range full.MapFS {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := windowstest.Volume{MapFS: fstest.MapFS{}, FreeBytes: full.FreeBytes}
			for n, f := range full.MapFS {
				if n != name {
					v.MapFS[n] = f
				}
			}
			i, err := windows.Open(v, "Windows")
			if strings.HasSuffix(name, "/SYSTEM") {
				if err == nil {
					t.Fatal("opened without a SYSTEM hive")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := i.Facts(windows.Live{}); err != nil {
				t.Errorf("Facts: %v", err)
			}
		})
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	type want struct {
		set, version, arch, name, platform, source string
		role                                       windows.Role
		letter                                     string
		pageFiles                                  []string
	}
	tests := map[string]struct {
		o sample.Options
		want
	}{
		"client": {sample.Client(), want{"ControlSet001", "Windows 10 Pro 22H2 (build 19045.4170)", "amd64", "DEMO-PC",
			windows.VMware, "SYSTEM, HardwareConfig", windows.Client, "C:", []string{`?:\pagefile.sys`}}},
		"laptop": {sample.Laptop(), want{"ControlSet001", "Windows 11 Pro 23H2 (build 22631.3296)", "amd64", "DEMO-LAPTOP",
			windows.Laptop, "SYSTEM, HardwareConfig", windows.Client, "C:", []string{`?:\pagefile.sys`}}},
		"server": {sample.Server(), want{"ControlSet001", "Windows Server 2022 Standard 21H2 (build 20348.2340)", "amd64", "DEMO-SRV",
			windows.HPE, "SYSTEM, HardwareConfig", windows.Server, "C:", []string{`C:\pagefile.sys 256 256`}}},
		"windows 7": {sample.Windows7(), want{"ControlSet001", "Windows 7 Professional (build 7601)", "x86", "DEMO-W7",
			windows.UnknownPlace, "", windows.Client, "C:", []string{`?:\pagefile.sys`}}},
		"xp": {sample.WindowsXP(), want{"ControlSet001", "Microsoft Windows XP (build 2600)", "x86", "DEMO-XP",
			windows.UnknownPlace, "", windows.Client, "C:", []string{`C:\pagefile.sys 768 1536`}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := windowstest.NewVolume(t, tt.o)
			f := windowstest.Facts(t, windowstest.Open(t, v, "Windows"), windows.Live{})
			got := want{f.ControlSet.Name, f.Version.String(), f.Arch.Value, f.Name.Value, f.Platform.ID, f.Platform.Source,
				f.Role.Value, f.Letter(), nil}
			for _, p := range f.PageFiles {
				got.pageFiles = append(got.pageFiles, p.Raw)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			if len(f.Problems) > 0 {
				t.Errorf("problems: %q", f.Problems)
			}
		})
	}
}

// The letter comes from the partition, when the caller knows which it is.
func TestSystemLetter(t *testing.T) {
	t.Parallel()
	gpt := windows.VolumeID{PartitionGUID: "{09931F21-7FAF-44A9-81D8-1E73C14B9EAF}"}
	mbr := windows.VolumeID{MBRSignature: 0x1234ABCD, Offset: 1 << 20}
	for name, tt := range map[string]struct {
		on, ask windows.VolumeID
		source  string
	}{
		"gpt":       {gpt, gpt, "SYSTEM, MountedDevices: this partition"},
		"mbr":       {mbr, mbr, "SYSTEM, MountedDevices: this partition"},
		"elsewhere": {mbr, gpt, "SOFTWARE, SystemRoot"},
		"unknown":   {mbr, windows.VolumeID{}, "SOFTWARE, SystemRoot"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := sample.Client()
			o.Volume = tt.on
			i := windowstest.Open(t, windowstest.NewVolume(t, o), "Windows")
			f := windowstest.Facts(t, i, windows.Live{Volume: windows.VolumeState{ID: tt.ask}})
			if f.Letter() != "C:" || f.SystemLetter.Source != tt.source || f.SystemLetter.Guessed {
				t.Errorf("letter %+v, want C: from %q", f.SystemLetter, tt.source)
			}
			if d, ok := f.Drive('d'); !ok || !d.Removable() {
				t.Errorf("drive D: %+v, want a removable one", d)
			}
		})
	}
}

func TestVolumeFiles(t *testing.T) {
	t.Parallel()
	v := windowstest.NewVolume(t, sample.Client())
	v.MapFS["pagefile.sys"] = &fstest.MapFile{Data: append([]byte("PAGEDU64"), make([]byte, 4088)...)}
	v.MapFS["Windows/MEMORY.DMP"] = &fstest.MapFile{Data: make([]byte, 1000)}
	v.MapFS["Windows/Minidump/Mini1.dmp"] = &fstest.MapFile{}
	v.MapFS["DUMP1a2b.tmp"] = &fstest.MapFile{Data: make([]byte, 77)}
	v.MapFS["DumpStack.log.tmp"] = &fstest.MapFile{}
	v.MapFS["Windows/System32/drivers/ntfs.sys"] = &fstest.MapFile{}
	f := windowstest.Facts(t, windowstest.Open(t, v, "Windows"), windows.Live{RAM: 8 << 30, RAMSource: "--ram"})
	if !f.Files.PageFile.Present || f.Files.PageFileDump != "PAGEDU64" {
		t.Errorf("page file %+v, begins with %q", f.Files.PageFile, f.Files.PageFileDump)
	}
	if f.Files.DumpFile.Size != 1000 || f.Files.DumpFile.Path != "Windows/MEMORY.DMP" || !f.Files.DumpDir {
		t.Errorf("dump file %+v", f.Files.DumpFile)
	}
	if len(f.Files.TempDumps) != 1 || f.Files.TempDumps[0].Size != 77 || len(f.Files.Minidumps) != 1 {
		t.Errorf("temporary dumps %+v, minidumps %+v", f.Files.TempDumps, f.Files.Minidumps)
	}
	if !slices.Equal(f.Files.MissingFilters, []string{"dumpfve.sys"}) {
		t.Errorf("missing filters %q", f.Files.MissingFilters)
	}
	if f.Free.Value != 100<<30 || f.RAM.Value != 8<<30 {
		t.Errorf("free %+v, ram %+v", f.Free, f.RAM)
	}
}

// The memory of the machine hangkit runs on says nothing about a disk that came from another one.
func TestMovedDisk(t *testing.T) {
	t.Parallel()
	i := windowstest.Open(t, windowstest.NewVolume(t, sample.Client()), "Windows")
	for name, tt := range map[string]struct {
		uuid, source string
		known        bool
	}{
		"same machine":  {"67314D56-E237-4C1C-9D3F-5A0C7C1B2A31", windows.ThisMachine, true},
		"other machine": {"00000000-0000-0000-0000-000000000001", windows.ThisMachine, false},
		"told":          {"00000000-0000-0000-0000-000000000001", "--ram", true},
		"no uuid":       {"", windows.ThisMachine, true},
	} {
		f := windowstest.Facts(t, i, windows.Live{RAM: 1 << 30, RAMSource: tt.source, SMBIOS: windows.SMBIOS{Manufacturer: "Acme", UUID: tt.uuid}})
		if f.RAM.Known != tt.known || f.Platform.ID != windows.VMware {
			t.Errorf("%s: RAM %+v on %q, want known %v", name, f.RAM, f.Platform.ID, tt.known)
		}
	}
}

// A memory size that lost its unit is none.
func TestTinyMemoryIsUnknown(t *testing.T) {
	t.Parallel()
	i := windowstest.Open(t, windowstest.NewVolume(t, sample.Client()), "Windows")
	for ram, known := range map[int64]bool{0: false, 64: false, windows.MinRAM - 1: false, windows.MinRAM: true} {
		if f := windowstest.Facts(t, i, windows.Live{RAM: ram, RAMSource: "--ram"}); f.RAM.Known != known {
			t.Errorf("%d bytes: known %v, want %v", ram, f.RAM.Known, known)
		}
	}
}

// What Windows noted about its machine counts more than the machine at hand, which counts more than nothing.
func TestMachineSources(t *testing.T) {
	t.Parallel()
	here := windows.SMBIOS{Manufacturer: "Dell Inc.", Product: "PowerEdge R740", UUID: "4c4c4544-0042-3210-804d-c4c04f4e3232"}
	bare := sample.Client()
	bare.Manufacturer, bare.Model, bare.Chassis = "", "", 0
	for name, tt := range map[string]struct {
		o        sample.Options
		here     windows.SMBIOS
		platform string
		guessed  bool
	}{
		"noted":                         {sample.Server(), here, windows.HPE, false},
		"nothing noted":                 {sample.Windows7(), here, windows.Dell, true},
		"nothing noted, nothing known":  {sample.Windows7(), windows.SMBIOS{}, windows.UnknownPlace, false},
		"only another machine's number": {bare, here, windows.UnknownPlace, false},
	} {
		f := windowstest.Facts(t, windowstest.Open(t, windowstest.NewVolume(t, tt.o), "Windows"), windows.Live{SMBIOS: tt.here})
		if f.Platform.ID != tt.platform || f.Platform.Guessed != tt.guessed {
			t.Errorf("%s: %+v, want %q", name, f.Platform, tt.platform)
		}
	}
}

func TestExpandPath(t *testing.T) {
	t.Parallel()
	f := windowstest.Facts(t, windowstest.Open(t, windowstest.NewVolume(t, sample.Client()), "Windows"), windows.Live{})
	for in, want := range map[string]windows.Path{
		`%SystemRoot%\MEMORY.DMP`:  {Letter: 'C', Name: "Windows/MEMORY.DMP"},
		`%systemroot%\Memory.dmp`:  {Letter: 'C', Name: "Windows/Memory.dmp"},
		`%SystemDrive%\dump.dmp`:   {Letter: 'C', Name: "dump.dmp"},
		`d:\dumps\a b.dmp`:         {Letter: 'D', Name: "dumps/a b.dmp"},
		`\\server\share\dump.dmp`:  {},
		`dump.dmp`:                 {},
		`C:dump.dmp`:               {},
		`C:\`:                      {},
		`C:\..\..\x`:               {},
		`%ProgramData%\dump.dmp`:   {},
		`C:\a%SystemRoot%\dump`:    {},
		"C:\\a\x00b":               {},
		``:                         {},
		`%SystemRoot%`:             {Letter: 'C', Name: "Windows"},
		`C:\dir\..\x.dmp`:          {Letter: 'C', Name: "x.dmp"},
		`%SystemRoot%MEMORY.DMP`:   {Letter: 'C', Name: "WindowsMEMORY.DMP"},
		`C:\stream.dmp:hidden.dmp`: {},
	} {
		got, ok := f.ExpandPath(in)
		if got != want || ok != (want != windows.Path{}) {
			t.Errorf("ExpandPath(%q) = %v, %v; want %v", in, got, ok, want)
		}
	}
}

func TestPageFilePaths(t *testing.T) {
	t.Parallel()
	o := sample.Client()
	o.PageFiles = []string{`?:\pagefile.sys`, `D:\page file.sys 100 200`, `bad`}
	f := windowstest.Facts(t, windowstest.Open(t, windowstest.NewVolume(t, o), "Windows"), windows.Live{})
	want := []windows.Path{{Letter: 'C', Name: "pagefile.sys"}, {Letter: 'D', Name: "page file.sys"}}
	if got := f.PageFilePaths(); !slices.Equal(got, want) {
		t.Errorf("page files %v, want %v", got, want)
	}
}

// The SOFTWARE hive is read as it is opened: a few pages of a large one.
func TestSoftwareIsReadLazily(t *testing.T) {
	t.Parallel()
	data := windowstest.SampleFile(t, "real/SOFTWARE_winxpsp3_x86.xz")
	v := windowstest.NewVolume(t, sample.WindowsXP())
	v.MapFS["Windows/System32/config/SOFTWARE"] = &fstest.MapFile{Data: data}
	i := windowstest.Open(t, v, "Windows")
	f := windowstest.Facts(t, i, windows.Live{})
	if f.Version.Build.Value != 2600 || f.Version.Pack != "Service Pack 3" {
		t.Errorf("version %+v", f.Version)
	}
	h, err := i.Software()
	if err != nil {
		t.Fatal(err)
	}
	if read := h.BytesRead(); read > 1<<20 {
		t.Errorf("read %d bytes of a SOFTWARE hive of %d", read, len(data))
	}
}

func TestBareHiveHasNoSoftware(t *testing.T) {
	t.Parallel()
	i, err := windows.FromHive(hive.Source{Primary: windowstest.NewFile(windowstest.HiveBytes(t, sample.System, sample.Client()))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Software(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Software = %v, want fs.ErrNotExist", err)
	}
	f := windowstest.Facts(t, i, windows.Live{})
	if f.Version.Build.Value != 19045 || f.Version.Product != "Windows 10" || f.HasVolume || f.Free.Known {
		t.Errorf("version %v, volume %v, free %v", f.Version, f.HasVolume, f.Free)
	}
}

func TestControlSet(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit func(*hive.Hive) error
		want string
	}{
		"default":        {func(*hive.Hive) error { return nil }, "ControlSet001"},
		"second":         {setDWORD("Select", "Default", 2), "ControlSet002"},
		"missing set":    {setDWORD("Select", "Default", 3), ""},
		"zero":           {setDWORD("Select", "Default", 0), ""},
		"huge":           {setDWORD("Select", "Default", 0xFFFFFFFF), ""},
		"no default":     {func(h *hive.Hive) error { return h.DeleteValue("Select", "Default") }, "ControlSet001"},
		"no select":      {func(h *hive.Hive) error { return h.DeleteKey("Select") }, ""},
		"odd other keys": {setDWORD("ControlSetABC", "x", 1), "ControlSet001"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := sample.System(sample.Windows7())
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.edit(h); err != nil {
				t.Fatal(err)
			}
			b, err := h.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			i, err := windows.FromHive(hive.Source{Primary: windowstest.NewFile(b)})
			if err != nil {
				t.Fatal(err)
			}
			c := i.ControlSet
			if c.Name != tt.want || (c.Problem == "") != (tt.want != "") {
				t.Errorf("control set %q, problem %q; want %q", c.Name, c.Problem, tt.want)
			}
			if len(c.All) != 2 {
				t.Errorf("all sets: %q", c.All)
			}
			if _, err := i.Facts(windows.Live{}); err != nil {
				t.Errorf("Facts: %v", err)
			}
		})
	}
}

func setDWORD(key, name string, n uint32) func(*hive.Hive) error {
	return func(h *hive.Hive) error {
		return h.SetValue(key, hive.Value{Name: name, Type: hive.DWORD, Data: hive.EncodeDWORD(n)})
	}
}
