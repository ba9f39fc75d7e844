package crashsim_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"hangkit/ntfs/internal/crashsim"
)

// blank is a device of zeros.
type blank int64

func (b blank) Size() int64 { return int64(b) }

func (b blank) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(b) {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), int64(b)-off)]
	clear(p)
	return len(p), nil
}

const sector = 512

func sectors(fill ...byte) []byte {
	var b []byte
	for _, c := range fill {
		b = append(b, bytes.Repeat([]byte{c}, sector)...)
	}
	return b
}

// write writes one letter per sector.
func write(t *testing.T, r *crashsim.Recorder, letters string, off int64) {
	t.Helper()
	if n, err := r.WriteAt(sectors([]byte(letters)...), off*sector); err != nil || n != len(letters)*sector {
		t.Fatal(n, err)
	}
}

func sync(t *testing.T, r *crashsim.Recorder) {
	t.Helper()
	if err := r.Sync(); err != nil {
		t.Fatal(err)
	}
}

// played lists the states, one letter per sector, a dot where nothing was written.
func played(t *testing.T, r *crashsim.Recorder, b crashsim.Bounds) (states []string) {
	t.Helper()
	for s := range r.States(b) {
		p := make([]byte, s.Size())
		if _, err := s.ReadAt(p, 0); err != nil {
			t.Fatal(err)
		}
		var letters []byte
		for i := 0; i < len(p); i += sector {
			letters = append(letters, max(p[i], '.'))
		}
		states = append(states, string(letters))
	}
	return states
}

// TestStates: all sets of what is between two flushes, upon all of what was before.
func TestStates(t *testing.T) {
	t.Parallel()
	r := crashsim.NewRecorder(blank(4*sector), sector)
	write(t, r, "ab", 0)
	sync(t, r)
	sync(t, r) // a flush of nothing makes no state
	write(t, r, "c", 3)
	write(t, r, "A", 0)
	sync(t, r)
	want := []string{"....", "a...", ".b..", "ab..", "ab.c", "Ab..", "Ab.c"}
	if got := played(t, r, crashsim.Bounds{Exhaustive: 4}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	write(t, r, "z", 2) // and what no flush follows
	if got := played(t, r, crashsim.Bounds{Exhaustive: 4}); !slices.Equal(got, append(want, "Abzc")) {
		t.Errorf("got %q", got)
	}
}

// TestStatesBounded: of a long stretch, prefixes, single sectors, all but one
// and some at random, the same ones each time.
func TestStatesBounded(t *testing.T) {
	t.Parallel()
	r := crashsim.NewRecorder(blank(8*sector), sector)
	write(t, r, "abcdefgh", 0)
	sync(t, r)
	bounds := crashsim.Bounds{Exhaustive: 2, Prefixes: 2, Random: 5, Seed: 7}
	got := played(t, r, bounds)
	for _, want := range []string{"........", "abcd....", "....e...", "abcd.fgh", "abcdefgh"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	if len(got) != 1+3+5+1 || !slices.Equal(got, played(t, r, bounds)) {
		t.Errorf("%d states: %q", len(got), got)
	}
}

// TestStateIsItsOwn: what is written to a state stays there.
func TestStateIsItsOwn(t *testing.T) {
	t.Parallel()
	r := crashsim.NewRecorder(blank(2*sector), sector)
	write(t, r, "ab", 0)
	sync(t, r)
	for s := range r.States(crashsim.Bounds{Exhaustive: 4}) {
		if _, err := s.WriteAt([]byte("xyz"), sector-1); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 3)
		if _, err := s.ReadAt(p, sector-1); err != nil || string(p) != "xyz" {
			t.Errorf("%q (%v)", p, err)
		}
	}
	if got := played(t, r, crashsim.Bounds{Exhaustive: 4}); !slices.Equal(got, []string{"..", "a.", ".b", "ab"}) {
		t.Errorf("got %q", got)
	}
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	r := crashsim.NewRecorder(blank(2*sector), sector)
	for _, w := range []struct{ off, length int64 }{{1, sector}, {0, 100}, {-sector, sector}, {sector, 2 * sector}} {
		if _, err := r.WriteAt(make([]byte, w.length), w.off); err == nil {
			t.Errorf("%d bytes at %d were taken", w.length, w.off)
		}
	}
	fault := errors.New("fault")
	r.Fail(func(call int) error {
		if call == 1 {
			return fault
		}
		return nil
	})
	write(t, r, "a", 0)
	if err := r.Sync(); !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
	sync(t, r)
	if p := make([]byte, 1); r.Calls() != 3 {
		t.Errorf("%d calls", r.Calls())
	} else if _, err := r.ReadAt(p, 0); err != nil || p[0] != 'a' {
		t.Errorf("%q (%v)", p, err)
	}
}
