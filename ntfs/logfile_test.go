package ntfs

import (
	"bytes"
	"testing"

	"hangkit/ntfs/internal/alloctest"
)

// TestJudgeLogEmpty: a journal is empty when every byte is 0xFF, and no other byte will do.
func TestJudgeLogEmpty(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		page []byte
		want LogState
	}{
		"nothing but 0xFF": {bytes.Repeat([]byte{0xFF}, logHead), LogEmpty},
		"nothing but 0xFE": {bytes.Repeat([]byte{0xFE}, logHead), LogGarbage},
		"one other byte":   {append(bytes.Repeat([]byte{0xFF}, logHead-1), 0x80), LogGarbage},
		"no bytes":         {nil, LogGarbage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := judgeLog(tt.page).State; got != tt.want {
				t.Errorf("state %v, want %v", got, tt.want)
			}
		})
	}
}

// sampleRestartPages begins a journal with its two restart pages, the second one newer.
func sampleRestartPages(major, minor uint16) []byte {
	const area = 0x30
	b := make([]byte, logHead)
	for i := range restartPages {
		page := b[i*logPageSize:][:logPageSize]
		copy(page, "RSTR")
		le.PutUint16(page[fixupOffset:], fixupMinStart)
		le.PutUint16(page[fixupCount:], logPageSize/fixupStride+1)
		le.PutUint32(page[restartPageSize:], logPageSize)
		le.PutUint16(page[restartArea:], area)
		le.PutUint16(page[restartMajor:], major)
		le.PutUint16(page[restartMinor:], minor)
		le.PutUint64(page[area+areaLSN:], uint64(100+i))
	}
	return b
}

const restartPages = 2

func TestJudgeLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		major, minor uint16
		change       func(b []byte)
		want         LogFile
	}{
		{"to be replayed", 1, 1, nil, LogFile{LogDirtyV1, 1, 1, 101}},
		{"clean", 1, 1, func(b []byte) { b[logPageSize+0x30+areaFlags] = areaClean }, LogFile{LogCleanV1, 1, 1, 101}},
		{"version 2", 2, 0, nil, LogFile{LogV2, 2, 0, 101}},
		{"newer page torn", 1, 1, func(b []byte) { b[2*logPageSize-1]++ }, LogFile{LogDirtyV1, 1, 1, 100}},
		{"older page torn", 1, 1, func(b []byte) { b[logPageSize-1]++ }, LogFile{LogDirtyV1, 1, 1, 101}},
		{"both torn", 1, 1, func(b []byte) { b[logPageSize-1]++; b[2*logPageSize-1]++ }, LogFile{State: LogGarbage}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := sampleRestartPages(c.major, c.minor)
			if c.change != nil {
				c.change(b)
			}
			if got := judgeLog(b); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// FuzzRestartPage: the start of any journal is judged, without taking memory by
// what a page says of its size.
func FuzzRestartPage(f *testing.F) {
	f.Add(sampleRestartPages(1, 1)[:2*logPageSize])
	f.Add(sampleRestartPages(2, 0)[:2*logPageSize])
	f.Add(bytes.Repeat([]byte{0xff}, logPageSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got LogFile
		alloctest.Bound(t, 0, func() { got = judgeLog(bytes.Clone(b[:min(len(b), logHead)])) })
		empty := len(b) > 0 && bytes.Count(b[:min(len(b), logHead)], []byte{0xff}) == min(len(b), logHead)
		if empty != (got.State == LogEmpty) {
			t.Fatalf("%v where empty is %t", got.State, empty)
		}
		if got.State == LogCleanV1 && got.Major != 1 || got.State == LogV2 && got.Major != 2 {
			t.Fatalf("%+v", got)
		}
		if got.Clean() && got.State != LogEmpty && len(b) < logPageSize {
			t.Fatalf("clean without a page: %+v", got)
		}
	})
}
