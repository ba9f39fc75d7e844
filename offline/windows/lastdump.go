package windows

import "time"

// LastDump is the newest crash dump that lies where Windows puts one, by its own header. This package does not know that
// format: whoever does fills it in.
type LastDump struct {
	Path string    // slash path on the system volume
	Code string    // stop code and its name: "0xE2 MANUALLY_INITIATED_CRASH"
	At   time.Time // of the crash, zero if unknown
	// Purpose is a sentence that says how the crash was made on purpose; empty if nothing tells of that.
	Purpose string
	// NMI says that an NMI made it: sent by somebody, or by failing hardware.
	NMI bool
}
