package hive

import "syscall"

// madvHugePage is MADV_HUGEPAGE, for which package syscall has no name.
const madvHugePage = 14

// useHugePages asks for memory in large pages, before all of it is filled. Reading a hive of 15 MB
// then takes a handful of page faults, not thousands, which cost more than the reading itself. It is
// a hint: where it cannot be followed nothing changes.
func useHugePages(p []byte) {
	_ = syscall.Madvise(p[:len(p)&^(pageSize-1)], madvHugePage)
}
