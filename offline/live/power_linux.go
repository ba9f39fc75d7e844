package live

import (
	"time"

	"golang.org/x/sys/unix"
)

// How long processes are given before the machine goes: a command that writes stops at
// its next safe point.
const (
	termTime = 20 * time.Second
	killTime = 2 * time.Second
)

// power ends the machine: processes first, then the stick, then the rest.
func (s *session) power(command int, words string) {
	if !s.ending.CompareAndSwap(false, true) {
		return
	}
	s.consoles.all("\n" + words)
	_ = unix.Kill(-1, unix.SIGTERM) // all but process 1 and this one
	if !waitForOthers(termTime) {
		_ = unix.Kill(-1, unix.SIGKILL)
		waitForOthers(killTime)
	}
	if err := s.stick.unmount(); err != nil {
		s.consoles.all("hangkit: the stick: " + err.Error())
	}
	unix.Sync()
	s.consoles.flush()
	if err := unix.Reboot(command); err != nil {
		s.consoles.all("hangkit: " + err.Error() + ". Switch the machine off by hand.")
		s.consoles.flush()
	}
	select {}
}

func (s *session) powerOff() { s.power(unix.LINUX_REBOOT_CMD_POWER_OFF, "hangkit: powering off") }
func (s *session) reboot()   { s.power(unix.LINUX_REBOOT_CMD_RESTART, "hangkit: restarting") }
