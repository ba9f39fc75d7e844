package dumpfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumpfile/kernel"
	"hangkit/collect/dumptest"
)

// machines are the ways in which a kernel's memory can be laid out.
var machines = []struct {
	name string
	spec dumptest.Spec
}{
	{"x64, 4 levels", dumptest.Spec{}},
	{"x64, 5 levels", dumptest.Spec{Levels: 5}},
	{"ARM64", dumptest.Spec{Machine: dumpfile.MachineARM64}},
	{"x86 with PAE", dumptest.Spec{Bits: 32}},
	{"x86 without PAE", dumptest.Spec{Bits: 32, NoPAE: true}},
}

// layouts are the kinds of dump that store pages.
var layouts = []struct {
	name       string
	kind       dumpfile.Type
	attributes dumpfile.Attributes
	only64     bool
}{
	{"full", dumpfile.TypeFull, 0, false},
	{"summary", dumpfile.TypeSummary, 0, false},
	{"bitmap full", dumpfile.TypeBitmapFull, 0, false},
	{"active", dumpfile.TypeBitmapFull, dumpfile.AttrFiltered, false},
	{"bitmap kernel", dumpfile.TypeBitmapKernel, 0, true},
	{"live kernel", dumpfile.TypeBitmapKernel, dumpfile.AttrLiveDump, true},
	{"RDMP kernel", dumpfile.TypeDebugKernel, 0, true},
	{"RDMP full", dumpfile.TypeDebugFull, 0, true},
}

// damages are what can have happened to a dump. All of them keep to frames
// that every machine uses alike.
var damages = []struct {
	name  string
	apply func(s *dumptest.Spec)
}{
	{"none", func(*dumptest.Spec) {}},
	{"top page table left out", lose(dumptest.SystemFirst)},
	{"top page table zeroed", edited(dumptest.SystemFirst, func(b []byte) { clear(b) })},
	{"top page table is noise", edited(dumptest.SystemFirst, noise)},
	{"page table of the shared page left out", lose(dumptest.SystemFirst + 1)},
	{"page of the lists left out", lose(dumptest.FrameData)},
	{"page of the lists zeroed", edited(dumptest.FrameData, func(b []byte) { clear(b) })},
	{"KDBG encoded", func(s *dumptest.Spec) { s.EncodeDebugger = true }},
	{"kernel's headers left out", lose(dumptest.FrameImage)},
	{"kernel's headers are another page", edited(dumptest.FrameImage, noise)},
	{"version left out", lose(dumptest.FrameResources)},
	{"modules left out", lose(dumptest.FrameModules)},
	{"modules torn", edited(dumptest.FrameModules, func(b []byte) { clear(b[0x300:]) })},
	{"modules in a loop", edited(dumptest.FrameModules, func(b []byte) { copy(b[0x400:0x408], b[0x100:0x108]) })},
	{"names of modules left out", lose(dumptest.FrameNames)},
	{"paths of modules left out", lose(dumptest.FramePaths)},
	{"processes left out", lose(dumptest.FrameProcesses + 1)},
	{"processes zeroed", edited(dumptest.FrameProcesses+2, func(b []byte) { clear(b) })},
	{"shared page left out", lose(dumptest.FrameShared)},
	{"shared page of another crash", edited(dumptest.FrameShared, func(b []byte) { b[0x1A]++ })},
	{"shared page of another boot", edited(dumptest.FrameShared, func(b []byte) { b[0x2C4]++ })},
	{"bugcheck of another crash", edited(dumptest.FrameData, func(b []byte) { b[0x100]++ })},
	{"parameter of another crash", edited(dumptest.FrameData, func(b []byte) { b[0x108]++ })},
	{"every page zeroed", func(s *dumptest.Spec) { s.Edit = func(_ uint64, b []byte) { clear(b) } }},
	{"cut before the last page", func(s *dumptest.Spec) { s.Cut = -1 }},
	{"cut behind the kernel", func(s *dumptest.Spec) { s.Cut = 40 }},
	{"cut within the kernel", func(s *dumptest.Spec) { s.Cut = dumptest.FrameModules - 0x1A0 }},
	{"cut before the kernel", func(s *dumptest.Spec) { s.Cut = 3 }},
}

