package bitlocker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/image/bitlocker/format"
	"hangkit/image/imagetest"
)

// Secrets of the volumes made here.
const (
	testRecovery = "482548-408683-386023-032725-083754-344718-228228-361845"
	testPassword = "correct horse £"
)

// The areas of a made volume: the metadata behind the first 64 KiB, which a suite writes to.
const testSize = 1 << 20

var testAreas = format.Areas{Metadata: [3]int64{128 << 10, 320 << 10, 512 << 10}, Boot: 256 << 10}

var allMethods = []bitlocker.Method{
	bitlocker.CBC128Elephant, bitlocker.CBC256Elephant, bitlocker.CBC128,
	bitlocker.CBC256, bitlocker.XTS128, bitlocker.XTS256,
}

// plainVolume is random but for the areas of BitLocker and a boot sector's few fields.
func plainVolume(tb testing.TB, size int64, sector int) []byte {
	tb.Helper()
	b := make([]byte, size)
	if _, err := rand.NewChaCha8([32]byte{9}).Read(b); err != nil {
		tb.Fatal(err)
	}
	b[11], b[12] = byte(sector), byte(sector>>8)
	for _, off := range testAreas.Metadata {
		clear(b[off:][:format.MetadataSize])
	}
	clear(b[testAreas.Boot:][:format.BootSize])
	return b
}

// made is an encrypted volume, what it holds, and the file that opens it.
type made struct {
	disk  *image.Memory
	plain []byte
	*format.Result
}

func testOptions(m bitlocker.Method, sector int) format.Options {
	return format.Options{
		Method: m, SectorSize: sector, Areas: testAreas, Seed: 7, Time: time.Unix(1.7e9, 0),
		Description: "DEAD C: 11/21/2026", KeyFile: true,
	}
}

func makeVolume(tb testing.TB, o format.Options) made {
	tb.Helper()
	m := made{disk: image.NewMemory(testSize, 512), plain: plainVolume(tb, testSize, o.SectorSize)}
	if _, err := m.disk.WriteAt(m.plain, 0); err != nil {
		tb.Fatal(err)
	}
	var err error
	if m.Result, err = format.Encrypt(tb.Context(), m.disk, o); err != nil {
		tb.Fatal(err)
	}
	return m
}

func (m made) key(tb testing.TB) []*bitlocker.Secret {
	tb.Helper()
	secrets, err := bitlocker.ParseKeyFile(m.KeyFile)
	if err != nil {
		tb.Fatal(err)
	}
	return secrets
}

