package report

import "time"

// linked reads a link time. Files that are built reproducibly have a hash in its
// place: what lies outside the years of Windows is none.
func linked(stamp uint32) string {
	const first = 725846400 // 1993
	t := time.Unix(int64(stamp), 0).UTC()
	if stamp < first || t.Year() > 2040 {
		return ""
	}
	return t.Format("2006-01-02")
}
