package ntfs_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// TestReplaceRefusesVolume: what the volume itself holds against a change, and
// what of it the caller can accept.
func TestReplaceRefusesVolume(t *testing.T) {
	t.Parallel()
	hiberfil := func(data string) []format.Entry {
		return []format.Entry{{Name: "hiberfil.sys", Data: append([]byte(data), make([]byte, 8192)...)}}
	}
	for _, c := range []struct {
		name       string
		options    format.Options
		want       error
		resettable bool
	}{
		{"dirty", format.Options{VolumeFlags: format.VolumeDirty}, ntfs.ErrVolumeDirty, true},
		{"flag of every Windows 10 volume", format.Options{VolumeFlags: format.VolumeMounted}, nil, true},
		{"chkdsk under way", format.Options{VolumeFlags: format.VolumeChkdskUnderway}, ntfs.ErrVolumeFlags, false},
		{"repaired by chkdsk", format.Options{VolumeFlags: format.VolumeChkdskModified}, ntfs.ErrVolumeFlags, false},
		{"to be upgraded", format.Options{VolumeFlags: format.VolumeUpgrade}, ntfs.ErrVolumeFlags, false},
		{"journal to be resized", format.Options{VolumeFlags: format.VolumeResizeLog}, ntfs.ErrVolumeFlags, false},
		{"change journal being deleted", format.Options{VolumeFlags: format.VolumeDeleteUSN}, ntfs.ErrVolumeFlags, false},
		{"journal clean", format.Options{Log: format.LogClean}, nil, true},
		{"journal dirty", format.Options{Log: format.LogDirty}, ntfs.ErrJournal, true},
		{"journal of Windows 8", format.Options{Log: format.LogV2}, ntfs.ErrJournal, true},
		{"journal of Fast Startup", format.Options{Log: format.LogV2Clean}, ntfs.ErrJournal, true},
		{"journal damaged", format.Options{Log: format.LogGarbage}, ntfs.ErrJournal, true},
		{"hibernated", format.Options{Root: hiberfil("hibr")}, ntfs.ErrHibernated, false},
		{"resuming", format.Options{Root: hiberfil("RSTR")}, ntfs.ErrHibernated, false},
		{"awake", format.Options{Root: hiberfil("wake")}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := hiveVolume(t, 32<<20, c.options, format.Entry{})
			_, err := open(t, m).PlanReplace(hivePath, other(50_000), ntfs.ReplaceOptions{})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			_, err = open(t, m).PlanReplace(hivePath, other(50_000), ntfs.ReplaceOptions{ResetJournal: true})
			if (err == nil) != c.resettable {
				t.Errorf("with the journal reset: %v", err)
			}
			if len(m.writes) > 0 {
				t.Errorf("planning wrote %v", m.writes)
			}
		})
	}
}

// TestReplaceSaysAll: one answer has everything that stands against a change.
func TestReplaceSaysAll(t *testing.T) {
	t.Parallel()
	m := hiveVolume(t, 32<<20, format.Options{
		VolumeFlags: format.VolumeDirty | format.VolumeUpgrade, Log: format.LogV2,
		Root: []format.Entry{{Name: "hiberfil.sys", Data: []byte("short")}},
	}, format.Entry{Data: patterned(90_000), Compressed: true, Streams: []format.Stream{{Name: "Old", Data: []byte("x")}}})
	_, err := open(t, m).PlanReplace(hivePath, other(50_000), ntfs.ReplaceOptions{KeepAs: "old"})
	for _, want := range []error{
		ntfs.ErrVolumeDirty, ntfs.ErrVolumeFlags, ntfs.ErrJournal, ntfs.ErrHibernated, ntfs.ErrNotReplaceable, ntfs.ErrExists,
	} {
		if !errors.Is(err, want) {
			t.Errorf("%v is not said in %v", want, err)
		}
	}
}

