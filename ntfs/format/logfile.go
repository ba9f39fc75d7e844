package format

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
)

// LogState is what $LogFile looks like on a new volume.
type LogState int

// The states of $LogFile a reader meets in the wild.
const (
	LogEmpty   LogState = iota // all 0xff, as formatters and Linux drivers leave it
	LogClean                   // version 1.1, cleanly dismounted
	LogDirty                   // version 1.1, to be replayed
	LogV2                      // version 2.0, to be replayed: Windows 8 and later after a crash
	LogV2Clean                 // version 2.0, clean: fast startup
	LogGarbage                 // neither empty nor a log
)

// String names the state.
func (s LogState) String() string {
	names := []string{"empty", "clean", "dirty", "v2", "v2-clean", "garbage"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("LogState(%d)", int(s))
	}
	return names[s]
}

const (
	logPageSize     = 4096
	restartPages    = 2 // the same twice: one survives a torn write
	emptyLogByte    = 0xff
	minLogSize      = 256 << 10
	usualMinLogSize = 2 << 20
	maxLogSize      = 64 << 20
	maxLogFrom      = 12 << 30 // volumes this large have the largest log
	logFraction     = 200      // of the volume in between
	logLimit        = 8        // at most this part of a tiny volume
)

// defaultLogSize is how large a log Windows would make, less on tiny volumes.
func defaultLogSize(volume int64) int64 {
	if volume >= maxLogFrom {
		return maxLogSize
	}
	return max(minLogSize, min(max(usualMinLogSize, volume/logFraction), volume/logLimit))
}

// logContents is the log of this state and size.
func logContents(state LogState, size int64) (io.ReaderAt, error) {
	var head []byte
	switch state {
	case LogEmpty:
	case LogClean, LogDirty, LogV2, LogV2Clean:
		head = bytes.Repeat(restartPage(state, size), restartPages)
	case LogGarbage:
		head = bytes.Repeat([]byte("no log "), logPageSize)
	default:
		return nil, fmt.Errorf("%w: log state %v", ErrOptions, state)
	}
	return filled{head}, nil
}

// filled reads as head, and as the bytes of an empty log behind it.
type filled struct{ head []byte }

func (f filled) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(f.head)) {
		n = copy(p, f.head[off:])
	}
	for i := n; i < len(p); i++ {
		p[i] = emptyLogByte
	}
	return len(p), nil
}

// Fields of a restart page ("RSTR").
const (
	restartSystemPageSize = 0x10
	restartLogPageSize    = 0x14
	restartAreaOffset     = 0x18
	restartMinorVersion   = 0x1a
	restartMajorVersion   = 0x1c
	restartFixup          = 0x1e
	restartArea           = 0x30
)

// Fields of the restart area.
const (
	areaCurrentLSN       = 0x00
	areaClients          = 0x08
	areaFreeList         = 0x0a
	areaInUseList        = 0x0c
	areaFlags            = 0x0e
	areaSequenceBits     = 0x10
	areaLength           = 0x14
	areaClientOffset     = 0x16
	areaFileSize         = 0x18
	areaRecordHeaderSize = 0x24
	areaPageDataOffset   = 0x26
	areaOpenCount        = 0x28
	areaClientArray      = 0x40

	areaClean     = 0x02   // flag: no replay needed
	noClient      = 0xffff // end of a client list
	logRecordHead = 0x30
	logPageData   = 0x40
)

// Fields of a client record; the only client is NTFS.
const (
	clientOldestLSN  = 0x00
	clientRestartLSN = 0x08
	clientPrevious   = 0x10
	clientNext       = 0x12
	clientNameLength = 0x1c
	clientName       = 0x20
	clientSize       = 0xa0
)

// An LSN is a sequence number above an offset in the log in 8-byte units.
const (
	logFirstSequence = 5
	logFirstRecord   = 0x4000
	lsnUnit          = 8
	lsnBits          = 64
)

func restartPage(state LogState, size int64) []byte {
	b := make([]byte, logPageSize)
	copy(b, "RSTR")
	le.PutUint32(b[restartSystemPageSize:], logPageSize)
	le.PutUint32(b[restartLogPageSize:], logPageSize)
	le.PutUint16(b[restartAreaOffset:], restartArea)
	major, minor := uint16(1), uint16(1)
	if state == LogV2 || state == LogV2Clean {
		major, minor = 2, 0
	}
	le.PutUint16(b[restartMajorVersion:], major)
	le.PutUint16(b[restartMinorVersion:], minor)
	putRestartArea(b[restartArea:], state == LogClean || state == LogV2Clean, size)
	protect(b, restartFixup)
	return b
}

func putRestartArea(a []byte, clean bool, size int64) {
	// The sequence number has the bits the file's offsets leave.
	sequenceBits := lsnBits + 3 - bits.Len64(uint64(size))
	lsn := uint64(logFirstSequence)<<(lsnBits-sequenceBits) | logFirstRecord/lsnUnit
	le.PutUint64(a[areaCurrentLSN:], lsn)
	le.PutUint16(a[areaClients:], 1)
	le.PutUint16(a[areaFreeList:], noClient)
	if clean {
		le.PutUint16(a[areaFlags:], areaClean)
	}
	le.PutUint32(a[areaSequenceBits:], uint32(sequenceBits))
	le.PutUint16(a[areaLength:], areaClientArray+clientSize)
	le.PutUint16(a[areaClientOffset:], areaClientArray)
	le.PutUint64(a[areaFileSize:], uint64(size))
	le.PutUint16(a[areaRecordHeaderSize:], logRecordHead)
	le.PutUint16(a[areaPageDataOffset:], logPageData)
	le.PutUint32(a[areaOpenCount:], 1)
	putClient(a[areaClientArray:], lsn)
}

func putClient(c []byte, lsn uint64) {
	name := utf16Bytes("NTFS")
	le.PutUint64(c[clientOldestLSN:], lsn)
	le.PutUint64(c[clientRestartLSN:], lsn)
	le.PutUint16(c[clientPrevious:], noClient)
	le.PutUint16(c[clientNext:], noClient)
	le.PutUint32(c[clientNameLength:], uint32(len(name)))
	copy(c[clientName:], name)
}