func lose(pfn uint64) func(*dumptest.Spec) {
	return func(s *dumptest.Spec) { s.Lost = []uint64{pfn} }
}

func edited(pfn uint64, change func(b []byte)) func(*dumptest.Spec) {
	return func(s *dumptest.Spec) {
		s.Edit = func(at uint64, b []byte) {
			if at == pfn {
				change(b)
			}
		}
	}
}

func noise(b []byte) {
	for i := range b {
		b[i] = byte(i*i>>3 + 7*i)
	}
}

// cutPages turns a count of pages that are left, or taken away where it is
// negative, into the length of the dump.
func cutPages(t *testing.T, s *dumptest.Spec) {
	t.Helper()
	pages := s.Cut
	s.Cut = 0
	d, err := dumptest.NewReader(*s)
	if err != nil {
		t.Fatal(err)
	}
	s.Cut = d.FirstPage() + pages*dumpfile.PageSize
	if pages < 0 {
		s.Cut = d.Size() + pages*dumpfile.PageSize
	}
}

// TestVerdictGolden judges every kind of dump of every machine in every state.
// Each line of the golden table is one dump: its verdict, and what is wrong.
func TestVerdictGolden(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	for _, m := range machines {
		for _, damage := range damages {
			fmt.Fprintf(&out, "%s: %s\n", m.name, damage.name)
			lines := map[string][]string{}
			var order []string
			for _, l := range layouts {
				if l.only64 && m.spec.Bits == 32 {
					continue
				}
				s := m.spec
				s.Type, s.Attributes, s.Pages = l.kind, uint32(l.attributes), 96
				damage.apply(&s)
				if s.Cut != 0 {
					cutPages(t, &s)
				}
				verdict := judge(verify(build(t, s)))
				if lines[verdict] == nil {
					order = append(order, verdict)
				}
				lines[verdict] = append(lines[verdict], l.name)
			}
			for _, verdict := range order {
				fmt.Fprintf(&out, "  %s\n%s", strings.Join(lines[verdict], ", "), verdict)
			}
		}
	}
	compare(t, "verdicts.golden", out.String())
}

// judge is a verdict and the checks that spoil it.
func judge(r *dumpfile.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %s\n", r.Verdict)
	for _, c := range r.Checks {
		if c.Status != dumpfile.StatusOK {
			fmt.Fprintf(&b, "      %s %s: %s\n", c.Status, c.Name, c.Detail)
		}
	}
	return b.String()
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s line %d: %q, want %q", file, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %d lines, want %d", file, len(g), len(w))
}

// TestMemoryFound expects the kernel that was put into the dump, by name.
func TestMemoryFound(t *testing.T) {
	t.Parallel()
	for _, m := range machines {
		s := m.spec
		s.Pages = 96
		s.Type = dumpfile.TypeFull
		s.Modules = []string{"hal.dll", "\u202egpj.sys", "<script>alert(1)</script>", "a\x1b[31m.sys"}
		got := verify(build(t, s)).Memory
		if got == nil || !strings.HasPrefix(got.Paging, m.name) {
			t.Fatalf("%s: %+v", m.name, got)
		}
		var names []string
		for _, mod := range got.Modules.Value {
			names = append(names, mod.Name)
		}
		if want := append([]string{"ntoskrnl.exe"}, s.Modules...); !slices.Equal(names, want) {
			t.Errorf("%s: modules %q, want %q", m.name, names, want)
		}
		if mod := got.Modules.Value[1]; mod.Path != `\SystemRoot\system32\hal.dll` || mod.Size != 0x8000 || mod.TimeDateStamp != 0x5E3C1B2B {
			t.Errorf("%s: %+v", m.name, mod)
		}
		if p := got.Processes.Value; len(p) != 6 || p[0].Name != "System" || p[0].PID != 4 || p[5].Name != "winlogon.exe" || p[5].PID != 280 {
			t.Errorf("%s: processes %+v", m.name, p)
		}
		if v := got.KernelVersion(); v != "10.0.19041.5247" || got.Image.Value.PDB != "ntkrnlmp.pdb" || got.Image.Value.TimeDateStamp != 0x5E3C1B2A {
			t.Errorf("%s: version %q, image %+v", m.name, v, got.Image.Value)
		}
		if d := got.Debugger.Value; d.KernBase != dumptest.KernelBase(s) || d.Encoded || !strings.HasPrefix(got.BuildLab, "19041.1.") {
			t.Errorf("%s: %+v, %q", m.name, d, got.BuildLab)
		}
		if len(got.Processors) < 2 || got.Processors[0].Block&0xFFF != 0x340 || got.Shared.Value.SystemRoot != `C:\Windows` {
			t.Errorf("%s: processors %+v, %+v", m.name, got.Processors, got.Shared.Value)
		}
	}
}

