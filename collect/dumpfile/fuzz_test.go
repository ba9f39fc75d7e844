package dumpfile_test

import (
	"bytes"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// seeds adds the head of a small dump of every kind, and broken ones.
func seeds(f *testing.F) {
	f.Helper()
	for _, s := range allSpecs() {
		s.Pages, s.Blobs = 64, []int{20}
		b := build(f, s)
		f.Add(b[:min(len(b), 0x5000)]) // the pages behind it are noise
		f.Add(b[:min(len(b), 0x2100)])
		clear(b[:0x1000])
		f.Add(b[:min(len(b), 0x3000)])
	}
	f.Add([]byte("MDMP"))
	f.Add([]byte("PAGEDU64"))
	f.Add(make([]byte, 0x3000))
}

func FuzzParseHeader(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := dumpfile.ParseHeader(bytes.NewReader(b), int64(len(b)))
		if (h == nil) == (err == nil) {
			t.Fatalf("header %v with error %v", h, err)
		}
		if h != nil && len(h.Memory.Runs) > h.Memory.MaxRuns {
			t.Fatalf("%d runs in a list of %d", len(h.Memory.Runs), h.Memory.MaxRuns)
		}
	})
}

// FuzzLayout claims sizes of its own, too: a page file is bigger than what can
// be read of it when its disk is bad.
func FuzzLayout(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, size := range []int64{int64(len(b)), 1 << 40} {
			r := bytes.NewReader(b)
			h, err := dumpfile.ParseHeader(r, size)
			if err != nil {
				continue
			}
			l := h.Layout(r, size)
			if l.Need < 0 || l.Need > 1<<48 || l.Reason == "" {
				t.Fatalf("needs %d: %q", l.Need, l.Reason)
			}
			for _, have := range []int64{0, int64(len(b)), l.Need} {
				m, err := l.Missing(have)
				if err == nil && (m.Bytes < 0 || len(m.Ranges) > 64 || l.Pages != nil && m.Pages > l.Pages.Count) {
					t.Fatalf("have %d of %d: missing %+v", have, l.Need, m)
				}
			}
		}
	})
}

func FuzzVerify(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r := verify(b)
		if len(r.Checks) == 0 || r.Verdict != dumpfile.Usable && len(r.Reasons) == 0 {
			t.Fatalf("%s without a reason: %+v", r.Verdict, r.Checks)
		}
		d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
		if (r.Header == nil) != (err != nil) || err == nil && len(d.Story) == 0 {
			t.Fatalf("described with %v, verified as %s", err, r.Verdict)
		}
	})
}

func FuzzBlob(f *testing.F) {
	b := build(f, dumptest.Spec{Type: dumpfile.TypeTriage, Blobs: []int{3, 0, 200}})
	f.Add(b[le.Uint32(b[0x2004:]):])
	f.Add([]byte("DumpBlob\x10\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		blobs, err := dumpfile.WalkBlobs(bytes.NewReader(b), 0, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if blobs == nil {
			return
		}
		end := int64(0)
		for _, p := range blobs.List {
			if p.Off <= end || p.Off+p.Size > blobs.End {
				t.Fatalf("blob %+v behind %d, list ends at %d", p, end, blobs.End)
			}
			end = p.Off + p.Size
		}
		if blobs.Whole != (blobs.End <= int64(len(b))) {
			t.Fatalf("whole %t, ends at %d of %d", blobs.Whole, blobs.End, len(b))
		}
	})
}

// FuzzMemory changes words in the memory of a dump and lets everything follow
// it: page tables, lists, names and the kernel's headers are then hostile. A
// change is a frame, an offset and a word.
func FuzzMemory(f *testing.F) {
	poke := func(frame uint64, off uint16, v uint64) []byte {
		b := le.AppendUint16([]byte{byte(frame - dumptest.SystemFirst)}, off)
		return le.AppendUint64(b, v)
	}
	f.Add(uint8(0), poke(dumptest.SystemFirst, 0x1F0*8, 0x1B1063))
	f.Add(uint8(1), poke(dumptest.FrameModules, 0, 0xFFFFF80004240000))
	f.Add(uint8(2), poke(dumptest.FrameModules, 0x58, 0xFFFFFFFF))
	f.Add(uint8(3), poke(dumptest.FrameData, 0xB20+0x208, 0))
	f.Add(uint8(4), append(poke(dumptest.FrameProcesses, 0x448, 0), poke(dumptest.FrameImage, 0x3C, 0xFFFFFFFF)...))
	f.Fuzz(func(t *testing.T, machine uint8, pokes []byte) {
		s := machines[int(machine)%len(machines)].spec
		s.Type, s.Pages = dumpfile.TypeFull, 64
		s.Edit = func(pfn uint64, page []byte) {
			for p := pokes; len(p) >= 11; p = p[11:] {
				if uint64(p[0])%19+dumptest.SystemFirst == pfn {
					off := int(le.Uint16(p[1:])) % (len(page) - 7)
					copy(page[off:off+8], p[3:11])
				}
			}
		}
		b := build(t, s)
		r := verify(b)
		if r.Verdict != dumpfile.Usable && len(r.Reasons) == 0 {
			t.Fatalf("%s without a reason: %+v", r.Verdict, r.Checks)
		}
		if m := r.Memory; m != nil && (len(m.Modules.Value) > 1<<12 || len(m.Processes.Value) > 1<<14) {
			t.Fatalf("%d modules, %d processes", len(m.Modules.Value), len(m.Processes.Value))
		}
		if _, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b))); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzTriageMemory does the same to the parts of a small dump.
func FuzzTriageMemory(f *testing.F) {
	b := build(f, dumptest.Spec{Type: dumpfile.TypeTriage})
	f.Add(b[0x2000:])
	f.Fuzz(func(t *testing.T, body []byte) {
		b := append(bytes.Clone(b[:0x2000]), body...)
		if m := verify(b).Memory; m != nil && len(m.Modules.Value) > 1<<12 {
			t.Fatalf("%d modules", len(m.Modules.Value))
		}
		if _, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b))); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzFirmware describes what begins as a firmware dump does.
func FuzzFirmware(f *testing.F) {
	f.Add(firmwareWithSections()[8:], false)
	f.Add(encryptedFirmware()[8:], true)
	f.Fuzz(func(t *testing.T, rest []byte, encrypted bool) {
		magic := "Raw_Dmp!"
		if encrypted {
			magic = "Enc_Dmp!"
		}
		b := append([]byte(magic), rest...)
		d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
		if err != nil || d.Sections[len(d.Sections)-1].Title != "Finished" {
			t.Fatalf("%+v, %v", d, err)
		}
		lines := 0
		for _, s := range d.Sections {
			lines += len(s.Lines)
		}
		if lines > 1100 {
			t.Fatalf("%d lines", lines)
		}
	})
}
