package live

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const activeFile = "/sys/class/tty/console/active"

// Serial lines do not know the size of the terminal at their other end.
const (
	serialColumns = 80
	serialRows    = 24
)

// Bounds of what a console that does not take its bytes can hold up.
const (
	consoleQueue = 1024
	drainTime    = 3 * time.Second
)

// console is one of the kernel's consoles: a screen with its keyboard, or a serial line.
type console struct {
	name  string // tty1, ttyS0
	queue chan output
	busy  atomic.Bool   // a process of its own has it
	out   *os.File      // of drain only
	sane  *unix.Termios // as the kernel set it up
}

// output is text for a console; shown is closed when it is there.
type output struct {
	text  []byte
	shown chan struct{}
}

// activeConsoles lists the consoles that the kernel was given, by /dev name. The kernel's
// name for the screen stands for whatever virtual terminal is shown: that is the first.
func activeConsoles() []string {
	b, err := os.ReadFile(activeFile)
	if err != nil {
		return []string{"console"}
	}
	return consoleNames(string(b))
}

type consoles struct{ list []*console }

// openConsoles opens those that are there. One that cannot be opened is no console.
func openConsoles(names []string) *consoles {
	cs := &consoles{}
	for _, name := range names {
		if c, err := openConsole(name); err == nil {
			cs.list = append(cs.list, c)
		}
	}
	return cs
}

func openConsole(name string) (*console, error) {
	c := &console{name: name, queue: make(chan output, consoleQueue)}
	if err := c.reopen(); err != nil {
		return nil, err
	}
	var err error
	if c.sane, err = unix.IoctlGetTermios(int(c.out.Fd()), unix.TCGETS); err != nil {
		return nil, errors.Join(err, c.out.Close()) // no terminal
	}
	go c.drain()
	return c, nil
}

func (c *console) reopen() error {
	fd, err := c.open()
	if err != nil {
		return err
	}
	if c.out != nil {
		_ = c.out.Close() // it was hung up
	}
	c.out = os.NewFile(uintptr(fd), c.name)
	c.setSize(fd)
	return nil
}

// open opens the terminal without making it ours: Ctrl-C is for the menu that runs on it.
func (c *console) open() (int, error) {
	return unix.Open("/dev/"+c.name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
}

func (c *console) setSize(fd int) {
	if w, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil && w.Row == 0 {
		_ = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: serialRows, Col: serialColumns})
	}
}

// drain writes what is queued. When a process that had the terminal to itself ends, the
// kernel hangs up, and the terminal must be opened anew.
func (c *console) drain() {
	for o := range c.queue {
		if _, err := c.out.Write(o.text); err != nil && c.reopen() == nil {
			_, _ = c.out.Write(o.text) // a console that is gone shows nothing
		}
		if o.shown != nil {
			_ = unix.IoctlSetInt(int(c.out.Fd()), unix.TCSBRK, 1) // tcdrain(3)
			close(o.shown)
		}
	}
}

// write queues text and never waits: a serial line may be held up at its other end.
func (c *console) write(b []byte) { c.enqueue(output{text: b}) }

func (c *console) enqueue(o output) {
	select {
	case c.queue <- o:
	default:
	}
}

// tell shows a line here.
func (c *console) tell(line string) { c.write([]byte(line + "\n")) }

// settle waits until what was queued is out, for a while.
func (c *console) settle() {
	shown := make(chan struct{})
	c.enqueue(output{shown: shown})
	select {
	case <-shown:
	case <-time.After(drainTime):
	}
}

// Write shows text on every console, also where a process runs.
func (cs *consoles) Write(b []byte) (int, error) {
	for _, c := range cs.list {
		c.write(append([]byte(nil), b...))
	}
	return len(b), nil
}

var _ io.Writer = (*consoles)(nil)

// say shows a line on every console that is not in use.
func (cs *consoles) say(line string) {
	for _, c := range cs.list {
		if !c.busy.Load() {
			c.write([]byte(line + "\n"))
		}
	}
}

// flush waits until everything is out, as far as the lines take it.
func (cs *consoles) flush() {
	var wait sync.WaitGroup
	for _, c := range cs.list {
		wait.Go(c.settle)
	}
	wait.Wait()
}

// readLine waits for a line. The terminal is open only as long, so that nothing is taken
// from a process that runs there.
func (c *console) readLine() (string, error) {
	fd, err := c.open()
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	c.reset(fd)
	buf := make([]byte, 256) // the rest of a longer line is a line of its own
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
		case err != nil:
			return "", err
		case n == 0:
			return "", io.EOF
		default:
			return strings.TrimSpace(string(buf[:n])), nil
		}
	}
}

// reset makes the terminal what the kernel made it: a process that was killed may have
// left it without echo.
func (c *console) reset(fd int) {
	if c.sane != nil {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, c.sane)
	}
}

// reset does so on every console.
func (cs *consoles) reset() {
	for _, c := range cs.list {
		if fd, err := c.open(); err == nil {
			c.reset(fd)
			_ = unix.Close(fd) // nothing was written
		}
	}
}

// ownTerminal makes a process the leader of a session that has the console to itself.
func ownTerminal() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
}

// terminal opens the console for a process.
func (c *console) terminal() (*os.File, error) {
	fd, err := c.open()
	if err != nil {
		return nil, err
	}
	c.reset(fd)
	return os.NewFile(uintptr(fd), c.name), nil
}

// fork starts a process on the console that whoever reaps waits for.
func (c *console) fork(name string, args, env []string) (int, error) {
	tty, err := c.terminal()
	if err != nil {
		return 0, err
	}
	defer tty.Close()
	fd := tty.Fd()
	pid, err := syscall.ForkExec(name, args, &syscall.ProcAttr{
		Dir: homeDir, Env: env, Files: []uintptr{fd, fd, fd}, Sys: ownTerminal(),
	})
	if err != nil {
		c.tell(fmt.Sprintf("hangkit: %s: %v", name, err))
	}
	return pid, err
}

// environment is that of every process we start.
func environment(c *console, stick string) []string {
	env := []string{"PATH=/bin:/sbin", "HOME=" + homeDir, "TMPDIR=/tmp", "HANGKIT_LIVE=1"}
	if stick != "" {
		env = append(env, "HANGKIT_STICK="+stick)
	}
	if c != nil {
		env = append(env, "TERM="+terminalType(c.name), "HANGKIT_CONSOLE="+c.name)
	}
	return env
}

// all shows a line on every console, also where a process runs.
func (cs *consoles) all(line string) {
	_, _ = cs.Write([]byte(line + "\n")) // never fails
}
