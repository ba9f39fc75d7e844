package bitlocker_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/image/bitlocker/format"
)

// patch changes bytes of an overlay over a made volume.
func (m made) patch(tb testing.TB, changes map[int64][]byte) *image.Overlay {
	tb.Helper()
	o := image.NewOverlay(m.disk)
	for off, b := range changes {
		if _, err := o.WriteAt(b, off); err != nil {
			tb.Fatal(err)
		}
	}
	return o
}

// reseal changes a byte of a copy and puts its CRC right, as a forger without the key would.
func (m made) reseal(tb testing.TB, off, at int64, to byte) []byte {
	tb.Helper()
	b := contents(tb, m.disk)[off:][:format.MetadataSize]
	b[at] = to
	size := int(binary.LittleEndian.Uint16(b[8:])) << 4
	binary.LittleEndian.PutUint32(b[size+4:], crc32.ChecksumIEEE(b[:size]))
	return b
}

func TestDamagedCopies(t *testing.T) {
	t.Parallel()
	m := makeVolume(t, testOptions(bitlocker.XTS128, 512))
	at := testAreas.Metadata
	description := int64(64 + 48 + 8) // the first datum's first letter
	zeros := make([]byte, 64)
	for _, c := range []struct {
		name    string
		changes map[int64][]byte
		damage  int
		err     error
	}{
		{"none", nil, 0, nil},
		{"first two gone", map[int64][]byte{at[0]: zeros, at[1]: zeros}, 2, nil},
		{"CRC of the first", map[int64][]byte{at[0] + description: {1}}, 1, nil},
		{"MAC of the first", map[int64][]byte{at[0]: m.reseal(t, at[0], description, 1)}, 1, nil},
		{"MAC of all", map[int64][]byte{
			at[0]: m.reseal(t, at[0], description, 1), at[1]: m.reseal(t, at[1], description, 1), at[2]: m.reseal(t, at[2], description, 1),
		}, 0, image.ErrFormat},
		{"all gone", map[int64][]byte{at[0]: zeros, at[1]: zeros, at[2]: zeros}, 0, image.ErrFormat},
		{"of another place", map[int64][]byte{at[0]: m.reseal(t, at[0], 32+1, 0xff), at[1]: zeros, at[2]: zeros}, 0, image.ErrFormat},
		{"unknown version", map[int64][]byte{at[0]: m.reseal(t, at[0], 10, 3), at[1]: zeros, at[2]: zeros}, 0, image.ErrFormat},
		{"Vista's version", map[int64][]byte{at[0]: m.reseal(t, at[0], 10, 1), at[1]: zeros, at[2]: zeros}, 0, bitlocker.ErrUnsupported},
		{"unknown method", map[int64][]byte{at[0]: m.reseal(t, at[0], 64+36, 0x77)}, 0, bitlocker.ErrUnsupported},
		{"huge size", map[int64][]byte{at[0] + 8: {0xff, 0xff}, at[1]: zeros, at[2]: zeros}, 0, image.ErrFormat},
		{"sector size", map[int64][]byte{11: {1, 3}}, 0, image.ErrFormat},
		{"no GUID", map[int64][]byte{160: zeros}, 0, image.ErrFormat},
		{"Vista", map[int64][]byte{0: {0xeb, 0x52}, 160: zeros}, 0, bitlocker.ErrUnsupported},
		{"relocated sectors outside", relocate(t, m, 0xff), 0, image.ErrFormat},
		{"relocated sectors outside, says the first", map[int64][]byte{at[0]: relocate(t, m, 0xff)[at[0]]}, 2, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := m.patch(t, c.changes)
			locked, err := bitlocker.Open(d)
			var v *bitlocker.Volume
			if err == nil {
				v, err = locked.Unlock(t.Context(), m.key(t)...)
			}
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("%v, want %v", err, c.err)
			}
			if err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("two lines: %q", err)
				}
				return
			}
			if len(locked.Damage) != c.damage {
				t.Errorf("damage %v, want %d", locked.Damage, c.damage)
			}
			if !bytes.Equal(contents(t, v), m.plain) {
				t.Error("holds something else")
			}
		})
	}
}

