package ui

import "golang.org/x/sys/windows"

// dropTyped throws away what a console holds that nobody has read yet.
func dropTyped(fd int) error { return windows.FlushConsoleInputBuffer(windows.Handle(fd)) }
