package dumpfile_test

import (
	"bytes"
	"math/bits"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

func TestVerifyGoodDumps(t *testing.T) {
	t.Parallel()
	for _, s := range allSpecs() {
		for _, blobs := range [][]int{nil, {10, 20}} {
			s.Blobs = blobs
			r := verify(build(t, s))
			if r.Verdict != dumpfile.Usable || len(r.Reasons) > 0 {
				t.Errorf("%s: %s: %v", specName(s), r.Verdict, r.Reasons)
			}
			for _, c := range r.Checks {
				undescribed := s.Bits == 32 && s.Type == dumpfile.TypeTriage && c.Name == "loaded modules"
				if c.Status != dumpfile.StatusOK && !undescribed {
					t.Errorf("%s: %s: %s: %s", specName(s), c.Name, c.Status, c.Detail)
				}
			}
		}
	}
}

// TestVerifyFindsDamage breaks a good dump in one place and names the check
// that must see it.
func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	kernel := build(t, dumptest.Spec{Blobs: []int{64}})
	full := build(t, dumptest.Spec{Type: dumpfile.TypeFull})
	triage := build(t, dumptest.Spec{Type: dumpfile.TypeTriage, Blobs: []int{64}})
	reader, _ := dumptest.NewReader(dumptest.Spec{})
	first := int(reader.FirstPage())
	table := first + (dumptest.SystemFirst-0x1A0)*4096
	triageEnd := int(le.Uint32(triage[0x2004:]))
	for _, c := range []struct {
		name    string
		b       []byte
		change  func(b []byte)
		verdict dumpfile.Verdict
		check   string
	}{
		{"no magic", kernel, func(b []byte) { b[5] = 'X' }, dumpfile.Unusable, "signature"},
		{"type 0", kernel, func(b []byte) { clear(b[0xF98:0xF9C]) }, dumpfile.Unusable, "dump type"},
		{"type 7", kernel, func(b []byte) { b[0xF98] = 7 }, dumpfile.Unusable, "dump type"},
		{"x86 in 64 bits", kernel, func(b []byte) { le.PutUint32(b[0x30:], 0x14C) }, dumpfile.Unusable, "machine"},
		{"no module list", kernel, func(b []byte) { le.PutUint64(b[0x20:], fill64) }, dumpfile.Gaps, "header fields"},
		{"no bugcheck", kernel, func(b []byte) { le.PutUint32(b[0x38:], fill32) }, dumpfile.Gaps, "header fields"},
		{"kernel says too small", kernel, func(b []byte) { b[0x1050] = 4 }, dumpfile.Gaps, "writer's note"},
		{"module list corrupt", kernel, func(b []byte) { b[0x1048] = 2 }, dumpfile.Gaps, "writer's note"},
		{"space too small", kernel, func(b []byte) { le.PutUint64(b[0xFA0:], 0x3000) }, dumpfile.Gaps, "RequiredDumpSpace"},
		{"first bit lost, so that no page is where it should be", kernel, func(b []byte) { b[0x2038+0x1A0/8] &^= 1 }, dumpfile.Unusable, "page list"},
		{"last bit lost", kernel, func(b []byte) { lastBit(b[0x2038:first]) }, dumpfile.Gaps, "page list"},
		{"bitmap header lost", kernel, func(b []byte) { clear(b[0x2000:0x2008]) }, dumpfile.Unusable, "page list"},
		{"page table zeroed", kernel, func(b []byte) { clear(b[table : table+4096]) }, dumpfile.Unusable, "directory table"},
		{"page table elsewhere", kernel, func(b []byte) { le.PutUint64(b[0x10:], 0x1000) }, dumpfile.Unusable, "directory table"},
		{"end never written", kernel, func(b []byte) { clear(b[len(b)-200*4096:]) }, dumpfile.Gaps, "tail"},
		{"runs lost", full, func(b []byte) { clear(b[0x88:0x98]) }, dumpfile.Unusable, "page list"},
		{"blob too long", kernel, func(b []byte) { le.PutUint32(b[len(b)-64-12:], 65) }, dumpfile.Gaps, "secondary data"},
		{"no end mark", triage, func(b []byte) { b[triageEnd-1] = 0 }, dumpfile.Gaps, "end mark"},
		{"drivers outside", triage, func(b []byte) { le.PutUint32(b[0x2034:], 1<<20) }, dumpfile.Gaps, "parts"},
		{"triage size absurd", triage, func(b []byte) { le.PutUint32(b[0x2004:], 0) }, dumpfile.Unusable, "triage header"},
	} {
		b := edit(c.b, c.change)
		r := verify(b)
		i := slices.IndexFunc(r.Checks, func(k dumpfile.Check) bool { return k.Name == c.check && k.Status == dumpfile.StatusBad })
		if r.Verdict != c.verdict || i < 0 {
			t.Errorf("%s: %s, %v; want %s by %q", c.name, r.Verdict, r.Reasons, c.verdict, c.check)
		}
	}
}

