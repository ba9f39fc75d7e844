package collect_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// storyCase is a disk whose finds are told.
type storyCase struct {
	name    string
	files   map[string][]byte
	place   func(p *collect.Place)
	rebuild bool
}

// storyCases has every state and every place, and what makes a dump matter less.
func storyCases(t *testing.T) []storyCase {
	t.Helper()
	small := func(s dumptest.Spec) []byte {
		s.Pages = 64
		return build(t, s)
	}
	keyboard := build(t, dumptest.Spec{})
	earlier, later := dumptest.DefaultTime.Add(-24*time.Hour), dumptest.DefaultTime.Add(24*time.Hour)
	nmi := small(dumptest.Spec{BugCheck: 0x80})
	encrypted := small(dumptest.Spec{Attributes: uint32(dumpfile.AttrEncrypted)})
	noTime := small(dumptest.Spec{})
	copy(noTime[0xFA8:], "PAGEPAGE")
	damaged := small(dumptest.Spec{})
	clear(damaged[0x2038:0x2070])
	live := small(dumptest.Spec{BugCheck: 0x161, Attributes: uint32(dumpfile.AttrLiveDump)})
	wiped := small(dumptest.Spec{WipeFirst: true})
	noKernel := small(dumptest.Spec{WipeFirst: true, Lost: []uint64{dumptest.FrameData}})
	triage := build(t, dumptest.Spec{Type: dumpfile.TypeTriage})
	one := func(path string, b []byte) map[string][]byte { return map[string][]byte{path: b} }
	boot := func(id uint32) func(*collect.Place) { return func(p *collect.Place) { p.BootID = id } }
	certificate := func(p *collect.Place) { p.Certificate = "0F9A6C2B" }
	return []storyCase{
		{"hang at boot", one("pagefile.sys", pad(keyboard, 4096)), boot(7), false},
		{"registry unreadable", one("pagefile.sys", pad(keyboard, 4096)), func(p *collect.Place) { p.PageFiles = nil }, false},
		{"page file too small", one("pagefile.sys", keyboard[:1<<20]), boot(7), false},
		{"kernel noted that it is too small", one("pagefile.sys", small(dumptest.Spec{Attributes: uint32(dumpfile.AttrInsufficientFile)})), nil, false},
		{"header cut", one("pagefile.sys", keyboard[:0x1800]), nil, false},
		{"booted since", one("pagefile.sys", nmi), boot(8), false},
		{"booted often since", one("pagefile.sys", nmi), boot(10), false},
		{"shut down since", one("pagefile.sys", withoutBoot(nmi)), func(p *collect.Place) { p.LastShutdown = dumptest.DefaultTime.Add(time.Hour) }, false},
		{"a later crash saved", map[string][]byte{"pagefile.sys": nmi, "Windows/MEMORY.DMP": small(dumptest.Spec{Time: later, BootID: 9})}, nil, false},
		{"a later crash saved, boots unknown", map[string][]byte{"pagefile.sys": withoutBoot(nmi), "Windows/Minidump/a.dmp": withoutBoot(build(t, dumptest.Spec{Type: dumpfile.TypeTriage, Time: later}))}, nil, false},
		{"a later crash saved, time unknown", map[string][]byte{"pagefile.sys": noTime, "Windows/MEMORY.DMP": small(dumptest.Spec{BootID: 9})}, nil, false},
		{"an earlier crash saved", map[string][]byte{"pagefile.sys": nmi, "Windows/MEMORY.DMP": small(dumptest.Spec{Time: earlier, BootID: 6})}, nil, false},
		{"a later crash copied", map[string][]byte{"pagefile.sys": nmi, "Windows/Temp/a.dmp": small(dumptest.Spec{Time: later, BootID: 9})}, nil, false},
		{"a crash of a Windows before saved", map[string][]byte{"pagefile.sys": nmi, "Windows.old/Windows/MEMORY.DMP": small(dumptest.Spec{Time: earlier, BootID: 99})}, nil, false},
		{"a later crash not saved", map[string][]byte{"pagefile.sys": nmi, "dump/dedicated.sys": small(dumptest.Spec{Time: later, BootID: 9})}, func(p *collect.Place) { p.DedicatedDump = "dump/dedicated.sys" }, false},
		{"dedicated dump file", one("dump/dedicated.sys", nmi), func(p *collect.Place) { p.DedicatedDump = "dump/dedicated.sys" }, false},
		{"hang at logon", one("DUMP1a2b.tmp", small(dumptest.Spec{BugCheck: 0x1D5})), boot(7), false},
		{"harvest cut short", map[string][]byte{"DUMP1a2b.tmp": keyboard[:1<<20], "pagefile.sys": keyboard}, nil, false},
		{"two temps of one crash", map[string][]byte{"DUMP1a2b.tmp": nmi, "DUMP0001.tmp": nmi}, nil, false},
		{"temps of two crashes", map[string][]byte{"DUMP1a2b.tmp": nmi, "DUMP0001.tmp": small(dumptest.Spec{Time: earlier, BootID: 6})}, boot(7), false},
		{"saved", one("Windows/MEMORY.DMP", small(dumptest.Spec{BugCheck: 0x7E})), nil, false},
		{"saved and stale", one("Windows/MEMORY.DMP", small(dumptest.Spec{BugCheck: 0x1000007E})), boot(9), false},
		{"saved and still there", map[string][]byte{"Windows/MEMORY.DMP": nmi, "pagefile.sys": nmi}, nil, false},
		{"unknown stop code", one("Windows/MEMORY.DMP", small(dumptest.Spec{BugCheck: 0xABCDEF})), nil, false},
		{"time unknown", one("Windows/MEMORY.DMP", noTime), nil, false},
		{"damaged", one("Windows/MEMORY.DMP", damaged), nil, false},
		{"power button", one("Windows/Minidump/030426-1.dmp", build(t, dumptest.Spec{Type: dumpfile.TypeTriage, BugCheck: 0x1C8})), nil, false},
		{"hardware error", one("Windows/DUMP00ff.DMP", triage), nil, false},
		{"encrypted", one("pagefile.sys", encrypted), certificate, false},
		{"encrypted, certificate unknown", one("pagefile.sys", encrypted), nil, false},
		{"encrypted and cut", one("pagefile.sys", encrypted[:0x8000]), certificate, false},
		{"encrypted and wiped", one("pagefile.sys", wipe(encrypted)), certificate, true},
		{"wiped, found", one("pagefile.sys", pad(wiped, 4096)), boot(8), false},
		{"wiped, rebuilt", one("pagefile.sys", pad(wiped, 4096)), boot(8), true},
		{"wiped, rebuilt and cut", one("pagefile.sys", wiped[:len(wiped)-0x1000]), nil, true},
		{"wiped, not rebuilt", one("pagefile.sys", noKernel), nil, true},
		{"wiped, not rebuilt, another crash", map[string][]byte{"pagefile.sys": noKernel, "Windows/MEMORY.DMP": small(dumptest.Spec{BootID: 6})}, nil, true},
		{"wiped, saved in part", map[string][]byte{"pagefile.sys": wiped, "Windows/MEMORY.DMP": small(dumptest.Spec{})[:0x20000]}, nil, true},
		{"wiped, a small dump saved", map[string][]byte{"pagefile.sys": wiped, "Windows/Minidump/a.dmp": triage}, nil, true},
		{"wiped, no boot counter, saved", map[string][]byte{"pagefile.sys": withoutBoot(wiped), "Windows/MEMORY.DMP": small(dumptest.Spec{})}, nil, true},
		{"wiped, saved", map[string][]byte{"pagefile.sys": wiped, "Windows/MEMORY.DMP": small(dumptest.Spec{})}, nil, true},
		{"wiped, 32 bits", one("pagefile.sys", small(dumptest.Spec{Bits: 32, Type: dumpfile.TypeBitmapFull, WipeFirst: true})), nil, false},
		{"live, by Task Manager", one("Users/ann/AppData/Local/Microsoft/Windows/TaskManager/LiveKernelDumps/a.dmp", live), boot(99), false},
		{"live, by a driver", one("Windows/LiveKernelReports/NDIS/NDIS-20260304-0506.dmp", small(dumptest.Spec{BugCheck: 0x15E})), nil, false},
		{"live, copied over the dump", one("Windows/MEMORY.DMP", live), nil, false},
		{"of a Windows before", one("Windows.old/Windows/MEMORY.DMP", nmi), boot(3), false},
		{"user-mode", one("Users/ann/AppData/Local/CrashDumps/calc.exe.4711.dmp", []byte("MDMP and so on")), nil, false},
		{"kernel dump in a folder of programs", one("Windows/Temp/kept.dmp", nmi), nil, false},
		{"firmware", one("Windows/MEMORY.DMP", firmware(1, 0x138, 0)), nil, false},
		{"firmware, cut short", one("Windows/MEMORY.DMP", firmware(2, 0x40000138, 3<<30)), nil, false},
		{"firmware, not finished", one("Windows/MEMORY.DMP", firmware(0, 0, 0)), nil, false},
		{"firmware, encrypted", one("Windows/MEMORY.DMP", []byte("Enc_Dmp! and so on")), nil, false},
		{"never crashed", one("pagefile.sys", make([]byte, 0x4000)), nil, false},
		{"in use since", one("pagefile.sys", bytes.Repeat([]byte("data"), 0x1000)), nil, false},
		{"hostile name", one("Windows/Minidump/\x1b]0;x\x07\u202Epmd.<script>\n.dmp", triage), nil, false},
	}
}

