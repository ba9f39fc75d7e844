package live

import (
	"os"
	"path"
)

// sessionName is what process 1 calls the session that it starts.
const sessionName = "hangkit-live"

// firstProcess is the number of init.
const firstProcess = 1

// Role tells what this process is instead of the command line, by its name and number;
// nil for a command line. In a container hangkit may be process 1 too, but the kernel
// starts it as /init.
func Role(args []string) func() int {
	if len(args) == 0 {
		return nil
	}
	switch name := path.Base(args[0]); {
	case name == "modprobe":
		return func() int { return Modprobe(args[1:]) }
	case name == "init" && os.Getpid() == firstProcess:
		return Init
	case name == sessionName && os.Getppid() == firstProcess:
		return Session
	}
	return nil
}
