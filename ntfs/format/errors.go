package format

import "errors"

var (
	// ErrOptions means that the options contradict NTFS or each other.
	ErrOptions = errors.New("invalid format options")
	// ErrNoSpace means that the volume is too small for what it is to hold.
	ErrNoSpace = errors.New("volume too small")
)
