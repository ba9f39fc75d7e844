package offline

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hangkit/offline/internal/ui"
	"hangkit/offline/sampledisk"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// makeSample makes a small sample disk.
func makeSample(t *testing.T, name, release string, state sampledisk.State, more ...string) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), name)
	hangkit(t, 0, append([]string{
		"image", "sample", "-q", "-o", img, "--windows", release, "--state", string(state), "--size", "1G", "--ram", "1G",
	}, more...)...)
	return img
}

// thorough says that time does not matter.
func thorough() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

// suspended are the states in which nothing is written.
var suspended = []sampledisk.State{sampledisk.Hibernated, sampledisk.Resuming, sampledisk.FastStartup}

// withDump are the states that hold one.
var withDump = []sampledisk.State{sampledisk.Crashed, sampledisk.DumpInPageFile, sampledisk.MemoryDump}

// TestSampleStates goes the way of a support engineer on every sample: it is found, judged, armed,
// put back to the byte, and gives up its dump. In the quick suite, on one Windows for each state.
func TestSampleStates(t *testing.T) {
	t.Parallel()
	for i, release := range sample.Names() {
		for j, state := range sampledisk.States() {
			w, err := sample.Windows(release, "")
			if err != nil {
				t.Fatal(err)
			}
			if !thorough() && j != (i+4)%len(sampledisk.States()) || state == sampledisk.FastStartup && w.Build < windows.Build8 {
				continue
			}
			t.Run(release+" "+string(state), func(t *testing.T) {
				t.Parallel()
				wholeWay(t, release, state)
			})
		}
	}
}

func wholeWay(t *testing.T, release string, state sampledisk.State) {
	t.Helper()
	img := makeSample(t, "disk.img", release, state)
	record := filepath.Join(t.TempDir(), "undo.json")
	product := map[string]string{"xp": "Windows XP", "11": "Windows 11"}[release]
	if product == "" {
		product = release
	}
	if list := hangkit(t, 0, "list", img); !strings.Contains(list, product) || !strings.Contains(list, "machine SAMPLE-") {
		t.Errorf("list does not name the Windows:\n%s", list)
	}
	if slices.Contains(suspended, state) {
		hangkit(t, int(ui.Refused), "arm", img, "--ram", "1G", "--yes", "--record", record)
		return
	}
	before := controlSet(t, img)
	hangkit(t, 0, "arm", img, "--ram", "1G", "--yes", "--record", record)
	hangkit(t, 0, "check", img, "--ram", "1G")
	hangkit(t, 0, "trigger", img)
	hangkit(t, 0, "undo", img, "--yes", "--record", record)
	if after := controlSet(t, img); after != before {
		t.Errorf("undo left (-want +got):\n%s", cmp.Diff(before, after))
	}
	if slices.Contains(withDump, state) {
		if out := hangkit(t, 0, "collect", img, "-o", t.TempDir(), "--what", "dumps"); !strings.Contains(out, "verified: usable") {
			t.Errorf("collect:\n%s", out)
		}
	}
}

// controlSet is all that the control set that boots says.
func controlSet(t *testing.T, img string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "set.reg")
	hangkit(t, 0, "hive", "export", img, "CurrentControlSet", "-o", name)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSamplePlatforms: every machine is known by its disk alone.
func TestSamplePlatforms(t *testing.T) {
	t.Parallel()
	for _, id := range sample.Platforms() {
		if !thorough() && id != windows.Azure && id != windows.HPE {
			continue
		}
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			img := makeSample(t, "disk.img", "2019", sampledisk.Clean, "--platform", id)
			var doc struct {
				Platform json.RawMessage `json:"platform"`
			}
			if err := json.Unmarshal([]byte(hangkit(t, 0, "trigger", img, "--json")), &doc); err != nil || !strings.Contains(string(doc.Platform), `"`+id+`"`) {
				t.Errorf("%s, %v", doc.Platform, err)
			}
		})
	}
}

// TestSampleContainers: the same disk lies in every container.
func TestSampleContainers(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"vhd", "vhdx", "qcow2"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			img := makeSample(t, "disk."+format, "2022", sampledisk.DumpInPageFile, "--format", format, "--dump-size", "1M")
			if list := hangkit(t, 0, "list", img); !strings.Contains(list, "pagefile.sys, ") {
				t.Errorf("no dump:\n%s", list)
			}
			if format == "vhdx" && !thorough() {
				return // its blocks are large
			}
			again := makeSample(t, "disk."+format, "2022", sampledisk.DumpInPageFile, "--format", format, "--dump-size", "1M")
			one, err1 := os.ReadFile(img)
			two, err2 := os.ReadFile(again)
			if err1 != nil || err2 != nil || !slices.Equal(one, two) {
				t.Errorf("two runs differ: %v, %v", err1, err2)
			}
		})
	}
}

// TestSampleLargeIsSparse: a disk of 64 GiB takes no more room than what is on it.
func TestSampleLargeIsSparse(t *testing.T) {
	t.Parallel()
	img := filepath.Join(t.TempDir(), "disk.img")
	hangkit(t, 0, "image", "sample", "-q", "-o", img)
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() != 64<<30 || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	var written int
	if err := eachData(f, func(_ int64, p []byte) { written += len(p) }); err != nil || written > 32<<20 {
		t.Errorf("%d bytes written, %v", written, err)
	}
}

// TestSampleInterrupted: a disk that is not whole leaves nothing behind.
func TestSampleInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status := run(ctx, []string{"image", "sample", "-o", filepath.Join(dir, "disk.img")}, strings.NewReader(""), discard{}, discard{}); status != ui.Interrupted {
		t.Errorf("exit status %d", status)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func BenchmarkSample(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		if status := Main([]string{"image", "sample", "-q", "--force", "-o", filepath.Join(dir, "disk.img")}, nil, discard{}, discard{}); status != 0 {
			b.Fatal(status)
		}
	}
}
