package collect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// TestStates puts one file into a volume and expects its state.
func TestStates(t *testing.T) {
	t.Parallel()
	kernel := build(t, dumptest.Spec{Blobs: []int{50}})
	fill := build(t, dumptest.Spec{Space: dumptest.SpaceFill})
	absurd := build(t, dumptest.Spec{Space: dumptest.SpaceAbsurd, Type: dumpfile.TypeFull})
	wiped := build(t, dumptest.Spec{WipeFirst: true})
	triage := build(t, dumptest.Spec{Type: dumpfile.TypeTriage})
	noted := build(t, dumptest.Spec{Attributes: uint32(dumpfile.AttrInsufficientFile)})
	encrypted := build(t, dumptest.Spec{Attributes: uint32(dumpfile.AttrEncrypted)})
	damaged := bytes.Clone(kernel)
	damaged[0x2038+0x1A0/8] = 0 // eight bits of the bitmap
	noType := bytes.Clone(fill)
	copy(noType[0xF98:], "PAGE")
	more := build(t, dumptest.Spec{SpaceBytes: uint64(len(fill)) + 0x5000})
	for _, c := range []struct {
		name  string
		path  string
		b     []byte
		state collect.State
		have  int // -1: the whole file
	}{
		{"dump in a page file", "pagefile.sys", pad(kernel, 1<<20), collect.StateComplete, len(kernel)},
		{"exactly filling it", "pagefile.sys", kernel, collect.StateComplete, len(kernel)},
		{"length by the bitmap", "pagefile.sys", pad(fill, 1<<20), collect.StateComplete, len(fill)},
		{"absurd length", "pagefile.sys", pad(absurd, 1<<20), collect.StateComplete, len(absurd)},
		{"page file too small", "pagefile.sys", kernel[:1<<20], collect.StatePartial, 1 << 20},
		{"secondary data cut", "pagefile.sys", kernel[:len(kernel)-8], collect.StatePartial, len(kernel) - 8},
		{"space for more than is there", "pagefile.sys", more, collect.StateComplete, len(more)},
		{"kernel noted it", "pagefile.sys", noted, collect.StatePartial, len(noted)},
		{"encrypted", "pagefile.sys", pad(encrypted, 4096), collect.StateEncrypted, len(encrypted)},
		{"encrypted and cut", "pagefile.sys", encrypted[:1<<20], collect.StatePartial, 1 << 20},
		{"bitmap damaged", "pagefile.sys", damaged, collect.StateDamaged, len(damaged)},
		{"length unknown", "pagefile.sys", pad(noType, 4096), collect.StatePartial, -1},
		{"wiped", "pagefile.sys", pad(wiped, 1<<20), collect.StateHeaderWiped, len(wiped)},
		{"header cut", "pagefile.sys", kernel[:0x1800], collect.StatePartial, 0x1800},
		{"never crashed", "pagefile.sys", make([]byte, 1<<20), collect.StateEmpty, 0},
		{"in use since", "pagefile.sys", bytes.Repeat([]byte("data"), 1<<18), collect.StateNotDump, 0},
		{"no bytes", "pagefile.sys", nil, collect.StateEmpty, 0},
		{"triage in a page file", "pagefile.sys", pad(triage, 4096), collect.StateComplete, len(triage)},
		{"memory dump", "Windows/MEMORY.DMP", kernel, collect.StateComplete, -1},
		{"memory dump with a tail", "Windows/MEMORY.DMP", pad(kernel, 4096), collect.StateComplete, -1},
		{"harvest cut short", "DUMP1a2b.tmp", kernel[:1<<20], collect.StatePartial, -1},
		{"harvest in the system root", "Windows/DUMP00ff.tmp", kernel, collect.StateComplete, -1},
		{"hardware error dump", "Windows/DUMP00ff.DMP", triage, collect.StateComplete, -1},
		{"minidump", "Windows/Minidump/010226-1234-01.dmp", triage, collect.StateComplete, -1},
		{"live dump", "Windows/LiveKernelReports/NDIS/NDIS-20260102-0304.dmp", kernel, collect.StateComplete, -1},
		{"task manager", "Users/ann/AppData/Local/Microsoft/Windows/TaskManager/LiveKernelDumps/a.dmp", kernel, collect.StateComplete, -1},
		{"user dump", "Windows/Minidump/a.dmp", []byte("MDMP and so on"), collect.StateUserDump, -1},
		{"firmware dump", "Windows/MEMORY.DMP", []byte("Raw_Dmp! and so on"), collect.StateFirmware, -1},
		{"text", "Windows/MEMORY.DMP", []byte("hello, world"), collect.StateNotDump, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := findOne(t, windows(files(map[string][]byte{c.path: c.b})))
			have := c.have
			if have < 0 {
				have = len(c.b)
			}
			if got.State != c.state || got.Have != int64(have) || got.Path != c.path || got.Why == "" {
				t.Errorf("%s is %s (%s) with %d bytes, want %s with %d; %v", got.Path, got.State, got.Why, got.Have, c.state, have, got.Problems)
			}
			if got.Extractable() != (have > 0) {
				t.Errorf("extractable: %t", got.Extractable())
			}
		})
	}
}

