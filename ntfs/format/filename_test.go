package format

import (
	"testing"
)

func TestShortName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"SYSTEM": true, "MEMORY.DMP": true, "A": true, "PROGRA~1": true, "12345678.123": true, "$MFT": true, "A-B_C!": true,
		"": false, "System": false, "SYSTEM.": false, ".DMP": false, "123456789": false, "A.1234": false,
		"A B": false, "A+B": false, "A.B.C": false, "Ä": false, "A,B": false, "A[1]": false,
	} {
		if isShortName(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}