// lastBit clears the highest set bit of a bitmap.
func lastBit(b []byte) {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0 {
			b[i] &^= 1 << (bits.Len8(b[i]) - 1)
			return
		}
	}
}

// TestVerifyEveryCut cuts a dump at many lengths: never usable, never a panic.
func TestVerifyEveryCut(t *testing.T) {
	t.Parallel()
	for _, s := range allSpecs() {
		s.Pages, s.Blobs = 64, []int{32}
		b := build(t, s)
		step := 4093
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			step = 1021
		}
		for n := 0; n < len(b); n += step {
			if r := verify(b[:n]); r.Verdict == dumpfile.Usable {
				t.Errorf("%s cut at %d of %d: %s", specName(s), n, len(b), r.Verdict)
			}
		}
	}
}

func TestVerifyEncrypted(t *testing.T) {
	t.Parallel()
	b := edit(build(t, dumptest.Spec{Attributes: uint32(dumpfile.AttrEncrypted)}), func(b []byte) {
		for i := range b[0x2000:] {
			b[0x2000+i] ^= byte(i)
		}
	})
	r := verify(b)
	i := slices.IndexFunc(r.Checks, func(c dumpfile.Check) bool { return c.Name == "contents" })
	if r.Verdict != dumpfile.Unverified || i < 0 || r.Checks[i].Status != dumpfile.StatusUnknown {
		t.Errorf("%s: %+v", r.Verdict, r.Checks)
	}
	if len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0], "private key") || !strings.Contains(r.Reasons[0], "KernelDumpDecrypt.exe") {
		t.Errorf("not said what is needed: %q", r.Reasons)
	}
	if r := verify(b[:len(b)-1]); r.Verdict != dumpfile.Gaps {
		t.Errorf("cut short: %s", r.Verdict)
	}
}

func TestVerifyReadFails(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{Blobs: []int{64}})
	for n := range 12 {
		f := &failing{bytes.NewReader(b), n}
		if r := dumpfile.Verify(f, int64(len(b))); f.n < 0 && r.Verdict == dumpfile.Usable && n < 8 {
			t.Errorf("read %d fails: %s %+v", n, r.Verdict, r.Checks)
		}
	}
}

func TestRealTriageDump(t *testing.T) {
	t.Parallel()
	b := sample(t, "kernel-triage-arm64-0x1C8.dmp")
	r := verify(b)
	if r.Verdict != dumpfile.Usable || len(r.Reasons) > 0 {
		t.Errorf("%s: %v", r.Verdict, r.Reasons)
	}
	h, l := r.Header, r.Layout
	if l.Blobs == nil || l.Blobs.End != int64(len(b)) || len(l.Blobs.List) != 42 || l.Need != int64(len(b)) {
		t.Errorf("blobs %+v, need %d, size %d", l.Blobs, l.Need, len(b))
	}
	if h.Machine.Value != dumpfile.MachineARM64 || h.BugCheck.Code.Value != 0x1C8 || h.BugCheck.Parameters[0].Value != 7000 {
		t.Errorf("machine %v, bugcheck %+v", h.Machine, h.BugCheck)
	}
	if h.Attributes.Known || h.BootID.Value != 13 || l.Triage.DriverCount != 245 || l.Triage.SizeOfDump != 0xAC46C {
		t.Errorf("attributes %v, boot %v, triage %+v", h.Attributes, h.BootID, l.Triage)
	}
}