func TestOtherFilesAreNoCandidates(t *testing.T) {
	t.Parallel()
	dump := build(t, dumptest.Spec{})
	v := files(map[string][]byte{
		"DUMP1.tmp": dump, "DUMP12345.tmp": dump, "DUMPabcd.txt": dump, "dump.dmp": dump,
		"Windows/Minidump/a.txt": dump, "Windows/a.dmp": dump, "swapfile.sys": dump,
		"Windows/LiveKernelReports/a/b/c/d.dmp": dump, // deeper than Windows nests them
		"hiberfil.sys":                          dump, "Windows/Temp/a.txt": dump, "Users/ann/AppData/Local/Temp/deep/a.dmp": dump,
	})
	if found := find(t, windows(v)); len(found) != 0 {
		t.Errorf("found %s", found[0].Name())
	}
}

func TestSettingsAreFollowed(t *testing.T) {
	t.Parallel()
	at := func(i int) []byte { return build(t, dumptest.Spec{Pages: 64, BootID: uint32(i)}) }
	v := files(map[string][]byte{
		"dumps/full.bin": at(1), "small/a.dmp": at(2), "dedicated.sys": at(3),
		"pagefile.sys": at(4), "swap/pagefile2.sys": at(5), "Windows/MEMORY.DMP": at(6),
	})
	p := windows(v)
	p.DumpFile, p.MinidumpDir, p.DedicatedDump = "Dumps/FULL.BIN", "Small", "dedicated.sys" // as the registry spells them
	p.PageFiles = append(p.PageFiles, "swap/pagefile2.sys", "gone.sys", "PageFile.sys", "../outside.sys")
	var got []string
	for _, c := range find(t, p) {
		got = append(got, fmt.Sprintf("%s=%s", c.Path, c.Source))
	}
	slices.Sort(got)
	want := []string{
		"Windows/MEMORY.DMP=memory dump", "dedicated.sys=dedicated dump file", "dumps/full.bin=memory dump",
		"pagefile.sys=page file", "small/a.dmp=minidump", "swap/pagefile2.sys=page file",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q\nwant  %q", got, want)
	}
}

