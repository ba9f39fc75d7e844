package image

import (
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// What go-diskfs may ask of its storage.
func TestStorage(t *testing.T) {
	t.Parallel()
	d := NewMemory(8192, 512)
	put(t, d, 0, []byte("first"))
	s := newStorage(d)
	info, err := s.Stat()
	if err != nil || info.Size() != 8192 || !info.Mode().IsRegular() || info.IsDir() || info.Name() == "" || info.Sys() != nil || !info.ModTime().IsZero() {
		t.Errorf("stat %+v, %v", info, err)
	}
	if end, err := s.Seek(0, io.SeekEnd); end != 8192 || err != nil {
		t.Errorf("seek to the end: %d, %v", end, err)
	}
	if _, err := s.Sys(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("file of the operating system: %v", err)
	}
	w, err := s.Writable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte("last"), 8188); err != nil {
		t.Fatal(err)
	}
	if s.Path() != "" || s.Close() != nil || string(get(t, d, 8188, 4)) != "last" {
		t.Error("the disk is not what it was made of")
	}
	if _, err := s.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(s, get(t, d, 0, 8192)); err != nil {
		t.Error(err)
	}
}
