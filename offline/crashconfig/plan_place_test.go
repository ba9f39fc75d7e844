package crashconfig_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// neighbour is a volume beside the one with Windows.
type neighbour struct {
	letter     byte
	fileSystem string // empty: not in reach
	free       int64
	files      fstest.MapFS
}

// newNeighbours is newMachine with so much space on C: and other drives beside it.
func newNeighbours(t *testing.T, o sample.Options, free int64, ram int64, others ...neighbour) machine {
	t.Helper()
	v := windowstest.NewVolume(t, o)
	v.FreeBytes = free
	i := windowstest.Open(t, v, "Windows")
	l := windows.Live{RAM: ram, RAMSource: "--ram"}
	for n, other := range others {
		id := windows.VolumeID{MBRSignature: 0x5CBEA03E, Offset: int64(n+2) << 30}
		data := binary.LittleEndian.AppendUint32(nil, id.MBRSignature)
		data = binary.LittleEndian.AppendUint64(data, uint64(id.Offset))
		if err := i.System.SetValue("MountedDevices", hive.Value{Name: `\DosDevices\` + string(rune(other.letter)) + ":", Type: hive.Binary, Data: data}); err != nil {
			t.Fatal(err)
		}
		if other.fileSystem == "" {
			continue
		}
		known := windows.Neighbour{ID: id, FileSystem: other.fileSystem}
		if other.fileSystem != "BitLocker" {
			known.Volume = windowstest.Volume{FreeBytes: other.free, MapFS: other.files}
		}
		l.Neighbours = append(l.Neighbours, known)
	}
	return machine{i, windowstest.Facts(t, i, l)}
}

const gb = int64(1) << 30

// pageFiles reads requests as the command line has them.
func pageFiles(t *testing.T, list ...string) []crashconfig.PageFileRequest {
	t.Helper()
	var out []crashconfig.PageFileRequest
	for _, s := range list {
		r, err := crashconfig.ParsePageFile(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// Page files by drive: others stay, the one for any drive becomes one of the Windows volume, and what does not fit or
// would leave the dump without a place is refused.
func TestRequestedPageFiles(t *testing.T) {
	t.Parallel()
	drives := []neighbour{
		{letter: 'E', fileSystem: "NTFS", free: 40 * gb, files: fstest.MapFS{"swap.sys": {Data: make([]byte, 5<<20)}}},
		{letter: 'F', fileSystem: "FAT32", free: 40 * gb},
		{letter: 'G'},
		{letter: 'H', fileSystem: "BitLocker"},
	}
	for name, tt := range map[string]struct {
		before, ask []string
		want        []string // nil: refused
		words       string   // of the refusal or of a note
	}{
		"one drive more":          {[]string{`C:\pagefile.sys 20000 20000`}, []string{"E:8G"}, []string{`C:\pagefile.sys 20000 20000`, `E:\pagefile.sys 8192 8192`}, ""},
		"instead of any drive":    {[]string{`?:\pagefile.sys`}, []string{"E:8G:16G"}, []string{`C:\pagefile.sys 0 0`, `E:\pagefile.sys 8192 16384`}, ""},
		"both":                    {[]string{`?:\pagefile.sys`}, []string{"20G", "E:system"}, []string{`C:\pagefile.sys 20480 20480`, `E:\pagefile.sys 0 0`}, ""},
		"named C":                 {[]string{`C:\pagefile.sys 20000 20000`}, []string{"c:21G"}, []string{`C:\pagefile.sys 21504 21504`}, ""},
		"away from E":             {[]string{`C:\pagefile.sys 20000 20000`, `E:\swap.sys 100 100`}, []string{"E:none"}, []string{`C:\pagefile.sys 20000 20000`}, ""},
		"the name stays":          {[]string{`C:\pagefile.sys 20000 20000`, `E:\swap.sys 100 100`}, []string{"E:1G"}, []string{`C:\pagefile.sys 20000 20000`, `E:\swap.sys 1024 1024`}, ""},
		"nonsense goes":           {[]string{`nonsense`, `C:\pagefile.sys 20000 20000`}, []string{"E:1G"}, []string{`C:\pagefile.sys 20000 20000`, `E:\pagefile.sys 1024 1024`}, ""},
		"system already":          {[]string{`?:\pagefile.sys`}, []string{"system"}, []string{`?:\pagefile.sys`}, ""},
		"small FAT":               {[]string{`C:\pagefile.sys 20000 20000`}, []string{"F:2G"}, []string{`C:\pagefile.sys 20000 20000`, `F:\pagefile.sys 2048 2048`}, ""},
		"smaller than the dump":   {[]string{`C:\pagefile.sys 20000 20000`}, []string{"2G"}, []string{`C:\pagefile.sys 2048 2048`}, "The page file of 2048 MB is smaller than the 16.1 GB"},
		"a disk that is away":     {[]string{`C:\pagefile.sys 20000 20000`}, []string{"G:8G"}, []string{`C:\pagefile.sys 20000 20000`, `G:\pagefile.sys 8192 8192`}, "free space of G: is not known"},
		"an encrypted drive":      {[]string{`C:\pagefile.sys 20000 20000`}, []string{"H:8G"}, []string{`C:\pagefile.sys 20000 20000`, `H:\pagefile.sys 8192 8192`}, "encrypted with BitLocker"},
		"all that E has":          {[]string{`C:\pagefile.sys 20000 20000`, `E:\swap.sys 5 5`}, []string{"E:39941M"}, []string{`C:\pagefile.sys 20000 20000`, `E:\swap.sys 39941 39941`}, ""},
		"a little too much":       {[]string{`C:\pagefile.sys 20000 20000`, `E:\swap.sys 5 5`}, []string{"E:39942M"}, nil, "40.0 GB"},
		"no such drive":           {[]string{`C:\pagefile.sys 20000 20000`}, []string{"Q:8G"}, nil, "no drive Q: (it has C:, D:, E:, F:, G:, H:)"},
		"a CD":                    {[]string{`C:\pagefile.sys 20000 20000`}, []string{"D:8G"}, nil, "removable"},
		"too large for FAT":       {[]string{`C:\pagefile.sys 20000 20000`}, []string{"F:8G"}, nil, "FAT32"},
		"twice":                   {[]string{`C:\pagefile.sys 20000 20000`}, []string{"E:8G", "e:9G"}, nil, "named twice"},
		"the default drive twice": {[]string{`C:\pagefile.sys 20000 20000`}, []string{"8G", "C:9G"}, nil, "named twice"},
		"none where Windows is":   {[]string{`C:\pagefile.sys 20000 20000`}, []string{"none", "E:20G"}, nil, "others say that any drive will do"},
		"none at all":             {[]string{`C:\pagefile.sys 20000 20000`}, []string{"none"}, nil, "there would be no page file on C:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := sample.Server()
			o.PageFiles, o.DumpType = tt.before, 7
			m := newNeighbours(t, o, 100*gb, 16*gb, drives...)
			p, err := crashconfig.PlanArm(m.i, m.f, crashconfig.Settings{PageFiles: pageFiles(t, tt.ask...)})
			if tt.want == nil {
				refused, ok := errors.AsType[*crashconfig.RefusedError](err)
				if !ok || refused.Flag != "--pagefile" || !strings.Contains(refused.Why, tt.words) {
					t.Errorf("PlanArm = %v, want a refusal of --pagefile with %q", err, tt.words)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := p.After.Memory.Strings("PagingFiles"); !slices.Equal(got, tt.want) {
				t.Errorf("PagingFiles %q, want %q", got, tt.want)
			}
			if !strings.Contains(strings.Join(p.Notes, "\n"), tt.words) {
				t.Errorf("notes %q, want %q", p.Notes, tt.words)
			}
		})
	}
}

// A page file may go from the Windows volume once a dedicated file takes the dump.
func TestNoPageFileBesideDedicated(t *testing.T) {
	t.Parallel()
	m := newNeighbours(t, sample.Server(), 100*gb, 16*gb)
	p := m.plan(t, crashconfig.Settings{PageFiles: pageFiles(t, "none"), Dedicated: &crashconfig.Dedicated{Path: `C:\hangkit.dmp`}})
	if got, _ := p.After.Memory.Strings("PagingFiles"); len(got) > 0 || !crashconfig.Check(p.After).Ready {
		t.Errorf("PagingFiles %q; plan:\n%s", got, planText(p))
	}
}

// A dedicated file and a page file on one volume must fit together, at the very limit.
func TestDedicatedSpace(t *testing.T) {
	t.Parallel()
	const want = 20000 + 8192 + 1024 // file, page file, and what is left over, in MB
	for name, tt := range map[string]struct {
		path      string
		free      int64 // MB on the drive that counts
		fits      bool
		words     string
		otherFree int64
	}{
		"both on C:, just":       {`C:\hangkit.dmp`, want, true, "", 0},
		"both on C:, not quite":  {`C:\hangkit.dmp`, want - 1, false, "are wanted on C:", 0},
		"E:, just":               {`E:\hangkit.dmp`, 8192 + 1024 + 5000, true, "collect it before Windows starts again", 21024},
		"E:, not quite":          {`E:\hangkit.dmp`, 200000, false, "are wanted on E:", 21023},
		"E:, with room to copy":  {`E:\hangkit.dmp`, 200000, true, "", 21024},
		"E:, no such folder":     {`E:\dumps\hangkit.dmp`, 200000, false, "folder is missing", 21024},
		"E:, the name of folder": {`E:\folder`, 200000, false, "folder", 21024},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newNeighbours(t, sample.Server(), tt.free<<20, 16*gb,
				neighbour{letter: 'E', fileSystem: "NTFS", free: tt.otherFree << 20, files: fstest.MapFS{"folder/x": {}}})
			p, err := crashconfig.PlanArm(m.i, m.f, crashconfig.Settings{
				Dedicated: &crashconfig.Dedicated{Path: tt.path, MB: 20000}, PageFiles: pageFiles(t, "8G"), Dump: crashconfig.Kernel,
			})
			switch {
			case !tt.fits && (!errors.Is(err, crashconfig.ErrRefused) || !strings.Contains(err.Error(), tt.words)):
				t.Errorf("PlanArm = %v, want a refusal with %q", err, tt.words)
			case tt.fits && err != nil:
				t.Error(err)
			case tt.fits && !strings.Contains(strings.Join(p.Notes, "\n"), tt.words):
				t.Errorf("notes %q, want %q", p.Notes, tt.words)
			case tt.fits && tt.words == "" && strings.Contains(strings.Join(p.Notes, "\n"), "collect it before"):
				t.Errorf("notes %q", p.Notes)
			}
		})
	}
}

// One shot: a page file of fixed size, else a dedicated file elsewhere, else the usual size, else nothing.
func TestOneShotPlace(t *testing.T) {
	t.Parallel()
	const need = 16*1024 + 128
	for name, tt := range map[string]struct {
		free      int64 // GB on C:
		ram       int64
		others    []neighbour
		pageFile  string
		dedicated string
		words     string
		refused   bool
	}{
		"room on C:":           {100, 16 * gb, nil, `C:\pagefile.sys 16512 16512`, "", "", false},
		"room on E: only":      {15, 16 * gb, []neighbour{{letter: 'E', fileSystem: "NTFS", free: 40 * gb}, {letter: 'F', fileSystem: "NTFS", free: 60 * gb}}, `C:\pagefile.sys 256 256`, `F:\hangkit.dmp`, "The dump goes to F:", false},
		"E: is FAT":            {15, 16 * gb, []neighbour{{letter: 'E', fileSystem: "FAT32", free: 40 * gb}}, `C:\pagefile.sys 5589 5589`, "", "usual size", false},
		"E: is away":           {15, 16 * gb, []neighbour{{letter: 'E'}}, `C:\pagefile.sys 5589 5589`, "", "usual size", false},
		"E: a little small":    {15, 16 * gb, []neighbour{{letter: 'E', fileSystem: "NTFS", free: (need + 1024 - 1) << 20}}, `C:\pagefile.sys 5589 5589`, "", "usual size", false},
		"E: just large enough": {15, 16 * gb, []neighbour{{letter: 'E', fileSystem: "NTFS", free: (need + 1024) << 20}}, `C:\pagefile.sys 256 256`, `E:\hangkit.dmp`, "", false},
		"nowhere":              {8, 16 * gb, nil, "", "", "can need 16.1 GB", true},
		"memory unknown":       {100, 0, nil, `C:\pagefile.sys 0 0`, "", "--ram SIZE", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newNeighbours(t, sample.Server(), tt.free<<30, tt.ram, tt.others...)
			p, err := crashconfig.PlanArm(m.i, m.f, crashconfig.Settings{Profile: crashconfig.OneShot})
			if tt.refused {
				if !errors.Is(err, crashconfig.ErrRefused) || !strings.Contains(err.Error(), tt.words) {
					t.Errorf("PlanArm = %v, want a refusal with %q", err, tt.words)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, _ := p.After.Memory.Strings("PagingFiles")
			file, _ := p.After.CrashControl.Text("DedicatedDumpFile")
			if strings.Join(got, " ") != tt.pageFile || file != tt.dedicated || !strings.Contains(strings.Join(p.Notes, "\n"), tt.words) {
				t.Errorf("PagingFiles %q, dedicated %q, notes %q", got, file, p.Notes)
			}
			if _, err := p.Apply(m.i.System, nil); err != nil {
				t.Fatal(err)
			}
			again := machine{m.i, p.After}.plan(t, crashconfig.Settings{Profile: crashconfig.OneShot})
			if len(again.Changes) > 0 {
				t.Errorf("a second arm plans\n%s", planText(again))
			}
			cc := p.After.CrashControl
			if !cc.Is("CrashDumpEnabled", 2) || !cc.Is("AutoReboot", 0) || !cc.Is("AlwaysKeepMemoryDump", 1) || !cc.Is("DisplayParameters", 1) {
				t.Errorf("after: %+v", cc.All())
			}
		})
	}
}

// A file that an earlier arm left is taken again; nobody else's is.
func TestDedicatedFileIsThere(t *testing.T) {
	t.Parallel()
	m := newNeighbours(t, sample.Server(), 100*gb, 16*gb,
		neighbour{letter: 'E', fileSystem: "NTFS", free: 60 * gb, files: fstest.MapFS{"HANGKIT.dmp": {}, "other.dmp": {}}})
	for path, taken := range map[string]bool{`E:\hangkit.dmp`: true, `E:\other.dmp`: false, `E:\new.dmp`: true} {
		_, err := crashconfig.PlanArm(m.i, m.f, crashconfig.Settings{Dedicated: &crashconfig.Dedicated{Path: path}})
		if refused := errors.Is(err, crashconfig.ErrRefused); refused == taken {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A dump file on another volume needs its folder and room for the dump.
func TestDumpFileElsewhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path  string
		words string // of the refusal; empty: accepted
	}{
		"fits":        {`E:\MEMORY.DMP`, ""},
		"in a folder": {`E:\folder\MEMORY.DMP`, ""},
		"no folder":   {`E:\dumps\MEMORY.DMP`, "folder is missing"},
		"is a folder": {`E:\folder`, "it is a folder"},
		"too little":  {`F:\MEMORY.DMP`, "5461 MB"},
		"FAT":         {`G:\MEMORY.DMP`, "FAT32 holds no file"},
		"not here":    {`H:\MEMORY.DMP`, ""},
	} {
		m := newNeighbours(t, sample.Server(), 100*gb, 16*gb,
			neighbour{letter: 'E', fileSystem: "NTFS", free: 5461 << 20, files: fstest.MapFS{"folder/x": {}}}, neighbour{letter: 'F', fileSystem: "NTFS", free: 5460 << 20},
			neighbour{letter: 'G', fileSystem: "FAT32", free: 100 * gb}, neighbour{letter: 'H'})
		_, err := crashconfig.PlanArm(m.i, m.f, crashconfig.Settings{DumpFile: tt.path, Dump: crashconfig.Kernel})
		switch {
		case tt.words == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.words != "" && (!errors.Is(err, crashconfig.ErrRefused) || !strings.Contains(err.Error(), tt.words)):
			t.Errorf("%s: %v, want a refusal with %q", name, err, tt.words)
		}
	}
}

// What the user asks for beats the profile.
func TestProfileOverridden(t *testing.T) {
	t.Parallel()
	m := newNeighbours(t, sample.Server(), 100*gb, 16*gb)
	p := m.plan(t, crashconfig.Settings{
		Profile: crashconfig.OneShot, Dump: crashconfig.Complete, AutoReboot: crashconfig.Yes, StopParameters: crashconfig.No, PageFiles: pageFiles(t, "18G"),
	})
	cc := p.After.CrashControl
	got, _ := p.After.Memory.Strings("PagingFiles")
	if !cc.Is("CrashDumpEnabled", 1) || cc.Is("AutoReboot", 0) || cc.Has("DisplayParameters") || strings.Join(got, " ") != `C:\pagefile.sys 18432 18432` {
		t.Errorf("PagingFiles %q, after: %+v", got, cc.All())
	}
}
