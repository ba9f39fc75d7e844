//go:build !windows

package collect

// The errors of package syscall say all that these systems say.

func isFull(error) bool { return false }

func isTooBig(error) bool { return false }
