package crashconfig

import "hangkit/offline/windows"

// peDiskDrive is the letter that Windows PE gives the first volume of the first disk.
const peDiskDrive = 'C'

// pePageFile is the entry of PagingFiles that a dump of Windows PE would be written
// through: one on a disk. Its own drive is memory, and so is what it chooses itself.
func pePageFile(f *windows.Facts) (windows.PageFileEntry, bool) {
	for _, e := range f.PageFiles {
		if e.Err == nil && e.Drive != windows.AnyDrive && e.Drive != windows.PEDrive {
			return e, true
		}
	}
	return windows.PageFileEntry{}, false
}

// winPE fills in what Windows PE needs and nobody asked for otherwise: a kernel dump,
// which fits at the first time, and a page file on a disk, for it has none by default.
func (d *draft) winPE() {
	if !d.f.WinPE {
		return
	}
	if d.s.Dump == Unspecified && d.unarmed() {
		d.s.Dump = Kernel
	}
	_, there := pePageFile(d.f)
	if there || len(d.s.PageFiles) > 0 || d.s.Dedicated != nil || hasDedicated(d.f) || d.s.Dump == NoDump {
		return
	}
	request := PageFileRequest{Drive: peDiskDrive}
	if n, known := dumpNeed(d.f, d.s.Dump); known {
		request.Initial, request.Maximum = n.OK, n.OK
	} else {
		d.note("No size is set for the page file: the memory size is unknown (--ram SIZE).")
	}
	d.s.PageFiles = []PageFileRequest{request}
	d.note("Windows PE runs from memory, so the page file goes to %c:. A Windows that is installed there loses its own page file, and a dump that still lies in it: collect that first.", peDiskDrive)
	d.note("Windows PE does not turn the page file into MEMORY.DMP: after the crash collect the dump from the disk that was %c:.", peDiskDrive)
}
