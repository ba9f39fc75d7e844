package offline

import (
	"bufio"
	"fmt"
	"io"
	"unsafe"
)

var getConsoleProcesses = kernel32.NewProc("GetConsoleProcessList")

// ownConsole tells whether the console is there for hangkit alone, as after a double click:
// no prompt holds it, and its window goes when hangkit ends.
func ownConsole() bool {
	var ids [2]uint32
	if getConsoleProcesses.Find() != nil {
		return false
	}
	n, _, _ := getConsoleProcesses.Call(uintptr(unsafe.Pointer(&ids[0])), uintptr(len(ids)))
	return n == 1
}

// waitForEnter keeps the window until what it shows has been read.
func waitForEnter(in io.Reader, errOut io.Writer) {
	fmt.Fprint(errOut, "Enter closes this window. ")
	_, _ = bufio.NewReader(in).ReadString('\n') // a console that is gone keeps no window
}
