package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Statuses by which the menu asks for something that only the session can do.
const (
	menuPowerOff = 10
	menuReboot   = 11
	menuShell    = 12
	menuAgain    = 13 // the stick may have a data partition now
)

const (
	shellPath   = "/bin/busybox"
	settleTime  = 700 * time.Millisecond // of disks, before they are shown
	answerTime  = 5 * time.Second        // that a disk is given before it is called slow
	promptTime  = 500 * time.Millisecond // of quiet, before the prompt is shown
	promptLines = 10                     // said since, that the prompt may have to be looked for
	tick        = 200 * time.Millisecond
	stopTime    = 20 * time.Second // for a menu that is wanted elsewhere
	sessionLog  = "/run/hangkit.log"
	promptWords = "Press Enter for hangkit."
)

// session is what happens between power-on and power-off.
type session struct {
	options  Options
	identity identity
	consoles *consoles
	loader   *loader
	disks    *inventory
	stick    stick
	began    time.Time
	ending   atomic.Bool

	shown map[string]string // lines of disks, by name; of the main loop only

	mu      sync.Mutex
	menu    *running // whoever works here, on whichever console
	used    bool     // somebody has pressed Enter
	run     runState
	prompt  *time.Timer
	logFile *os.File

	told       atomic.Bool  // disks were shown
	unprompted atomic.Int32 // lines said since the prompt
}

// running is a console that a person works at.
type running struct {
	console *console
	done    chan struct{}
	pid     int  // of the process there; 0 between two of them
	wanted  bool // somewhere else: nothing more is started here
}

// Session is the process that init starts and watches.
func Session() int {
	s := newSession()
	go s.obey()
	s.greet()
	s.drivers()
	for _, c := range s.consoles.list {
		go s.serve(c)
	}
	go s.unattended()
	s.follow()
	return 0
}

func newSession() *session {
	cmdline, err := os.ReadFile("/proc/cmdline")
	s := &session{
		options:  ParseOptions(string(cmdline)),
		identity: readIdentity(),
		consoles: openConsoles(activeConsoles()),
		began:    time.Now(),
		shown:    map[string]string{},
	}
	s.disks = newInventory(s.options.Medium)
	s.prompt = time.AfterFunc(time.Hour, s.showPrompt)
	s.prompt.Stop()
	s.unprompted.Store(promptLines)
	s.logFile, _ = os.OpenFile(sessionLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	_ = os.Symlink(selfPath, "/bin/hangkit") // for the shell
	for _, err := range []error{err, applySettings(s.options.Quiet), os.Chdir("/")} {
		if err != nil {
			s.log(err.Error())
		}
	}
	return s
}

// log keeps what is no news for the person.
func (s *session) log(words string) {
	if s.logFile != nil {
		fmt.Fprintf(s.logFile, "[%8.3f] %s\n", time.Since(s.began).Seconds(), printable(words))
	}
}

// say tells the person, wherever no process has the screen.
func (s *session) say(words string) {
	s.log(words)
	s.consoles.say(words)
	if s.unprompted.Add(1) > promptLines {
		s.prompt.Reset(promptTime)
	}
}

// obey takes what process 1 passes on: Ctrl-Alt-Del, and what poweroff and reboot of the
// shell send.
func (s *session) obey() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	for sig := range signals {
		switch sig {
		case unix.SIGINT, unix.SIGTERM:
			go s.reboot()
		default:
			go s.powerOff()
		}
	}
}

// greet says what this is and how the machine was started.
func (s *session) greet() {
	if _, err := os.Stat("/sys/firmware/efi"); err == nil {
		if err := firmwareMount.mount(); err != nil {
			s.log(err.Error())
		}
	}
	for _, line := range readFacts(s.identity).lines() {
		s.consoles.say(line)
	}
	for _, p := range s.options.Problems {
		s.say("hangkit: not obeyed: " + p.Error())
	}
	s.prompt.Reset(promptTime)
}

