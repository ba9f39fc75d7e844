package windows_test

import (
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

var errFault = errors.New("bad sector")

// faulty is a volume whose n-th call fails, and every one after it.
type faulty struct {
	windowstest.Volume
	left *atomic.Int64
}

func (v faulty) spend() error {
	if v.left.Add(-1) < 0 {
		return errFault
	}
	return nil
}

func (v faulty) Open(name string) (fs.File, error) {
	if err := v.spend(); err != nil {
		return nil, err
	}
	f, err := v.Volume.Open(name)
	if err != nil {
		return nil, err
	}
	if at, ok := f.(io.ReaderAt); ok {
		return faultyFile{f, at, v}, nil
	}
	return f, nil
}

func (v faulty) Stat(name string) (fs.FileInfo, error) {
	if err := v.spend(); err != nil {
		return nil, err
	}
	return v.Volume.Stat(name)
}

func (v faulty) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := v.spend(); err != nil {
		return nil, err
	}
	return v.Volume.ReadDir(name)
}

func (v faulty) OpenRaw(name string) (*io.SectionReader, error) {
	if err := v.spend(); err != nil {
		return nil, err
	}
	return v.Volume.OpenRaw(name)
}

func (v faulty) Free() (int64, error) {
	if err := v.spend(); err != nil {
		return 0, err
	}
	return v.Volume.Free()
}

type faultyFile struct {
	fs.File
	at io.ReaderAt
	v  faulty
}

func (f faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.v.spend(); err != nil {
		return 0, err
	}
	return f.at.ReadAt(p, off)
}

// Whatever call fails first, there is an error or there are facts; never a panic.
func TestFaults(t *testing.T) {
	t.Parallel()
	full := windowstest.NewVolume(t, sample.Server())
	full.MapFS["Windows/MEMORY.DMP"] = &fstest.MapFile{Data: make([]byte, 100)}
	complete := 0
	const calls = 150
	for n := range int64(calls) {
		v := faulty{Volume: full, left: new(atomic.Int64)}
		v.left.Store(n)
		i, err := windows.Open(v, "Windows")
		if err != nil {
			continue
		}
		f, err := i.Facts(windows.Live{})
		if err == nil && len(f.Problems) == 0 && f.Version.Build.Value == 20348 && f.Files.DumpFile.Present {
			complete++
		}
	}
	if complete == 0 || complete == calls {
		t.Errorf("%d of %d runs gave complete facts; want some", complete, calls)
	}
}
