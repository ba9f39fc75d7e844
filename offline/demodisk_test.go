package offline

import (
	"time"

	"hangkit/hive"
	"hangkit/ntfs/format"
)

// demoTime is when what the tests make was made.
var demoTime = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

const (
	testSystemSize = 1 << 20
	testLogSize    = 256 << 10
)

// configFolder holds the hives. SYSTEM has room behind its last bin, as on every
// real machine, and logs that Windows could replay.
func configFolder(system, software *hive.Hive) ([]format.Entry, error) {
	var entries []format.Entry
	for _, h := range []struct {
		name string
		hive *hive.Hive
		size int64
	}{{"SYSTEM", system, testSystemSize}, {"SOFTWARE", software, 0}} {
		data, err := h.hive.Bytes()
		if err != nil {
			return nil, err
		}
		padded := make([]byte, max(h.size, int64(len(data))))
		copy(padded, data)
		entries = append(entries, format.Entry{Name: h.name, Data: padded})
	}
	for _, name := range []string{"SYSTEM.LOG1", "SYSTEM.LOG2"} {
		entries = append(entries, format.Entry{Name: name, Data: make([]byte, testLogSize)})
	}
	return entries, nil
}
