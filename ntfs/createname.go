package ntfs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrName says that Windows could neither make nor open a file of that name.
var ErrName = errors.New("not a name Windows can use")

const (
	namespacePOSIX       namespace = 0 // any name, case counts
	namespaceWin32AndDOS namespace = 3 // a name that is its own 8.3 alias

	maxNameLength = 255 // UTF-16 code units

	// forbiddenInNames is what Win32 takes for something else than part of a name.
	forbiddenInNames = "\\/:*?\"<>|"
	// forbiddenInShortNames cannot be in an 8.3 name besides that.
	forbiddenInShortNames = ".+,;=[] "

	maxShortBase      = 8
	maxShortExtension = 3
)

// checkNewName refuses what NTFS would store and Windows could not use.
func checkNewName(name []uint16) error {
	reason := ""
	switch {
	case len(name) == 0:
		reason = "it is empty"
	case len(name) > maxNameLength:
		reason = fmt.Sprintf("it has %d UTF-16 code units, at most %d are possible", len(name), maxNameLength)
	case slices.ContainsFunc(name, func(u uint16) bool { return u < ' ' || u < 0x80 && strings.ContainsRune(forbiddenInNames, rune(u)) }):
		reason = "it has a control character or one of " + forbiddenInNames
	case name[len(name)-1] == '.' || name[len(name)-1] == ' ':
		reason = "it ends in a dot or a space"
	case deviceName(name):
		reason = "it names a device"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s", ErrName, reason)
}

// deviceNames are what Win32 takes for a device in every directory and with
// every extension ("Naming Files, Paths, and Namespaces").
var deviceNames = []string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}

// numberedDevices are devices with one digit, of which three may be superscripts.
var numberedDevices = []string{"COM", "LPT"}

const deviceDigits = "123456789¹²³"

func deviceName(name []uint16) bool {
	base, _, _ := strings.Cut(escapeName(name), ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	if slices.Contains(deviceNames, base) {
		return true
	}
	return slices.ContainsFunc(numberedDevices, func(device string) bool {
		digit, ok := strings.CutPrefix(base, device)
		return ok && len([]rune(digit)) == 1 && strings.Contains(deviceDigits, digit)
	})
}

// namespaceOf says under which rules a name without an 8.3 alias is stored. A
// name that is its own alias belongs to both worlds; any other is one of the
// POSIX namespace, as Windows itself stores it where no aliases are made.
func namespaceOf(name []uint16) namespace {
	base, extension, dotted := strings.Cut(escapeName(name), ".")
	short := base != "" && len(base) <= maxShortBase && len(extension) <= maxShortExtension && dotted == (extension != "")
	if short && !strings.ContainsFunc(base+extension, notInShortName) {
		return namespaceWin32AndDOS
	}
	return namespacePOSIX
}

func notInShortName(r rune) bool {
	return r <= ' ' || r >= 0x7f || r >= 'a' && r <= 'z' || strings.ContainsRune(forbiddenInShortNames+forbiddenInNames, r)
}