// TestEveryPlace has a dump in every place of a volume.
func TestEveryPlace(t *testing.T) {
	t.Parallel()
	const local = "Users/ann/AppData/Local/"
	want := []string{
		"DUMP0001.tmp=unfinished harvest",
		"ProgramData/Microsoft/Windows/WER/ReportArchive/Kernel_1/a.mdmp=folder of program dumps",
		"ProgramData/Microsoft/Windows/WER/ReportQueue/AppHang_1/a.hdmp=folder of program dumps",
		"ProgramData/Microsoft/Windows/WER/Temp/a.dmp=folder of program dumps",
		local + "CrashDumps/x/y/a.dmp=folder of program dumps",
		local + "Microsoft/Windows/TaskManager/LiveKernelDumps/a.dmp=live kernel dump",
		local + "Microsoft/Windows/WER/ReportQueue/Hang/a.dmp=folder of program dumps",
		local + "Temp/a.DMP=folder of program dumps",
		"Users/bob/AppData/Local/Microsoft/Windows/TaskManager/LiveKernelDumps/b.dmp=live kernel dump",
		"Windows.old.000/Users/old/AppData/Local/Microsoft/Windows/TaskManager/LiveKernelDumps/c.dmp=live kernel dump",
		"Windows.old.000/Windows/Minidump/a.dmp=minidump",
		"Windows.old/Windows/DUMP0002.tmp=unfinished harvest",
		"Windows.old/Windows/MEMORY.DMP=memory dump",
		"Windows/DUMP00ff.DMP=hardware error dump",
		"Windows/LiveKernelReports/NDIS/a.dmp=live kernel dump",
		"Windows/LiveKernelReports/a.dmp=live kernel dump",
		"Windows/MEMORY.DMP=memory dump",
		"Windows/Minidump/a.dmp=minidump",
		"Windows/ServiceProfiles/LocalService/AppData/Local/CrashDumps/a.dmp=folder of program dumps",
		"Windows/ServiceProfiles/NetworkService/AppData/Local/Temp/a.dmp=folder of program dumps",
		"Windows/System32/config/systemprofile/AppData/Local/CrashDumps/a.dmp=folder of program dumps",
		"Windows/Temp/a.dmp=folder of program dumps",
		"dumps/wer/a.dmp=folder of program dumps",
		"live/NDIS/a.dmp=live kernel dump",
		"pagefile.sys=page file",
	}
	content := map[string][]byte{}
	for i, w := range want {
		name, _, _ := strings.Cut(w, "=")
		content[name] = build(t, dumptest.Spec{Type: dumpfile.TypeTriage, BootID: uint32(i + 1)})
	}
	p := windows(files(content))
	p.LiveReports, p.ProgramDumps = "live", []string{"dumps/WER"}
	var got []string
	for _, c := range find(t, p) {
		got = append(got, fmt.Sprintf("%s=%s", c.Path, c.Source))
		if c.Source == collect.SourceLive != c.Live() || !c.Wanted() {
			t.Errorf("%s: live %t, wanted %t", c.Path, c.Live(), c.Wanted())
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

func TestFirmwarePartition(t *testing.T) {
	t.Parallel()
	b := firmware(1, 0x100, 0)
	partition := func(b []byte) collect.Place {
		return collect.PartitionPlace("disk.img, partition 4", io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))))
	}
	c := findOne(t, partition(pad(b, 1<<20)))
	if c.State != collect.StateFirmware || c.Have != 0x100 || !c.Wanted() || c.Name() != "disk.img, partition 4:firmware-dump" {
		t.Errorf("%s: %s (%s), %d bytes", c.Name(), c.State, c.Why, c.Have)
	}
	if got := c.Story(); got != "on a partition of its own: a dump written by the firmware, 256 bytes" {
		t.Error(got)
	}
	if got := extractAll(t, c); !bytes.Equal(got, b[:0x100]) {
		t.Errorf("%d bytes came out", len(got))
	}
	if c := findOne(t, partition(make([]byte, 1<<16))); c.State != collect.StateEmpty || c.Wanted() {
		t.Errorf("unused: %s", c.State)
	}
}

// TestPageFileWithoutSettings is a Windows whose registry cannot be read.
func TestPageFileWithoutSettings(t *testing.T) {
	t.Parallel()
	v := files(map[string][]byte{"PAGEFILE.SYS": build(t, dumptest.Spec{})})
	if c := findOne(t, collect.Place{Volume: v}); c.Source != collect.SourcePageFile || !c.Wanted() {
		t.Errorf("%s is %s", c.Name(), c.State)
	}
}

func TestDataVolumeHasOnlyItsRoot(t *testing.T) {
	t.Parallel()
	dump := build(t, dumptest.Spec{})
	v := files(map[string][]byte{"DUMP0001.tmp": dump, "Windows/MEMORY.DMP": dump})
	if c := findOne(t, collect.Place{Volume: v, Label: "D"}); c.Source != collect.SourceTemp {
		t.Errorf("found %s", c.Name())
	}
}

// TestPageFileIsReadRaw has a page file of which the file system knows
// nothing: initialized size 0.
func TestPageFileIsReadRaw(t *testing.T) {
	t.Parallel()
	dump := build(t, dumptest.Spec{})
	for _, path := range []string{"pagefile.sys", "DUMPbeef.tmp", "Windows/MEMORY.DMP"} {
		v := files(map[string][]byte{path: make([]byte, len(dump))})
		v.raw[path] = pad(dump, 8192)
		c := findOne(t, windows(v))
		if c.State != collect.StateComplete || c.Have != int64(len(dump)) {
			t.Errorf("%s is %s with %d bytes", path, c.State, c.Have)
		}
	}
}