// unlock opens a volume on any disk that has the bytes of this one.
func (m made) unlock(tb testing.TB, d image.Disk) *bitlocker.Volume {
	tb.Helper()
	locked, err := bitlocker.Open(d)
	if err != nil {
		tb.Fatal(err)
	}
	v, err := locked.Unlock(tb.Context(), m.key(tb)...)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// contents reads all of a disk.
func contents(tb testing.TB, d image.Disk) []byte {
	tb.Helper()
	b := make([]byte, d.Size())
	if n, err := d.ReadAt(b, 0); n < len(b) {
		tb.Fatalf("read %d: %v", n, err)
	}
	return b
}

func TestMadeVolumes(t *testing.T) {
	t.Parallel()
	for _, method := range allMethods {
		for _, sector := range []int{512, 4096} {
			t.Run(fmt.Sprintf("%v/%d", method, sector), func(t *testing.T) {
				t.Parallel()
				m := makeVolume(t, testOptions(method, sector))
				if !bitlocker.Probe(m.disk) {
					t.Error("is not recognised")
				}
				v := m.unlock(t, m.disk)
				if v.SectorSize() != sector || v.Writable() != nil {
					t.Errorf("sectors of %d, %v", v.SectorSize(), v.Writable())
				}
				if !bytes.Equal(contents(t, v), m.plain) {
					t.Error("holds something else")
				}
			})
		}
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	for _, sector := range []int{512, 4096} {
		t.Run(fmt.Sprint(sector), func(t *testing.T) {
			t.Parallel()
			m := makeVolume(t, testOptions(bitlocker.XTS128, sector))
			imagetest.TestDevice(t, func(t *testing.T) image.Disk {
				t.Helper()
				return m.unlock(t, image.NewOverlay(m.disk))
			})
		})
	}
}

// TestWriteChangesSectorsOnly writes at every kind of place and looks at what is below.
func TestWriteChangesSectorsOnly(t *testing.T) {
	t.Parallel()
	const sector = 512
	m := makeVolume(t, testOptions(bitlocker.CBC128Elephant, sector))
	for _, c := range []struct {
		off, length int64
		below       []image.Range
	}{
		{100 << 10, 1, []image.Range{{Off: 100 << 10, Len: sector}}},
		{100<<10 + 511, 2, []image.Range{{Off: 100 << 10, Len: 2 * sector}}},
		{100<<10 + 1, 3 * sector, []image.Range{{Off: 100 << 10, Len: 4 * sector}}},
		{3, 5, []image.Range{{Off: testAreas.Boot, Len: sector}}},
		{format.BootSize - 1, 2, []image.Range{{Off: format.BootSize, Len: sector}, {Off: testAreas.Boot + format.BootSize - sector, Len: sector}}},
		{testSize - 1, 1, []image.Range{{Off: testSize - sector, Len: sector}}},
	} {
		overlay := image.NewOverlay(m.disk)
		v := m.unlock(t, overlay)
		p := bytes.Repeat([]byte{0xa5}, int(c.length))
		if n, err := v.WriteAt(p, c.off); n != len(p) || err != nil {
			t.Fatalf("write of %d at 0x%x: %d, %v", c.length, c.off, n, err)
		}
		if got := overlay.Dirty(); !slices.Equal(got, c.below) {
			t.Errorf("write of %d at 0x%x: %v below, want %v", c.length, c.off, got, c.below)
		}
		want := bytes.Clone(m.plain)
		copy(want[c.off:], p)
		if !bytes.Equal(contents(t, m.unlock(t, overlay)), want) {
			t.Errorf("write of %d at 0x%x: other bytes changed too", c.length, c.off)
		}
	}
}

func TestReserved(t *testing.T) {
	t.Parallel()
	m := makeVolume(t, testOptions(bitlocker.XTS256, 512))
	recorder := image.NewRecorder(m.disk)
	v := m.unlock(t, recorder)
	for _, off := range append(testAreas.Metadata[:], testAreas.Boot) {
		for _, at := range []int64{off - 1, off, off + 4096} {
			if n, err := v.WriteAt(make([]byte, 2), at); n != 0 || !errors.Is(err, bitlocker.ErrReserved) {
				t.Errorf("write at 0x%x: %d, %v", at, n, err)
			}
		}
	}
	if ops := recorder.Ops(); len(ops) != 0 {
		t.Errorf("%d writes reached the disk", len(ops))
	}
}

// TestFaults lets the disk fail at each call of a write that begins and ends inside sectors.
func TestFaults(t *testing.T) {
	t.Parallel()
	m := makeVolume(t, testOptions(bitlocker.XTS128, 512))
	p := make([]byte, 3*512)
	for n := 0; ; n++ {
		overlay := image.NewOverlay(m.disk)
		v := m.unlock(t, overlay)
		faulty := imagetest.NewFaulty(overlay, n, imagetest.Any)
		broken := m.unlockOn(t, v, faulty)
		if broken == nil {
			continue // it failed while it was opened
		}
		done, err := broken.WriteAt(p, 1<<10+100)
		if !faulty.Failed() {
			if err != nil || done != len(p) {
				t.Errorf("without a fault: %d, %v", done, err)
			}
			return
		}
		if !errors.Is(err, imagetest.ErrInjected) {
			t.Errorf("fault %d: %d, %v", n, done, err)
		}
		if done != 0 && len(overlay.Dirty()) == 0 {
			t.Errorf("fault %d: %d bytes claimed, nothing written", n, done)
		}
	}
}

// unlockOn is nil where the disk fails too early.
func (m made) unlockOn(t *testing.T, good *bitlocker.Volume, d image.Disk) *bitlocker.Volume {
	t.Helper()
	locked, err := bitlocker.Open(d)
	if err != nil {
		return nil
	}
	v, err := locked.Unlock(t.Context(), m.key(t)...)
	if err != nil || v.Size() != good.Size() {
		return nil
	}
	return v
}

// TestTornWrites cuts writes off below, sector by sector: each sector is old or new.
func TestTornWrites(t *testing.T) {
	t.Parallel()
	const off, sectors = 64 << 10, 4
	m := makeVolume(t, testOptions(bitlocker.XTS128, 512))
	overlay := image.NewOverlay(m.disk)
	recorder := image.NewRecorder(overlay)
	v := m.unlock(t, recorder)
	p := bytes.Repeat([]byte{0x5a}, sectors*512)
	if _, err := v.WriteAt(p, off); err != nil {
		t.Fatal(err)
	}
	for cut, d := range imagetest.Cuts(m.disk, recorder.Ops(), 512) {
		got := make([]byte, len(p))
		if _, err := m.unlock(t, d).ReadAt(got, off); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(got); i += 512 {
			want := m.plain[off+i:][:512]
			if int64(i) < cut.Total {
				want = p[i:][:512]
			}
			if !bytes.Equal(got[i:i+512], want) {
				t.Errorf("%v: sector %d is neither old nor new", cut, i/512)
			}
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	o := testOptions(bitlocker.XTS256, 512)
	o.Password, o.RecoveryPassword, o.TPM = testPassword, testRecovery, true
	m := makeVolume(t, o)
	locked, err := bitlocker.Open(m.disk)
	if err != nil {
		t.Fatal(err)
	}
	if got := locked.Protectors(); !slices.Equal(got, m.Protectors) {
		t.Errorf("protectors %v, want %v", got, m.Protectors)
	}
	if locked.Suspended() || locked.Description() != o.Description || locked.Method() != o.Method || locked.State() != bitlocker.Encrypted {
		t.Errorf("%v, %q, %v, %v", locked.Suspended(), locked.Description(), locked.Method(), locked.State())
	}
	for _, text := range []string{testPassword, testRecovery} {
		secret, err := bitlocker.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := locked.Unlock(t.Context(), secret); err != nil {
			t.Errorf("%v: %v", secret.Kind(), err)
		}
	}
	other := makeVolume(t, func() format.Options { o := testOptions(bitlocker.XTS256, 512); o.Seed++; return o }())
	_, err = locked.Unlock(t.Context(), other.key(t)...)
	if e, ok := errors.AsType[*bitlocker.LockedError](err); !ok || e.Tried != 1 || len(e.Protectors) != 4 {
		t.Errorf("with another volume's key: %v", err)
	}
	doubtful, err := bitlocker.ParseSecret("2019-11-22-33")
	if err != nil {
		t.Fatal(err)
	}
	keyFileOnly, err := bitlocker.Open(other.disk)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyFileOnly.Unlock(t.Context(), doubtful); err == nil || !strings.Contains(err.Error(), "8 groups of 6 digits, this one 4") {
		t.Errorf("with what may have been a recovery password: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := locked.Unlock(ctx, bitlocker.NewPassword("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestSuspended(t *testing.T) {
	t.Parallel()
	o := testOptions(bitlocker.CBC256, 512)
	o.KeyFile, o.ClearKey = false, true
	m := makeVolume(t, o)
	locked, err := bitlocker.Open(m.disk)
	if err != nil {
		t.Fatal(err)
	}
	if !locked.Suspended() {
		t.Error("is not suspended")
	}
	v, err := locked.Unlock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(contents(t, v), m.plain) {
		t.Error("holds something else")
	}
}

// TestUsedOnly leaves alone what the file system does not use.
func TestUsedOnly(t *testing.T) {
	t.Parallel()
	o := testOptions(bitlocker.XTS128, 512)
	used := image.Range{Off: 64<<10 + 100, Len: 100}
	o.Used = []image.Range{used, {Off: used.End() + 1, Len: 1}} // the same sector
	m := makeVolume(t, o)
	v := m.unlock(t, m.disk)
	got, below := contents(t, v), contents(t, m.disk)
	if !bytes.Equal(got[64<<10:][:512], m.plain[64<<10:][:512]) {
		t.Error("what is used does not decrypt")
	}
	if !bytes.Equal(below[65<<10:][:512], m.plain[65<<10:][:512]) {
		t.Error("what is not used was changed")
	}
	if !bytes.Equal(got[:format.BootSize], m.plain[:format.BootSize]) {
		t.Error("the boot sectors do not decrypt")
	}
}

func BenchmarkRead(b *testing.B) {
	for _, method := range allMethods {
		b.Run(method.String(), func(b *testing.B) {
			m := makeVolume(b, testOptions(method, 512))
			v := m.unlock(b, m.disk)
			buf := make([]byte, testSize)
			b.SetBytes(testSize)
			for b.Loop() {
				if n, err := v.ReadAt(buf, 0); n < len(buf) {
					b.Fatal(err)
				}
			}
		})
	}
}

// hinted remembers which bytes were asked to be fetched.
type hinted struct {
	image.Disk
	ranges []image.Range
}

func (h *hinted) WillNeed(off, length int64) {
	h.ranges = append(h.ranges, image.Range{Off: off, Len: length})
}

// TestWillNeed asks the disk below for where the bytes really lie.
func TestWillNeed(t *testing.T) {
	t.Parallel()
	m := makeVolume(t, testOptions(bitlocker.XTS128, 512))
	below := &hinted{Disk: m.disk}
	v := m.unlock(t, below)
	v.WillNeed(4096, 8192)
	v.WillNeed(testAreas.Metadata[0], format.MetadataSize)
	v.WillNeed(testSize-512, 4096)
	v.WillNeed(testSize, 1)
	v.WillNeed(-1, 1)
	want := []image.Range{
		{Off: testAreas.Boot + 4096, Len: 4096}, {Off: format.BootSize, Len: 4096}, {Off: testSize - 512, Len: 512},
	}
	if !slices.Equal(below.ranges, want) {
		t.Errorf("asked for %v, want %v", below.ranges, want)
	}
}

// TestConcurrentWrites lets many write parts of the same sectors.
func TestConcurrentWrites(t *testing.T) {
	t.Parallel()
	m := makeVolume(t, testOptions(bitlocker.CBC256, 512))
	v := m.unlock(t, m.disk)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if _, err := v.WriteAt(bytes.Repeat([]byte{byte(i)}, 100), 1<<10+int64(i)*100); err != nil {
				t.Error(err)
			}
			if _, err := v.ReadAt(make([]byte, 3000), 1<<10); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range 64 {
		copy(m.plain[1<<10+i*100:], bytes.Repeat([]byte{byte(i)}, 100))
	}
	if !bytes.Equal(contents(t, v), m.plain) {
		t.Error("a write was lost")
	}
}

func TestFormatRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*format.Options){
		"sectors":       func(o *format.Options) { o.SectorSize = 1024 },
		"area outside":  func(o *format.Options) { o.Areas.Metadata[2] = testSize - 512 },
		"area in front": func(o *format.Options) { o.Areas.Boot = 512 },
		"unaligned":     func(o *format.Options) { o.Areas.Metadata[0]++ },
	} {
		o := testOptions(bitlocker.XTS128, 512)
		change(&o)
		if _, err := format.Encrypt(t.Context(), image.NewMemory(testSize, 512), o); !errors.Is(err, format.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
