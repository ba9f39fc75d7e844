package dumpfile_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumpfile/kernel"
	"hangkit/collect/dumptest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// render prints a description plainly; what a user sees is the program's own.
func render(d *dumpfile.Description) string {
	var b strings.Builder
	for _, s := range d.Story {
		fmt.Fprintln(&b, s)
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n%s\n", s.Title)
		for _, l := range s.Lines {
			fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  %-22s%-20s%s", l.Label, l.Value, l.Words), " "))
		}
	}
	return b.String()
}

func TestDescribeGolden(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"kernel-x64": build(t, dumptest.Spec{Blobs: []int{16}}),
		"full-x86-cut": build(t, dumptest.Spec{
			Bits: 32, Type: dumpfile.TypeFull, BugCheck: 0x133, Parameters: [4]uint64{1, 2, 3, 4},
		})[:0x100000],
		"triage-fill": edit(build(t, dumptest.Spec{Type: dumpfile.TypeTriage, Space: dumptest.SpaceFill}), func(b []byte) {
			copy(b[0x1050:0x1058], "PAGEPAGE") // as small dumps of Windows 10 leave them
		}),
		"full-arm64": build(t, dumptest.Spec{Machine: dumpfile.MachineARM64, Type: dumpfile.TypeFull, Pages: 64}),
		"debugger":   build(t, dumptest.Spec{Type: dumpfile.TypeDebugFull, Pages: 64, Lost: []uint64{dumptest.FrameProcesses + 1}}),
		"boot-hang":  build(t, dumptest.Spec{BugCheck: 0x1D5, Parameters: [4]uint64{le.Uint64([]byte("storahci")), 2, 3, 300000}}),
		"live-arm64": build(t, dumptest.Spec{
			Pages: 64, Machine: dumpfile.MachineARM64, BugCheck: 0x161, Attributes: uint32(dumpfile.AttrLiveDump),
		}),
		"triage-x86":     build(t, dumptest.Spec{Type: dumpfile.TypeTriage, Bits: 32}),
		"firmware":       firmwareWithSections(),
		"firmware-key":   encryptedFirmware(),
		"encrypted-live": build(t, dumptest.Spec{Attributes: uint32(dumpfile.AttrEncrypted | dumpfile.AttrLiveDump), BugCheck: 0x161}),
	} {
		d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, file := render(d), filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from %s:\n%s", name, file, got)
		}
	}
}

// firmwareWithSections is a firmware dump of two sections, the second of which
// is not all there.
func firmwareWithSections() []byte {
	b := firmwareDump(3, 0x1038, 1<<33)
	b = append(b[:0x34], le.AppendUint32(nil, 2)...)
	section := func(kind uint32, off, size, base uint64, name string) {
		at := len(b)
		b = append(b, make([]byte, 0x40)...)
		b[at] = 1
		le.PutUint32(b[at+0x08:], kind)
		le.PutUint64(b[at+0x0C:], off)
		le.PutUint64(b[at+0x14:], size)
		le.PutUint64(b[at+0x1C:], base)
		copy(b[at+0x2C:], name)
	}
	section(1, 0xB8, 0x100, 0x80000000, "DDR0")
	section(2, 0x1B8, 1<<63, 0, "CPU\x1b[31m")
	return append(b, make([]byte, 0x100)...)
}

func encryptedFirmware() []byte {
	b := []byte("Enc_Dmp!")
	for _, v := range []uint32{24, 24, 64, 0, 40, 3, 8, 12} {
		b = le.AppendUint32(b, v)
	}
	return append(b, make([]byte, 0x100)...)
}

// TestHostileFirmware claims sections and keys that are not there.
func TestHostileFirmware(t *testing.T) {
	t.Parallel()
	many := edit(firmwareWithSections(), func(b []byte) { le.PutUint32(b[0x34:], 1<<31) })
	all := append(edit(firmwareWithSections(), func(b []byte) { le.PutUint32(b[0x34:], 1100) }), make([]byte, 1100*0x40)...)
	far := edit(encryptedFirmware(), func(b []byte) { le.PutUint32(b[0x0C:], 1<<31) })
	for name, b := range map[string][]byte{"many": many, "all there": all, "far": far, "short": []byte("Raw_Dmp!"), "short key": []byte("Enc_Dmp!")} {
		d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, s := range d.Sections {
			if len(s.Lines) > 1024 {
				t.Errorf("%s: %d lines of %s", name, len(s.Lines), s.Title)
			}
		}
		last := d.Sections[len(d.Sections)-1]
		if last.Title != "Finished" || last.Lines[0].Value != "not usable" || len(last.Lines) < 3 || len(last.Lines) > 16 {
			t.Errorf("%s: %+v", name, last)
		}
	}
}

// TestPlaces moves the first processor's registers.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for pc, want := range map[uint64]string{
		0x7FF612345678:     "at 00007ff6`12345678 in a program",
		0xFFFFF80000001000: "at fffff800`00001000 in no loaded module",
		0xFFFFF800059FD001: "at fffff800`059fd001 storahci.sys+0x1001",
	} {
		b := build(t, dumptest.Spec{Pages: 64, Edit: func(pfn uint64, page []byte) {
			if pfn == dumptest.FrameImage {
				le.PutUint64(page[0x4F8:], pc)
			}
		}})
		d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if text := render(d); !strings.Contains(text, want+", it stopped the machine") {
			t.Errorf("%#x: no %q in %s", pc, want, text)
		}
	}
}