// TestReplaceRefusesFile: what a file holds against it.
func TestReplaceRefusesFile(t *testing.T) {
	t.Parallel()
	healthy := newPatient(t)
	const siAttributes, valueAt = 0x20, 0x18
	data := func(change func(a []byte)) func(p *patient) {
		return func(p *patient) { p.attribute("victim", 0x80, change) }
	}
	for _, c := range []struct {
		name, file, reason string
		want               error
		damage             func(p *patient)
	}{
		{"missing", "none", "", fs.ErrNotExist, nil},
		{"resident", "small", "inside the MFT record", ntfs.ErrNotReplaceable, nil},
		{"directory", "many", "directory", ntfs.ErrNotReplaceable, nil},
		{"metafile", "$Bitmap", "belongs to NTFS", ntfs.ErrNotReplaceable, nil},
		{"attribute list", "pieces", "attribute list", ntfs.ErrNotReplaceable, nil},
		{"compressed", "packed", "compressed", ntfs.ErrNotReplaceable, nil},
		{"compressed by CompactOS", "overlay", "reparse point", ntfs.ErrNotReplaceable, nil},
		{"encrypted", "victim", "encrypted", ntfs.ErrNotReplaceable, data(func(a []byte) { a[0x0d] = 0x40 })},
		{"sparse", "victim", "sparse", ntfs.ErrNotReplaceable, data(func(a []byte) { a[0x0d] = 0x80 })},
		{"partly initialized", "victim", "initialized", ntfs.ErrNotReplaceable, data(func(a []byte) { le.PutUint64(a[0x38:], 4096) })},
		{"said to be encrypted", "victim", "attributes", ntfs.ErrNotReplaceable, func(p *patient) {
			p.attribute("victim", 0x10, func(a []byte) { le.PutUint32(a[valueAt+siAttributes:], 0x4000) })
		}},
		{"clusters marked free", "victim", "marked free", ntfs.ErrNotReplaceable, func(p *patient) {
			for _, e := range p.layout.Files["$Bitmap"].Extents {
				lcn := p.layout.Files["victim"].Extents[1].DeviceOffset / 4096
				p.patch(e.DeviceOffset+lcn/8, p.peek(e.DeviceOffset+lcn/8, 1)[0]&^(1<<(lcn%8)))
			}
		}},
		{"shares clusters with the MFT", "victim", "two files", ntfs.ErrNotReplaceable, sharesWith("$MFT")},
		{"names in two directories", "victim", "", ntfs.ErrFormat, func(p *patient) {
			p.attribute("victim", 0x30, func(a []byte) { le.PutUint64(a[valueAt:], 40) })
		}},
		{"mirror differs", "victim", "[3]", ntfs.ErrMirror, func(p *patient) {
			p.sealed(p.layout.Files["$MFTMirr"].Extents[0].DeviceOffset+3*1024, 1024, func(b []byte) { b[0x40]++ })
		}},
		{"unknown version", "victim", "4.1", ntfs.ErrVersion, func(p *patient) {
			p.attribute("$Volume", 0x70, func(a []byte) { a[0x18+8] = 4 })
		}},
		{"record of another file", "victim", "", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+0x10, 9) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := healthy.clone()
			if c.damage != nil {
				c.damage(p)
			}
			for _, o := range []ntfs.ReplaceOptions{{}, {ResetJournal: true}} {
				_, err := open(t, p).PlanReplace(c.file, other(50_000), o)
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.reason) {
					t.Errorf("got %v, want %v because of %q", err, c.want, c.reason)
				}
			}
			if len(p.writes) > 0 {
				t.Errorf("planning wrote %v", p.writes)
			}
		})
	}
}

// TestReplaceRefusesHardLinks: the sizes that the other directory shows would
// stay old.
func TestReplaceRefusesHardLinks(t *testing.T) {
	t.Parallel()
	m := hiveVolume(t, 16<<20, format.Options{}, format.Entry{})
	p := &patient{m, &format.Layout{}}
	d, err := open(t, m).Detail(hivePath)
	if err != nil {
		t.Fatal(err)
	}
	at := mustExtents(t, open(t, m), "$MFT")[0].DeviceOffset + int64(d.Record)*1024
	p.sealed(at, 1024, func(b []byte) {
		name := slices.Clone(findAttribute(b, 0x30))
		pos := bytes.Index(b, name) + len(name)
		used := int(le.Uint32(b[0x18:]))
		copy(b[pos+len(name):], slices.Clone(b[pos:used]))
		le.PutUint64(name[0x18:], 5|5<<48) // the root directory
		le.PutUint16(name[0x0e:], 9)
		copy(b[pos:], name)
		le.PutUint32(b[0x18:], uint32(used+len(name)))
		le.PutUint16(b[0x28:], 10)
	})
	if _, err := open(t, m).PlanReplace(hivePath, other(100), ntfs.ReplaceOptions{}); !errors.Is(err, ntfs.ErrNotReplaceable) || !strings.Contains(err.Error(), "hard links") {
		t.Errorf("got %v", err)
	}
}

// TestReplaceNeverTouchesShadowCopies: under no name.
func TestReplaceNeverTouchesShadowCopies(t *testing.T) {
	t.Parallel()
	m, _ := build(t, 16<<20, format.Options{Root: []format.Entry{
		{Name: "System Volume Information", ShortName: "SYSTEM~1", Dir: []format.Entry{{Name: "tracking.log", Data: patterned(20_000)}}},
	}})
	for _, dir := range []string{"System Volume Information", "system volume INFORMATION", "SYSTEM~1", "system~1"} {
		_, err := open(t, m).PlanReplace(dir+"/tracking.log", other(100), ntfs.ReplaceOptions{})
		if !errors.Is(err, ntfs.ErrProtected) {
			t.Errorf("%s: got %v", dir, err)
		}
	}
}

