package ui

import "golang.org/x/sys/unix"

// echoOff keeps a terminal from showing what is typed.
func echoOff(fd int) error {
	mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	mode.Lflag &^= unix.ECHO
	mode.Lflag |= unix.ICANON | unix.ISIG // a line ends and Ctrl-C interrupts, however the terminal was left
	mode.Iflag |= unix.ICRNL
	return unix.IoctlSetTermios(fd, unix.TCSETS, mode)
}
