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
