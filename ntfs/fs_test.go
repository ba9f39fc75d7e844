package ntfs_test

import (
	"bytes"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// memory is a volume-sized device in memory.
type memory struct{ b []byte }

func (m *memory) ReadAt(p []byte, off int64) (int, error)  { return bytes.NewReader(m.b).ReadAt(p, off) }
func (m *memory) WriteAt(p []byte, off int64) (int, error) { return copy(m.b[off:], p), nil }
func (m *memory) Size() int64                              { return int64(len(m.b)) }

func TestFS(t *testing.T) {
	t.Parallel()
	dev := &memory{b: make([]byte, 16<<20)}
	root := []format.Entry{
		{Name: "Windows", Dir: []format.Entry{
			{Name: "System32", Dir: []format.Entry{{Name: "SYSTEM", Data: bytes.Repeat([]byte("hive"), 5000)}}},
		}},
		{Name: "ünï-日本", Data: []byte("x")},
		{Name: "empty"},
	}
	err := format.Write(dev, format.Options{Size: 16 << 20, SectorSize: 512, ClusterSize: 4096, Time: time.Unix(1e9, 0), Root: root})
	if err != nil {
		t.Fatal(err)
	}
	v, err := ntfs.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(v, "Windows/System32/SYSTEM", "ünï-日本", "empty"); err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadFile(v, "WINDOWS/system32/system")
	if err != nil || !bytes.Equal(got, bytes.Repeat([]byte("hive"), 5000)) {
		t.Fatal(err, len(got))
	}
	free, err := v.Free()
	t.Log(v.Info(), free, err)
}
