package live

import (
	"fmt"
	"strings"
)

// liveFile says what the medium was made of.
const liveFile = "/etc/hangkit-live.json"

// identity is what of it is shown.
type identity struct {
	Build   string `json:"build"`
	Version string `json:"version"`
}

// facts are what the first lines on the screen say.
type facts struct {
	identity
	kernel   string
	machine  string
	memory   int64
	lockdown string // what the kernel was locked down to; empty for nothing

	uefi            bool
	noBIOS          bool // the processor's machines have none
	secureBoot      bool
	secureBootKnown bool
}

// columns is the width of a screen in text mode. A full line would break to the next.
const columns = 79

// clip makes text fit a line of the screen, harmless.
func clip(s string) string {
	s = strings.TrimRight(printable(s), " ")
	return s[:min(len(s), columns)]
}

// lines are the first on every console.
func (f facts) lines() []string {
	build := ""
	if f.Build != "" {
		build = " (medium " + f.Build + ")"
	}
	lines := []string{
		"",
		clip("hangkit " + f.Version + build),
		clip(fmt.Sprintf("Linux %s, %s", f.kernel, f.firmware())),
	}
	if f.machine != "" {
		lines = append(lines, clip(fmt.Sprintf("Machine: %s, %s of memory", f.machine, size(f.memory))))
	}
	return append(lines, "Nothing on the disks is changed without a plan and your yes.")
}

func (f facts) firmware() string {
	words := "BIOS"
	switch {
	case !f.uefi && f.noBIOS:
		words = "without firmware"
	case f.uefi && !f.secureBootKnown:
		words = "UEFI"
	case f.uefi && f.secureBoot:
		words = "UEFI, Secure Boot on"
	case f.uefi:
		words = "UEFI, Secure Boot off"
	}
	if f.lockdown != "" {
		words += ", locked down (" + f.lockdown + ")"
	}
	return words
}

// lockdownState reads "none [integrity] confidentiality".
func lockdownState(attribute string) string {
	_, rest, _ := strings.Cut(attribute, "[")
	state, _, _ := strings.Cut(rest, "]")
	if state == "none" {
		return ""
	}
	return state
}
