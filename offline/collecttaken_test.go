package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"hangkit/collect"
	"hangkit/collect/logs"
	"hangkit/offline/internal/ui"
)

// faultyVolume is a file system in memory of which some files cannot be read.
type faultyVolume struct {
	fstest.MapFS
	bad error
}

func (v faultyVolume) OpenRaw(string) (*io.SectionReader, error) { return nil, errors.ErrUnsupported }

func (v faultyVolume) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "bad") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: v.bad}
	}
	return v.MapFS.Open(name)
}

// TestLogsThatCannotBeRead: a log that cannot be read hides no other, and leaves nothing
// for --resume; a disk that is gone does.
func TestLogsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err        error
		copied     int
		unfinished bool
		told       string
	}{
		{syscall.EIO, 2, false, "2 more logs could not be copied either"},
		{fmt.Errorf("%w: unplugged", collect.ErrSourceGone), 1, true, "does not answer"},
		{syscall.ENODEV, 1, true, "does not answer"},
	} {
		v := faultyVolume{fstest.MapFS{"first.log": {Data: []byte("1")}, "second.log": {Data: []byte("2")}}, c.err}
		b, err := collect.NewBundle(t.TempDir(), collect.BundleID{Begun: time.Now()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		k := &collection{bundle: b}
		place := &collect.Place{Volume: v}
		for _, name := range []string{"first.log", "bad1.log", "bad2.log", "bad3.log", "bad4.log", "bad5.log", "second.log"} {
			k.logs = append(k.logs, takenLog{File: logs.File{Place: place, Path: name}})
		}
		k.takeLogs(t.Context(), ui.New(strings.NewReader(""), io.Discard, io.Discard))
		if n, size := k.copiedLogs(); n != c.copied || size != int64(c.copied) || k.unfinished != c.unfinished {
			t.Errorf("%v: %d copied, %d bytes, unfinished %t", c.err, n, size, k.unfinished)
		}
		if err := k.failures(); err == nil || !strings.Contains(err.Error(), c.told) {
			t.Errorf("%v: told %v", c.err, err)
		}
		if got, err := os.ReadFile(filepath.Join(b.Dir, "logs", "first.log")); err != nil || !bytes.Equal(got, []byte("1")) {
			t.Errorf("%v: %q, %v", c.err, got, err)
		}
	}
}

// TestLogsThatHideNothing: what ended the copying is told before the logs that cannot be
// read, and with it the exit status.
func TestLogsThatHideNothing(t *testing.T) {
	t.Parallel()
	for _, end := range []error{collect.ErrTargetFull, context.Canceled} {
		k := &collection{}
		for range maxLogErrors {
			k.logs = append(k.logs, takenLog{Failed: fmt.Errorf("copy: %w", collect.ErrUnreadable)})
		}
		k.logs = append(k.logs, takenLog{Failed: fmt.Errorf("copy: %w", end)}, takenLog{Failed: errSkipped})
		err := k.failures()
		if !errors.Is(err, end) || !strings.Contains(err.Error(), "1 more log could not be copied either") {
			t.Errorf("%v: %v", end, err)
		}
	}
}

// TestLogsInterrupted: an interrupt between two logs is told, though another could not be
// read.
func TestLogsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := &collection{logs: []takenLog{{File: logs.File{Path: "a.log"}}, {File: logs.File{Path: "b.log"}}}}
	k.takeLogs(ctx, ui.New(strings.NewReader(""), io.Discard, io.Discard))
	if err := k.failures(); !errors.Is(err, context.Canceled) || !k.unfinished || !errors.Is(k.logs[1].Failed, errSkipped) {
		t.Errorf("unfinished %t: %v", k.unfinished, err)
	}
}

// TestLogOfNoYear: the time of a file that JSON cannot say is left out.
func TestLogOfNoYear(t *testing.T) {
	t.Parallel()
	file := logs.File{Place: &collect.Place{}, Modified: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}
	if m := manifestLog(&takenLog{File: file}); m.Modified != nil {
		t.Errorf("%v", m.Modified)
	}
}

// TestOutputOnADiskInReach: without a target all disks are looked at, the stick too; only
// those that something is taken from cannot take it.
func TestOutputOnADiskInReach(t *testing.T) {
	t.Parallel()
	sick, stick := t.TempDir(), t.TempDir()
	s, err := openScan(t.Context(), []string{sick, stick})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, target := range []string{"", sick} {
		k := &collection{scan: s, target: target}
		k.sort([]*collect.Candidate{{Place: &collect.Place{Label: sick}, State: collect.StateComplete, Have: 1}})
		onSick := (&CollectCmd{Output: filepath.Join(sick, "new")}).refuseOutput(k)
		onStick := (&CollectCmd{Output: filepath.Join(stick, "new")}).refuseOutput(k)
		if onSick == nil || (onStick == nil) != (target == "") {
			t.Errorf("target %q: %v; %v", target, onSick, onStick)
		}
	}
}

// TestHintsOfFull: what a full target took is said to be listed only where the list could
// be written.
func TestHintsOfFull(t *testing.T) {
	t.Parallel()
	k := &collection{dumps: []takenDump{{Result: &collect.Result{}}}, unfinished: true}
	for _, manifest := range []string{"", "out/manifest.json"} {
		k.manifest = manifest
		hints := k.partlyHints(fmt.Errorf("manifest.json: %w", collect.ErrTargetFull))
		listed := strings.Contains(strings.Join(hints, "\n"), "is listed in")
		if listed != (manifest != "") || !strings.HasPrefix(hints[0], "make room") {
			t.Errorf("%q: %q", manifest, hints)
		}
	}
}