// unasked are modules that no device asks for by name: keyboards of machines that do not
// tell of theirs, the power button, and what the stick needs.
var unasked = []string{"i8042", "atkbd", "usbhid", "hid_generic", "evdev", "button", "sd_mod", "sr_mod", "exfat", "nls_utf8"}

// drivers starts to listen for devices, and loads what they need.
func (s *session) drivers() {
	var err error
	if s.loader, err = newLoader(); err != nil {
		s.say("hangkit: no list of drivers, only what is built in works: " + err.Error())
	}
	h := &hotplug{loader: s.loader, block: s.disks.take, input: s.watchButton, log: s.log}
	if err := h.start(); err != nil {
		s.say("hangkit: devices that come are not seen: " + err.Error())
	}
	go func() {
		for _, name := range unasked {
			h.load(name)
		}
	}()
}

// follow shows disks as they come, and keeps to the stick.
func (s *session) follow() {
	var settle <-chan time.Time
	ticks := time.Tick(time.Second)
	for {
		select {
		case <-s.disks.notify:
			settle = time.After(settleTime)
		case <-settle:
			s.refresh()
		case <-ticks: // the medium's time may have run out
			s.refresh()
		}
	}
}

func (s *session) refresh() {
	list, changed := s.disks.snapshot()
	complete := settled(list, changed) // now: a stick takes its time to be mounted
	if s.ending.Load() {
		return
	}
	if words := s.stick.follow(list, s.began); words != "" {
		s.say(clip(words))
	}
	if complete {
		s.showDisks(list, diskLines(list, s.stick.name()))
		s.told.Store(len(list) > 0)
	}
}

// showDisks tells of what came, changed and went.
func (s *session) showDisks(list []device, lines map[string]string) {
	for _, d := range list {
		if line, ok := lines[d.name]; ok && s.shown[d.name] != line {
			s.shown[d.name] = line
			s.say(line)
		}
	}
	for name := range s.shown {
		if _, ok := lines[name]; !ok {
			delete(s.shown, name)
			s.say("Disk " + name + " is gone.")
		}
	}
}

// settled tells whether all there is to see has been seen. A dying disk is not waited for.
func settled(list []device, changed time.Time) bool {
	quiet := time.Since(changed)
	return quiet > answerTime || quiet > settleTime && !anyLooking(list)
}

// showPrompt says how to begin, below the disks that come within a moment.
func (s *session) showPrompt() {
	if time.Since(s.began) < answerTime && !s.told.Load() {
		s.prompt.Reset(promptTime)
		return
	}
	s.mu.Lock()
	quiet := s.run.on || s.ending.Load()
	s.mu.Unlock()
	if !quiet {
		s.unprompted.Store(0)
		s.consoles.say(promptWords)
	}
}

// promptAgain shows the prompt where something else had the screen.
func (s *session) promptAgain() {
	s.unprompted.Store(promptLines)
	s.prompt.Reset(0)
}

// serve waits on one console for somebody who wants to work there.
func (s *session) serve(c *console) {
	for {
		line, err := c.readLine()
		if err != nil {
			s.log(c.name + ": " + err.Error())
			time.Sleep(betweenDeaths) // nothing there, or hung up
			continue
		}
		if !s.ending.Load() {
			s.enter(c, line)
		}
	}
}

// enter acts on a line that was typed where no process runs.
func (s *session) enter(c *console, line string) {
	me := &running{console: c, done: make(chan struct{})}
	defer close(me.done)
	other, stopped := s.claim(me)
	switch {
	case stopped:
		s.consoles.all("The run is called off.")
	case s.runs():
		c.tell("A run is under way. The machine goes on by itself when it is done.")
		return
	}
	if other != nil && !s.takeOver(me, other, line) {
		return
	}
	defer s.release(me)
	if line == "shell" {
		s.shell(me)
	} else {
		s.menus(me)
	}
}

// claim takes the work here, if nobody has it: one person works at a time. It tells who
// does, and whether a run that was about to start is called off by this.
func (s *session) claim(me *running) (other *running, stopped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run.on {
		return nil, false
	}
	s.used = true
	if s.menu == nil {
		s.menu = me
		return nil, s.run.callOff()
	}
	return s.menu, s.run.callOff()
}

