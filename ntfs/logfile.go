package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// LogState says how $LogFile, the journal of metadata, was left.
type LogState int

// The states of $LogFile. Only metadata is journaled, never a file's contents.
const (
	LogEmpty   LogState = iota // filled with 0xff: nothing to replay, as Linux drivers leave it
	LogCleanV1                 // version 1, dismounted by Windows
	LogDirtyV1                 // version 1, to be replayed
	LogV2                      // version 2: in use by Windows 8 or later when it stopped
	LogGarbage                 // neither empty nor a journal
)

// String names the state.
func (s LogState) String() string {
	switch s {
	case LogEmpty:
		return "empty"
	case LogCleanV1:
		return "clean"
	case LogDirtyV1:
		return "dirty"
	case LogV2:
		return "in use (version 2)"
	default:
		return "damaged"
	}
}

// LogFile is what the restart pages of $LogFile tell.
type LogFile struct {
	State        LogState
	Major, Minor int    // version, 0.0 without a restart page
	LSN          uint64 // the newest restart page's
}

// Clean reports whether there is nothing to replay.
func (l LogFile) Clean() bool { return l.State == LogEmpty || l.State == LogCleanV1 }

// Words says in a sentence what the state means.
func (l LogFile) Words() string {
	switch l.State {
	case LogEmpty:
		return "journal is empty"
	case LogCleanV1:
		return "journal is clean: Windows dismounted the volume"
	case LogDirtyV1:
		return "journal is to be replayed: Windows did not dismount the volume"
	case LogV2:
		return "journal is in use: Windows crashed, lost power, hibernated or was shut down with Fast Startup"
	default:
		return "journal is damaged"
	}
}

const (
	// logHead is read to tell an empty journal and to find both restart pages.
	logHead     = 64 << 10
	logPageSize = 4096 // the second restart page begins here

	restartPageSize = 0x10
	restartArea     = 0x18
	restartMinor    = 0x1a
	restartMajor    = 0x1c

	areaLSN     = 0x00
	areaInUse   = 0x0c // first client in use
	areaFlags   = 0x0e
	areaSize    = 0x10
	areaClean   = 0x0002
	areaNoInUse = 0xffff
)

// logFile judges $LogFile by its two restart pages.
func (v *Volume) logFile() (LogFile, error) {
	s, err := v.metafile(recordLogFile)
	if err != nil {
		return LogFile{}, err
	}
	b := make([]byte, min(logHead, s.size))
	if _, err := s.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return LogFile{}, err
	}
	return judgeLog(b), nil
}

// judgeLog takes the newer of two intact restart pages at the start of a journal.
func judgeLog(b []byte) LogFile {
	if len(b) > 0 && bytes.Count(b, []byte{0xFF}) == len(b) {
		return LogFile{State: LogEmpty}
	}
	best := LogFile{State: LogGarbage}
	for _, at := range []int{0, logPageSize} {
		page, err := parseRestartPage(b, at)
		if err == nil && (best.State == LogGarbage || page.LSN > best.LSN) {
			best = page
		}
	}
	return best
}

// parseRestartPage reads the restart page at b[at:], which is changed.
func parseRestartPage(b []byte, at int) (LogFile, error) {
	if len(b) < at+logPageSize {
		return LogFile{}, ErrTruncated
	}
	size := int64(le.Uint32(b[at+restartPageSize:]))
	if !powerOfTwo(size, logPageSize, int64(len(b)-at)) {
		return LogFile{}, damaged(int64(at), "restart page: size", "a power of two from 4096", size)
	}
	page := b[at : at+int(size)]
	if err := unseal(page, restartMagic(page), int64(at)); err != nil {
		return LogFile{}, err
	}
	area := int(le.Uint16(page[restartArea:]))
	if area+areaSize > fixupStride {
		return LogFile{}, damaged(int64(at), "restart page: restart area", fmt.Sprintf("in the first %d bytes", fixupStride), hex(area))
	}
	l := LogFile{
		Major: int(int16(le.Uint16(page[restartMajor:]))),
		Minor: int(int16(le.Uint16(page[restartMinor:]))),
		LSN:   le.Uint64(page[area+areaLSN:]),
	}
	l.State = logStateOf(l.Major, le.Uint16(page[area+areaFlags:]), le.Uint16(page[area+areaInUse:]))
	return l, nil
}

// restartMagic is RSTR, or CHKD where chkdsk wrote the page.
func restartMagic(page []byte) string {
	if string(page[:4]) == "CHKD" {
		return "CHKD"
	}
	return "RSTR"
}

func logStateOf(major int, flags, inUse uint16) LogState {
	switch {
	case major == 2:
		return LogV2
	case major != 1:
		return LogGarbage
	case flags&areaClean == 0 && inUse != areaNoInUse:
		return LogDirtyV1
	}
	return LogCleanV1
}
