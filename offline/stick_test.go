package offline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/ntfs"
	"hangkit/offline/target"
)

func TestOnStick(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, stick, arg, want, err string }{
		{"elsewhere", root, "out", "out", ""},
		{"the stick", root, "stick:", root, ""},
		{"a folder on it", root, "stick:cases/4711", filepath.Join(root, "cases", "4711"), ""},
		{"a folder beside it", root, "stick:../x", "", "leads away from the stick"},
		{"another place", root, "stick:/etc", "", "leads away from the stick"},
		{"no stick", "", "stick:", "", "HANGKIT_STICK is not set"},
		{"a stick that is gone", filepath.Join(root, "gone"), "stick:", "", "there is no stick to write to"},
		{"a stick that is none", file, "stick:", "", "is no folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(stickVariable, c.stick)
			got, err := onStick(c.arg)
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q, %v; want %q, %q", got, err, c.want, c.err)
			}
		})
	}
}

// TestLeftOut leaves out a medium, and none that may hold a Windows nobody can open: what the
// first sectors say may be left from a stick, or written by somebody.
func TestLeftOut(t *testing.T) {
	t.Setenv(stickVariable, "")
	damaged := errors.New("$MFT is damaged")
	for _, c := range []struct {
		name string
		v    target.Volume
		want bool
	}{
		{"exFAT", target.Volume{Kind: ntfs.Other, Err: damaged}, true},
		{"NTFS", target.Volume{Kind: ntfs.NTFS}, true},
		{"a damaged NTFS", target.Volume{Kind: ntfs.NTFS, Err: damaged}, false},
		{"a damaged BitLocker volume", target.Volume{Kind: ntfs.BitLocker, Err: damaged}, false},
	} {
		disk := &target.Target{Medium: true, Volumes: []*target.Volume{&c.v}}
		if got := new(scan).isStick(disk); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
