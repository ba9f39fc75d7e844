//go:build linux

package boottest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOracleLive boots the medium that image live makes: the least of what just
// boot-matrix does. One file with a data partition serves as stick and as CD.
func TestOracleLive(t *testing.T) {
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") != "1" {
		t.Skip("takes minutes: only where oracles are required")
	}
	if missing := Missing(Needed()...); len(missing) > 0 {
		t.Fatalf("required and missing: %s", strings.Join(missing, ", "))
	}
	l := &Lab{Kit: &Kit{Dir: t.TempDir()}}
	if err := l.Kit.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.Stick = filepath.Join(l.Kit.Dir, "hangkit.img")
	l.Medium = l.Stick
	if err := l.Kit.MakeMedium(t.Context(), l.Stick, "--data", "256M"); err != nil {
		t.Fatal(err)
	}
	t.Run("BIOS USB collect", func(t *testing.T) { liveCollects(t, l) })
	t.Run("UEFI Secure Boot CD arm", func(t *testing.T) { liveArms(t, l) })
	t.Run("unsigned kernel", func(t *testing.T) { liveUnsigned(t, l) })
}

func liveCollects(t *testing.T, l *Lab) {
	t.Helper()
	times, err := l.Collect(t.Context(), Setup{Firmware: BIOS}, AHCI)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", times)
}

func liveArms(t *testing.T, l *Lab) {
	t.Helper()
	times, err := l.Arm(t.Context(), Setup{Firmware: SecureBoot, Medium: CD, File: l.Medium}, NVMe)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", times)
}

// liveUnsigned is the same machine as that of liveArms, which starts what is signed.
func liveUnsigned(t *testing.T, l *Lab) {
	t.Helper()
	unsigned := l.Rejections()[0]
	if err := l.Reject(t.Context(), Setup{Firmware: SecureBoot, Medium: CD}, unsigned); err != nil {
		t.Fatal(err)
	}
}
