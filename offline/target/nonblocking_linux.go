package target

import "golang.org/x/sys/unix"

// nonBlocking makes opening a pipe not wait for its other end. It changes nothing for
// files and folders.
const nonBlocking = unix.O_NONBLOCK
