package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	scriptName = "hangkit.run"
	countdown  = 5 * time.Second // in which a run from the stick can be called off
	beatTime   = time.Minute
	hostTime   = 2 * time.Second // in which the host's commands show up, where they can
)

// runState is where an unattended run stands.
type runState struct {
	pending bool // it starts soon, unless somebody presses Enter
	on      bool
}

// callOff stops a run that has not started.
func (r *runState) callOff() bool {
	was := r.pending
	r.pending = false
	return was
}

// plan is what an unattended run is to do.
type plan struct {
	commands [][]string
	source   string
	problem  error // why it cannot be read
}

// unattended runs what the kernel command line, the host, or the stick says, in that
// order. The first two were given for this very start. The stick's file lies there for
// every machine that it is put into: a person is asked for a veto.
func (s *session) unattended() {
	p, found := s.given()
	if found {
		s.setRun(runState{on: true})
	} else if p, found = s.fromStick(); !found || !s.grace() {
		return
	}
	status := statusUsage
	if os.Getenv(envRestarted) == "" {
		status = s.perform(p)
	} else {
		s.consoles.all("hangkit: the session died during the run, which is not done twice")
	}
	s.consoles.all(fmt.Sprintf("hangkit: run finished, status %d", status))
	switch s.options.After {
	case Reboot:
		s.reboot()
	case Menu:
		s.setRun(runState{})
		s.promptAgain()
	default:
		s.powerOff()
	}
}

func (s *session) setRun(r runState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = r
}

// given finds the commands that came with this start.
func (s *session) given() (plan, bool) {
	source := "kernel command line"
	if s.options.Run == "" && isQEMU() {
		source = "host of the virtual machine"
		s.askHost()
	}
	if s.options.Run == "" {
		return plan{}, false
	}
	commands, err := SplitRun(s.options.Run)
	if err == nil && len(commands) == 0 {
		err = fmt.Errorf("%w: there are none", ErrScript) // done would read as armed
	}
	return plan{commands: commands, source: source, problem: err}, true
}

// askHost takes what the host of a virtual machine hands in. Its owner has all power over
// the machine anyway.
func (s *session) askHost() {
	if err := s.loader.load("qemu_fw_cfg"); err != nil {
		s.log(err.Error())
	}
	deadline := time.Now().Add(hostTime)
	for time.Now().Before(deadline) {
		if _, err := os.Stat(filepath.Dir(filepath.Dir(hostDir))); err == nil {
			break
		}
		time.Sleep(tick)
	}
	for name, value := range hostOptions() {
		s.options.Set(name, value)
	}
}

// fromStick waits for the stick and reads its file, unless a person was faster.
func (s *session) fromStick() (plan, bool) {
	for s.stick.dir() == "" {
		time.Sleep(tick)
	}
	b, err := readBounded(filepath.Join(stickDir, scriptName))
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return plan{}, false
	case s.used:
		s.log(scriptName + " is not run: somebody works here")
		return plan{}, false
	}
	p := plan{source: scriptName + " on the stick", problem: err}
	if err == nil {
		p.commands, p.problem = ParseScript(b)
	}
	if len(p.commands) == 0 && p.problem == nil {
		s.log(scriptName + " has no commands")
		return plan{}, false
	}
	s.run.pending = true
	return p, true
}

// readBounded reads a file that should be small, and one byte more than it should have.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxScript+1))
}

// grace gives a person the time to call the run off.
func (s *session) grace() bool {
	s.consoles.all(fmt.Sprintf("%s on the stick starts in %d seconds. Enter calls it off.", scriptName, int(countdown.Seconds())))
	time.Sleep(countdown)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = runState{on: s.run.pending}
	return s.run.on
}

// perform does the run and leaves its log and its document on the stick.
func (s *session) perform(p plan) int {
	doc := RunDocument{Schema: runSchema, Version: s.identity.Version, Build: s.identity.Build, Started: time.Now().UTC(), Source: p.source, Commands: []RunCommand{}}
	if p.problem != nil {
		s.consoles.all("hangkit: " + clip(p.problem.Error()))
		doc.Problem, doc.Status = p.problem.Error(), statusUsage
		s.await(func() bool { return s.stick.dir() != "" }, s.options.Wait)
		s.leave(doc, nil)
		return doc.Status
	}
	doc.Problem = s.awaitPatient(p)
	log := s.openLog(doc)
	out := io.MultiWriter(s.consoles, log)
	if doc.Problem != "" {
		fmt.Fprintf(out, "hangkit: %s\n", doc.Problem)
	}
	doc.Commands = runAll(p.commands, s.options.KeepGoing, func(args []string) RunCommand { return s.runOne(args, out) })
	doc.Status = runStatus(doc.Commands)
	s.leave(doc, log)
	return doc.Status
}

