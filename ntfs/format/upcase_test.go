package format

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// TestUpCase pins the table: that of Windows 10 18348 and 20H1, and of mkntfs.
// A newer Go with newer Unicode data may need more ranges in newUnicode.
func TestUpCase(t *testing.T) {
	t.Parallel()
	const want = "41c26bc7a12bdaeb26025c93118697c7e3ef81ee048b00fe5cce2a472e0e0742"
	table := upCaseBytes()
	if sum := sha256.Sum256(table); hex.EncodeToString(sum[:]) != want {
		t.Errorf("$UpCase: sha256 %x, want %s", sum, want)
	}
	if crc := le.Uint64(upCaseInfo(table)[upCaseInfoCRC:]); crc != 0xdadc7e776b1b690c {
		t.Errorf("$UpCase:$Info: CRC %#x", crc)
	}
}

func TestCollationKey(t *testing.T) {
	t.Parallel()
	names := []string{"$MFT", ".", "1", "a", "A b", "ab", "Abc", "B", "ä", "Ä!", "ß", "ÿ", "ω", "文", "😀", "～"}
	if !slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(collationKey(a), collationKey(b)) }) {
		t.Errorf("%q are out of order", names)
	}
	if collationKey("straße Ä") != collationKey("STRAßE ä") {
		t.Error("case counts")
	}
}
