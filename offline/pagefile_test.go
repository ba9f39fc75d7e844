package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
	"hangkit/image"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// hiddenDumps are kernel dumps of every type that ends up in a page file.
func hiddenDumps() map[string]dumptest.Spec {
	return map[string]dumptest.Spec{
		"full":          {Type: dumpfile.TypeFull, Pages: 4096, Seed: 1},
		"bitmap full":   {Type: dumpfile.TypeBitmapFull, Pages: 4096, Seed: 2, Blobs: []int{100, 4000}},
		"bitmap kernel": {Type: dumpfile.TypeBitmapKernel, Pages: 4096, Seed: 3, Blobs: []int{8}},
		"summary":       {Type: dumpfile.TypeSummary, Pages: 4096, Seed: 4},
		"32-bit full":   {Bits: 32, Type: dumpfile.TypeFull, Pages: 4096, Seed: 5},
		"32-bit bitmap": {Bits: 32, Type: dumpfile.TypeBitmapFull, Pages: 4096, Seed: 6},
		"no space said": {Type: dumpfile.TypeBitmapKernel, Pages: 4096, Seed: 7, Space: dumptest.SpaceFill},
		"absurd space":  {Type: dumpfile.TypeBitmapKernel, Pages: 4096, Seed: 8, Space: dumptest.SpaceAbsurd},
	}
}

// TestPageFileDumps hides each kind of dump in a page file of more than a thousand
// fragments, once with an initialized size of zero, and gets it out whole.
func TestPageFileDumps(t *testing.T) {
	t.Parallel()
	var zero int64
	for name, spec := range hiddenDumps() {
		for _, initialized := range []*int64{nil, &zero} {
			t.Run(fmt.Sprintf("%s, uninitialized %t", name, initialized != nil), func(t *testing.T) {
				t.Parallel()
				dump, err := dumptest.Build(spec)
				if err != nil {
					t.Fatal(err)
				}
				img := pageFileDisk(t, dump, initialized, int64(len(dump))+3<<20)
				compareCollected(t, img, dump, 0)
			})
		}
	}
}

// TestPageFileTooSmall gets out what a small page file could take, marked as partial.
func TestPageFileTooSmall(t *testing.T) {
	t.Parallel()
	dump, err := dumptest.Build(dumptest.Spec{Pages: 4096})
	if err != nil {
		t.Fatal(err)
	}
	const room = 8 << 20
	img := pageFileDisk(t, dump[:room], nil, room)
	compareCollected(t, img, dump[:room], 3)
}

// pageFileDisk makes an image of a volume whose page file begins with a dump.
func pageFileDisk(t *testing.T, dump []byte, initialized *int64, size int64) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "disk.img")
	if err := errors.Join(os.WriteFile(img, nil, 0o600), os.Truncate(img, 256<<20)); err != nil {
		t.Fatal(err)
	}
	disk, err := image.Open(img, true)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	if _, err := io.ReadFull(random, noise); err != nil {
		t.Fatal(err)
	}
	copy(noise, dump)
	err = format.Write(disk, format.Options{Seed: 9, Root: []format.Entry{
		{Name: "pagefile.sys", Data: noise, Fragments: 1500, InitializedSize: initialized},
	}})
	if err := errors.Join(err, disk.Close()); err != nil {
		t.Fatal(err)
	}
	return img
}

// compareCollected collects the only dump of an image and compares every byte.
func compareCollected(t *testing.T, img string, want []byte, status int) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	var doc collectDocument
	if err := json.Unmarshal([]byte(hangkit(t, status, "collect", img, "-o", dir, "--json")), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Dumps) != 1 {
		t.Fatalf("%d dumps collected, want 1", len(doc.Dumps))
	}
	got, err := os.ReadFile(doc.Dumps[0].File)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came out, want the %d bytes that were hidden", len(got), len(want))
	}
	if doc.Dumps[0].Partial != (status != 0) {
		t.Errorf("partial is %t", doc.Dumps[0].Partial)
	}
	compareExtents(t, img, doc.Manifest, want)
	st, err := os.Stat(doc.Dumps[0].File)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v", st.Mode())
	}
}

