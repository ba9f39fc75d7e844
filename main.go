// Hangkit gets a memory dump out of a Windows machine that hangs.
package main

import (
	"os"

	"hangkit/offline"
)

func main() {
	os.Exit(offline.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