// TestMissingWords counts what is missing, as a person would say it.
func TestMissingWords(t *testing.T) {
	t.Parallel()
	for want, runs := range map[string][]dumpfile.Run{
		"1 page, 0x20c": {{Base: 0x20C, Count: 1}},
		"2 pages in 1 range, from page 0x20c to 0x20d":  {{Base: 0x20C, Count: 2}},
		"3 pages in 2 ranges, from page 0x20c to 0x301": {{Base: 0x20C, Count: 1}, {Base: 0x300, Count: 2}},
	} {
		m := dumpfile.Missing{Bytes: 1, MissingPages: dumpfile.MissingPages{Ranges: runs}}
		for _, r := range runs {
			m.Pages += r.Count
		}
		if got := m.Words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestOneOfEach verifies a dump of one run and one blob.
func TestOneOfEach(t *testing.T) {
	t.Parallel()
	r := verify(build(t, dumptest.Spec{Type: dumpfile.TypeFull, Runs: []dumpfile.Run{{Base: 1, Count: 0x300}}, Blobs: []int{1}}))
	if text := r.Layout.Format.Reason; text != "768 pages in 1 run, 1 blob of secondary data" {
		t.Error(text)
	}
	for _, c := range r.Checks {
		if at := regexp.MustCompile(`\b1 [a-z]+s\b`).FindString(c.Detail); at != "" {
			t.Errorf("%s: %q in %s", c.Name, at, c.Detail)
		}
	}
}

// TestTriageDrivers32 names drivers in the header of a 32-bit small dump:
// nothing public says what their entries look like, so none is read, and none
// is missing.
func TestTriageDrivers32(t *testing.T) {
	t.Parallel()
	const words = "not publicly described"
	b := edit(build(t, dumptest.Spec{Bits: 32, Type: dumpfile.TypeTriage}), func(b []byte) {
		le.PutUint32(b[0x1018:], 0x1100) // UnloadedDriversOffset
		le.PutUint32(b[0x1030:], 0x1100) // DriverListOffset
		le.PutUint32(b[0x1034:], 9999)
	})
	r := verify(b)
	if m := r.Memory; m.Modules.Err == nil || m.Unloaded.Err == nil || len(m.Modules.Value)+len(m.Unloaded.Value) > 0 || !strings.Contains(m.Modules.Err.Error(), words) {
		t.Errorf("modules %+v, unloaded %+v", m.Modules, m.Unloaded)
	}
	if text := judge(r); r.Verdict != dumpfile.Usable || !strings.Contains(text, "loaded modules: ") || !strings.Contains(text, words) {
		t.Errorf("%s: %s", r.Verdict, text)
	}
	d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if story := strings.Join(d.Story, "\n"); !strings.Contains(story, words) || strings.Contains(story, "0 modules") {
		t.Error(story)
	}
}

// TestRealTriageMemory reads what a real small dump keeps of the kernel.
func TestRealTriageMemory(t *testing.T) {
	t.Parallel()
	b := sample(t, "kernel-triage-arm64-0x1C8.dmp")
	m := verify(b).Memory
	if len(m.Modules.Value) != 245 || m.Modules.Err != nil || m.Debugger.Value.KernBase != 0xFFFFF803F2E00000 {
		t.Fatalf("%d modules, %+v", len(m.Modules.Value), m)
	}
	first := m.Modules.Value[0]
	if first.Name != "ntoskrnl.exe" || first.Path != `\SystemRoot\system32\ntoskrnl.exe` || first.Base != 0xFFFFF803F2E00000 || first.TimeDateStamp != 0xDF291B09 {
		t.Errorf("%+v", first)
	}
	if !strings.HasPrefix(m.BuildLab, "22000.") || m.BugCheck.Value[0] != 0x1C8 || m.BugCheck.Value[1] != 7000 {
		t.Errorf("%q, %#x, %v", m.BuildLab, m.BugCheck.Value, m.BugCheck.Err)
	}
	d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "real-triage-arm64.golden", render(d))
}

func TestRealFullDumpCutShort(t *testing.T) {
	t.Parallel()
	b := sample(t, "kernel-full-x64-header-16k-truncated.dmp")
	l := layout(t, b)
	m, err := l.Missing(int64(len(b)))
	if err != nil || l.Need != 0x7FE88000 || m.Bytes != 0x7FE88000-16384 || m.Pages != 523908 || len(m.Ranges) != 5 {
		t.Errorf("needs %#x, missing %+v, %v", l.Need, m, err)
	}
	if want := (dumpfile.Run{Base: 4, Count: 156}); m.Ranges[0] != want {
		t.Errorf("missing from %+v, want %+v", m.Ranges[0], want)
	}
	d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "real-full-x64-cut.golden", render(d))
	if r := verify(b); r.Verdict != dumpfile.Unusable || r.Header.DirectoryTablePFN() != 0x1AD {
		t.Errorf("%s, directory table %#x", r.Verdict, r.Header.DirectoryTablePFN())
	}
}

func TestRealUserDumps(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"user-minidump-x64-calc.dmp", "user-minidump-header-150b.dmp"} {
		r := verify(sample(t, name))
		if r.Kind != dumpfile.KindUser || r.Verdict != dumpfile.Unusable || !strings.Contains(r.Reasons[0], "user-mode") {
			t.Errorf("%s: %s, %v", name, r.Kind, r.Reasons)
		}
	}
}
