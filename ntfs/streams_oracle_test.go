package ntfs_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/internal/woftest"
	"hangkit/ntfs/ntfstest"
)

// TestOracleStreams: ntfs-3g writes alternate streams, and names that only it
// allows; we read the same under the names the package comment states.
func TestOracleStreams(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "ntfscat", "ntfsinfo", "icat")
	img := mkntfs(t, geometry{512, 4096, 64 << 20})
	contents := woftest.Contents(200_000)
	ntfstest.Mounted(t, img, "rw,streams_interface=windows", func(dir string) {
		put(t, filepath.Join(dir, "file"), []byte("contents"))
		put(t, filepath.Join(dir, "file:small"), []byte("beside"))
		put(t, filepath.Join(dir, "file:große"), contents)
		put(t, filepath.Join(dir, "folder", "x"), nil)
		put(t, filepath.Join(dir, "folder:of a directory"), contents)
	})
	ntfstest.Mounted(t, img, "rw,streams_interface=none", func(dir string) {
		put(t, filepath.Join(dir, "colon:back\\slash"), []byte("a name"))
		put(t, filepath.Join(dir, "half \xed\xa0\xbd pair"), []byte("half"))
	})
	v := open(t, openImage(t, img))
	want := []ntfs.StreamInfo{{Name: "große", Size: 200_000}, {Name: "small", Size: 6}}
	if got, err := v.Streams("file"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("streams %v, want %v (%v)", got, want, err)
	}
	for _, c := range []struct {
		name, stream string
		want         []byte
	}{
		{"file", "", []byte("contents")}, {"file", "small", []byte("beside")}, {"file", "große", contents},
		{"folder", "of a directory", contents},
		{"colon<003a>back<005c>slash", "", []byte("a name")}, {"half <d83d> pair", "", []byte("half")},
	} {
		f, err := v.OpenStream(c.name, c.stream)
		if err != nil {
			t.Error(err)
			continue
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s:%s differs (%v)", c.name, c.stream, err)
		}
		if c.stream != "" && !bytes.Equal(run(t, "ntfscat", "-f", "-n", c.stream, img, c.name), c.want) {
			t.Errorf("%s:%s: ntfscat differs", c.name, c.stream)
		}
	}
	if _, err := v.Stat("file:small"); !os.IsNotExist(err) {
		t.Errorf("a stream by path: %v", err)
	}
}
