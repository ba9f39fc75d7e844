package dumpfile_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

func rebuild(t *testing.T, b []byte) (*dumpfile.Rebuilt, error) {
	t.Helper()
	r := bytes.NewReader(b)
	kind, err := dumpfile.Identify(r, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return dumpfile.Rebuild(t.Context(), r, int64(len(b)), kind, nil)
}

// TestRebuild wipes the first page of dumps of every machine, and expects one
// with which the dump is usable and tells of the same crash.
func TestRebuild(t *testing.T) {
	t.Parallel()
	for _, m := range machines {
		for _, kind := range []dumpfile.Type{dumpfile.TypeBitmapFull, dumpfile.TypeBitmapKernel} {
			s := m.spec
			if s.Bits == 32 && kind == dumpfile.TypeBitmapKernel {
				continue
			}
			s.Type, s.Blobs, s.FullMark = kind, []int{40}, kind == dumpfile.TypeBitmapFull && s.Levels != 5
			if s.Levels == 5 && kind == dumpfile.TypeBitmapFull {
				s.Attributes = uint32(dumpfile.AttrFiltered) // an active dump, whose mark is that of a kernel dump
			}
			s.BugCheck, s.Parameters = 0x133, [4]uint64{1, 2, 3, 4}
			whole := build(t, s)
			wiped := edit(whole, func(b []byte) { clear(b[:4096]) })
			got, err := rebuild(t, wiped)
			if err != nil {
				t.Fatalf("%s, type %d: %v", m.name, kind, err)
			}
			again := edit(wiped, func(b []byte) { copy(b, got.Page) })
			if r := dumpfile.Verify(got.Over(bytes.NewReader(wiped)), int64(len(wiped))); r.Verdict != dumpfile.Usable {
				t.Errorf("%s, type %d: %s %v", m.name, kind, r.Verdict, r.Reasons)
			}
			sameHeader(t, m.name, parse(t, again), parse(t, whole))
			if l := layout(t, again); l.Need != int64(len(whole)) {
				t.Errorf("%s, type %d: needs %d, want %d", m.name, kind, l.Need, len(whole))
			}
			if len(got.Origins) < 18 {
				t.Errorf("%s: origins %+v", m.name, got.Origins)
			}
		}
	}
}

// TestRebuildOtherProcessor has no processor that called KeBugCheckEx: the
// registers of none are taken for those of the crash.
func TestRebuildOtherProcessor(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{WipeFirst: true, BugCheck: 0x133, Edit: func(pfn uint64, page []byte) {
		if pfn == dumptest.FrameImage {
			page[0x400+0x80]++ // rcx
		}
	}})
	got, err := rebuild(t, b)
	if err != nil {
		t.Fatal(err)
	}
	if h := parse(t, edit(b, func(b []byte) { copy(b, got.Page) })); h.Context != nil || h.Exception.Address.Known {
		t.Errorf("registers %+v, exception %+v", h.Context, h.Exception)
	}
}

// TestRebuiltOver reads across every edge of the page.
func TestRebuiltOver(t *testing.T) {
	t.Parallel()
	rest := bytes.Repeat([]byte{7}, 10000)
	want := append(bytes.Repeat([]byte{9}, 4096), rest[4096:]...)
	r := (&dumpfile.Rebuilt{Page: want[:4096]}).Over(bytes.NewReader(rest))
	for _, at := range []int64{0, 1, 4095, 4096, 4097, 9999} {
		for _, n := range []int{1, 2, 4096, 4097, 20000} {
			b := make([]byte, n)
			got, err := r.ReadAt(b, at)
			if end := min(int(at)+n, len(want)); !bytes.Equal(b[:got], want[at:end]) || (err == nil) != (got == n) {
				t.Errorf("%d bytes at %d: %d, %v", n, at, got, err)
			}
		}
	}
}

// sameHeader compares what a debugger needs. KdDebuggerDataBlock may be another
// address of the same block.
func sameHeader(t *testing.T, name string, got, want *dumpfile.Header) {
	t.Helper()
	mask := func(f dumpfile.Field[uint64]) uint64 { return f.Value &^ 0xF }
	for field, same := range map[string]bool{
		"type":      got.Type == want.Type,
		"build":     got.MinorVersion == want.MinorVersion,
		"machine":   got.Machine == want.Machine,
		"cpus":      got.Processors == want.Processors,
		"bugcheck":  got.BugCheck == want.BugCheck,
		"time":      got.SystemTime == want.SystemTime,
		"up time":   got.SystemUpTime == want.SystemUpTime,
		"boot":      got.BootID == want.BootID,
		"tables":    mask(got.DirectoryTable) == mask(want.DirectoryTable),
		"modules":   got.LoadedModules == want.LoadedModules,
		"processes": got.ActiveProcesses == want.ActiveProcesses,
		"space":     got.RequiredSpace == want.RequiredSpace,
		"PAE":       got.PAE == want.PAE,
		"registers": want.Machine.Value != dumpfile.MachineX64 || reflect.DeepEqual(got.Context, want.Context),
		"exception": want.Machine.Value != dumpfile.MachineX64 || got.Exception.Address == want.Exception.Address,
	} {
		if !same {
			t.Errorf("%s: %s is not what it was:\n got %+v\nwant %+v", name, field, got, want)
		}
	}
}

func TestNotRebuildable(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]dumptest.Spec{
		"no run list":       {Type: dumpfile.TypeFull},
		"no top page table": {Lost: []uint64{dumptest.SystemFirst}},
		"no shared page":    {Lost: []uint64{dumptest.FrameShared}},
		"no KDBG":           {Lost: []uint64{dumptest.FrameData}},
		"encoded KDBG":      {EncodeDebugger: true},
		"no kernel image":   {Lost: []uint64{dumptest.FrameImage}},
		"not wiped":         {},
	} {
		b := build(t, s)
		if name != "not wiped" {
			clear(b[:4096])
		}
		if got, err := rebuild(t, b); !errors.Is(err, dumpfile.ErrNotRebuildable) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestRebuildStops(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{Pages: 4096, Lost: []uint64{dumptest.SystemFirst}, WipeFirst: true})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := dumpfile.Rebuild(ctx, bytes.NewReader(b), int64(len(b)), dumpfile.KindWiped64, func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRebuildPassesBadSectors loses pages to the disk that rebuilding does not
// need.
func TestRebuildPassesBadSectors(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{WipeFirst: true})
	r := &badRange{bytes.NewReader(b), 0x3000, 0x5000}
	if _, err := dumpfile.Rebuild(t.Context(), r, int64(len(b)), dumpfile.KindWiped64, nil); err != nil {
		t.Error(err)
	}
}