func TestReplaceRefusesArguments(t *testing.T) {
	t.Parallel()
	m := hiveVolume(t, 16<<20, format.Options{}, format.Entry{Streams: []format.Stream{{Name: "Mine", Data: []byte("x")}}})
	for _, c := range []struct {
		name, keepAs string
		contents     []byte
		want         error
	}{
		{"nothing to write", "", nil, ntfs.ErrNotReplaceable},
		{"a stream there is", "Mine", other(9), ntfs.ErrExists},
		{"a stream there is, in another case", "mINE", other(9), ntfs.ErrExists},
		{"a name with a colon", "a:b", other(9), ntfs.ErrNotReplaceable},
		{"a name with a slash", "a<002f>b", other(9), ntfs.ErrNotReplaceable},
		{"a name that is too long", strings.Repeat("n", 256), other(9), ntfs.ErrNotReplaceable},
		{"more than is free", "", make([]byte, 17<<20), ntfs.ErrNoSpace},
	} {
		_, err := open(t, m).PlanReplace(hivePath, c.contents, ntfs.ReplaceOptions{KeepAs: c.keepAs})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	if len(m.writes) > 0 {
		t.Errorf("planning wrote %v", m.writes)
	}
	for _, dev := range []ntfs.Device{readOnly{m}, struct {
		ntfs.Device
		writer
	}{m, writer{m}}} {
		if _, err := open(t, dev).PlanReplace(hivePath, other(9), ntfs.ReplaceOptions{}); !errors.Is(err, ntfs.ErrReadOnly) {
			t.Errorf("%T: %v", dev, err)
		}
	}
}

// TestReplaceRecordFull: a name for the old contents that the record has no
// room for is refused, one that just fits is not.
func TestReplaceRecordFull(t *testing.T) {
	t.Parallel()
	m := hiveVolume(t, 16<<20, format.Options{}, format.Entry{Data: patterned(30 * 4096), Fragments: 30})
	fits := 0
	for n := 1; n <= 255; n++ {
		_, err := open(t, m).PlanReplace(hivePath, other(9), ntfs.ReplaceOptions{KeepAs: strings.Repeat("n", n)})
		switch {
		case err == nil && fits == n-1:
			fits = n
		case !errors.Is(err, ntfs.ErrRecordFull) && !errors.Is(err, ntfs.ErrNotSingleSector):
			t.Fatalf("a name of %d characters: %v", n, err)
		}
	}
	if fits == 0 || fits == 255 {
		t.Fatalf("names of up to %d characters fit", fits)
	}
	replaceNow(t, m, 9, ntfs.ReplaceOptions{KeepAs: strings.Repeat("n", fits)})
	if r := check(t, m); len(r.Findings) > 0 {
		t.Error(r.Findings)
	}
}

// writer can be written, but not flushed.
type writer struct{ m *memory }

func (w writer) WriteAt(b []byte, off int64) (int, error) { return w.m.WriteAt(b, off) }

// TestReplaceTakesAllThatIsFree: the last free cluster can be used, and not one more.
func TestReplaceTakesAllThatIsFree(t *testing.T) {
	t.Parallel()
	m := hiveVolume(t, 16<<20, format.Options{}, format.Entry{})
	free, err := open(t, m).Free()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, m).PlanReplace(hivePath, make([]byte, free+1), ntfs.ReplaceOptions{}); !errors.Is(err, ntfs.ErrNoSpace) {
		t.Errorf("one byte more: %v", err)
	}
	replaceNow(t, m, free, ntfs.ReplaceOptions{})
	if !bytes.Equal(contents(t, m, hivePath), other(free)) {
		t.Error("other contents than were written")
	}
	if r := check(t, m); len(r.Findings) > 0 {
		t.Error(r.Findings)
	}
}

// TestReplaceRepairsHalfMark: a volume on which the dirty flag was set in $MFT
// and not in its mirror may be changed, and agrees behind it. Any other
// difference of that record may not.
func TestReplaceRepairsHalfMark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(b []byte)
		want   error
	}{
		{"dirty flag", func(b []byte) { findAttribute(b, 0x70)[0x18+0x0a] |= 1 }, nil},
		{"another flag", func(b []byte) { findAttribute(b, 0x70)[0x18+0x0b] |= 2 }, ntfs.ErrMirror},
		{"label", func(b []byte) { findAttribute(b, 0x60)[0x18]++ }, ntfs.ErrMirror},
	} {
		p := &patient{}
		p.memory, p.layout = build(t, 16<<20, format.Options{Label: "x", Root: []format.Entry{{Name: "victim", Data: patterned(9000)}}})
		p.record("$Volume", c.change)
		if _, err := open(t, p).PlanReplace("victim", other(9), ntfs.ReplaceOptions{}); !errors.Is(err, ntfs.ErrMirror) {
			t.Errorf("%s: without a reset: %v", c.name, err)
		}
		plan, err := open(t, p).PlanReplace("victim", other(9), ntfs.ReplaceOptions{ResetJournal: true})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		if err := plan.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if s, err := open(t, p).State(); err != nil || !s.MirrorOK || !s.Dirty {
			t.Errorf("%s: %+v (%v)", c.name, s, err)
		}
	}
}