// TestHalfWrittenFileIsReadRaw has a memory dump that the file system takes
// for half written.
func TestHalfWrittenFileIsReadRaw(t *testing.T) {
	t.Parallel()
	dump := build(t, dumptest.Spec{})
	half := bytes.Clone(dump)
	clear(half[len(half)/2:])
	v := files(map[string][]byte{"Windows/MEMORY.DMP": half})
	v.raw["Windows/MEMORY.DMP"] = dump
	c := findOne(t, windows(v))
	if got := extractAll(t, c); !bytes.Equal(got, dump) || len(c.Problems) == 0 {
		t.Errorf("the copy differs from the clusters; problems %v", c.Problems)
	}
}

// TestCompressedFileIsReadAsFile has clusters that hold something else.
func TestCompressedFileIsReadAsFile(t *testing.T) {
	t.Parallel()
	dump := build(t, dumptest.Spec{})
	v := files(map[string][]byte{"Windows/MEMORY.DMP": dump})
	v.raw["Windows/MEMORY.DMP"] = bytes.Repeat([]byte{0x5A}, len(dump))
	if got := extractAll(t, findOne(t, windows(v))); !bytes.Equal(got, dump) {
		t.Error("the copy differs from the file")
	}
}

func TestMissingPagesAreTold(t *testing.T) {
	t.Parallel()
	s := dumptest.Spec{Runs: []dumpfile.Run{{Base: 0x1A0, Count: 32}, {Base: 0x300, Count: 100}, {Base: 0x500, Count: 10}}}
	d, err := dumptest.NewReader(s)
	if err != nil {
		t.Fatal(err)
	}
	keep := d.FirstPage() + 42*4096 + 100
	c := findOne(t, windows(files(map[string][]byte{"pagefile.sys": build(t, s)[:keep]})))
	want := []dumpfile.Run{{Base: 0x30A, Count: 90}, {Base: 0x500, Count: 10}}
	if m := c.Missing; m.Pages != 100 || m.Bytes != 100*4096-100 || !slices.Equal(m.Ranges, want) {
		t.Errorf("missing %+v", m)
	}
}

// TestSameCrashIsTakenOnce has one crash in many places.
func TestSameCrashIsTakenOnce(t *testing.T) {
	t.Parallel()
	dump := build(t, dumptest.Spec{})
	triage := build(t, dumptest.Spec{Type: dumpfile.TypeTriage})
	other := build(t, dumptest.Spec{Time: dumptest.DefaultTime.Add(-time.Hour), BootID: 6})
	boot8 := build(t, dumptest.Spec{BootID: 8})
	for _, c := range []struct {
		name  string
		files map[string][]byte
		want  []string // in order of worth
	}{
		{"harvested and still in the page file", map[string][]byte{"Windows/MEMORY.DMP": dump, "pagefile.sys": dump},
			[]string{"Windows/MEMORY.DMP"}},
		{"partial harvest, whole page file", map[string][]byte{"Windows/MEMORY.DMP": dump[:1<<20], "pagefile.sys": dump},
			[]string{"pagefile.sys"}},
		{"two temps", map[string][]byte{"DUMP0001.tmp": dump, "DUMP0002.tmp": dump},
			[]string{"DUMP0001.tmp"}},
		{"minidump of a whole dump", map[string][]byte{"Windows/MEMORY.DMP": dump, "Windows/Minidump/a.dmp": triage},
			[]string{"Windows/MEMORY.DMP"}},
		{"minidump of a partial dump", map[string][]byte{"pagefile.sys": dump[:1<<20], "Windows/Minidump/a.dmp": triage},
			[]string{"pagefile.sys", "Windows/Minidump/a.dmp"}},
		{"two crashes, the later first", map[string][]byte{"Windows/MEMORY.DMP": other, "pagefile.sys": dump},
			[]string{"pagefile.sys", "Windows/MEMORY.DMP"}},
		{"same time, other boot", map[string][]byte{"Windows/MEMORY.DMP": boot8, "pagefile.sys": dump},
			[]string{"Windows/MEMORY.DMP", "pagefile.sys"}},
		{"dumps of programs are not wanted, one without its first page is", map[string][]byte{
			"pagefile.sys": build(t, dumptest.Spec{WipeFirst: true}), "Windows/Minidump/u.dmp": []byte("MDMP user"),
		}, []string{"pagefile.sys"}},
		{"a live dump is not the crash", map[string][]byte{
			"Windows/MEMORY.DMP": other, "Windows/LiveKernelReports/a.dmp": dump,
		}, []string{"Windows/MEMORY.DMP", "Windows/LiveKernelReports/a.dmp"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			found := find(t, windows(files(c.files)))
			for _, f := range found {
				if f.Wanted() {
					got = append(got, f.Path)
				}
			}
			if !slices.Equal(got, c.want) || len(found) != len(c.files) {
				t.Errorf("wanted %q of %d found, want %q", got, len(found), c.want)
			}
		})
	}
}

