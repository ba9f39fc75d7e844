package target

import "testing"

// TestOwnSystem tells a Windows PE's own drive from what may lie on it.
func TestOwnSystem(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		`X:`: true, `X:\`: true, `x:/`: true, `\\.\X:`: true, `\\?\x:\`: true, `//./X:`: true,
		`X:\Windows`: true, `X:\windows\System32\config\SYSTEM`: true, `\\?\X:\Windows\`: true,
		`X:\mount`: false, `X:\disk.img`: false, `X:\Windows.old`: false, `X:\mount\Windows`: false,
		`C:\`: false, `\\.\C:`: false, `D:\X:\`: false, `\\.\PhysicalDrive0`: false, ``: false, `X`: false, `disk.img`: false,
	} {
		if got := isOwnSystem(name, "X:"); got != want {
			t.Errorf("isOwnSystem(%q) = %v", name, got)
		}
	}
}