// awaitPatient waits for a Windows, and for the stick if the commands need it, and tells
// what did not come. The commands run anyway: they find words for what they miss.
func (s *session) awaitPatient(p plan) string {
	s.consoles.all(fmt.Sprintf("hangkit: %d commands from %s; waiting for disks", len(p.commands), p.source))
	deadline := time.Now().Add(s.options.Wait)
	problem := ""
	if s.options.Wait > 0 && !s.awaitWindows(deadline) {
		problem = fmt.Sprintf("no Windows was found in %s", s.options.Wait)
	}
	s.await(s.disks.quiet, time.Until(deadline)) // another Windows may be on a slower disk: then none is chosen by itself
	// A stick is there for the log as well, but is not waited for as long.
	limit := min(time.Until(deadline), mediumTime)
	if needsStick(p.commands) {
		limit = time.Until(deadline)
	}
	if s.await(func() bool { return s.stick.dir() != "" }, limit) {
		return problem
	}
	if needsStick(p.commands) {
		return "no stick with a data partition called " + Label + " was found"
	}
	s.consoles.all("hangkit: no stick: files that the commands write are gone when the machine is switched off")
	return problem
}

// await waits until something is so.
func (s *session) await(so func() bool, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); !so(); time.Sleep(tick) {
		if !time.Now().Before(deadline) {
			return false
		}
	}
	return true
}

// awaitWindows asks hangkit itself whether there is a Windows, each time that disks which
// may hold one have come and settled.
func (s *session) awaitWindows(deadline time.Time) bool {
	var asked time.Time
	return s.await(func() bool {
		list, changed := s.disks.snapshot()
		if changed.Equal(asked) || !settled(list, changed) || !anyPatient(list) {
			return false
		}
		asked = changed
		return s.hasWindows(deadline)
	}, time.Until(deadline))
}

func (s *session) hasWindows(deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	out, err := s.command(ctx, nil, selfPath, []string{"hangkit", "list", "--json"}).Output()
	if err != nil {
		s.log("list: " + err.Error()) // it may have found something none the less
	}
	return foundWindows(out)
}

// runOne runs one command, with its output on every console and in the log.
func (s *session) runOne(args []string, out io.Writer) RunCommand {
	fmt.Fprintf(out, "\n# %s\n", commandLine(args))
	began := time.Now()
	cmd := s.command(context.Background(), nil, selfPath, append([]string{"hangkit"}, args...))
	cmd.Stdout, cmd.Stderr = out, out // one writer: os/exec copies both by one pipe
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	stop := s.heartbeat(began)
	status, err := exitStatus(cmd.Run())
	stop()
	if err != nil {
		fmt.Fprintf(out, "hangkit: %v\n", err)
		status = 1
	}
	seconds := time.Since(began).Round(time.Millisecond).Seconds()
	fmt.Fprintf(out, "# status %d after %.1f s\n", status, seconds)
	return RunCommand{Args: args, Status: status, Seconds: seconds}
}

// heartbeat tells those who watch that a long command still runs: a bar needs a terminal.
func (s *session) heartbeat(began time.Time) (stop func()) {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		beats := time.NewTicker(beatTime)
		defer beats.Stop()
		for {
			select {
			case <-beats.C:
				s.consoles.all(fmt.Sprintf("# still at it after %.0f s", time.Since(began).Seconds()))
			case <-ctx.Done():
				return
			}
		}
	}()
	return stop
}

// openLog opens the log on the stick, or drops it: the consoles have it too.
func (s *session) openLog(doc RunDocument) io.WriteCloser {
	if s.stick.dir() != "" {
		f, err := os.OpenFile(filepath.Join(stickDir, runName(doc.Started)+".log"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err == nil {
			return &steadyLog{file: f}
		}
		s.consoles.all("hangkit: the log: " + err.Error())
	}
	return discard{}
}

// discard takes what has nowhere to go.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }

// leave closes the log and writes the document beside it.
func (s *session) leave(doc RunDocument, log io.Closer) {
	var errs []error
	if log != nil {
		errs = append(errs, log.Close())
	}
	if s.stick.dir() != "" {
		b, err := json.MarshalIndent(doc, "", "  ")
		errs = append(errs, err, os.WriteFile(filepath.Join(stickDir, runName(doc.Started)+".json"), append(b, '\n'), 0o644), s.stick.sync())
	}
	if err := errors.Join(errs...); err != nil {
		s.consoles.all("hangkit: the result on the stick: " + err.Error())
	}
}
