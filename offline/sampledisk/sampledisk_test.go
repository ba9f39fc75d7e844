package sampledisk_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"os"
	"slices"
	"testing"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/offline/sampledisk"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// testSize is that of a disk on which everything has room.
const testSize = 768 << 20

// installation is a release on a virtual machine.
func installation(t *testing.T, name, arch string) sample.Options {
	t.Helper()
	o, err := sample.Windows(name, arch)
	if err == nil {
		o, err = o.On(windows.VMware, sampledisk.UUID(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// hashed is a disk that notes every write.
type hashed struct {
	image.Disk
	sum hash.Hash
}

func newHashed() *hashed {
	return &hashed{image.NewMemory(testSize, 512), sha256.New()}
}

func (h *hashed) WriteAt(p []byte, off int64) (int, error) {
	h.sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(off)))
	h.sum.Write(p)
	return h.Disk.WriteAt(p, off)
}

// digest is that of all that is written for these options.
func digest(t *testing.T, o sampledisk.Options) string {
	t.Helper()
	d := newHashed()
	if _, err := sampledisk.Write(d, o); err != nil {
		t.Fatalf("%s: %v", o.State, err)
	}
	return string(d.sum.Sum(nil))
}

// TestReproducible: equal options make equal disks, and another seed another one. The whole of what
// can be asked for is tried where time does not matter.
func TestReproducible(t *testing.T) {
	t.Parallel()
	for i, name := range sample.Names() {
		for j, state := range sampledisk.States() {
			if !thorough() && (j != i || i%3 != 0) {
				continue
			}
			o := sampledisk.Options{Windows: installation(t, name, ""), State: state, Fragments: 3, Seed: 1}
			if state == sampledisk.FastStartup && o.Windows.Build < windows.Build8 {
				continue
			}
			first := digest(t, o)
			if digest(t, o) != first {
				t.Errorf("Windows %s, %s: two runs differ", name, state)
			}
			o.Seed = 2
			if digest(t, o) == first {
				t.Errorf("Windows %s, %s: the seed changes nothing", name, state)
			}
		}
	}
}

// thorough says that time does not matter.
func thorough() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

// TestOracleEncryptedReproducible is the same for an encrypted volume, whose keys take long to make.
func TestOracleEncryptedReproducible(t *testing.T) {
	t.Parallel()
	if !thorough() {
		t.Skip("takes seconds")
	}
	o := sampledisk.Options{Windows: installation(t, "10", ""), BitLocker: &sampledisk.BitLocker{Method: bitlocker.XTS128, Password: true, KeyFile: true}}
	if first := digest(t, o); digest(t, o) != first {
		t.Error("two runs differ")
	}
}

// TestRefused: what makes no disk is said before anything is written.
func TestRefused(t *testing.T) {
	t.Parallel()
	none := installation(t, "10", "")
	none.DumpType = 0
	for name, o := range map[string]sampledisk.Options{
		"unknown state":               {Windows: installation(t, "10", ""), State: "tidy"},
		"fast startup before 8":       {Windows: installation(t, "7", ""), State: sampledisk.FastStartup},
		"dump size without a dump":    {Windows: installation(t, "10", ""), DumpSize: 1 << 20},
		"size of a small dump":        {Windows: installation(t, "xp", ""), State: sampledisk.Crashed, DumpSize: 1 << 20},
		"crash of one without dumps":  {Windows: none, State: sampledisk.Crashed},
		"negative fragments":          {Windows: installation(t, "10", ""), Fragments: -1},
		"encrypted XP":                {Windows: installation(t, "xp", ""), BitLocker: &sampledisk.BitLocker{Method: bitlocker.XTS128}},
		"negative size of the memory": {Windows: installation(t, "10", ""), RAM: -1},
	} {
		d := image.NewRecorder(image.NewMemory(testSize, 512))
		if _, err := sampledisk.Write(d, o); !errors.Is(err, sampledisk.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(d.Ops()); n != 0 {
			t.Errorf("%s: %d writes", name, n)
		}
	}
	if _, err := sampledisk.Write(image.NewMemory(256<<20, 512), sampledisk.Options{Windows: installation(t, "10", "")}); !errors.Is(err, sampledisk.ErrOptions) {
		t.Errorf("a disk that is too small: %v", err)
	}
}

// TestDirtyWithoutDumps: where dumps are off already, there is another change for the log to hold.
func TestDirtyWithoutDumps(t *testing.T) {
	t.Parallel()
	none := installation(t, "10", "")
	none.DumpType = 0
	if _, err := sampledisk.Write(image.NewMemory(testSize, 512), sampledisk.Options{Windows: none, State: sampledisk.DirtyHive}); err != nil {
		t.Error(err)
	}
}

// TestNames: the releases are those that the command offers.
func TestNames(t *testing.T) {
	t.Parallel()
	if want := []string{"xp", "2003", "7", "8.1", "10", "11", "2016", "2019", "2022", "2025"}; !slices.Equal(sample.Names(), want) {
		t.Errorf("%q", sample.Names())
	}
}
