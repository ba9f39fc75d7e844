package offline

import (
	"errors"
	"io"
	"time"

	"hangkit/collect/dumptest"
	"hangkit/image"
	"hangkit/offline/sampledisk"
	"hangkit/offline/target"
	"hangkit/offline/windows/sample"
)

// The disk that the demo makes up: a server with a page file large enough for a
// kernel dump, in many pieces, as the page files of old machines are. Nothing of it
// takes room on the real disk but what is written.
const (
	demoDiskSize      = 64 << 30
	demoPageFile      = 10 << 30
	demoFragments     = 1200
	demoDumpPages     = 6 << 20 >> 12
	demoWindowsNumber = 3
	demoSeed          = 4711
)

// makeDemoDisk writes the disk image.
func makeDemoDisk(name string) (err error) {
	disk, err := image.Create(name, demoDiskSize) // never over a file that is there
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	server := sample.Server()
	server.PageFiles = []string{`C:\pagefile.sys 10240 10240`}
	_, err = sampledisk.Write(disk, sampledisk.Options{
		Windows: server, State: sampledisk.Hung, PageFile: demoPageFile, Fragments: demoFragments, Seed: demoSeed,
	})
	return err
}

// windowsVolume is the demo's own volume in an opened disk.
func windowsVolume(t *target.Target) *target.Volume { return t.Volumes[demoWindowsNumber-1] }

// crashDemoDisk does what the crash dump driver does: it writes a kernel dump into
// the clusters of the page file and touches nothing else.
func crashDemoDisk(name string) (err error) {
	dump, err := dumptest.NewReader(dumptest.Spec{
		Pages: demoDumpPages, BugCheck: 0x80, Parameters: [4]uint64{0x4F4454}, BootID: sampledisk.LastBoot + 1,
		Time: time.Now(), UpTime: 93 * time.Second,
	})
	if err != nil {
		return err
	}
	t, err := target.Open(name, target.Writable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	volume := windowsVolume(t)
	extents, err := volume.NTFS().Extents("pagefile.sys")
	if err != nil {
		return err
	}
	for _, e := range extents {
		if n := min(e.Length, dump.Size()-e.FileOffset); n > 0 {
			if err := copyAt(volume.Device, e.DeviceOffset, io.NewSectionReader(dump, e.FileOffset, n)); err != nil {
				return err
			}
		}
	}
	return volume.Device.Sync()
}

func copyAt(to image.Disk, off int64, from io.Reader) error {
	_, err := io.Copy(io.NewOffsetWriter(to, off), from)
	return err
}
