//go:build !windows

package offline

import "io"

// ownConsole tells whether a window was opened for hangkit alone. Here a shell starts it.
func ownConsole() bool { return false }

// waitForEnter is for windows that go when hangkit ends.
func waitForEnter(io.Reader, io.Writer) {}
