package live

import "strings"

// consoleNames takes the kernel's list of consoles. tty0 stands for whatever virtual
// terminal is shown, which is the first.
func consoleNames(active string) []string {
	var names []string
	for name := range strings.FieldsSeq(active) {
		if strings.ContainsAny(name, "/.") {
			continue
		}
		if name == "tty0" {
			name = "tty1"
		}
		names = append(names, name)
	}
	return names
}

// terminalType is what TERM says: a screen of this machine, or anything at all.
func terminalType(name string) string {
	if rest, ok := strings.CutPrefix(name, "tty"); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		return "linux"
	}
	return "vt100"
}
