package live

import "errors"

// ErrFormat is input that is not what its format says: a package, a module, a lock file.
var ErrFormat = errors.New("not in its format")

// ErrUntrusted is a package whose size or digest is not the one that is pinned.
var ErrUntrusted = errors.New("not the pinned package")

// ErrOffline is a package that is not there and must not be fetched.
var ErrOffline = errors.New("package is missing")
