package hive

import (
	"errors"
	"fmt"
	"io/fs"
)

// Errors that callers branch on. All are wrapped with what was being done.
var (
	// ErrFormat: the bytes are not what the format demands. Usually a *FormatError.
	ErrFormat = errors.New("damaged or unknown format")
	// ErrNotExist: no such key or value.
	ErrNotExist = fs.ErrNotExist
	// ErrDirtyNoLog: the hive has unwritten changes and there is no log that could complete it.
	ErrDirtyNoLog = errors.New("hive is dirty and has no usable transaction log")
	// ErrLogsNotApplicable: the hive is dirty and its logs belong to another state of it.
	ErrLogsNotApplicable = errors.New("hive is dirty and its transaction logs do not fit it")
	// ErrNoRoom: a file would have to grow. Always a *NoRoomError.
	ErrNoRoom = errors.New("no room")
	// ErrUnsupported: a kind of hive or key that is read but never edited.
	ErrUnsupported = errors.New("not supported for editing")
	// ErrStale: a file changed since the hive was opened.
	ErrStale = errors.New("hive changed on disk since it was opened")
	// ErrReadBack: what was written reads back differently.
	ErrReadBack = errors.New("read back differs")
)

// A FormatError says where the bytes differ from what the format demands. Off is an absolute
// offset in the file that What begins with (the primary if it names none).
type FormatError struct {
	Off  int64
	What string
	Want any
	Got  any
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("hive: %s at %#x: want %s, got %s", e.What, e.Off, detail(e.Want), detail(e.Got))
}

// Unwrap makes every FormatError an ErrFormat.
func (e *FormatError) Unwrap() error { return ErrFormat }

func detail(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return fmt.Sprintf("%q", v)
	case uint16, uint32, uint64, int32:
		return fmt.Sprintf("%#x", v)
	default:
		return fmt.Sprint(v)
	}
}

// A NoRoomError names the file that is too small and by how much.
type NoRoomError struct {
	File FileID
	Size int64 // bytes the file may have
	Need int64 // bytes it would have to have
}

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("hive: no room: %s has %d bytes, %d more are needed", e.File, e.Size, e.Need-e.Size)
}

// Unwrap makes every NoRoomError an ErrNoRoom.
func (e *NoRoomError) Unwrap() error { return ErrNoRoom }
