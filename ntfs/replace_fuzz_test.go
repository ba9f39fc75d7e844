package ntfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/alloctest"
	"hangkit/ntfs/internal/crashsim"
	"hangkit/ntfs/verify"
)

// refusals are what PlanReplace and Run answer with, besides damage.
var refusals = []error{
	ntfs.ErrNotReplaceable, ntfs.ErrJournal, ntfs.ErrHibernated, ntfs.ErrVolumeDirty, ntfs.ErrVolumeFlags, ntfs.ErrMirror,
	ntfs.ErrVersion, ntfs.ErrProtected, ntfs.ErrExists, ntfs.ErrNoSpace, ntfs.ErrRecordFull, ntfs.ErrNotSingleSector, ntfs.ErrChanged,
}

// FuzzReplace changes bytes of what a replacement looks at. It is refused, or
// it is made: then the file has its new contents, and a volume our checker found
// no fault with has none behind it either.
func FuzzReplace(f *testing.F) {
	p := &patient{}
	p.memory, p.layout = build(f, 16<<20, format.Options{Root: []format.Entry{
		{Name: "victim", Data: patterned(40_000), Fragments: 3, Streams: []format.Stream{{Name: "s", Data: patterned(5000)}}},
		{Name: "bystander", Data: patterned(40_000), Fragments: 2},
	}})
	targets := []int64{
		0, p.recordAt("$MFT"), p.recordAt("$Volume"), p.recordAt("$Bitmap"), p.recordAt("$LogFile"), p.recordAt("victim"),
		p.recordAt("victim") + 512, p.recordAt("$MFT") + 5*1024, p.layout.Files["$Bitmap"].Extents[0].DeviceOffset,
		p.layout.Files["$LogFile"].Extents[0].DeviceOffset, p.layout.Files["$MFTMirr"].Extents[0].DeviceOffset + 3*1024,
	}
	f.Add(byte(0), []byte{5, 0x40, 0, 3})
	f.Add(byte(1), []byte{2, 0x90, 0, 0x80, 8, 0, 0, 0})
	f.Add(byte(2), []byte{})
	f.Add(byte(7), []byte{5, 0x18, 0, 0, 5, 0x28, 0, 9})
	f.Add(byte(0xc1), []byte{0x94, 0x4c, 0x60, 0x03}) // the value of $STANDARD_INFORMATION over its own length
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		dev := &patched{p.memory, map[int64]byte{}}
		for ; len(b) >= 4 && len(dev.bytes) < 64; b = b[4:] {
			dev.bytes[targets[int(b[0])%len(targets)]+int64(b[1])+int64(b[2]%2)<<8] = b[3]
		}
		r := crashsim.NewRecorder(dev, tornSector)
		var c *ntfs.Change
		var err error
		alloctest.Bound(t, dev32, func() { c, err = planFuzzed(r, kind) })
		if err != nil {
			knownRefusal(t, err)
			return
		}
		runFuzzed(t, r, c)
	})
}

// planFuzzed plans one kind of change.
func planFuzzed(dev ntfs.Device, kind byte) (*ntfs.Change, error) {
	v, err := ntfs.Open(dev)
	if err != nil {
		return nil, err
	}
	o := ntfs.ReplaceOptions{ResetJournal: kind&1 != 0, Time: changeTime}
	if kind&2 != 0 {
		o.KeepAs = kept
	}
	if kind&4 != 0 {
		o.KeepAs = ""
		return v.PlanTakeBack("victim", "s", o)
	}
	return v.PlanReplace("victim", other(90_000), o)
}

func runFuzzed(t *testing.T, r *crashsim.Recorder, c *ntfs.Change) {
	t.Helper()
	worst, _ := check(t, r).Worst(verify.LogFile, verify.VolumeFlags)
	bystander, unread := fs.ReadFile(open(t, r), "bystander")
	want := plannedContents(c)
	if err := c.Run(t.Context()); err != nil {
		knownRefusal(t, err)
		return
	}
	if got := contents(t, r, "victim"); want != nil && !bytes.Equal(got, want) {
		t.Fatal("other contents than were planned")
	}
	if worst > verify.Leak {
		return // the whole of a volume is for the checker to judge, before
	}
	if now, _ := check(t, r).Worst(verify.LogFile, verify.VolumeFlags); now > verify.Leak {
		t.Fatalf("%v, and %v before", check(t, r).Findings, worst)
	}
	if now, err := fs.ReadFile(open(t, r), "bystander"); unread == nil && (err != nil || !bytes.Equal(now, bystander)) {
		t.Fatalf("another file changed (%v)", err)
	}
}

// plannedContents are the new contents of a replacement; nil if it brings none.
func plannedContents(c *ntfs.Change) []byte {
	for _, s := range c.Steps() {
		if s.Kind == ntfs.StepContents {
			return other(90_000)
		}
	}
	return nil
}

func knownRefusal(t *testing.T, err error) {
	t.Helper()
	for _, known := range refusals {
		if errors.Is(err, known) {
			return
		}
	}
	typed(t, err)
}
