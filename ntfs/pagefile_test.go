package ntfs_test

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/ntfstest"
)

// A page file as a dump has to be taken from: in more pieces than a record lists,
// and without a byte that NTFS believes was written.
const (
	pageFilePieces = 20_000
	pageFileSize   = 2*pageFilePieces*512 + 300 // two clusters of 512 bytes each, and a rest
)

// TestPageFile gets every byte out of a page file of 20,000 pieces in an attribute
// list whose initialized size is zero.
func TestPageFile(t *testing.T) {
	t.Parallel()
	var none int64
	m, layout := build(t, 256<<20, format.Options{ClusterSize: 512, Root: []format.Entry{
		{Name: "pagefile.sys", Content: pattern{pageFileSize}, Size: pageFileSize, Fragments: pageFilePieces, InitializedSize: &none},
	}})
	if n := layout.Files["pagefile.sys"].Extensions; n < 100 {
		t.Errorf("%d extension records", n)
	}
	checkPageFile(t, m)
}

// checkPageFile reads the page file of a volume raw, in steps that do not fit its
// pieces, and as programs see it.
func checkPageFile(t *testing.T, dev ntfs.Device) {
	t.Helper()
	v := open(t, dev)
	extents, err := v.Extents("pagefile.sys")
	if err != nil || len(extents) < pageFilePieces {
		t.Fatalf("%d pieces (%v)", len(extents), err)
	}
	if d, err := v.Detail("pagefile.sys"); err != nil || d.Initialized != 0 || d.Size != pageFileSize {
		t.Fatalf("%+v (%v)", d, err)
	}
	raw, err := v.OpenRaw("pagefile.sys")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := io.CopyBuffer(&got, struct{ io.Reader }{raw}, make([]byte, 77_777)); err != nil {
		t.Fatal(err)
	}
	if want := patterned(pageFileSize); got.Len() < pageFileSize || !bytes.Equal(got.Bytes()[:pageFileSize], want) {
		t.Errorf("%d bytes, not those that were written", got.Len())
	}
	f, err := v.Open("pagefile.sys")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(f); err != nil || !bytes.Equal(b, make([]byte, pageFileSize)) {
		t.Errorf("as programs see it: %d bytes that are not all zero (%v)", len(b), err)
	}
}

// TestOraclePageFile does the same on a volume of mkntfs, in the pieces that ntfs-3g
// finds free between clusters that are marked used.
func TestOraclePageFile(t *testing.T) {
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "ntfscat", "ntfsinfo", "icat")
	img := mkntfs(t, geometry{512, 512, 128 << 20})
	dev := openImage(t, img)
	useEveryThird(t, dev)
	ntfstest.Mounted(t, img, "rw", func(dir string) {
		put(t, filepath.Join(dir, "pagefile.sys"), patterned(pageFileSize))
	})
	forgetInitialized(t, dev, pageFileSize)
	checkPageFile(t, dev)
}

// useEveryThird marks clusters in $Bitmap so that no more than two in a row are free.
func useEveryThird(t *testing.T, dev *image) {
	t.Helper()
	extents, err := open(t, dev).Extents("$Bitmap")
	if err != nil || len(extents) != 1 {
		t.Fatalf("%d extents of $Bitmap (%v)", len(extents), err)
	}
	bitmap := make([]byte, extents[0].Length)
	if _, err := dev.ReadAt(bitmap, extents[0].DeviceOffset); err != nil {
		t.Fatal(err)
	}
	for bit := 0; bit < 8*len(bitmap); bit += 3 {
		bitmap[bit/8] |= 1 << (bit % 8)
	}
	if _, err := dev.WriteAt(bitmap, extents[0].DeviceOffset); err != nil {
		t.Fatal(err)
	}
}

// forgetInitialized sets the initialized size to zero in the only attribute that
// has this size, as Windows leaves the page file when it boots.
func forgetInitialized(t *testing.T, dev *image, size uint64) {
	t.Helper()
	const cluster = 512
	allocated := (size + cluster - 1) / cluster * cluster
	sizes := le.AppendUint64(le.AppendUint64(le.AppendUint64(nil, allocated), size), size)
	whole, err := io.ReadAll(io.NewSectionReader(dev, 0, dev.size))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, sizes)
	if at < 0 || bytes.Contains(whole[at+1:], sizes) || at/512 != (at+len(sizes)+2)/512 {
		t.Fatalf("the sizes lie at %d, or elsewhere too", at)
	}
	if _, err := dev.WriteAt(make([]byte, 8), int64(at)+16); err != nil {
		t.Fatal(err)
	}
}
