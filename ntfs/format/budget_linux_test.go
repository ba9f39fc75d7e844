package format_test

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"hangkit/ntfs/format"
)

// sparseBudget is what formatting and filling a sparse image of 64 GB may take.
const sparseBudget = 2 * time.Second

// TestSparseBudget makes a Windows disk of 64 GB with a page file in 20,000 pieces.
// What counts is processor time, so that the promise holds or fails whatever else
// the machine does; the test is not parallel, so that the time is its own.
func TestSparseBudget(t *testing.T) {
	root := append(windowsDisk(20<<30), format.Populate(format.Population{Names: 3000, Pieces: []int{1000}})...)
	page := &root[1]
	page.Fragments, page.Content, page.Written = 20_000, nil, nil
	img := newImage(t, 64e9)
	start, before := time.Now(), processorTime(t)
	if err := format.Write(img, format.Options{Root: root, ExtraRecords: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	took := processorTime(t) - before
	t.Logf("%v, %v of processors", time.Since(start), took)
	if took > sparseBudget {
		t.Errorf("formatting and filling 64 GB took %v, want at most %v", took, sparseBudget)
	}
	var st syscall.Stat_t
	if err := errors.Join(syscall.Fstat(int(img.Fd()), &st), os.Remove(img.Name())); err != nil {
		t.Fatal(err)
	}
	const sector, limit = 512, 256 << 20
	if used := st.Blocks * sector; used > limit {
		t.Errorf("the image takes %d bytes, want at most %d", used, limit)
	}
}

// processorTime is what this process has used, in itself and in the kernel.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
