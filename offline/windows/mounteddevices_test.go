package windows

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
)

// The data are those of real machines.
func TestParseDrives(t *testing.T) {
	t.Parallel()
	cd := unhex(t, "5c003f003f005c00530043005300490023004300640052006f006d0023003500")
	got := parseDrives(NewValues("MountedDevices",
		hive.Value{Name: `\DosDevices\D:`, Type: hive.Binary, Data: cd},
		hive.Value{Name: `\DosDevices\C:`, Type: hive.Binary, Data: unhex(t, "fe4c3e270000f01500000000")},
		hive.Value{Name: `\dosdevices\e:`, Type: hive.Binary, Data: unhex(t, "444d494f3a49443a211f9309af7fa94481d81e73c14b9eaf")},
		hive.Value{Name: `\DosDevices\F:`, Type: hive.Binary},
		hive.Value{Name: `\??\Volume{a08efec2-a076-11e5-824f-806e6f6e6963}`, Type: hive.Binary, Data: cd},
		hive.Value{Name: `\DosDevices\GG`, Type: hive.Binary},
		hive.Value{Name: `\DosDevices\1:`, Type: hive.Binary},
		hive.Value{Name: `#{5aae7822-77cb-11e9-bcf1-784f439fa657}`, Type: hive.Binary},
	))
	want := []Drive{
		{Letter: 'C', ID: VolumeID{MBRSignature: 0x273E4CFE, Offset: 0x15F00000}},
		{Letter: 'D', Device: `\??\SCSI#CdRom#5`},
		{Letter: 'E', ID: VolumeID{PartitionGUID: "09931f21-7faf-44a9-81d8-1e73c14b9eaf"}},
		{Letter: 'F'},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("drives (-want +got):\n%s", diff)
	}
	if !got[1].Removable() || got[0].Removable() {
		t.Error("the CD is removable, the disk is not")
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzParseDrive(f *testing.F) {
	f.Add([]byte("\xfe\x4c\x3e\x27\x00\x00\xf0\x15\x00\x00\x00\x00"))
	f.Add([]byte("DMIO:ID:0123456789abcdef"))
	f.Add([]byte("\\\x00?"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := parseDrive(b)
		if d.ID.known() && d.Device != "" {
			t.Errorf("%x is both %+v and %q", b, d.ID, d.Device)
		}
	})
}

func TestVolumeIDEqual(t *testing.T) {
	t.Parallel()
	const guid = "09931f21-7faf-44a9-81d8-1e73c14b9eaf"
	for _, tt := range []struct {
		name string
		a, b VolumeID
		want bool
	}{
		{"same partition", VolumeID{MBRSignature: 1, Offset: 2}, VolumeID{MBRSignature: 1, Offset: 2}, true},
		{"other partition", VolumeID{MBRSignature: 1, Offset: 2}, VolumeID{MBRSignature: 1, Offset: 3}, false},
		{"other disk", VolumeID{MBRSignature: 1, Offset: 2}, VolumeID{MBRSignature: 2, Offset: 2}, false},
		{"nothing known", VolumeID{}, VolumeID{}, false},
		{"GUID in another form", VolumeID{PartitionGUID: guid}, VolumeID{PartitionGUID: "{09931F21-7FAF-44A9-81D8-1E73C14B9EAF}", Offset: 7}, true},
		{"GUID and signature", VolumeID{PartitionGUID: guid}, VolumeID{MBRSignature: 1}, false},
	} {
		if got := tt.a.equal(tt.b); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
