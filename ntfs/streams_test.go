package ntfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"reflect"
	"testing"
	"testing/iotest"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// streamTree has alternate data streams of each form.
func streamTree() []format.Entry {
	half := int64(7000)
	return []format.Entry{
		{Name: "file.txt", Data: []byte("contents"), Streams: []format.Stream{
			{Name: "Zone.Identifier", Data: []byte("[ZoneTransfer]\r\nZoneId=3\r\n")},
			{Name: "größe", Data: patterned(900_000), Fragments: 210},
			{Name: "half", Data: patterned(20_000), InitializedSize: &half},
			{Name: "packed", Data: bytes.Repeat([]byte("shrinks "), 30_000), Compressed: true},
			{Name: "empty"},
		}},
		{Name: "directory", Dir: numbered(3), Streams: []format.Stream{{Name: "of a directory", Data: patterned(3000)}}},
		{Name: "none", Data: []byte("x")},
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	root := streamTree()
	m, layout := build(t, 32<<20, format.Options{Root: root})
	v := open(t, m)
	if layout.Files["file.txt"].Extensions == 0 {
		t.Error("the streams fit one record")
	}
	for name, want := range map[string][]ntfs.StreamInfo{
		"file.txt":  {{Name: "Zone.Identifier", Size: 26}, {Name: "empty"}, {Name: "größe", Size: 900_000}, {Name: "half", Size: 20_000}, {Name: "packed", Size: 240_000}},
		"directory": {{Name: "of a directory", Size: 3000}},
		"none":      nil,
	} {
		if got, err := v.Streams(name); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v (%v)", name, got, want, err)
		}
	}
	for _, e := range root {
		for _, s := range e.Streams {
			want := shown(format.Entry{Data: s.Data, InitializedSize: s.InitializedSize})
			checkStream(t, v, e.Name, s.Name, want)
		}
	}
}

func checkStream(t *testing.T, v *ntfs.Volume, name, stream string, want []byte) {
	t.Helper()
	f, err := v.OpenStream(name, stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil || info.Name() != name+":"+stream || info.Size() != int64(len(want)) || !info.Mode().IsRegular() {
		t.Errorf("%s:%s: %v (%v)", name, stream, info, err)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s:%s: contents differ (%v)", name, stream, err)
	}
	if len(want) < 10_000 {
		if _, err := f.(io.Seeker).Seek(0, io.SeekStart); err != nil || iotest.TestReader(f, want) != nil {
			t.Errorf("%s:%s: %v", name, stream, iotest.TestReader(f, want))
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenStream(t *testing.T) {
	t.Parallel()
	m, _ := build(t, 32<<20, format.Options{Root: streamTree()})
	v := open(t, m)
	for _, c := range []struct {
		name, stream string
		want         error
	}{
		{"FILE.TXT", "zone.IDENTIFIER", nil},
		{"file.txt", "GRÖSSE", fs.ErrNotExist},
		{"file.txt", "GRÖßE", nil},
		{"file.txt", "", nil},
		{"directory", "OF A DIRECTORY", nil},
		{"directory", "", fs.ErrInvalid},
		{"directory", "$I30", fs.ErrNotExist},
		{"file.txt", "missing", fs.ErrNotExist},
		{"file.txt", "Zone.Identifier:$DATA", fs.ErrNotExist},
		{"missing", "x", fs.ErrNotExist},
		{"file.txt:Zone.Identifier", "", fs.ErrNotExist},
		{"../file.txt", "x", fs.ErrInvalid},
	} {
		f, err := v.OpenStream(c.name, c.stream)
		if !errors.Is(err, c.want) {
			t.Errorf("%s:%s: %v, want %v", c.name, c.stream, err, c.want)
		}
		if pathErr, ok := errors.AsType[*fs.PathError](err); err != nil && (!ok || pathErr.Path == "") {
			t.Errorf("%s:%s: %v names no path", c.name, c.stream, err)
		}
		if err == nil && f.Close() != nil {
			t.Error("close")
		}
	}
}
