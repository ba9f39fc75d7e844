package containertest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hangkit/image"
	"hangkit/image/container"
	"hangkit/image/imagetest"
)

// Format is what the suite needs to know of a format.
type Format struct {
	// Make gives a file with an image of at least 1 MiB. Each call gives the
	// same bytes.
	Make func(tb testing.TB) *Medium
	// Open opens the image in a file.
	Open func(s container.Storage) (Disk, error)
	// Piece is the unit in which the tests of cuts write: about a block.
	Piece int
	// Check judges a file that was cut, where there is more to say than that
	// it opens. It may be nil.
	Check func(s container.Storage) error
	// Oracle has a program judge a file that was cut, where there is time.
	Oracle func(path string) error
	// Variant is a form whose cuts and faults are those of another one that
	// is tested too: here only where there is time.
	Variant bool
}

// Disk is the disk in an image.
type Disk interface {
	image.Disk
	// Writable is why the disk cannot be written, nil if it can.
	Writable() error
	// Close flushes what waits.
	Close() error
}

// disk is one with the sectors that a suite wants to know.
type disk struct{ Disk }

func (d disk) SectorSize() int { return max(d.Disk.SectorSize(), 512) }

// Run runs every test of the suite.
func Run(t *testing.T, f Format) {
	t.Helper()
	t.Run("device", func(t *testing.T) {
		t.Parallel()
		imagetest.TestDevice(t, func(t *testing.T) image.Disk {
			t.Helper()
			return disk{f.open(t, f.Make(t))}
		})
	})
	t.Run("reopen", func(t *testing.T) { t.Parallel(); f.testReopen(t) })
	t.Run("nothing before the first write", func(t *testing.T) { t.Parallel(); f.testQuiet(t) })
	if f.Variant && !thorough() {
		return
	}
	t.Run("cuts", func(t *testing.T) { t.Parallel(); f.testCuts(t) })
	t.Run("faults", func(t *testing.T) { t.Parallel(); f.testFaults(t) })
}

// thorough says that there is time.
func thorough() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

// RunCuts runs only the test of power cuts.
func RunCuts(t *testing.T, f Format) {
	t.Helper()
	f.testCuts(t)
}

func (f Format) open(tb testing.TB, s container.Storage) Disk {
	tb.Helper()
	d, err := f.Open(s)
	if err != nil {
		tb.Fatal(err)
	}
	if err := d.Writable(); err != nil {
		tb.Fatal(err)
	}
	return d
}

// testReopen writes pieces all over the disk and reads them from the file.
func (f Format) testReopen(t *testing.T) {
	t.Helper()
	m := f.Make(t)
	d := f.open(t, m)
	want := content(t, d)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		p := bytes.Repeat([]byte{byte(i + 1)}, 1+random.IntN(f.Piece))
		off := random.Int64N(d.Size() - int64(len(p)))
		if _, err := d.WriteAt(p, off); err != nil {
			t.Fatal(err)
		}
		copy(want[off:], p)
		if i%16 == 15 {
			mustSync(t, d)
		}
	}
	if !bytes.Equal(content(t, d), want) {
		t.Error("the disk reads otherwise than it was written")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, f.open(t, m)), want) {
		t.Error("the disk opened again reads otherwise than it was written")
	}
	if f.Check != nil {
		if err := f.Check(m); err != nil {
			t.Error(err)
		}
	}
}

func mustSync(tb testing.TB, d Disk) {
	tb.Helper()
	if err := d.Sync(); err != nil {
		tb.Fatal(err)
	}
}

// content reads a whole disk.
func content(tb testing.TB, d Disk) []byte {
	tb.Helper()
	b := make([]byte, d.Size())
	if err := container.ReadFull(d, b, 0); err != nil {
		tb.Fatal(err)
	}
	return b
}

// step is a write of the tests of cuts; every third is synced.
type step struct {
	off  int64
	data []byte
	sync bool
}

// steps write to new places, over old ones, and across blocks.
func (f Format) steps(size int64) []step {
	piece := int64(f.Piece)
	var all []step
	for i, off := range []int64{0, piece / 2, size - 700, piece * 3, piece*3 + 100, 512} {
		n := min(int64(900), size-off)
		all = append(all, step{off, bytes.Repeat([]byte{byte(0x11 * (i + 1))}, int(n)), i%3 == 1})
	}
	return append(all, step{sync: true})
}

// testCuts cuts the power after every sector that was written, and lets the
// disk's cache keep or lose one write: the image opens, and every byte of it
// is one that was written there or that was there before.
func (f Format) testCuts(t *testing.T) {
	t.Helper()
	start := f.Make(t)
	base := image.NewMemory(room, 512)
	original := start.Bytes()
	if _, err := base.WriteAt(original, 0); err != nil {
		t.Fatal(err)
	}
	recorder := image.NewRecorder(image.NewOverlay(base))
	d := f.open(t, On(recorder, int64(len(original))))
	legal := newHistory(content(t, d))
	for _, s := range f.steps(d.Size()) {
		legal.write(t, d, s, recorder)
	}
	ops := recorder.Ops()
	count := 0
	for cut, state := range imagetest.Cuts(base, ops, tear()) {
		size := sizeAfter(int64(len(original)), ops[:cut.Op])
		if cut.Bytes > 0 {
			size = max(size, ops[cut.Op].Off+int64(cut.Bytes))
		}
		if err := f.judge(On(state, size), legal.at(cut.Op)); err != nil {
			t.Fatalf("%v: %v", cut, err)
		}
		if count++; f.Oracle != nil && thorough() && count%oracleEvery == 0 {
			f.ask(t, cut, On(state, size))
		}
	}
	for i, state := range imagetest.Reorders(base, ops) {
		size := sizeAfter(int64(len(original)), ops[:segmentEnd(ops, i)])
		if err := f.judge(On(state, size), legal.at(segmentEnd(ops, i))); err != nil {
			t.Fatalf("write %d out of order: %v", i, err)
		}
	}
}

