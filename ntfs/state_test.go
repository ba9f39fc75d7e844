package ntfs_test

import (
	"strings"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

func TestState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options format.Options
		want    func(s *ntfs.State) bool
		words   string
	}{
		{"new", format.Options{}, func(s *ntfs.State) bool {
			return !s.Dirty && s.Log.State == ntfs.LogEmpty && s.Log.Clean() && s.Hibernation == ntfs.HibernationNone && s.MirrorOK && s.BackupBoot == ntfs.BackupBootEqual
		}, "not marked dirty"},
		{"dirty", format.Options{VolumeFlags: format.VolumeDirty | format.VolumeMounted}, func(s *ntfs.State) bool {
			return s.Dirty && s.Flags == 0x81
		}, "marked dirty"},
		{"flag of every Windows 10 volume", format.Options{VolumeFlags: format.VolumeMounted}, func(s *ntfs.State) bool {
			return !s.Dirty && s.Flags == 0x80
		}, "not marked dirty"},
		{"chkdsk interrupted", format.Options{VolumeFlags: format.VolumeChkdskUnderway}, func(s *ntfs.State) bool {
			return !s.Dirty && s.Flags == ntfs.VolumeChkdskUnderway
		}, "chkdsk was interrupted"},
		{"dismounted by Windows", format.Options{Log: format.LogClean}, func(s *ntfs.State) bool {
			return s.Log.State == ntfs.LogCleanV1 && s.Log.Clean() && s.Log.Major == 1 && s.Log.Minor == 1
		}, "journal is clean"},
		{"not dismounted", format.Options{Log: format.LogDirty}, func(s *ntfs.State) bool {
			return s.Log.State == ntfs.LogDirtyV1 && !s.Log.Clean()
		}, "journal is to be replayed"},
		{"crashed under Windows 8 or later", format.Options{Log: format.LogV2}, func(s *ntfs.State) bool {
			return s.Log.State == ntfs.LogV2 && s.Log.Major == 2 && !s.Log.Clean()
		}, "journal is in use"},
		{"Fast Startup's journal", format.Options{Log: format.LogV2Clean}, func(s *ntfs.State) bool {
			return s.Log.State == ntfs.LogV2 && !s.Log.Clean()
		}, "journal is in use"},
		{"journal overwritten", format.Options{Log: format.LogGarbage}, func(s *ntfs.State) bool {
			return s.Log.State == ntfs.LogGarbage && !s.Log.Clean()
		}, "journal is damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, _ := build(t, 32<<20, c.options)
			s, err := open(t, m).State()
			if err != nil || !c.want(s) {
				t.Fatalf("%+v (%v)", s, err)
			}
			if all := strings.Join(s.Words(), "\n"); !strings.Contains(all, c.words) {
				t.Errorf("%q is not said in:\n%s", c.words, all)
			}
		})
	}
}

func TestHibernation(t *testing.T) {
	t.Parallel()
	none := int64(0)
	page := func(magic string) []byte { return append([]byte(magic), make([]byte, 8192)...) }
	for _, c := range []struct {
		name  string
		file  *format.Entry
		want  ntfs.Hibernation
		holds bool
	}{
		{"no file", nil, ntfs.HibernationNone, false},
		{"hibr", &format.Entry{Data: page("hibr")}, ntfs.Hibernated, true},
		{"HIBR", &format.Entry{Data: page("HIBR")}, ntfs.Hibernated, true},
		{"under NTFS", &format.Entry{Data: page("HIBR"), InitializedSize: &none}, ntfs.Hibernated, true},
		{"RSTR", &format.Entry{Data: page("RSTR")}, ntfs.Resuming, true},
		{"wake", &format.Entry{Data: page("wake")}, ntfs.Awake, false},
		{"WAKE", &format.Entry{Data: page("WAKE")}, ntfs.Awake, false},
		{"zeros", &format.Entry{Data: page("")}, ntfs.Awake, false},
		{"too short", &format.Entry{Data: []byte("wake")}, ntfs.Hibernated, true},
		{"empty", &format.Entry{}, ntfs.Hibernated, true},
		{"unknown", &format.Entry{Data: page("link")}, ntfs.HibernationUnknown, true},
		{"old clusters", &format.Entry{Data: page("link"), InitializedSize: &none}, ntfs.Awake, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var root []format.Entry
			if c.file != nil {
				c.file.Name = "HIBERFIL.SYS"
				root = append(root, *c.file)
			}
			m, _ := build(t, 16<<20, format.Options{Root: root})
			s, err := open(t, m).State()
			if err != nil || s.Hibernation != c.want || s.Hibernation.Holds() != c.holds || s.Hibernation.Words() == "" {
				t.Errorf("%v (%v)", s, err)
			}
		})
	}
}