// TestChangeIsAsPlanned: a volume that changed behind the plan is not written to.
func TestChangeIsAsPlanned(t *testing.T) {
	t.Parallel()
	healthy := newPatient(t)
	for _, c := range []struct {
		name   string
		change func(t *testing.T, p *patient)
		want   error
	}{
		{"the file's record", func(_ *testing.T, p *patient) {
			p.attribute("victim", 0x10, func(a []byte) { a[0x18]++ })
		}, ntfs.ErrChanged},
		{"the unused part of the file's record", func(_ *testing.T, p *patient) { p.patch(p.recordAt("victim")+900, 1) }, ntfs.ErrChanged},
		{"the old contents", func(_ *testing.T, p *patient) { p.patch(p.layout.Files["victim"].Extents[1].DeviceOffset+100, 1) }, ntfs.ErrChanged},
		{"a cluster taken by somebody else", func(t *testing.T, p *patient) {
			t.Helper()
			replacePath(t, p, "bystander")
		}, ntfs.ErrChanged},
		{"the file replaced by somebody else", func(t *testing.T, p *patient) {
			t.Helper()
			replacePath(t, p, "victim")
		}, ntfs.ErrChanged},
		{"the dirty flag", func(_ *testing.T, p *patient) {
			p.attribute("$Volume", 0x70, func(a []byte) { a[0x18+0x0a] |= 1 })
		}, ntfs.ErrVolumeDirty},
		{"the directory", func(_ *testing.T, p *patient) {
			p.attribute("victim", 0x30, func(a []byte) { a[0x18+0x42] ^= 3 })
		}, ntfs.ErrFormat},
	} {
		for _, keepAs := range []string{"", kept} {
			t.Run(c.name+keepAs, func(t *testing.T) {
				t.Parallel()
				p := healthy.clone()
				plan, err := open(t, p).PlanReplace("victim", other(90_000), ntfs.ReplaceOptions{Time: changeTime, KeepAs: keepAs})
				if err != nil {
					t.Fatal(err)
				}
				c.change(t, p)
				p.writes = nil
				err = plan.Run(t.Context())
				failed, ok := errors.AsType[*ntfs.RunError](err)
				if !ok || !errors.Is(err, c.want) || failed.Outcome != ntfs.Untouched || len(p.writes) > 0 {
					t.Errorf("got %v, %d writes", err, len(p.writes))
				}
			})
		}
	}
}

func replacePath(t *testing.T, dev ntfs.Device, path string) {
	t.Helper()
	c, err := open(t, dev).PlanReplace(path, other(50_000), ntfs.ReplaceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// stopping ends a context with its n-th write.
type stopping struct {
	*memory
	stop context.CancelFunc
	left int
}

func (s *stopping) WriteAt(p []byte, off int64) (int, error) {
	if s.left--; s.left == 0 {
		s.stop()
	}
	return s.memory.WriteAt(p, off)
}

// TestChangeCancelled: a context that ends stops a change before metadata is
// written, and not any more behind that.
func TestChangeCancelled(t *testing.T) {
	t.Parallel()
	healthy := hiveVolume(t, 32<<20, format.Options{Log: format.LogDirty}, format.Entry{})
	seen := map[ntfs.Outcome]bool{}
	for n := range 40 {
		m := healthy.clone()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		dev := &stopping{memory: m, stop: stop, left: n}
		if n == 0 {
			stop()
		}
		c, err := open(t, dev).PlanReplace(hivePath, other(3<<20), ntfs.ReplaceOptions{ResetJournal: true})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Run(ctx)
		want := patterned(40_000)
		failed, cancelled := errors.AsType[*ntfs.RunError](err)
		switch {
		case err == nil:
			want = other(3 << 20)
		case cancelled && errors.Is(err, context.Canceled) && failed.Outcome <= ntfs.Before:
			seen[failed.Outcome] = true
		default:
			t.Errorf("write %d: %v", n, err)
		}
		if !bytes.Equal(contents(t, m, hivePath), want) {
			t.Errorf("write %d: %v, and other contents", n, err)
		}
	}
	if !seen[ntfs.Untouched] || !seen[ntfs.Before] {
		t.Errorf("seen: %v", seen)
	}
}
