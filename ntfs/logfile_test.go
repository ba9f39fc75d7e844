package ntfs

import (
	"bytes"
	"testing"
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
