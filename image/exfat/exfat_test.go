package exfat

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestFormatRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size int64
		o    Options
	}{
		"too small":     {minSize - 1, Options{Sector: 512}},
		"odd sectors":   {minSize, Options{Sector: 520}},
		"no sectors":    {minSize, Options{}},
		"too long name": {minSize, Options{Sector: 512, Label: "TWELVE CHARS"}},
	} {
		if err := Format(nothing{}, c.size, c.o); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// nothing takes no byte.
type nothing struct{}

func (nothing) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }

// TestLayout holds that everything lies inside the volume and nothing on anything else.
func TestLayout(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{minSize, 256 * mib, 256*mib + 512, 32 << 30, 32<<30 + mib, 2 << 40, 32 << 40} {
		g := layOut(size, len(upcaseTable()))
		if g.at(g.clusters+firstCluster) > size || (g.clusters+firstCluster)*4 > g.fatSize || g.used > g.clusters || g.heap%mib != 0 {
			t.Errorf("%d bytes: %+v", size, g)
		}
		if g.bitmapSize*8 < g.clusters || g.root != g.bitmap+g.used-1 {
			t.Errorf("%d bytes: %+v", size, g)
		}
	}
}

func TestUpcase(t *testing.T) {
	t.Parallel()
	for c, want := range map[int]int{'a': 'A', 'Z': 'Z', 'ä': 'Ä', 'ß': 'ß', 'ı': 'ı', 'я': 'Я', 0xD800: 0xD800, 0xFFFF: 0xFFFF} {
		if got := upper(c); got != want {
			t.Errorf("upper(%#x) = %#x, want %#x", c, got, want)
		}
	}
}

// TestOracleExFAT has fsck.exfat check volumes of each cluster size.
func TestOracleExFAT(t *testing.T) {
	t.Parallel()
	fsck, err := exec.LookPath("/usr/sbin/fsck.exfat")
	if err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			t.Fatal("fsck.exfat is not installed")
		}
		t.Skip("fsck.exfat is not installed")
	}
	for _, c := range []struct {
		size   int64
		sector int
	}{{minSize, 512}, {256 * mib, 512}, {257 * mib, 4096}, {8 << 30, 512}, {64 << 30, 512}} {
		t.Run(fmt.Sprint(c.size>>20, c.sector), func(t *testing.T) {
			t.Parallel()
			file, err := os.Create(filepath.Join(t.TempDir(), "v.img"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if err := file.Truncate(c.size); err != nil {
				t.Fatal(err)
			}
			if err := Format(file, c.size, Options{Label: "HANGKIT", Serial: 0x1234ABCD, Offset: 1 << 20, Sector: c.sector}); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(fsck, "-n", file.Name()).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "clean") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
