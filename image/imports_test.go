package image_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports keeps the room's arrows: a disk knows no command line, no dump
// and no volume, and of go-diskfs only the GPT is used, because its MBR, its
// devices and its copying of partitions are wrong for us.
func TestImports(t *testing.T) {
	t.Parallel()
	want := []string{
		"github.com/diskfs/go-diskfs/backend",
		"github.com/diskfs/go-diskfs/partition/gpt",
		"github.com/diskfs/go-diskfs/partition/part",
		"github.com/google/uuid",
		"github.com/klauspost/compress",
		"golang.org/x/sys/unix",
		"hangkit/image",
		"hangkit/image/container",
		"hangkit/image/ewf",
		"hangkit/image/nbd",
		"hangkit/image/qcow2",
		"hangkit/image/vdi",
		"hangkit/image/vhd",
		"hangkit/image/vhdx",
		"hangkit/image/vmdk",
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	cmd.Env = append(cmd.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	got := strings.Fields(string(out))
	got = slices.DeleteFunc(got, func(imp string) bool { return strings.HasPrefix(imp, "github.com/klauspost/compress/") }) // what unpacks clusters
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("imports\n%q, want\n%q", got, want)
	}
}
