package format

import (
	"testing"
)

func TestSecurityHash(t *testing.T) {
	t.Parallel()
	// 1 then 2: 2 + rol(1, 3); a byte left over does not count.
	e := securityEntry{descriptor: []byte{1, 0, 0, 0, 2, 0, 0, 0, 9}}
	if h := e.hash(); h != 10 {
		t.Errorf("hash %d, want 10", h)
	}
}