func TestStaleDumps(t *testing.T) {
	t.Parallel()
	known := build(t, dumptest.Spec{})
	v := files(map[string][]byte{"Windows/MEMORY.DMP": known})
	noBoot := bytes.Clone(known)
	copy(noBoot[0x1054:], "PAGE")
	unknown := files(map[string][]byte{"Windows/MEMORY.DMP": noBoot})
	for _, c := range []struct {
		name   string
		volume *volume
		place  collect.Place
		stale  bool
	}{
		{"nothing known", v, collect.Place{}, false},
		{"last boot", v, collect.Place{BootID: 7}, false},
		{"three boots ago", v, collect.Place{BootID: 10}, true},
		{"counter was reset", v, collect.Place{BootID: 2}, false},
		{"the counter beats the clock", v, collect.Place{BootID: 7, LastShutdown: dumptest.DefaultTime.Add(time.Hour)}, false},
		{"clean shutdown later", unknown, collect.Place{BootID: 9, LastShutdown: dumptest.DefaultTime.Add(time.Hour)}, true},
		{"clean shutdown before", unknown, collect.Place{LastShutdown: dumptest.DefaultTime.Add(-time.Hour)}, false},
	} {
		p := windows(c.volume)
		p.BootID, p.LastShutdown = c.place.BootID, c.place.LastShutdown
		if got := findOne(t, p); (got.Stale != "") != c.stale {
			t.Errorf("%s: stale %q", c.name, got.Stale)
		}
	}
}

// TestBrokenFilesHideNothing breaks one thing at a time.
func TestBrokenFilesHideNothing(t *testing.T) {
	t.Parallel()
	all := map[string][]byte{}
	paths := []string{"Windows/MEMORY.DMP", "DUMP0001.tmp", "pagefile.sys", "Windows/Minidump/a.dmp", "Windows/LiveKernelReports/X/a.dmp"}
	for i, path := range paths {
		all[path] = build(t, dumptest.Spec{Pages: 64, BootID: uint32(i + 1)})
	}
	for _, broken := range append([]string{"Windows/Minidump", "Windows/LiveKernelReports/X", "Users", "."}, paths...) {
		v := files(all)
		v.broken[broken] = errBadSector
		found := find(t, windows(v))
		i := slices.IndexFunc(found, func(c *collect.Candidate) bool { return c.Path == broken })
		if i < 0 || found[i].State != collect.StateUnreadable || !errors.Is(errors.Join(found[i].Problems...), errBadSector) {
			t.Errorf("%s broken: not told among %d", broken, len(found))
		}
		whole := 0
		for _, c := range found {
			if c.State == collect.StateComplete {
				whole++
			}
		}
		if hidden := len(all) - whole; hidden > 1 || broken == "Users" && hidden > 0 {
			t.Errorf("%s broken: %d of %d dumps left", broken, whole, len(all))
		}
	}
}

func TestFindIsCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := collect.Find(ctx, []collect.Place{windows(files(nil))}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRealDumps(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]collect.State{
		"kernel-triage-arm64-0x1C8.dmp":            collect.StateComplete,
		"kernel-full-x64-header-16k-truncated.dmp": collect.StatePartial,
		"user-minidump-x64-calc.dmp":               collect.StateUserDump,
		"user-minidump-header-150b.dmp":            collect.StateUserDump,
	} {
		b := sample(t, name)
		c := findOne(t, windows(files(map[string][]byte{"Windows/Minidump/" + name: b})))
		if c.State != want {
			t.Errorf("%s is %s (%s), want %s", name, c.State, c.Why, want)
		}
		if got := extractAll(t, c); !bytes.Equal(got, b) {
			t.Errorf("%s: the copy differs", name)
		}
		if s := c.Story(); strings.Contains(s, "user-mode") != (want == collect.StateUserDump) {
			t.Errorf("%s: %s", name, s)
		}
		if acquired := want == collect.StatePartial; c.Live() != acquired { // DumpIt's: the machine went on
			t.Errorf("%s: live %v", name, c.Live())
		}
	}
}
