package report

import (
	_ "embed" // of the list of names
	"strings"
	"sync"
)

// namesText lists the names of kernel files that Microsoft makes for Windows, from
// XP to 11, in lower case. They were gathered from driver documentation, lists of
// drivers that show the publisher, and module lists of machines. Drivers that come
// with Windows and are made by others (storage controllers, network cards) are not
// among them: whoever looks for a third party's driver looks for those too.
//
//go:embed names.txt
var namesText string

var knownNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for name := range strings.FieldsSeq(namesText) {
		names[name] = true
	}
	return names
})

// Crash drivers are copies of the disk's drivers under this name (dump_storahci.sys).
const crashDriverPrefix = "dump_"

// foreign says why a module is listed apart, "" where it is not. A name proves
// nothing, and neither does a place; both say where to look first.
func foreign(name, path string) string {
	lower := strings.ToLower(name)
	known := knownNames()[lower] || knownNames()[strings.TrimPrefix(lower, crashDriverPrefix)]
	switch {
	case !inWindows(path) && known:
		return "the name of a Windows file, loaded from outside the Windows folder"
	case !inWindows(path):
		return "not a known Windows file name, and loaded from outside the Windows folder"
	case !known:
		return "not a known Windows file name"
	}
	return ""
}

// inWindows tells whether a path of the kernel lies in the Windows folder, as far as
// it says.
func inWindows(path string) bool {
	path = strings.ToLower(path)
	if rest, ok := strings.CutPrefix(path, `\??\`); ok && len(rest) > 2 {
		path = rest[2:] // without the drive letter
	}
	if !strings.Contains(path, `\`) {
		return true // a name alone, or nothing
	}
	for _, root := range []string{`\systemroot\`, `\windows\`, `\winnt\`, `system32\`} {
		if strings.HasPrefix(path, root) {
			return true
		}
	}
	return false
}