// TestCopiesDisagree: copies that are good and mean other sectors keep the volume from being
// written, whichever of them comes first.
func TestCopiesDisagree(t *testing.T) {
	t.Parallel()
	m := makeVolume(t, testOptions(bitlocker.XTS128, 512))
	at := testAreas.Metadata[2]
	for name, changed := range map[string][]byte{
		"state": m.reseal(t, at, 12, byte(bitlocker.Switching)), "next state": m.reseal(t, at, 14, byte(bitlocker.Decrypted)),
		"boundary": m.reseal(t, at, 16+1, 0xff), "relocation": relocate(t, m, 0xff)[at],
		"places": m.reseal(t, at, 32+2, 0xff),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			locked, err := bitlocker.Open(m.patch(t, map[int64][]byte{at: changed}))
			if err != nil {
				t.Fatal(err)
			}
			v, err := locked.Unlock(t.Context(), m.key(t)...)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Writable(); !errors.Is(err, bitlocker.ErrConverting) || len(locked.Damage) != 1 {
				t.Errorf("writable %v, damage %v", err, locked.Damage)
			}
			if _, err := v.WriteAt([]byte{1}, testSize/2); !errors.Is(err, bitlocker.ErrConverting) {
				t.Errorf("written: %v", err)
			}
			if !bytes.Equal(contents(t, v), m.plain) {
				t.Error("holds something else")
			}
		})
	}
}

// TestAuthenticWithoutSense: a copy that the key proves and that makes no sense does not keep the
// others from opening the volume. It is one of a volume with smaller sectors and the same keys.
func TestAuthenticWithoutSense(t *testing.T) {
	t.Parallel()
	m := makeVolume(t, testOptions(bitlocker.XTS128, 4096))
	o := testOptions(bitlocker.XTS128, 512)
	o.Areas.Boot += 512
	at := testAreas.Metadata
	odd := contents(t, makeVolume(t, o).disk)[at[0]:][:format.MetadataSize]
	locked, err := bitlocker.Open(m.patch(t, map[int64][]byte{at[0]: odd}))
	if err != nil {
		t.Fatal(err)
	}
	v, err := locked.Unlock(t.Context(), m.key(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Writable(); !errors.Is(err, bitlocker.ErrConverting) || len(locked.Damage) != 2 {
		t.Errorf("writable %v, damage %v", err, locked.Damage)
	}
	if !bytes.Equal(contents(t, v), m.plain) {
		t.Error("holds something else")
	}
}

// TestRelocatedOverMetadata: a volume whose first sectors lie where its metadata does is read only.
func TestRelocatedOverMetadata(t *testing.T) {
	t.Parallel()
	o := testOptions(bitlocker.XTS128, 512)
	o.Areas.Boot = o.Areas.Metadata[2] + 8192
	m := makeVolume(t, o)
	recorder := image.NewRecorder(m.disk)
	v := m.unlock(t, recorder)
	if err := v.Writable(); !errors.Is(err, bitlocker.ErrReserved) {
		t.Errorf("writable: %v", err)
	}
	if n, err := v.WriteAt([]byte{1}, 0); n != 0 || !errors.Is(err, bitlocker.ErrReserved) {
		t.Errorf("written: %d, %v", n, err)
	}
	if ops := recorder.Ops(); len(ops) != 0 {
		t.Errorf("%d writes reached the disk", len(ops))
	}
}

// relocate changes where all copies say that the boot sectors are kept.
func relocate(t *testing.T, m made, to byte) map[int64][]byte {
	t.Helper()
	changes := map[int64][]byte{}
	for _, off := range testAreas.Metadata {
		b := contents(t, m.disk)[off:][:format.MetadataSize]
		where := binary.LittleEndian.AppendUint64(nil, uint64(testAreas.Boot))
		at := bytes.LastIndex(b[:4096], where) // the datum stands behind the header's own field
		changes[off] = m.reseal(t, off, int64(at)+7, to)
	}
	return changes
}

// TestHeaderWithoutDatum: late builds of Windows 10 write no datum for the relocated sectors.
func TestHeaderWithoutDatum(t *testing.T) {
	t.Parallel()
	m := makeVolume(t, testOptions(bitlocker.XTS128, 512))
	const typeRelocation, unknownType = 0xf, 0x7fff
	d := m.patch(t, nil)
	locked, err := bitlocker.Open(m.disk)
	if err != nil {
		t.Fatal(err)
	}
	want, err := locked.Unlock(t.Context(), m.key(t)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range testAreas.Metadata {
		b := contents(t, m.disk)[off:][:format.MetadataSize]
		at := bytes.LastIndex(b[:4096], []byte{typeRelocation, 0, typeRelocation, 0, 1, 0}) + 2
		if _, err := d.WriteAt(m.reseal(t, off, int64(at)+1, unknownType>>8), off); err != nil {
			t.Fatal(err)
		}
	}
	// Without the key nobody can make a new MAC, so only the mapping is compared.
	if _, err := bitlocker.Open(d); err != nil {
		t.Fatal(err)
	}
	if got := bitlocker.RelocatedOf(t, d); got != bitlocker.RelocatedOf(t, m.disk) {
		t.Errorf("relocated %v", got)
	}
	if want.Size() != testSize {
		t.Errorf("size %d", want.Size())
	}
}
