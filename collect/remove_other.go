//go:build !windows

package collect

import "os"

// removeFrom removes a file or an empty folder of root.
func removeFrom(root *os.Root, name string) error { return root.Remove(name) }