// TestWindowsName reads the system off the build and the kind of product.
func TestWindowsName(t *testing.T) {
	t.Parallel()
	good := build(t, dumptest.Spec{Pages: 64})
	for _, c := range []struct {
		build, product uint32
		want           string
	}{
		{19045, 1, "Windows 10, build 19045"}, {22631, 1, "Windows 11, build 22631"}, {26100, 3, "Windows Server 2025, build 26100"},
		{17763, 2, "Windows Server 2019, build 17763"}, {17763, 1, "Windows 10, build 17763"}, {7601, fill32, "Windows 7, build 7601"},
		{1, 1, "Windows, build 1"}, {fill32, 1, "Windows, 4 processors"},
	} {
		b := edit(good, func(b []byte) { le.PutUint32(b[0x0C:], c.build); le.PutUint32(b[0x1040:], c.product) })
		d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Sections[0].Lines[0].Value; !strings.HasPrefix(got, c.want+", ") {
			t.Errorf("%d, product %d: %q, want %q", c.build, c.product, got, c.want)
		}
	}
}

// TestStoryProcessors tells of every mix of processors: busy ones by their
// numbers, the others counted.
func TestStoryProcessors(t *testing.T) {
	t.Parallel()
	busy := func(name string) kernel.Processor {
		return kernel.Processor{Thread: 1, Process: 1, ProcessName: name, PID: 4}
	}
	idle, unknown := kernel.Processor{Thread: 1, Idle: true}, kernel.Processor{}
	system := busy("System")
	for _, c := range []struct {
		processors []kernel.Processor
		running    bool
		want       string
	}{
		{[]kernel.Processor{system}, false, "Processor 0 ran System (4)."},
		{[]kernel.Processor{idle}, false, "The processor was idle."},
		{[]kernel.Processor{unknown}, false, "What the processor ran is not known."},
		{[]kernel.Processor{idle, idle}, false, "Both processors were idle."},
		{[]kernel.Processor{idle, idle, idle}, true, "All 3 processors were idle; the registers may be older than the dump."},
		{[]kernel.Processor{unknown, unknown}, false, "What the 2 processors ran is not known."},
		{[]kernel.Processor{system, idle}, false, "Processor 0 ran System (4); the other was idle."},
		{[]kernel.Processor{busy("a"), idle, busy(""), idle}, false, "Processor 0 ran a (4), processor 2 ran an unnamed process; the other 2 were idle."},
		{[]kernel.Processor{idle, system, unknown}, false, "Processor 1 ran System (4); 1 processor was idle; what the other ran is not known."},
		{[]kernel.Processor{idle, idle, unknown, unknown}, false, "2 processors were idle; what the other 2 ran is not known."},
		{[]kernel.Processor{unknown, unknown, system}, false, "Processor 2 ran System (4); what the other 2 ran is not known."},
		{[]kernel.Processor{system, system, system, system, system}, false, "Processor 0 ran System (4), processor 1 ran System (4), processor 2 ran System (4), processor 3 ran System (4), 1 more was busy."},
	} {
		m := &dumpfile.Memory{Processors: c.processors}
		if got := m.StoryProcessors(c.running); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestPurpose tells crashes that somebody made from others.
func TestPurpose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code    uint32
		modules []string
		want    string
	}{
		{0xE2, nil, "made on purpose"},
		{0xDEADDEAD, nil, "made on purpose"},
		{0x1C8, nil, "made on purpose"},
		{0x80, nil, "If somebody sent the NMI"},
		{0x100000E2, nil, "made on purpose"}, // the same, "_M"
		{0x111, nil, "If somebody sent the NMI"},
		{0x161, nil, "Nothing crashed"},      // Task Manager, LiveKD
		{0x11C8, nil, "Nothing crashed"},     // power button
		{0x21C8, nil, "Nothing crashed"},     // keys for a black screen
		{0x5454414D, nil, "Nothing crashed"}, // DumpIt
		{0x141, nil, ""},                     // a live dump of a driver that failed
		{0xD1, []string{"hal.dll", "MyFault.SYS"}, "NotMyFault"},
		{0xD1, []string{"hal.dll"}, ""},
		{0xC2, []string{"myfault.sys"}, "NotMyFault"}, // its double free
		{0x133, []string{"myfault.sys"}, ""},          // its hang: the watchdog's own view is wanted
		{0x133, nil, ""},
	} {
		for _, kind := range []dumpfile.Type{dumpfile.TypeBitmapKernel, dumpfile.TypeTriage} {
			if kind == dumpfile.TypeTriage && c.modules != nil {
				continue // holds two drivers, always the same
			}
			b := build(t, dumptest.Spec{Pages: 64, Type: kind, BugCheck: c.code, Modules: c.modules})
			d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			if calm := c.want == "Nothing crashed"; calm && strings.Contains(render(d), "It crashed on") {
				t.Errorf("%#x: %q", c.code, d.Story)
			}
			told := strings.Contains(render(d), "!analyze")
			if told != (c.want != "") || !strings.Contains(render(d), c.want) {
				t.Errorf("%#x with %q: %q", c.code, c.modules, d.Story)
			}
		}
	}
}

func TestDescribeOtherFiles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{"MDMP....": dumpfile.ErrUserDump, "hello, world": dumpfile.ErrNotDump} {
		if _, err := dumpfile.Describe(strings.NewReader(text), int64(len(text))); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