// oracleEvery is how many cuts there are to one that a program judges: it
// shares no factor with the parts of what is written.
const oracleEvery = 7

// ask has the oracle judge the file.
func (f Format) ask(t *testing.T, cut imagetest.Cut, m *Medium) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cut")
	if err := os.WriteFile(path, m.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Oracle(path); err != nil {
		t.Fatalf("%v: %v", cut, err)
	}
}

// QEMU is an Oracle that has qemu-img check judge an image in the format: it
// may find clusters that nobody uses, and what the arguments let it repair,
// but no damage.
func QEMU(format string, repair ...string) func(path string) error {
	return func(path string) error {
		const leaks = 3
		out, err := exec.Command("qemu-img", append([]string{"check", "-f", format, path}, repair...)...).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == leaks {
			return nil
		}
		if err != nil {
			return fmt.Errorf("qemu-img check: %w\n%s", err, out)
		}
		return nil
	}
}

// tear is the unit in which a cut tears a write: sectors, or more where there
// is less time.
func tear() int {
	if thorough() {
		return 512
	}
	return 4096
}

// sizeAfter is the size of the file once the operations are done.
func sizeAfter(size int64, ops []image.Op) int64 {
	for _, op := range ops {
		size = max(size, op.Off+int64(len(op.Data)))
	}
	return size
}

// segmentEnd is the index of the sync that ends what operation i began.
func segmentEnd(ops []image.Op, i int) int {
	for i < len(ops) && !ops[i].Sync {
		i++
	}
	return i
}

// history is what the disk's content may be.
type history struct {
	before []byte
	steps  []step
	begun  []int // operations that were recorded when the step began
	synced []int // and when it was durable
}

func newHistory(before []byte) *history { return &history{before: before} }

// write does a step and remembers when.
func (h *history) write(tb testing.TB, d Disk, s step, r *image.Recorder) {
	tb.Helper()
	h.begun = append(h.begun, len(r.Ops()))
	if len(s.data) > 0 {
		if _, err := d.WriteAt(s.data, s.off); err != nil {
			tb.Fatal(err)
		}
	}
	h.steps = append(h.steps, s)
	if s.sync {
		mustSync(tb, d)
		for len(h.synced) < len(h.steps) {
			h.synced = append(h.synced, len(r.Ops()))
		}
	}
}

// legalAt is the content as far as it is durable after so many operations,
// and the writes that may or may not have come through.
type legalAt struct {
	durable []byte
	maybe   []step
}

func (h *history) at(ops int) legalAt {
	l := legalAt{durable: bytes.Clone(h.before)}
	for i, s := range h.steps {
		switch {
		case h.synced[i] <= ops:
			copy(l.durable[s.off:], s.data)
		case h.begun[i] <= ops:
			l.maybe = append(l.maybe, s)
		}
	}
	return l
}

// judge opens the file and looks at every byte of the disk.
func (f Format) judge(s container.Storage, legal legalAt) error {
	d, err := f.Open(s)
	if err != nil {
		return err
	}
	got := make([]byte, d.Size())
	if err := container.ReadFull(d, got, 0); err != nil {
		return err
	}
	if f.Check != nil {
		if err := f.Check(s); err != nil {
			return err
		}
	}
	if bytes.Equal(got, legal.durable) {
		return nil
	}
	for i := range got {
		if got[i] != legal.durable[i] && !legal.mayBe(int64(i), got[i]) {
			return fmt.Errorf("byte 0x%x is 0x%02x, was 0x%02x: %w", i, got[i], legal.durable[i], container.ErrFormat)
		}
	}
	return nil
}

func (l legalAt) mayBe(off int64, b byte) bool {
	for _, s := range l.maybe {
		if off >= s.off && off < s.off+int64(len(s.data)) && s.data[off-s.off] == b {
			return true
		}
	}
	return false
}

// testFaults lets every write and sync fail in turn: the error comes out, and
// the file still opens with content that is legal.
func (f Format) testFaults(t *testing.T) {
	t.Helper()
	start := f.Make(t).Bytes()
	for n := 0; ; n++ {
		base := image.NewMemory(room, 512)
		if _, err := base.WriteAt(start, 0); err != nil {
			t.Fatal(err)
		}
		faulty := imagetest.NewFaulty(base, n, imagetest.Write|imagetest.Sync)
		m := On(faulty, int64(len(start)))
		d := f.open(t, m)
		legal := legalAt{durable: content(t, d)}
		err := f.writeAll(d, &legal)
		if !faulty.Failed() {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, imagetest.ErrInjected) {
			t.Fatalf("fault %d: %v", n, err)
		}
		if err := f.judge(On(base, m.size), legal); err != nil {
			t.Fatalf("fault %d: %v", n, err)
		}
	}
}

// writeAll does the steps until one fails.
func (f Format) writeAll(d Disk, legal *legalAt) error {
	for _, s := range f.steps(d.Size()) {
		legal.maybe = append(legal.maybe, s)
		if _, err := d.WriteAt(s.data, s.off); err != nil {
			return err
		}
		if s.sync {
			if err := d.Sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

// testQuiet opens, reads, syncs and closes: nothing may be written.
func (f Format) testQuiet(t *testing.T) {
	t.Helper()
	m := f.Make(t)
	recorder := image.NewRecorder(m.Disk)
	d := f.open(t, On(recorder, m.size))
	content(t, d)
	mustSync(t, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if ops := recorder.Ops(); len(ops) > 0 {
		t.Errorf("%d writes", len(ops))
	}
}