// TestProcessorsFound expects what each processor was doing, in dumps of pages
// and in small ones.
func TestProcessorsFound(t *testing.T) {
	t.Parallel()
	for _, m := range machines {
		for _, kind := range []dumpfile.Type{dumpfile.TypeFull, dumpfile.TypeTriage} {
			s := m.spec
			s.Pages, s.Type = 64, kind
			report := verify(build(t, s))
			got := report.Memory
			if got == nil || len(got.Processors) < 2 {
				t.Fatalf("%s, type %d: %+v", m.name, kind, got)
			}
			first, second := got.Processors[0], got.Processors[1]
			if first.Idle || first.Thread == 0 || first.ProcessName != "winlogon.exe" || first.Context == nil || first.Problem != "" {
				t.Errorf("%s, type %d: %+v", m.name, kind, first)
			}
			undescribed := kind == dumpfile.TypeTriage && s.Bits == 32 // no drivers
			if first.Context.SP != report.Header.Context.SP || !undescribed && got.Locate(first.Context.PC) != "ntoskrnl.exe+0x3fe210" {
				t.Errorf("%s, type %d: %+v", m.name, kind, first.Context)
			}
			if !second.Idle || second.Thread == 0 || second.ProcessName != "" {
				t.Errorf("%s, type %d: %+v", m.name, kind, second)
			}
			if len(got.Processors) == 4 {
				third, fourth := got.Processors[2], got.Processors[3]
				if kind == dumpfile.TypeFull && (third.PID != 4 || third.ProcessName != "System" || got.Locate(third.Context.PC) != "storahci.sys+0x1234") {
					t.Errorf("%s: %+v", m.name, third)
				}
				if !fourth.Idle || fourth.Context != nil || fourth.Problem == "" {
					t.Errorf("%s, type %d: %+v", m.name, kind, fourth)
				}
			}
			if !undescribed {
				checkUnloaded(t, m.name, got, kind)
			}
			if p := got.Physical.Value; kind == dumpfile.TypeFull && (len(p) != 2 || p[0] != kernel.FrameRange{Base: 1, Count: 0x9E} || p[1].Base != 0x100) {
				t.Errorf("%s: memory %+v, %v", m.name, p, got.Physical.Err)
			}
		}
	}
}

func checkUnloaded(t *testing.T, name string, got *dumpfile.Memory, kind dumpfile.Type) {
	t.Helper()
	list := got.Unloaded.Value
	if len(list) != 2 || list[1].Name != "WdFilter.sys" || list[1].End-list[1].Start != 0x1A000 {
		t.Fatalf("%s, type %d: unloaded %+v, %v", name, kind, list, got.Unloaded.Err)
	}
	want := map[dumpfile.Type]string{dumpfile.TypeFull: "dump_storahci.sys", dumpfile.TypeTriage: "dump_storahc"}[kind]
	if list[0].Name != want || (list[0].Time != 0) != (kind == dumpfile.TypeFull) {
		t.Errorf("%s, type %d: %+v", name, kind, list[0])
	}
	if at := got.Locate(list[1].Start + 0x10); at != "WdFilter.sys+0x10, which was unloaded" {
		t.Errorf("%s: %q", name, at)
	}
}