func TestStateOfDamage(t *testing.T) {
	t.Parallel()
	healthy := newPatient(t)
	for _, c := range []struct {
		name   string
		damage func(p *patient)
		want   func(s *ntfs.State) bool
	}{
		{"mirror of record 3", func(p *patient) {
			p.sealed(p.layout.Files["$MFTMirr"].Extents[0].DeviceOffset+3*1024, 1024, func(b []byte) { b[0x40]++ })
		}, func(s *ntfs.State) bool { return !s.MirrorOK && len(s.MirrorDiffers) == 1 && s.MirrorDiffers[0] == 3 }},
		{"mirror torn", func(p *patient) {
			p.patch(p.layout.Files["$MFTMirr"].Extents[0].DeviceOffset+1022, 0xee)
		}, func(s *ntfs.State) bool { return !s.MirrorOK && s.MirrorDiffers[0] == 0 }},
		{"backup boot sector", func(p *patient) { p.patch(p.size-512+100, 1) },
			func(s *ntfs.State) bool { return s.BackupBoot == ntfs.BackupBootDiffers }},
		{"no backup boot sector", func(p *patient) { p.size -= 512 },
			func(s *ntfs.State) bool { return s.BackupBoot == ntfs.BackupBootMissing }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := healthy.clone()
			c.damage(p)
			s, err := open(t, p).State()
			if err != nil || !c.want(s) || len(s.Words()) == 0 {
				t.Errorf("%+v (%v)", s, err)
			}
		})
	}
}

// TestRestartPages: of the journal's two restart pages the newer intact one counts.
func TestRestartPages(t *testing.T) {
	t.Parallel()
	m, layout := build(t, 32<<20, format.Options{Log: format.LogDirty})
	log := layout.Files["$LogFile"].Extents[0].DeviceOffset
	const second, tail = 4096, 510
	area := int64(le.Uint16(m.peek(log+0x18, 2)))
	newerAndClean := func(p *patient, page int64) {
		p.sealed(log+page, 4096, func(b []byte) {
			le.PutUint64(b[area:], 1<<40)
			le.PutUint16(b[area+0x0e:], 2)
		})
	}
	tear := func(p *patient, page int64) { p.patch(log+page+tail, 0xee, 0xee) }
	for _, c := range []struct {
		name   string
		damage func(p *patient)
		want   ntfs.LogState
	}{
		{"both", func(*patient) {}, ntfs.LogDirtyV1},
		{"first torn", func(p *patient) { tear(p, 0) }, ntfs.LogDirtyV1},
		{"second torn", func(p *patient) { tear(p, second) }, ntfs.LogDirtyV1},
		{"both torn", func(p *patient) { tear(p, 0); tear(p, second) }, ntfs.LogGarbage},
		{"first newer", func(p *patient) { newerAndClean(p, 0) }, ntfs.LogCleanV1},
		{"second newer", func(p *patient) { newerAndClean(p, second) }, ntfs.LogCleanV1},
		{"the newer torn", func(p *patient) { newerAndClean(p, second); tear(p, second) }, ntfs.LogDirtyV1},
		{"written by chkdsk", func(p *patient) { p.patch(log, []byte("CHKD")...) }, ntfs.LogDirtyV1},
		{"page size of 2 GiB", func(p *patient) {
			for _, page := range []int64{0, second} {
				p.patch(log+page+0x10, 0, 0, 0, 0x80)
			}
		}, ntfs.LogGarbage},
		{"restart area outside", func(p *patient) {
			for _, page := range []int64{0, second} {
				p.patch(log+page+0x18, 0xff, 0xff)
			}
		}, ntfs.LogGarbage},
		{"unknown version", func(p *patient) {
			for _, page := range []int64{0, second} {
				p.patch(log+page+0x1c, 9)
			}
		}, ntfs.LogGarbage},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &patient{m.clone(), layout}
			c.damage(p)
			s, err := open(t, p).State()
			if err != nil || s.Log.State != c.want {
				t.Errorf("%+v (%v)", s, err)
			}
		})
	}
}
