package live

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRunAll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		statuses  []int // of the commands, in turn
		keepGoing bool
		ran, want int
	}{
		{"all well", []int{0, 0}, false, 2, 0},
		{"stops at a failure", []int{4, 0}, false, 1, 4},
		{"keeps going, and tells of the first failure", []int{4, 0, 6}, true, 3, 4},
		{"check finds, arm mends", []int{7, 0}, false, 2, 0},
		{"check finds", []int{7}, false, 1, 7},
		{"part stays part", []int{3, 0}, false, 2, 3},
		{"failure after part", []int{3, 1}, false, 2, 1},
		{"nothing", nil, false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			commands := make([][]string, len(c.statuses))
			n := 0
			got := runAll(commands, c.keepGoing, func([]string) RunCommand {
				n++
				return RunCommand{Status: c.statuses[n-1]}
			})
			if len(got) != c.ran || n != c.ran || runStatus(got) != c.want {
				t.Errorf("%d ran, status %d; want %d, %d", n, runStatus(got), c.ran, c.want)
			}
		})
	}
}

func TestRunName(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 3, 4, 5, 0, time.FixedZone("", 3600))
	if got := runName(at); got != "hangkit-run-20261122T020405Z" {
		t.Errorf("got %s", got)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	got := commandLine([]string{"collect", "-o", "stick:a b", "it's", "\x1b[2J", ""})
	if want := `hangkit collect -o 'stick:a b' 'it'\''s' .[2J ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFoundWindows(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		`{"targets":[{"volumes":[{"file_system":"NTFS"},{"file_system":"NTFS","windows":[{"install":1}]}]}]}`: true,
		`{"targets":[{"volumes":[{"file_system":"BitLocker","bitlocker":{}}]}]}`:                              true,
		`{"targets":[{"volumes":[{"file_system":"NTFS","windows":[]}]}]}`:                                     false,
		`{"targets":null}`:          false,
		``:                          false,
		`{"targets":[{"volumes":[{`: false,
	} {
		if got := foundWindows([]byte(in)); got != want {
			t.Errorf("%s: got %v", in, got)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	got := []string{size(0), size(1023), size(1024), size(500 << 30), size(1 << 62)}
	if want := []string{"0 B", "1023 B", "1.0 KiB", "500.0 GiB", "4096.0 PiB"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// fullFile is on a stick that is full, or was pulled out.
type fullFile struct{ writes int }

var errFull = errors.New("no space left")

func (f *fullFile) Write([]byte) (int, error) { f.writes++; return 0, errFull }
func (f *fullFile) Close() error              { return nil }

// TestSteadyLog: a log that cannot be written ends no command, and is told of.
func TestSteadyLog(t *testing.T) {
	t.Parallel()
	full := &fullFile{}
	log := &steadyLog{file: full}
	var console strings.Builder
	out := io.MultiWriter(&console, log)
	for range 3 {
		if _, err := io.WriteString(out, "step\n"); err != nil {
			t.Fatal(err)
		}
	}
	if console.Len() != 15 || full.writes != 1 {
		t.Errorf("%q on the console, %d writes", &console, full.writes)
	}
	if err := log.Close(); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}
