package imagetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// How long Unmount tries, and how long it waits between two attempts.
const (
	unmountPatience = 20 * time.Second
	unmountPause    = 20 * time.Millisecond
)

// Unmount unmounts what is mounted at dir, and does nothing if nothing is, so that
// it serves as a cleanup too. A process that another test is just starting holds
// every open file of ours between its fork and its exec: while the directory is
// busy it tries again, and the test fails only when it stays busy.
func Unmount(tb testing.TB, dir string) {
	tb.Helper()
	for deadline := time.Now().Add(unmountPatience); Mounted(tb, dir); time.Sleep(unmountPause) {
		out, err := exec.Command("umount", dir).CombinedOutput() // the context of t has ended in a cleanup
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("umount %s: %v\n%sheld by %v", dir, err, out, holders(dir))
		}
	}
}

// Mounted tells whether something is mounted at dir.
func Mounted(tb testing.TB, dir string) bool {
	tb.Helper()
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Contains(string(table), " "+dir+" ")
}

// holders names the processes that have a file below dir open or work there.
func holders(dir string) (found []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	places, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range slices.Concat(links, places) {
		target, err := os.Readlink(link)
		if err == nil && (target == dir || strings.HasPrefix(target, dir+"/")) {
			found = append(found, fmt.Sprintf("%s (%s)", link, target))
		}
	}
	return found
}
