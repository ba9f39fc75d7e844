package logs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"hangkit/collect"
	"hangkit/collect/logs"
)

// volume is a volume in memory, with names that cannot be read.
type volume struct {
	fstest.MapFS
	broken map[string]error
}

func (v volume) OpenRaw(string) (*io.SectionReader, error) { return nil, errors.ErrUnsupported }

func (v volume) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := v.broken[name]; err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return v.MapFS.ReadDir(name)
}

func (v volume) Stat(name string) (fs.FileInfo, error) {
	if err := v.broken[name]; err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return v.MapFS.Stat(name)
}

func file(size int) *fstest.MapFile {
	return &fstest.MapFile{Data: make([]byte, size), ModTime: time.Unix(1_700_000_000+int64(size), 0)}
}

func find(t *testing.T, v volume, limits logs.Limits) *logs.Listing {
	t.Helper()
	l, err := logs.Find(t.Context(), []collect.Place{{Volume: v, Label: "C", SystemRoot: "Windows"}}, limits)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func tell(l *logs.Listing) string {
	var b strings.Builder
	for _, f := range l.Files {
		fmt.Fprintf(&b, "%s %d %s\n", f.Path, f.Size, f.Kind)
	}
	for _, f := range l.Left {
		fmt.Fprintf(&b, "left %s %d: %v\n", f.Path, f.Size, f.Err)
	}
	return b.String()
}

var errDisk = errors.New("bad sector")

func TestFind(t *testing.T) {
	t.Parallel()
	const evt = "Windows/System32/winevt/Logs/"
	tests := []struct {
		name   string
		files  fstest.MapFS
		broken map[string]error
		limits logs.Limits
		want   string
	}{
		{"by the table, what matters most first", fstest.MapFS{
			"Windows/Panther/UnattendGC/setupact.log":                              file(4),
			"Windows/Panther/setupact.log":                                         file(5),
			"Windows/Panther/unattend.xml":                                         file(6), // passwords
			"Windows/System32/config/SYSTEM":                                       file(7), // keys
			"DumpStack.log.tmp":                                                    file(1),
			evt + "System.evtx":                                                    file(2),
			evt + "Security.evtx":                                                  file(3),
			evt + "microsoft-windows-kernel-pnp%4x.EVTX":                           file(3),
			"$WINDOWS.~BT/Sources/Rollback/a/b/setupx.log":                         file(8),
			"ProgramData/Microsoft/Windows/WER/ReportQueue/Kernel_e2_x/Report.wer": file(9),
			"ProgramData/Microsoft/Windows/WER/ReportQueue/Kernel_e2_x/memory.dmp": file(9),
			"Users/a/AppData/Local/Microsoft/Windows/WER/ReportArchive/x/r.wer":    file(9),
		}, nil, logs.DefaultLimits, `DumpStack.log.tmp 1 dump stack
` + evt + `System.evtx 2 event log
` + evt + `microsoft-windows-kernel-pnp%4x.EVTX 3 event log
Windows/Panther/setupact.log 5 setup
Windows/Panther/UnattendGC/setupact.log 4 setup
$WINDOWS.~BT/Sources/Rollback/a/b/setupx.log 8 setup
ProgramData/Microsoft/Windows/WER/ReportQueue/Kernel_e2_x/Report.wer 9 error report
Users/a/AppData/Local/Microsoft/Windows/WER/ReportArchive/x/r.wer 9 error report
`},
		{"limits: the newest of a kind, and why the rest is left", fstest.MapFS{
			"DumpStack.log":              file(11),
			"Windows/INF/setupapi.a.log": file(2),
			"Windows/INF/setupapi.b.log": file(3),
			"Windows/INF/setupapi.c.log": file(4),
		}, nil, logs.Limits{File: 10, Total: 8, Files: 2, Folders: 100, Entries: 100}, `Windows/INF/setupapi.c.log 4 devices
Windows/INF/setupapi.b.log 3 devices
left DumpStack.log 11: it is larger than a log is taken here
left Windows/INF/setupapi.a.log 2: there are too many logs
`},
		{"what cannot be read hides nothing else", fstest.MapFS{
			evt + "System.evtx":          file(2),
			"Windows/INF/setupapi.a.log": file(2),
			"Windows/ntbtlog.txt":        file(2),
		}, map[string]error{evt + "System.evtx": errDisk, "Windows/INF": errDisk}, logs.DefaultLimits, `Windows/ntbtlog.txt 2 boot
left ` + evt + `System.evtx 0: ` + evt + `System.evtx: stat ` + evt + `System.evtx: bad sector
left Windows/INF 0: list Windows/INF: readdir Windows/INF: bad sector
`},
		{"links are not followed, folders are no logs", fstest.MapFS{
			"DumpStack.log":              {Mode: fs.ModeIrregular},
			"Windows/INF/setupapi.a.log": {Mode: fs.ModeSymlink},
			"Windows/ntbtlog.txt/x":      file(2),
			"Users/All Users":            {Mode: fs.ModeSymlink},
		}, nil, logs.DefaultLimits, `left DumpStack.log 0: it is a link, which is not followed
left Windows/INF/setupapi.a.log 0: it is a link, which is not followed
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tell(find(t, volume{tt.files, tt.broken}, tt.limits)); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

// TestFindBounds: a disk made to be endless is looked through for a while, and what is
// left is counted, not listed.
func TestFindBounds(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"Windows/Panther/" + strings.Repeat("d/", 50) + "setupact.log": file(1)}
	for i := range 500 {
		files[fmt.Sprintf("Windows/INF/setupapi.%d.log", i)] = file(1)
	}
	l := find(t, volume{files, nil}, logs.Limits{File: 10, Total: 100, Files: 10, Folders: 1000, Entries: 1000})
	if len(l.Files) != 10 || len(l.Left)+l.MoreLeft != 490 || len(l.Left) > 200 || l.Size() != 10 {
		t.Errorf("%d files of %d bytes, %d left, %d more", len(l.Files), l.Size(), len(l.Left), l.MoreLeft)
	}
	l = find(t, volume{files, nil}, logs.Limits{File: 10, Total: 100, Files: 10, Folders: 0, Entries: 1000})
	if len(l.Files) != 0 || len(l.Left) == 0 || !errors.Is(l.Left[0].Err, logs.ErrTooMany) {
		t.Errorf("without folders:\n%s", tell(l))
	}
}

// loop is a volume with a folder that is in itself, and counts what is asked of it.
type loop struct {
	volume
	lists map[string]int
	infos *int
}

const inItself = "Windows/Panther"

func (v loop) ReadDir(name string) ([]fs.DirEntry, error) {
	v.lists[name]++
	if strings.HasPrefix(name, inItself) {
		name = inItself
	}
	entries, err := v.volume.ReadDir(name)
	for i, e := range entries {
		entries[i] = counted{e, v.infos}
	}
	return entries, err
}

type counted struct {
	fs.DirEntry
	infos *int
}

func (e counted) Info() (fs.FileInfo, error) {
	*e.infos++
	return e.DirEntry.Info()
}

// TestFindLoop: a folder that is in itself, eight times over, ends where the limits
// say, no folder is listed twice, and the size of what is left is not asked for.
func TestFindLoop(t *testing.T) {
	t.Parallel()
	const folders, files, limit = 8, 100, 5000
	v := loop{volume{fstest.MapFS{}, nil}, map[string]int{}, new(int)}
	for i := range folders {
		v.MapFS[fmt.Sprintf("%s/folder %d", inItself, i)] = &fstest.MapFile{Mode: fs.ModeDir}
	}
	for i := range files {
		v.MapFS[fmt.Sprintf("%s/setup %d.log", inItself, i)] = file(1)
	}
	l, err := logs.Find(t.Context(), []collect.Place{{Volume: v, Label: "C", SystemRoot: "Windows"}},
		logs.Limits{File: 10, Total: 100, Files: 10, Folders: 1000, Entries: limit})
	if err != nil {
		t.Fatal(err)
	}
	looped := 0
	for name, n := range v.lists {
		if n > 1 {
			t.Errorf("%s was listed %d times", name, n)
		}
		if strings.HasPrefix(name, inItself) {
			looped++
		}
	}
	if most := limit/(folders+files) + 1; looped > most || looped < most-1 {
		t.Errorf("%d folders of the loop were listed, want %d", looped, most)
	}
	if len(l.Files) != 10 || *v.infos > 40 || len(l.Left)+l.MoreLeft < limit/2 {
		t.Errorf("%d files of %d looked at, %d left", len(l.Files), *v.infos, len(l.Left)+l.MoreLeft)
	}
}

// large is a volume whose folders have very many entries.
type large struct {
	volume
	lists map[string]int
}

func (v large) ReadDir(name string) ([]fs.DirEntry, error) {
	v.lists[name]++
	entries, err := v.volume.ReadDir(name)
	return slices.Repeat(entries, 110_000), err
}

// TestFindLarge: a large folder is not listed again for the next rule.
func TestFindLarge(t *testing.T) {
	t.Parallel()
	const cbs = "Windows/Logs/CBS" // has two rules
	v := large{volume{fstest.MapFS{cbs + "/CBS.txt": file(1)}, nil}, map[string]int{}}
	if _, err := logs.Find(t.Context(), []collect.Place{{Volume: v, Label: "C", SystemRoot: "Windows"}}, logs.DefaultLimits); err != nil {
		t.Fatal(err)
	}
	if v.lists[cbs] != 1 {
		t.Errorf("it was listed %d times", v.lists[cbs])
	}
}

func TestFindOnce(t *testing.T) {
	t.Parallel()
	v := volume{fstest.MapFS{"DumpStack.log": file(1), "Windows/ntbtlog.txt": file(1), "Boot/BCD": file(1)}, nil}
	other := volume{fstest.MapFS{"DumpStack.log": file(1)}, nil}
	l, err := logs.Find(t.Context(), []collect.Place{
		{Volume: v, Label: "C", SystemRoot: "Windows"}, {Volume: v, Label: "C", SystemRoot: "WINDOWS"}, {Volume: other, Label: "D"},
	}, logs.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Files) != 4 || l.Files[1].Place.Label != "D" {
		t.Errorf("got\n%s", tell(l))
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := logs.Find(cancelled, []collect.Place{{Volume: v}}, logs.DefaultLimits); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
