package offline

import (
	"hangkit/collect/logs"
	"hangkit/offline/windows"
)

// dumpStackNames are the logs of the crash dump code in the root of a volume: the second
// is that of a dump that did not come to its end.
var dumpStackNames = []string{"DumpStack.log.tmp", "DumpStack.log"}

// dumpStack is the readable end of the first of these logs that has one.
func (f *found) dumpStack() windows.DumpStackLog {
	if f.Volume.FS == nil || f.Root == "" {
		return windows.DumpStackLog{}
	}
	for _, name := range dumpStackNames {
		if lines := f.readableLines(name); len(lines) > 0 {
			return windows.DumpStackLog{Path: name, Lines: lines}
		}
	}
	return windows.DumpStackLog{}
}

// readableLines are none for a log that is not there or cannot be read.
func (f *found) readableLines(name string) []string {
	r, err := f.Volume.FS.Open(name)
	if err != nil {
		return nil
	}
	defer r.Close()
	lines, err := logs.Lines(r)
	if err != nil {
		return nil
	}
	return lines
}
