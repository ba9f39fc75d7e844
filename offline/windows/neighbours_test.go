package windows_test

import (
	"encoding/binary"
	"testing"
	"testing/fstest"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// A drive letter whose volume is in reach has a file system and free space, and the files that settings name there are
// looked at; of one that is not, nothing is said.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	o := sample.Server()
	o.PageFiles = []string{`C:\pagefile.sys 0 0`, `E:\pagefile.sys 100 200`}
	i := windowstest.Open(t, windowstest.NewVolume(t, o), "Windows")
	data := binary.LittleEndian.AppendUint64([]byte{1, 2, 3, 4}, 1<<30)
	for _, drive := range []string{"E:", "F:"} {
		v := hive.Value{Name: `\DosDevices\` + drive, Type: hive.Binary, Data: data}
		if err := i.System.SetValue("MountedDevices", v); err != nil {
			t.Fatal(err)
		}
		data = binary.LittleEndian.AppendUint64([]byte{1, 2, 3, 4}, 2<<30)
	}
	other := windowstest.Volume{FreeBytes: 7 << 30, MapFS: fstest.MapFS{"PAGEFILE.SYS": {Data: make([]byte, 4096)}}}
	f := windowstest.Facts(t, i, windows.Live{Neighbours: []windows.Neighbour{
		{ID: windows.VolumeID{MBRSignature: 0x04030201, Offset: 1 << 30}, Volume: other, FileSystem: "NTFS"},
		{ID: windows.VolumeID{MBRSignature: 0x04030201, Offset: 3 << 30}, FileSystem: "BitLocker"},
	}})
	e, _ := f.Drive('E')
	if e.FileSystem != "NTFS" || !e.Free.Known || e.Free.Value != 7<<30 {
		t.Errorf("E: %+v", e)
	}
	if d, ok := f.Drive('F'); !ok || d.FileSystem != "" || d.Free.Known {
		t.Errorf("F: %+v, though its volume is not in reach", d)
	}
	file, ok := f.Elsewhere(windows.Path{Letter: 'E', Name: "pagefile.sys"})
	if !ok || !file.Present || !file.Folder || file.Size != 4096 {
		t.Errorf("page file of E: %+v, %v", file, ok)
	}
	if _, ok := f.Elsewhere(windows.Path{Letter: 'E', Name: "other.sys"}); ok {
		t.Error("a file that no setting names was looked at")
	}
	again := i.FactsOf(f, f.ControlSet.Name)
	if d, _ := again.Drive('E'); d.Free.Value != 7<<30 {
		t.Errorf("E: %+v in the facts of a control set", d)
	}
}