func (s *session) release(me *running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.menu == me {
		s.menu = nil
	}
	s.promptAgain()
}

func (s *session) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run.on
}

// takeOver ends what runs on another console, if that is wanted.
func (s *session) takeOver(me, other *running, line string) bool {
	if !strings.EqualFold(line, "t") {
		me.console.tell("hangkit is in use on " + other.console.name + ". To stop it there: t and Enter.")
		return false
	}
	s.stopMenu(other)
	select {
	case <-other.done:
		now, _ := s.claim(me)
		return now == nil
	case <-time.After(stopTime):
		me.console.tell("It does not stop. It may be in the middle of a change: try again, or wait.")
		return false
	}
}

func (s *session) stopMenu(r *running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.wanted = true
	if r.pid != 0 {
		_ = unix.Kill(-r.pid, unix.SIGTERM) // it may have ended just now
	}
}

// menus runs the menu until it is left, and does what it asks for.
func (s *session) menus(me *running) {
	for {
		status, err := s.person(me, selfPath, []string{"hangkit", "menu"})
		switch {
		case err != nil:
			me.console.tell("hangkit: " + err.Error())
			return
		case status == menuPowerOff:
			s.powerOff()
		case status == menuReboot:
			s.reboot()
		case status == menuShell:
			s.shell(me)
		case status != menuAgain:
			me.left(status)
			return
		}
	}
}

func (r *running) left(status int) {
	switch {
	case r.wanted:
		r.console.tell("\nhangkit was stopped here: it is used on another console.")
	case status != 0:
		r.console.tell(fmt.Sprintf("\nThe menu stopped with status %d. Enter starts it again; shell and Enter gives a shell.", status))
	}
}

func (s *session) shell(me *running) {
	me.console.tell("Shell of busybox; hangkit is a command here. Leave it with: exit")
	_ = exec.Command(shellPath, "--install", "-s", "/bin").Run() // it works without, too
	if _, err := s.person(me, shellPath, []string{"sh"}); err != nil {
		me.console.tell("hangkit: " + err.Error())
	}
}

// errWanted ends the work on a console.
var errWanted = errors.New("hangkit is used on another console")

// person runs a process that has a console to itself, and returns its status.
func (s *session) person(me *running, file string, args []string) (int, error) {
	tty, err := me.console.terminal()
	if err != nil {
		return 0, err
	}
	defer tty.Close()
	cmd := s.command(context.Background(), me.console, file, args)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = ownTerminal()
	me.console.settle()
	me.console.busy.Store(true)
	defer me.console.busy.Store(false)
	if err := s.startAt(me, cmd); err != nil {
		return 0, err
	}
	status, err := exitStatus(cmd.Wait())
	s.mu.Lock()
	me.pid = 0
	s.mu.Unlock()
	if err := s.stick.sync(); err != nil {
		s.log("stick: " + err.Error())
	}
	return status, err
}

// startAt starts a process, unless the work was wanted elsewhere in between.
func (s *session) startAt(me *running, cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if me.wanted {
		return errWanted
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", filepath.Base(cmd.Path), err)
	}
	me.pid = cmd.Process.Pid
	return nil
}

// command prepares one of our processes. It works on the stick if there is one.
func (s *session) command(ctx context.Context, c *console, file string, args []string) *exec.Cmd {
	dir := s.stick.dir()
	cmd := exec.CommandContext(ctx, file)
	cmd.Args = args
	cmd.Env = environment(c, dir)
	cmd.Dir = homeDir
	if dir != "" {
		cmd.Dir = dir
	}
	return cmd
}

// exitStatus is a process's status as a shell has it.
func exitStatus(err error) (int, error) {
	e, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return 0, err
	}
	const killed = 128
	if w, ok := e.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return killed + int(w.Signal()), nil
	}
	return e.ExitCode(), nil
}
