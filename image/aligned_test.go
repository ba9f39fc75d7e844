package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// strictDevice is a disk as Windows opens it: whole sectors, into aligned memory.
type strictDevice struct {
	bytes  []byte
	sector int
	bad    int64 // reads of the sector here fail; none if negative
	synced bool
	closed bool
}

var errUnaligned = errors.New("the parameter is incorrect")

func (d *strictDevice) check(p []byte, off int64) error {
	address := uintptr(unsafe.Pointer(unsafe.SliceData(p)))
	if off%int64(d.sector) != 0 || len(p)%d.sector != 0 || len(p) == 0 || address%uintptr(d.sector) != 0 {
		return fmt.Errorf("%d bytes at %d: %w", len(p), off, errUnaligned)
	}
	return nil
}

func (d *strictDevice) ReadAt(p []byte, off int64) (int, error) {
	if err := d.check(p, off); err != nil {
		return 0, err
	}
	if off >= int64(len(d.bytes)) {
		return 0, io.EOF
	}
	if d.bad >= off && d.bad < off+int64(len(p)) {
		return 0, io.ErrNoProgress
	}
	return copy(p, d.bytes[off:]), nil
}

func (d *strictDevice) WriteAt(p []byte, off int64) (int, error) {
	if err := d.check(p, off); err != nil {
		return 0, err
	}
	return copy(d.bytes[off:], p), nil
}

func (d *strictDevice) Sync() error  { d.synced = true; return nil }
func (d *strictDevice) Close() error { d.closed = true; return nil }

// newStrict is a device that holds no two sectors alike.
func newStrict(size, sector int) *strictDevice {
	d := &strictDevice{bytes: make([]byte, size), sector: sector, bad: -1}
	random := rand.New(rand.NewPCG(1, uint64(size)))
	for i := range d.bytes {
		d.bytes[i] = byte(random.Uint32())
	}
	return d
}

// Reads and writes at any place do to the device what they do to memory.
func TestAligned(t *testing.T) {
	t.Parallel()
	for _, sector := range []int{512, 4096} {
		const size = 3*bounceSize + 4096
		device := newStrict(size, sector)
		want := bytes.Clone(device.bytes)
		disk := newAligned(device, size, int64(sector))
		random := rand.New(rand.NewPCG(2, uint64(sector)))
		lengths := []int{0, 1, sector - 1, sector, sector + 1, 3 * sector, bounceSize - 1, bounceSize, bounceSize + 1, 2*bounceSize + 1}
		places := []int{0, 1, sector - 1, sector, 2*sector + 7, size - 2*bounceSize - 1, random.IntN(bounceSize - 5)}
		for _, n := range lengths {
			for _, off := range places {
				p := make([]byte, n)
				for i := range p {
					p[i] = byte(n + off + i*7)
				}
				copy(want[off:], p)
				if got, err := disk.WriteAt(p, int64(off)); got != n || err != nil {
					t.Fatalf("write of %d at %d: %d, %v", n, off, got, err)
				}
				back := make([]byte, n)
				if got, err := disk.ReadAt(back, int64(off)); got != n || err != nil || !bytes.Equal(back, p) {
					t.Fatalf("read of %d at %d: %d, %v", n, off, got, err)
				}
				if !bytes.Equal(device.bytes, want) {
					t.Fatalf("write of %d at %d in sectors of %d changed other bytes", n, off, sector)
				}
			}
		}
	}
}

func TestAlignedEnds(t *testing.T) {
	t.Parallel()
	device := newStrict(4096, 512)
	disk := newAligned(device, 4096+100, 512) // a rest is no sector
	if disk.Size() != 4096 || disk.SectorSize() != 512 {
		t.Errorf("%d bytes in sectors of %d", disk.Size(), disk.SectorSize())
	}
	p := make([]byte, 100)
	if n, err := disk.ReadAt(p, 4050); n != 46 || !errors.Is(err, io.EOF) || !bytes.Equal(p[:n], device.bytes[4050:]) {
		t.Errorf("read over the end: %d, %v", n, err)
	}
	if n, err := disk.ReadAt(p, 4096); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read behind the end: %d, %v", n, err)
	}
	before := bytes.Clone(device.bytes)
	for _, off := range []int64{-1, 4050, 4096} {
		if n, err := disk.WriteAt(p, off); n != 0 || !errors.Is(err, ErrOutOfBounds) || !bytes.Equal(device.bytes, before) {
			t.Errorf("write at %d: %d, %v", off, n, err)
		}
	}
	if err := errors.Join(disk.Sync(), disk.Close()); err != nil || !device.synced || !device.closed {
		t.Errorf("%v, synced %v, closed %v", err, device.synced, device.closed)
	}
}

// A sector that cannot be read is not written in part: what it held would be lost.
func TestAlignedBadSector(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		off  int64
		n    int
		want bool
	}{
		"its beginning": {512, 10, false}, "its end": {1000, 24, false}, "over it from the left": {500, 100, false},
		"over it to the right": {600, 1000, false}, "all of it": {512, 512, true}, "beside it": {100, 412, true},
	} {
		device := newStrict(4096, 512)
		device.bad = 512
		before := bytes.Clone(device.bytes)
		_, err := newAligned(device, 4096, 512).WriteAt(make([]byte, c.n), c.off)
		if (err == nil) != c.want || err != nil && (!errors.Is(err, io.ErrNoProgress) || !bytes.Equal(device.bytes, before)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	device := newStrict(1024, 512)
	if _, err := newAligned(device, 4096, 512).ReadAt(make([]byte, 600), 900); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a device that became shorter: %v", err)
	}
}

func TestProbeSize(t *testing.T) {
	t.Parallel()
	for _, sectors := range []int{0, 1, 2, 3, 4, 7, 8, 9, 1000, 1023, 1024, 1025} {
		for _, sector := range []int{512, 4096} {
			size := sectors * sector
			if got := probeSize(newStrict(size, sector), int64(sector)); got != int64(size) {
				t.Errorf("%d sectors of %d: %d bytes, want %d", sectors, sector, got, size)
			}
		}
	}
	if got := probeSize(endless{}, 512); got <= 0 || got > maxProbe {
		t.Errorf("a device without end has %d bytes", got)
	}
}

// endless has every byte.
type endless struct{}

func (endless) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }
