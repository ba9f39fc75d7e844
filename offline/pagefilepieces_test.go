package offline

import (
	"path/filepath"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
	"hangkit/image"
	"hangkit/ntfs/format"
)

// TestPageFileOfManyPieces collects a dump from a page file of 20,000 pieces, none of
// which NTFS believes was ever written.
func TestPageFileOfManyPieces(t *testing.T) {
	t.Parallel()
	const pieces = 20_000
	dump, err := dumptest.Build(dumptest.Spec{Type: dumpfile.TypeFull, Pages: pieces, Seed: 20})
	if err != nil {
		t.Fatal(err)
	}
	img := filepath.Join(t.TempDir(), "disk.img")
	disk, err := image.Create(img, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	var none int64
	layout, err := format.Build(disk, format.Options{Seed: 20, Root: []format.Entry{
		{Name: "pagefile.sys", Data: dump, Fragments: pieces, InitializedSize: &none},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if f := layout.Files["pagefile.sys"]; len(f.Extents) != pieces || f.Extensions == 0 {
		t.Fatalf("%d pieces, %d extension records", len(f.Extents), f.Extensions)
	}
	compareCollected(t, img, dump, 0)
}
