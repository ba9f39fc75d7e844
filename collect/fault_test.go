package collect_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumptest"
	"hangkit/ntfs"
)

const sector = 512

// badDevice is a volume with sectors that cannot be read. A read that meets one gives
// what lies before it.
type badDevice struct {
	memoryDevice
	bad []int64 // numbers of sectors, ascending
}

func (d badDevice) ReadAt(b []byte, off int64) (int, error) {
	i, _ := slices.BinarySearch(d.bad, off/sector)
	if i == len(d.bad) || d.bad[i]*sector >= off+int64(len(b)) {
		return d.memoryDevice.ReadAt(b, off)
	}
	n, _ := d.memoryDevice.ReadAt(b[:max(d.bad[i]*sector-off, 0)], off)
	return n, &os.PathError{Op: "read", Path: "disk", Err: syscall.EIO}
}

// TestRandomBadSectors hides a dump in a page file of a hundred pieces, breaks random
// sectors of it, and copies it in every form. What is expected: no error; a copy that is
// the dump with zeros in exactly the broken sectors; these listed, in the result and in
// the mapfile, and the copy marked as partial.
func TestRandomBadSectors(t *testing.T) {
	t.Parallel()
	seeds := uint64(2)
	if thorough() {
		seeds = 20
	}
	dump := build(t, dumptest.Spec{Seed: 5})
	place := newHidingPlace(t, 100, false)
	place.hide(dump)
	for seed := range seeds {
		device, want, bad := place.breakSectors(t, dump, seed)
		volume, err := ntfs.Open(device)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range resumable {
			if i%3 != int(seed%3) && !thorough() {
				continue
			}
			o.Dir = memoryDir(t)
			res, err := collect.Extract(t.Context(), findOne(t, windows(volume)), o)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, o.Name, err)
			}
			if !slices.Equal(res.BadRanges, bad) || !res.Partial {
				t.Errorf("seed %d, %s: partial %t, bad %v, want %v", seed, o.Name, res.Partial, res.BadRanges, bad)
			}
			b, err := os.ReadFile(filepath.Join(o.Dir, res.Map))
			listed, perr := collect.ParseMapfile(bytes.NewReader(b))
			if err := errors.Join(err, perr); err != nil || !slices.Equal(listed, bad) {
				t.Errorf("seed %d, %s: the mapfile has %v, %v", seed, o.Name, listed, err)
			}
			if got := readWithoutMap(t, res.Path); !bytes.Equal(got, want) {
				t.Errorf("seed %d, %s: the copy is not the dump with zeros in the bad sectors", seed, o.Name)
			}
		}
	}
}

// breakSectors breaks some sectors of a dump in the page file, behind its header, and
// returns what a copy has to hold and to list.
func (p *hidingPlace) breakSectors(t *testing.T, dump []byte, seed uint64) (badDevice, []byte, []collect.Range) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	device, want := badDevice{p.device, nil}, bytes.Clone(dump)
	broken := map[int64]bool{}
	for range 1 + random.IntN(40) {
		first := 32 + random.Int64N(int64(len(dump))/sector-64)
		for i := range 1 + random.Int64N(16) {
			broken[first+i] = true
		}
	}
	var bad []collect.Range
	for at := range int64(len(dump)) / sector {
		if !broken[at] {
			continue
		}
		clear(want[at*sector : (at+1)*sector])
		device.bad = append(device.bad, p.onDevice(at*sector)/sector)
		if last := len(bad) - 1; last >= 0 && bad[last].Off+bad[last].Len == at*sector {
			bad[last].Len += sector
			continue
		}
		bad = append(bad, collect.Range{Off: at * sector, Len: sector})
	}
	slices.Sort(device.bad)
	return device, want, bad
}

// onDevice is where an offset of the page file lies.
func (p *hidingPlace) onDevice(off int64) int64 {
	i := slices.IndexFunc(p.extents, func(e ntfs.Extent) bool { return off >= e.FileOffset && off < e.FileOffset+e.Length })
	return p.extents[i].DeviceOffset + off - p.extents[i].FileOffset
}

// TestUnpluggedTarget takes the target away after some writes, and gives it back. What is
// expected: the error says so; what was written before stays; the copy goes on with it
// and is the dump, in every form.
func TestUnpluggedTarget(t *testing.T) {
	t.Parallel()
	d := &dump{b: incompressible(9*collect.ChunkSize + 99)}
	for i, o := range resumable {
		if i != 2 && !thorough() {
			continue
		}
		o = o.WithInterval(collect.ChunkSize)
		o.Dir, o.Journal = memoryDir(t), true
		writes := 1 // for a chunk, and more where it is cut
		if o.PartSize > 0 {
			writes += 1 + collect.ChunkSize/int(o.PartSize)
		}
		for turn, fault := range []error{syscall.ENODEV, syscall.EIO, syscall.EROFS} {
			left := (2 + 2*turn) * writes
			gone := o.WithCreate(func(root *os.Root, name string) (collect.OutFile, error) {
				f, err := collect.CreateFile(root, name)
				return faultyFile{f, "write", &left, fault}, err
			})
			_, err := collect.Extract(t.Context(), d.candidate(), gone)
			kept, ok := errors.AsType[*collect.KeptError](err)
			if !errors.Is(err, collect.ErrTargetGone) || !ok || kept.Done == 0 {
				t.Fatalf("%s, %v: %v, kept %+v", o.Name, fault, err, kept)
			}
			again := o
			again.Resume, d.read = true, 0
			res, err := collect.Extract(t.Context(), d.candidate(), again)
			if err != nil || d.read > int64(len(d.b))-kept.Done+3<<20 {
				t.Fatalf("%s, %v: %v, %d bytes read", o.Name, fault, err, d.read)
			}
			d.checkWhole(t, o.Name, again, res)
			if err := os.RemoveAll(res.Path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// incompressible is noise.
func incompressible(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(b) // never fails
	return b
}
