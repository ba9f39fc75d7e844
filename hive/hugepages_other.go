//go:build !linux

package hive

// useHugePages does something on Linux only.
func useHugePages([]byte) {}
