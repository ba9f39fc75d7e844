package scripts

import (
	"os/exec"
	"testing"
)

// TestOracleWine runs the Windows build under Wine on devices, an image and a folder.
func TestOracleWine(t *testing.T) {
	for _, name := range []string{"x86_64-w64-mingw32-gcc", "7zz", "perl"} {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, name)
		}
	}
	if _, err := exec.LookPath("wine64"); err != nil {
		if _, err := exec.LookPath("/usr/lib/wine/wine64"); err != nil {
			missing(t, "wine64")
		}
	}
	if !requireOracles() {
		t.Skip("Wine takes its time: HANGKIT_REQUIRE_ORACLES=1")
	}
	out, err := exec.CommandContext(t.Context(), "./wine").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// missing skips the test, or fails it where nothing may be skipped.
func missing(t *testing.T, what string) {
	t.Helper()
	if requireOracles() {
		t.Fatalf("%s is required and missing", what)
	}
	t.Skipf("%s is missing", what)
}
