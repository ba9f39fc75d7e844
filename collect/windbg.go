package collect

// HangCommands are the WinDbg commands an analysis of a hang begins with, in
// the order to try them.
func HangCommands() []string {
	return []string{
		"!analyze -v -hang",
		".bugcheck",
		"!sysinfo machineid",
		"!running -it",
		"!locks",
		"!stacks 2",
		"!process 0 7",
		"!dpcs",
		"!timer",
		"!exqueue f",
		"!vm",
		"!irpfind",
		"!pnptriage",
		"!devnode 0 1",
		"!poaction",
		"!blackboxbsd",
		"!blackboxpnp",
		"!blackboxwinlogon",
	}
}
