package crashconfig

import (
	"strings"

	"hangkit/offline/windows"
)

// ruleLastDump tells of a dump that is there already. One that somebody made is no proof of a fault: a debugger blames
// what made it.
func ruleLastDump(f *windows.Facts) (Finding, bool) {
	if f.LastDump == nil {
		return nothing()
	}
	title := "A dump of an earlier crash is there"
	switch {
	case f.LastDump.NMI:
		title = "A dump is there that an NMI made"
	case f.LastDump.Purpose != "":
		title = "A dump made on purpose is there: ignore what !analyze blames"
	}
	return say(Note, title, strings.TrimSpace("It is "+lastDumpText(f)+". "+f.LastDump.Purpose), fixCollect)
}

func lastDumpText(f *windows.Facts) string {
	d := f.LastDump
	if d == nil {
		return ""
	}
	text := d.Path + ", stop code " + d.Code
	if !d.At.IsZero() {
		text += ", " + d.At.Format("2006-01-02 15:04:05 UTC")
	}
	return text
}

var lastDumpRead = readState("newest dump on the Windows volume", fromVolume, lastDumpText)
