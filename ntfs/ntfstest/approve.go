package ntfstest

import (
	"os"
	"slices"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/verify"
)

// volumeFile is the image of a volume.
type volumeFile struct {
	*os.File
	size int64
}

func (f volumeFile) Size() int64 { return f.size }

func openImage(tb testing.TB, img string) volumeFile {
	tb.Helper()
	f, err := os.Open(img)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	return volumeFile{f, info.Size()}
}

// Approve fails the test for whatever a judge complains about in the image of a
// volume, for what ntfs/verify finds beyond notes, and where ntfs-3g reads other
// files than we do. Findings of the kinds in except are none.
func Approve(tb testing.TB, img string, except ...verify.Kind) {
	tb.Helper()
	ApproveStructure(tb, img, except...)
	v := open(tb, img)
	approve(tb, img, walkers(tb, v.Info().ClusterSize))
	seen, err := readByDriver(tb, img)
	if err != nil {
		tb.Error(err)
	}
	compare(tb, v, seen)
}

// ApproveStructure is [Approve] without what takes long where millions of files are.
func ApproveStructure(tb testing.TB, img string, except ...verify.Kind) {
	tb.Helper()
	check(tb, openImage(tb, img), except)
	approve(tb, img, checkers(tb))
}

func approve(tb testing.TB, img string, judges []Judge) {
	tb.Helper()
	for _, j := range judges {
		if o := j.Ask(tb, img); o.Complains {
			tb.Errorf("%s: %s", j.Name, o.Words[max(0, len(o.Words)-2000):])
		}
	}
}

func open(tb testing.TB, img string) *ntfs.Volume {
	tb.Helper()
	v, err := ntfs.Open(openImage(tb, img))
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func check(tb testing.TB, f volumeFile, except []verify.Kind) {
	tb.Helper()
	r, err := verify.Check(tb.Context(), f, f.size, verify.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	if worst, _ := r.Worst(except...); worst > verify.Note || r.Incomplete != "" {
		tb.Errorf("verify: incomplete %q, %v", r.Incomplete, r.Counts)
	}
	for _, finding := range r.Findings {
		if finding.Severity() > verify.Note && !slices.Contains(except, finding.Kind) {
			tb.Errorf("verify: %v", finding)
		}
	}
}