// compareExtents reads the dump from where on the disk the manifest says it lay.
func compareExtents(t *testing.T, img, manifest string, want []byte) {
	t.Helper()
	m, err := collect.ReadManifest(manifest)
	if err != nil {
		t.Fatal(err)
	}
	disk, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	got := make([]byte, len(want))
	i := slices.IndexFunc(m.Volumes, func(v collect.ManifestVolume) bool { return v.Name == m.Dumps[0].Volume })
	if i < 0 {
		t.Fatalf("no volume %q", m.Dumps[0].Volume)
	}
	volume := m.Volumes[i]
	for _, e := range m.Dumps[0].Extents {
		if e.Disk == nil || e.Volume == nil || *e.Disk-*e.Volume != *volume.Offset {
			t.Fatalf("%+v on a volume at %d", e, *volume.Offset)
		}
		if _, err := disk.ReadAt(got[e.Off:e.Off+e.Len], *e.Disk); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Error("the extents in the manifest are not those of the dump")
	}
}

// TestOraclePageFileOnMkntfs does the same on a volume that mkntfs made, in a page
// file that ntfs-3g scattered over the gaps between other files.
func TestOraclePageFileOnMkntfs(t *testing.T) {
	needPrograms(t, "mkntfs", "ntfs-3g", "umount")
	img := fragmentedVolume(t, 20<<20)
	for name, spec := range hiddenDumps() {
		t.Run(name, func(t *testing.T) {
			dump, err := dumptest.Build(spec)
			if err != nil {
				t.Fatal(err)
			}
			pieces := hideDump(t, img, dump)
			if pieces < 1000 {
				t.Fatalf("the page file has %d pieces only", pieces)
			}
			t.Logf("%d pieces", pieces)
			compareCollected(t, img, dump, 0)
		})
	}
}

// fragmentedVolume is a full volume with a hole after every second small file, and
// a page file in these holes.
func fragmentedVolume(t *testing.T, size int64) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "disk.img")
	if err := errors.Join(os.WriteFile(img, nil, 0o600), os.Truncate(img, 64<<20)); err != nil {
		t.Fatal(err)
	}
	command(t, "mkntfs", "-F", "-q", img)
	volume := mount(t, img)
	dir := volume.dir
	piece := make([]byte, 8<<10)
	var n int
	for ; ; n++ {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%05d", n)), piece, 0o600); err != nil {
			break // the volume is full
		}
	}
	for i := 0; i < n; i += 2 {
		if err := os.Remove(filepath.Join(dir, fmt.Sprintf("f%05d", i))); err != nil {
			t.Fatal(err)
		}
	}
	noise := bytes.Repeat([]byte("what was paged out"), int(size/18))
	if err := os.WriteFile(filepath.Join(dir, "pagefile.sys"), noise, 0o600); err != nil {
		t.Fatal(err)
	}
	volume.unmount(t)
	return img
}

// hideDump writes a dump into the clusters of the page file, beneath the file
// system, and returns how many pieces the file has.
func hideDump(t *testing.T, img string, dump []byte) int {
	t.Helper()
	disk, err := image.Open(img, true)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	v, err := ntfs.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	extents, err := v.Extents("pagefile.sys")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range extents {
		// What lies behind the dump is not of the dump before it.
		part := bytes.Repeat([]byte{0xA5}, int(e.Length))
		if e.FileOffset < int64(len(dump)) {
			copy(part, dump[e.FileOffset:])
		}
		if _, err := disk.WriteAt(part, e.DeviceOffset); err != nil {
			t.Fatal(err)
		}
	}
	return len(extents)
}

// TestExtentsOnAPartition finds the dump at the manifest's places on a disk with
// several partitions.
func TestExtentsOnAPartition(t *testing.T) {
	t.Parallel()
	img, out := filepath.Join(t.TempDir(), "server.img"), filepath.Join(t.TempDir(), "out")
	if err := errors.Join(makeDemoDisk(img), crashDemoDisk(img)); err != nil {
		t.Fatal(err)
	}
	hangkit(t, 0, "collect", img, "-o", out, "--what", "dumps", "--no-verify")
	found, err := filepath.Glob(filepath.Join(out, "*", collect.DumpsFolder, "*.dmp"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	dump, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	compareExtents(t, img, filepath.Join(filepath.Dir(filepath.Dir(found[0])), collect.ManifestName), dump)
}
