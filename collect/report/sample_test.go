package report_test

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
	"hangkit/collect/report"
)

// disk is a volume that holds dumps made as they are read.
type disk struct {
	files   map[string]*dumptest.Reader
	lengths map[string]int64 // of page files, which are longer than the dump in them
	pieces  int              // of every file
}

const diskSize = 500 << 30

func (d *disk) Open(name string) (fs.File, error) {
	r, ok := d.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &diskFile{io.NewSectionReader(r, 0, d.length(name)), path.Base(name)}, nil
}

func (d *disk) length(name string) int64 {
	if n := d.lengths[name]; n != 0 {
		return n
	}
	return d.files[name].Size()
}

func (d *disk) Stat(name string) (fs.FileInfo, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	return f.Stat()
}

func (d *disk) ReadDir(name string) ([]fs.DirEntry, error) {
	var list []fs.DirEntry
	for at := range d.files {
		if path.Dir(at) == name {
			info, _ := d.Stat(at)
			list = append(list, fs.FileInfoToDirEntry(info))
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	if list == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return list, nil
}

func (d *disk) OpenRaw(name string) (*io.SectionReader, error) {
	r, ok := d.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NewSectionReader(padded{r}, 0, d.length(name)), nil
}

// EachExtent scatters a file over the volume.
func (d *disk) EachExtent(name string, each func(file, volume, length int64)) error {
	const cluster = 4096
	size := d.length(name)
	step := max(size/int64(d.pieces)&^(cluster-1), cluster)
	seed := uint64(1)
	for at := int64(0); at < size; at += step {
		seed = seed*6364136223846793005 + 1442695040888963407
		where := diskSize/16 + int64(seed>>16)%(diskSize/3)
		if at > size/3 {
			where += at * 40
		}
		each(at, where&^(cluster-1), min(step, size-at))
	}
	return nil
}

func (d *disk) DiskOffset() int64 { return 1 << 20 }

// padded reads zeros behind the dump.
type padded struct{ r *dumptest.Reader }

func (p padded) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	if off < p.r.Size() {
		var err error
		if n, err = p.r.ReadAt(b, off); err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
	}
	clear(b[n:])
	return len(b), nil
}

type diskFile struct {
	*io.SectionReader
	name string
}

func (f *diskFile) Close() error               { return nil }
func (f *diskFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *diskFile) Name() string               { return f.name }
func (f *diskFile) Mode() fs.FileMode          { return 0o444 }
func (f *diskFile) ModTime() time.Time         { return time.Time{} }
func (f *diskFile) IsDir() bool                { return false }
func (f *diskFile) Sys() any                   { return nil }

// hostile is what a name on the disk may be.
const hostile = "<script>document.title='pwned'</script>\u202egnp.exe\x1b[31m\n\"'&.sys"

// machineRuns are the pages a kernel dump of a machine with 16 GiB holds: much of
// the low memory, nothing in the hole below 4 GiB, a little of the rest.
func machineRuns(thin uint64) []dumpfile.Run {
	runs := []dumpfile.Run{{Base: 1, Count: 0x9F}, {Base: 0x1A0, Count: 0x20}}
	seed := uint64(7)
	for at := uint64(0x200); at < 0x480000; {
		seed = seed*6364136223846793005 + 1442695040888963407
		if at >= 0xC0000 && at < 0x100000 {
			at = 0x100000
		}
		n := 1 + seed>>40%(64*thin)
		free := 1 + seed>>50%(16*thin)
		if at > 0x140000 {
			free *= 1 + at/0x40000
		}
		runs = append(runs, dumpfile.Run{Base: at, Count: min(n, 0x480000-at)})
		at += n + free
	}
	return runs
}

func mustDump(t *testing.T, s dumptest.Spec) *dumptest.Reader {
	t.Helper()
	r, err := dumptest.NewReader(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sampleDisk holds a page file with a boot hang that did not fit, a live dump, and a
// small dump of an older crash.
func sampleDisk(t *testing.T) *disk {
	t.Helper()
	big := mustDump(t, dumptest.Spec{
		Runs: machineRuns(16), Seed: 3, Time: crashTime, UpTime: 4*time.Minute + 11*time.Second, BootID: 41,
		Modules: []string{"hal.dll", "ACPI.sys", "disk.sys", "storahci.sys", "Ntfs.sys", "tcpip.sys", "win32k.sys", "acmefltr.sys", "dump_storahci.sys", hostile[:20]},
	})
	big2 := big.Size() * 4 / 5
	return &disk{
		pieces: 20000,
		files: map[string]*dumptest.Reader{
			"pagefile.sys": big,
			"Windows/LiveKernelReports/WATCHDOG-20261118-0912.dmp": mustDump(t, dumptest.Spec{BugCheck: 0x161, Time: crashTime.Add(-50 * time.Hour), Attributes: uint32(dumpfile.AttrLiveDump), BootID: 39}),
			"Windows/Minidump/102926-8437-01.dmp":                  mustDump(t, dumptest.Spec{Type: dumpfile.TypeTriage, BugCheck: 0x133, Time: crashTime.Add(-530 * time.Hour), BootID: 22}),
		},
		lengths: map[string]int64{"pagefile.sys": big2 &^ 4095},
	}
}

var crashTime = time.Date(2026, 11, 20, 21, 14, 3, 0, time.UTC)

// sampleReport is a collection as it may well be.
func sampleReport(t *testing.T) (*report.Report, *disk) {
	t.Helper()
	d := sampleDisk(t)
	found, err := collect.Find(t.Context(), []collect.Place{{Volume: d, Label: "C", SystemRoot: "Windows"}})
	if err != nil {
		t.Fatal(err)
	}
	r := &report.Report{
		Tool: "hangkit 1.0", Created: crashTime.Add(11 * time.Hour), Computer: "SRV-KASSE-04", Target: "/dev/sdb",
		Facts: []report.Fact{
			{Name: "Windows", Value: "Windows 10 Enterprise 22H2, build 19045.5247"}, {Name: "Maker and model", Value: "Acme ProBox 400"},
			{Name: "Memory", Value: "16.0 GiB"}, {Name: "Boot counter of the registry", Value: "41"},
		},
		Clock: []string{"the machine's clock was set back by 2 h 3 min between two starts on 18 November: times before that may be wrong."},
		Notes: []string{"The volume D: is encrypted with BitLocker and was not looked at."},
	}
	for _, c := range found {
		if !c.Wanted() {
			r.Left = append(r.Left, report.Left{Name: c.Name(), State: c.State.String(), Size: c.Have, Why: c.Why})
			continue
		}
		r.Dumps = append(r.Dumps, report.NewDump(taken(t, c)))
	}
	r.Left = append(r.Left,
		report.Left{Name: "C:Windows/Minidump/" + hostile, State: "not a dump", Size: 4096, Why: "it does not begin with a dump header"},
		report.Left{Name: "C:swapfile.sys", State: "empty", Why: "it begins with zeros: no dump was written"})
	r.Events = sampleEvents()
	r.Settings = []report.Setting{
		{Key: `SYSTEM\ControlSet001\Control\CrashControl`, Name: "CrashDumpEnabled", Value: "2", Meaning: "a kernel dump"},
		{Key: `SYSTEM\ControlSet001\Control\CrashControl`, Name: "AutoReboot", Value: "0", Meaning: "the machine stays on the blue screen"},
		{Key: `SYSTEM\ControlSet001\Services\kbdhid\Parameters`, Name: "CrashOnCtrlScroll", Value: "1", Meaning: "right Ctrl and twice Scroll Lock make a dump"},
		{Key: `SYSTEM\ControlSet001\Control\Session Manager\Memory Management`, Name: "PagingFiles", Value: `?:\pagefile.sys`, Meaning: "Windows chooses the size: it may be too small for a dump"},
	}
	r.Logs = []report.File{
		{Name: "C:Windows/System32/winevt/Logs/System.evtx", Category: "event log", Size: 20 << 20, Taken: "logs/Windows/System32/winevt/Logs/System.evtx"},
		{Name: "C:Windows/System32/LogFiles/Srt/SrtTrail.txt", Category: "startup repair", Size: 4711, Taken: "logs/Windows/System32/LogFiles/Srt/SrtTrail.txt"},
		{Name: "C:DumpStack.log.tmp", Category: "dump stack", Size: 12288, Why: "2 sectors cannot be read"},
	}
	return r, d
}

// taken is a candidate as it is when it was copied and verified, without the copy.
func taken(t *testing.T, c *collect.Candidate) report.Taken {
	t.Helper()
	f, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	res := &collect.Result{
		Name: c.DefaultName(), Size: c.Have, FileSize: c.Have, SHA256: strings.Repeat("5eed0123", 8), Partial: c.State == collect.StatePartial,
	}
	if c.Source == collect.SourcePageFile {
		res.Name += ".zst.age.parts"
		res.Compressed, res.Parts, res.FileSize, res.FileSHA256 = true, 2, c.Have/3, strings.Repeat("c0ffee00", 8)
		res.Recipients = []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"}
		res.BadRanges = []collect.Range{{Off: c.Have / 3, Len: 64 << 10}}
		res.BadBytes = 64 << 10
	}
	return report.Taken{Candidate: c, Result: res, Verified: dumpfile.Verify(f, c.Have), VolumeSize: diskSize}
}

func sampleEvents() []report.Event {
	at := func(hours float64) time.Time { return crashTime.Add(time.Duration(hours * float64(time.Hour))) }
	return []report.Event{
		{Time: at(-530), Kind: report.EventCrash, What: "Crash 0x133 DPC_WATCHDOG_VIOLATION", Source: "header of C:Windows/Minidump/102926-8437-01.dmp"},
		{Time: at(-529.9), Kind: report.EventBoot, What: "Windows was started (boot 23)", Source: "System.evtx, Kernel-General 12"},
		{Time: at(-74), Kind: report.EventShutdown, What: "Windows was shut down", Source: "System.evtx, Kernel-General 13"},
		{Time: at(-73.8), Kind: report.EventBoot, What: "Windows was started (boot 39)", Source: "System.evtx, Kernel-General 12"},
		{Time: at(-50), Kind: report.EventDump, What: "A live dump was written: Task Manager, the machine went on", Source: "header of C:Windows/LiveKernelReports/WATCHDOG-20261118-0912.dmp"},
		{Time: at(-26), Kind: report.EventShutdown, What: "Windows was shut down", Source: "SYSTEM, Control\\Windows\\ShutdownTime", Uncertain: "the event log has no entry for it"},
		{Time: at(-25), Kind: report.EventOther, What: "Update KB5048652 was installed", Source: "Setup.evtx"},
		{Time: at(-0.07), Kind: report.EventBoot, What: "The Windows that crashed was started (boot 41)", Source: "header of C:pagefile.sys"},
		{Time: at(0), Kind: report.EventCrash, What: "Crash 0xE2 MANUALLY_INITIATED_CRASH, by keyboard", Source: "header of C:pagefile.sys"},
		{Time: at(0.01), Kind: report.EventDump, What: "The dump was written to the page file, which was too small for it", Source: "C:pagefile.sys", Uncertain: "Windows does not note when it finished"},
		{Time: at(0.2), Kind: report.EventBoot, What: "A start that did not reach smss.exe", Source: "bootstat.dat", Uncertain: "by the firmware's clock"},
		{Time: at(11), Kind: report.EventCollected, What: "This collection was made", Source: "the clock of the machine that ran hangkit"},
	}
}
