package offline

import (
	"fmt"

	"hangkit/collect/dumpfile"
	"hangkit/offline/windows"
)

// lastDump looks for the newest dump that lies on the Windows volume where a crash
// leaves one, and tells what its header says of the crash.
func (o *opened) lastDump() *windows.LastDump {
	files := o.facts.Files
	var newest *windows.LastDump
	for _, f := range append([]windows.File{files.DumpFile, files.PageFile, files.DedicatedDump}, files.TempDumps...) {
		if !f.Present {
			continue
		}
		if d := o.readDump(f.Path); d != nil && (newest == nil || d.At.After(newest.At)) {
			newest = d
		}
	}
	return newest
}

// readDump reads a dump's header, and its list of drivers where that may tell of
// NotMyFault; nil for a file that holds no dump.
func (o *opened) readDump(name string) *windows.LastDump {
	r, err := o.Volume.FS.OpenRaw(name)
	if err != nil {
		return nil
	}
	h, err := dumpfile.ParseHeader(r, r.Size())
	if err != nil || !h.BugCheck.Code.Known {
		return nil
	}
	code := h.BugCheck.Code.Value
	d := &windows.LastDump{Path: name, Code: fmt.Sprintf("0x%X", code), Purpose: h.BugCheck.MadeOnPurpose(nil),
		NMI: h.BugCheck.Purpose(nil) == dumpfile.PurposeNMI}
	if info, ok := dumpfile.LookupBugCheck(code); ok {
		d.Code += " " + info.Name
	}
	if h.SystemTime.Known {
		d.At = h.SystemTime.Value.UTC()
	}
	if d.Purpose == "" {
		d.Purpose = h.BugCheck.MadeOnPurpose(dumpfile.Verify(r, r.Size()).Memory)
	}
	return d
}
