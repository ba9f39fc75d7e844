package live

import (
	"errors"
	"io"
	"strings"
	"time"
)

// Exit statuses of hangkit that a run does not stop at: the command has done its work.
const (
	statusPart     = 3 // done in part
	statusNotReady = 7 // check found something, which is why arm follows
)

// statusUsage is the status of a run whose commands could not be read.
const statusUsage = 80

// RunDocument is what an unattended run leaves beside its log.
type RunDocument struct {
	Schema   string       `json:"schema"`
	Version  string       `json:"version"`
	Build    string       `json:"build,omitempty"`
	Started  time.Time    `json:"started"`
	Source   string       `json:"source"`            // where the commands came from
	Problem  string       `json:"problem,omitempty"` // why nothing was run, or what was missing
	Commands []RunCommand `json:"commands"`
	Status   int          `json:"status"`
}

// RunCommand is one command of a run.
type RunCommand struct {
	Args    []string `json:"args"`
	Status  int      `json:"status"`
	Seconds float64  `json:"seconds"`
}

// runSchema names the document.
const runSchema = "hangkit/run/1"

// failed tells whether a run ends with this status.
func failed(status int) bool {
	return status != 0 && status != statusPart && status != statusNotReady
}

// runStatus is the status of a whole run: the first failure, else that something was
// done in part only, else that of the last command, as in a shell.
func runStatus(commands []RunCommand) int {
	status := 0
	for _, c := range commands {
		switch {
		case failed(c.Status):
			return c.Status
		case status != statusPart:
			status = c.Status
		}
	}
	return status
}

// runAll runs the commands in turn and stops at the first failure.
func runAll(commands [][]string, keepGoing bool, start func(args []string) RunCommand) []RunCommand {
	done := []RunCommand{}
	for _, args := range commands {
		c := start(args)
		done = append(done, c)
		if failed(c.Status) && !keepGoing {
			break
		}
	}
	return done
}

// runName names the files of a run by its time. The clock may be that of Windows, in
// local time: nothing depends on it but the name.
func runName(started time.Time) string {
	return "hangkit-run-" + started.UTC().Format("20060102T150405Z")
}

// commandLine shows a command as it would be typed.
func commandLine(args []string) string {
	words := []string{"hangkit"}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t'\"();&|<>$*?#\\") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return printable(strings.Join(words, " "))
}

// steadyLog takes all that is written to it, whatever becomes of its file: a command whose
// output nobody takes any more dies of it, in the middle of a change. What went wrong first
// is told at the end.
type steadyLog struct {
	file io.WriteCloser
	err  error
}

func (l *steadyLog) Write(b []byte) (int, error) {
	if l.err == nil {
		_, l.err = l.file.Write(b)
	}
	return len(b), nil
}

// Close implements [io.Closer].
func (l *steadyLog) Close() error { return errors.Join(l.err, l.file.Close()) }
