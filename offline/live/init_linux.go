package live

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The session is started again when it dies, but not for ever.
const (
	maxSessions    = 3
	betweenDeaths  = 3 * time.Second
	rescueDeadline = 10 * time.Minute // then the machine starts anew, if nobody came
)

// envRestarted tells a session that another died before it: an unattended run is not
// done twice.
const envRestarted = "HANGKIT_LIVE_RESTARTED"

// Init is process 1. It does little, so that little can go wrong in it: the kernel
// panics when it ends. The session does the work, and may die.
func Init() int {
	problem := mountKernel()
	consoles := openConsoles(activeConsoles())
	if problem != nil {
		consoles.say("hangkit: " + problem.Error())
	}
	if _, err := unix.Setsid(); err != nil && !errors.Is(err, unix.EPERM) {
		consoles.say("hangkit: " + err.Error())
	}
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF); err != nil { // Ctrl-Alt-Del becomes SIGINT
		consoles.say("hangkit: Ctrl-Alt-Del: " + err.Error())
	}
	signals := make(chan os.Signal, 16) // for good: one that nobody takes would end process 1
	signal.Notify(signals, unix.SIGCHLD, unix.SIGINT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	for n := range maxSessions {
		end := superviseSession(consoles, signals, n > 0)
		consoles.say(fmt.Sprintf("\nhangkit: the session stopped (%s). It is started again.", end))
		clearAway()
		consoles.reset() // as the dead session left them, the next one would take them for right
	}
	consoles.say("hangkit: it stopped too often.")
	lastResort(consoles, signals) // never ends, as process 1 must not
	return 0
}

// superviseSession starts the session, passes signals on to it and reaps every orphan
// until the session itself is gone. It tells how that came.
func superviseSession(consoles *consoles, signals <-chan os.Signal, again bool) string {
	pid, err := startSession(consoles, again)
	if err != nil {
		return err.Error()
	}
	for {
		s := <-signals
		if s != unix.SIGCHLD {
			_ = unix.Kill(pid, s.(syscall.Signal)) // it may be gone: then its status follows
			continue
		}
		if status, gone := reap(pid); gone {
			return describe(status)
		}
	}
}

// reap takes every child that has ended, and tells of the one that matters.
func reap(pid int) (unix.WaitStatus, bool) {
	var found unix.WaitStatus
	gone := false
	for {
		var status unix.WaitStatus
		n, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || n <= 0:
			return found, gone
		case n == pid && (status.Exited() || status.Signaled()):
			found, gone = status, true
		}
	}
}

// clearAway ends what a dead session left behind, commands at their next safe point, and
// lets go of the stick.
func clearAway() {
	reaping := time.NewTicker(tick)
	defer reaping.Stop()
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		_ = unix.Kill(-1, sig) // nobody may be left
		for deadline := time.Now().Add(termTime); othersRun() && time.Now().Before(deadline); {
			<-reaping.C
			reap(0)
		}
	}
	time.Sleep(betweenDeaths)
	reap(0)
	_ = unix.Unmount(stickDir, unix.MNT_DETACH) // it may not be mounted
	unix.Sync()
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return status.Signal().String()
	}
	return fmt.Sprintf("status %d", status.ExitStatus())
}

// startSession forks without the os package, which would wait for its child itself.
func startSession(consoles *consoles, again bool) (int, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer w.Close()
	env := os.Environ()
	if again {
		env = append(env, envRestarted+"=1")
	}
	pid, err := syscall.ForkExec(selfPath, []string{sessionName}, &syscall.ProcAttr{
		Dir: "/", Env: env, Files: []uintptr{null.Fd(), w.Fd(), w.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, errors.Join(fmt.Errorf("starting the session: %w", err), r.Close())
	}
	go func() {
		_, _ = io.Copy(consoles, r) // what the runtime says of a panic
		_ = r.Close()
	}()
	return pid, nil
}

// selfPath is where the kernel found us. /proc/self/exe would do, were /proc certain.
const selfPath = "/init"

// lastResort offers a shell on every console, and starts the machine anew if nobody
// wants one: it may stand far away. The shell's reboot and poweroff are signals to us.
func lastResort(consoles *consoles, signals <-chan os.Signal) {
	used := make(chan struct{}, len(consoles.list))
	for _, c := range consoles.list {
		go rescue(c, used)
	}
	deadline := time.After(rescueDeadline)
	for {
		select {
		case <-used:
			deadline = nil
		case <-deadline:
			endMachine(unix.LINUX_REBOOT_CMD_RESTART)
		case s := <-signals:
			obeySignal(s)
		}
	}
}

// obeySignal does without a session what the session's obey does with one.
func obeySignal(s os.Signal) {
	switch s {
	case unix.SIGCHLD:
		reap(0)
	case unix.SIGINT, unix.SIGTERM:
		endMachine(unix.LINUX_REBOOT_CMD_RESTART)
	default:
		endMachine(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
}

// endMachine ends what the shells have started, and the machine.
func endMachine(command int) {
	clearAway()
	_ = unix.Reboot(command) // where it fails, the shells stay
}

func rescue(c *console, used chan<- struct{}) {
	words := fmt.Sprintf("Press Enter for a shell. The machine restarts in %.0f minutes otherwise.", rescueDeadline.Minutes())
	for {
		c.tell(words)
		if _, err := c.readLine(); err != nil {
			time.Sleep(betweenDeaths)
			continue
		}
		select {
		case used <- struct{}{}:
		default:
		}
		words = "Press Enter for a shell. Type reboot or poweroff there to end."
		if pid, err := c.fork(shellPath, []string{"sh"}, environment(c, "")); err == nil {
			for unix.Kill(pid, 0) == nil { // lastResort takes it
				time.Sleep(time.Second)
			}
		}
	}
}