func withoutBoot(b []byte) []byte {
	b = bytes.Clone(b)
	copy(b[0x1054:], "PAGE")
	return b
}

func wipe(b []byte) []byte {
	b = bytes.Clone(b)
	clear(b[:4096])
	return b
}

// firmware is the packed header of a firmware dump and some bytes.
func firmware(flags uint32, size, required uint64) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(le.AppendUint32([]byte("Raw_Dmp!"), 1), flags)
	b = append(b, make([]byte, 0x14)...)
	b = le.AppendUint64(le.AppendUint64(b, size), required)
	return append(le.AppendUint32(b, 1), make([]byte, 0x100)...)
}

// TestStory tells every state in words, and whether it is taken.
func TestStory(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for _, c := range storyCases(t) {
		p := windows(files(c.files))
		if c.place != nil {
			c.place(&p)
		}
		found := find(t, p)
		if c.rebuild {
			if err := collect.Rebuild(t.Context(), found, nil); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintf(&out, "%s:\n", c.name)
		for _, f := range found {
			fmt.Fprintf(&out, "  %s %s\n", map[bool]string{true: "take", false: "leave"}[f.Wanted()], f.Story())
		}
	}
	name := filepath.Join("testdata", "story.golden")
	if *update {
		if err := os.WriteFile(name, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != string(want) {
		t.Errorf("the stories differ from %s:\n%s", name, got)
	}
}

// FuzzCandidate takes hostile bytes for every kind of file that may hold a dump. What
// they are called, and how much of them is taken, must hold together.
func FuzzCandidate(f *testing.F) {
	for _, s := range []dumptest.Spec{
		{}, {WipeFirst: true}, {Bits: 32, Type: dumpfile.TypeBitmapFull}, {Type: dumpfile.TypeTriage}, {Type: dumpfile.TypeFull},
		{Attributes: uint32(dumpfile.AttrEncrypted)}, {Attributes: uint32(dumpfile.AttrLiveDump), Space: dumptest.SpaceAbsurd},
	} {
		s.Pages = 64
		b := build(f, s)
		f.Add(b[:min(len(b), 0x4000)], uint8(len(b)))
		f.Add(b[:min(len(b), 0x1800)], uint8(0))
	}
	f.Add(firmware(3, 1<<40, 1<<63), uint8(1))
	f.Add([]byte("MDMP"), uint8(2))
	places := []string{"pagefile.sys", "DUMP0001.tmp", "Windows/MEMORY.DMP", "Windows/LiveKernelReports/a.dmp", "Windows/Temp/\x1b.dmp", "Windows.old/Windows/MEMORY.DMP"}
	f.Fuzz(func(t *testing.T, b []byte, place uint8) {
		p := windows(files(map[string][]byte{places[int(place)%len(places)]: b}))
		p.BootID, p.LastShutdown = uint32(place), dumptest.DefaultTime
		found := find(t, p)
		check := func() {
			for _, c := range found {
				if c.Have < 0 || c.Have > c.FileSize || c.Length < c.Have || c.Wanted() && !c.Extractable() {
					t.Fatalf("%s: have %d of %d in a file of %d", c.State, c.Have, c.Length, c.FileSize)
				}
				if s := c.Story(); s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F }) {
					t.Fatalf("story %q", s)
				}
			}
		}
		check()
		if err := collect.Rebuild(t.Context(), found, nil); err != nil {
			t.Fatal(err)
		}
		check()
	})
}
