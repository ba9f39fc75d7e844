package format

import "time"

// Fields of $STANDARD_INFORMATION, in its 72-byte form (NTFS 3.x).
const (
	infoCreated    = 0x00
	infoModified   = 0x08
	infoChanged    = 0x10 // of the MFT record
	infoAccessed   = 0x18
	infoAttributes = 0x20
	infoSecurityID = 0x34
	infoSize       = 0x48
)

func standardInformation(t fileTimes, attrs FileAttributes, securityID uint32) attribute {
	b := make([]byte, infoSize)
	t.put(b)
	le.PutUint32(b[infoAttributes:], uint32(attrs))
	le.PutUint32(b[infoSecurityID:], securityID)
	return attribute{typ: typeStandardInformation, value: b}
}

// fileTimes are FILETIMEs in the order both structures that hold them use.
type fileTimes struct{ created, modified, changed, accessed uint64 }

func (t fileTimes) put(b []byte) {
	le.PutUint64(b[infoCreated:], t.created)
	le.PutUint64(b[infoModified:], t.modified)
	le.PutUint64(b[infoChanged:], t.changed)
	le.PutUint64(b[infoAccessed:], t.accessed)
}

// filetimeEpoch is 1601-01-01, in seconds before the Unix epoch.
const filetimeEpoch = 11644473600

// filetime is t in 100-nanosecond steps since 1601, and never before.
func filetime(t time.Time) uint64 {
	seconds := t.Unix() + filetimeEpoch
	if seconds < 0 {
		return 0
	}
	return uint64(seconds)*1e7 + uint64(t.Nanosecond())/100
}
