package collect_test

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"hangkit/collect"
)

// TestOutputLeavesTheCache copies more than may stay in the page cache.
func TestOutputLeavesTheCache(t *testing.T) {
	t.Parallel()
	if !thorough() {
		t.Skip("writes 160 MiB")
	}
	b := incompressible(160 << 20)
	for _, part := range []int64{0, 48 << 20} {
		o := collect.Options{Dir: t.TempDir(), Name: "a.dmp", PartSize: part, NoHash: true}
		res, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(b), int64(len(b))), o)
		if err != nil {
			t.Fatal(err)
		}
		files := []string{res.Path}
		if res.Parts > 0 {
			files = nil
			for _, name := range names(t, res.Path) {
				files = append(files, res.Path+"/"+name)
			}
		}
		cached := 0
		for _, name := range files {
			cached += cachedBytes(t, name)
		}
		if most := 66 << 20; cached > most {
			t.Errorf("parts of %d: %d bytes are in the page cache, at most %d should be", part, cached, most)
		}
	}
}

// cachedBytes is how much of a file is in the page cache (mincore(2)).
func cachedBytes(t *testing.T, name string) int {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		t.Fatal(info, err)
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(mapped) }()
	page := os.Getpagesize()
	resident := make([]byte, (len(mapped)+page-1)/page)
	if _, _, errno := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&mapped[0])), uintptr(len(mapped)), uintptr(unsafe.Pointer(&resident[0]))); errno != 0 {
		t.Fatal(errno)
	}
	n := 0
	for _, r := range resident {
		n += int(r&1) * page
	}
	return n
}
