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
	promptTime  = 500 * time.Millisecond // of quiet, before the prompt is shown
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
	menu    *running // the menu, on whichever console
	used    bool     // somebody has pressed Enter
	run     runState
	prompt  *time.Timer
	logFile *os.File
}

// running is the process that a person works with.
type running struct {
	console *console
	process *os.Process
	done    chan struct{}
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
	s.logFile, _ = os.OpenFile(sessionLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	_ = os.Symlink(selfPath, "/bin/hangkit") // for the shell
	for _, err := range []error{err, applySettings(), os.Chdir("/")} {
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
	s.prompt.Reset(promptTime)
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
}

// unasked are modules that no device asks for by name: keyboards of machines that do not
// tell of theirs, and character sets of the stick.
var unasked = []string{"i8042", "atkbd", "usbhid", "hid_generic", "sd_mod", "sr_mod", "exfat", "nls_utf8"}

// drivers starts to listen for devices, and loads what they need.
func (s *session) drivers() {
	var err error
	if s.loader, err = newLoader(); err != nil {
		s.say("hangkit: no list of drivers, only what is built in works: " + err.Error())
	}
	h := &hotplug{loader: s.loader, block: s.disks.take, log: s.log}
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
	list, _ := s.disks.snapshot()
	if s.ending.Load() {
		return
	}
	if words := s.stick.follow(list, s.began); words != "" {
		s.say(clip(words))
	}
	s.showDisks(diskLines(list, s.stick.name()))
}

// showDisks tells of what came, changed and went.
func (s *session) showDisks(lines map[string]string) {
	list, changed := s.disks.snapshot()
	if time.Since(changed) < settleTime {
		return // more is coming
	}
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

func (s *session) showPrompt() {
	s.mu.Lock()
	quiet := s.run.on || s.ending.Load()
	s.mu.Unlock()
	if !quiet {
		s.consoles.say(promptWords)
	}
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
	other, stopped := s.claim()
	switch {
	case stopped:
		s.say("The run is called off.")
	case other == nil && s.runs():
		c.write([]byte("A run is under way. The machine goes on by itself when it is done.\n"))
		return
	}
	if other != nil && !s.takeOver(c, other, line) {
		return
	}
	if line == "shell" {
		s.shell(c)
	} else {
		s.menus(c)
	}
	s.prompt.Reset(0)
}

// claim notes that somebody is here, and tells who else works and whether a run that was
// about to start is called off by that.
func (s *session) claim() (other *running, stopped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = true
	return s.menu, s.run.callOff()
}

func (s *session) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run.on
}

// takeOver ends the menu on another console, if that is wanted.
func (s *session) takeOver(c *console, other *running, line string) bool {
	if !strings.EqualFold(line, "t") {
		c.write([]byte(fmt.Sprintf("hangkit is in use on %s. To stop it there: t and Enter.\n", other.console.name)))
		return false
	}
	_ = unix.Kill(-other.process.Pid, unix.SIGTERM) // it may have ended just now
	select {
	case <-other.done:
		return true
	case <-time.After(stopTime):
		c.write([]byte("It does not stop. It may be in the middle of a change: try again, or wait.\n"))
		return false
	}
}

// menus runs the menu until it is left, and does what it asks for.
func (s *session) menus(c *console) {
	for {
		status, err := s.person(c, selfPath, []string{"hangkit", "menu"})
		switch {
		case err != nil:
			c.write([]byte("hangkit: " + err.Error() + "\n"))
			return
		case status == menuPowerOff:
			s.powerOff()
		case status == menuReboot:
			s.reboot()
		case status == menuShell:
			s.shell(c)
		case status != menuAgain:
			s.left(c, status)
			return
		}
	}
}

func (s *session) left(c *console, status int) {
	if status != 0 {
		c.write([]byte(fmt.Sprintf("\nThe menu stopped with status %d. Enter starts it again; shell and Enter gives a shell.\n", status)))
	}
}

func (s *session) shell(c *console) {
	c.write([]byte("Shell of busybox; hangkit is a command here. Leave it with: exit\n"))
	_ = exec.Command(shellPath, "--install", "-s", "/bin").Run() // it works without, too
	if _, err := s.person(c, shellPath, []string{"sh"}); err != nil {
		c.write([]byte("hangkit: " + err.Error() + "\n"))
	}
}

// person runs a process that has a console to itself, and returns its status.
func (s *session) person(c *console, file string, args []string) (int, error) {
	tty, err := c.terminal()
	if err != nil {
		return 0, err
	}
	defer tty.Close()
	cmd := s.command(context.Background(), c, file, args)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = ownTerminal()
	for len(c.queue) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	c.busy.Store(true)
	defer c.busy.Store(false)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting %s: %w", filepath.Base(file), err)
	}
	r := &running{console: c, process: cmd.Process, done: make(chan struct{})}
	s.setMenu(r)
	defer close(r.done)
	defer s.setMenu(nil)
	status, err := exitStatus(cmd.Wait())
	if err := s.stick.sync(); err != nil {
		s.log("stick: " + err.Error())
	}
	return status, err
}

func (s *session) setMenu(r *running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.menu = r
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
	if w, ok := e.Sys().(interface{ Signaled() bool }); ok && w.Signaled() {
		if sig, ok := e.Sys().(interface{ Signal() unix.Signal }); ok {
			return killed + int(sig.Signal()), nil
		}
	}
	return e.ExitCode(), nil
}
