package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// console is a terminal as the rescue stick's is, with somebody who types on it.
type console struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd

	mu   sync.Mutex
	text strings.Builder
	seen int // how much of the text was waited for
}

// openPTY makes a terminal of 80 columns.
func openPTY(t *testing.T, rows uint16) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	master = os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { _ = master.Close() }) // the test may have closed it
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil && rows > 0 { // a serial line does not tell its size
		err = unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: 80})
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// onConsole starts hangkit on a terminal of its own.
func onConsole(t *testing.T, dir string, rows uint16, env []string, args ...string) *console {
	t.Helper()
	master, slave := openPTY(t, rows)
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Args[0], cmd.Dir = "hangkit", dir
	cmd.Env = append(os.Environ(), "HANGKIT_STICK=", "HANGKIT_LIVE=", "HANGKIT_BITLOCKER_KEY=", "TERM=linux")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := errors.Join(cmd.Start(), slave.Close()); err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, master: master, cmd: cmd}
	go c.read()
	return c
}

func (c *console) read() {
	b := make([]byte, 4096)
	for {
		n, err := c.master.Read(b)
		c.mu.Lock()
		c.text.Write(b[:n])
		c.mu.Unlock()
		if err != nil {
			return // the last program closed the terminal
		}
	}
}

// expect waits until a text appears behind what was expected before.
func (c *console) expect(text string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	for {
		c.mu.Lock()
		all := c.text.String()
		c.mu.Unlock()
		if at := strings.Index(all[c.seen:], text); at >= 0 {
			c.seen += at + len(text)
			return
		}
		select {
		case <-ctx.Done():
			c.t.Fatalf("waited for %q, got:\n%s", text, all[c.seen:])
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (c *console) send(keys string) {
	c.t.Helper()
	if _, err := io.WriteString(c.master, keys); err != nil {
		c.t.Fatal(err)
	}
}

// answer waits for a question and types the answer to it.
func (c *console) answer(question, keys string) {
	c.t.Helper()
	c.expect(question)
	c.send(keys)
}

// end waits for the program to end, and returns its status and all that was on the screen.
func (c *console) end() (status int, screen string) {
	c.t.Helper()
	err := c.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	} else if err != nil {
		c.t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // for what the terminal still holds
	c.mu.Lock()
	defer c.mu.Unlock()
	return status, c.text.String()
}

// passing are the parts of a screen that are never the same.
var (
	screenTime = regexp.MustCompile(`20\d\d-?\d\d-?\d\d[T ]\d\d:?\d\d(:?\d\d)?(Z| UTC)`)
	screenFree = regexp.MustCompile(`[0-9.]+ [KMGT]iB free`)
	screenHash = regexp.MustCompile(`[0-9a-f]{64}`)
)

// goldenScreen compares a screen with the one that was looked at and found good. Nothing on
// it may move the cursor, or be longer than a line.
func goldenScreen(t *testing.T, name, screen string) {
	t.Helper()
	erased := regexp.MustCompile(`\r {20,}\r`).ReplaceAllString(screen, "\n")
	text := strings.ReplaceAll(erased, "\r\n", "\n")
	text = screenTime.ReplaceAllString(text, "TIME")
	text = screenFree.ReplaceAllString(text, "SIZE free")
	text = screenHash.ReplaceAllString(text, "HASH")
	if strings.ContainsAny(text, "\x1b\a\b\r") {
		t.Errorf("the screen is not of plain lines: %q", text)
	}
	golden(t, filepath.Join("testdata", "menu", name), []byte(text))
}

// sample makes the disk of a sample Windows.
func sampleDisk(t *testing.T, dir, name string, flags ...string) (said string) {
	t.Helper()
	args := append([]string{"image", "sample", "-o", filepath.Join(dir, name), "--size", "600M", "--ram", "256M"}, flags...)
	var out, errOut strings.Builder
	if status := Main(args, nil, &out, &errOut); status != 0 {
		t.Fatalf("%v: status %d, %s", args, status, &errOut)
	}
	return out.String()
}

// TestMenu: a whole walk on a serial line: check, arm, trigger, collect, undo, and off.
func TestMenu(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stickDir := filepath.Join(dir, "stick")
	if err := os.Mkdir(stickDir, 0o700); err != nil {
		t.Fatal(err)
	}
	sampleDisk(t, dir, "srv.img", "--windows", "2022", "--platform", "kvm", "--state", "dump-in-pagefile", "--dump-size", "1M")
	c := onConsole(t, dir, 0, []string{"HANGKIT_LIVE=1", "HANGKIT_STICK=stick"}, "menu", "srv.img", "--ram", "256M")
	c.answer("What now? ", "1\n")
	c.answer("-- more:", " ")
	c.answer("-- Enter: the menu -- ", "\n")
	c.answer("What now? ", "arm\n")
	c.answer("Which settings?", "\n")
	c.answer("-- more:", "q")
	c.answer("[y/N] ", "y\n")
	c.answer("-- Enter: the menu -- ", "\n")
	c.answer("What now? ", "3\n")
	c.answer("-- more:", "\r")
	c.answer("-- more:", "q")
	c.answer("a: all other ways and machines -- ", "\n")
	c.answer("What now? ", "4\n\n") // what is typed ahead begins nothing
	c.answer("How? ", "\n")
	c.answer("-- Enter: the menu -- ", "\n")
	c.answer("What now? ", "5\n")
	c.answer("-- more:", "q")
	c.answer("[y/N] ", "n\n")
	c.answer("-- Enter: the menu -- ", "\n")
	c.answer("What now? ", "nonsense\x1b[2J\n")
	c.answer("What now? ", "p\ny\n") // nor does it switch off
	c.answer("[y/N] ", "n\n")
	c.answer("What now? ", "p\n")
	c.answer("[y/N] ", "y\n")
	status, screen := c.end()
	if status != 10 {
		t.Errorf("status %d, want 10", status)
	}
	goldenScreen(t, "walk.txt", strings.ReplaceAll(screen, dir, "DIR"))
	for _, pattern := range []string{"hangkit-undo-*.json", "hangkit-SAMPLE-2022-*/manifest.json"} {
		if found, err := filepath.Glob(filepath.Join(stickDir, pattern)); err != nil || len(found) != 1 {
			t.Errorf("%s on the stick: %v, %v", pattern, found, err)
		}
	}
}

// TestMenuKey: a typed key is never shown, opens what it is for, and goes to the commands
// that follow; several Windows are told apart; Ctrl-C leads back, and the end of the input out.
func TestMenuKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	said := sampleDisk(t, dir, "locked.img", "--bitlocker", "xts-aes128")
	key := regexp.MustCompile(`\d{6}(-\d{6}){7}`).FindString(said)
	sampleDisk(t, dir, "open disk.img", "--windows", "10", "--dump", "none")
	c := onConsole(t, dir, 25, nil, "menu", "locked.img", "open disk.img", "--ram", "256M")
	c.answer("What now? ", "k\n")
	c.answer("It is not shown", "111111-111111\n")
	c.answer("-- more:", " ") // the menu pushes nothing away
	c.answer("What now? ", "key\n")
	c.answer("It is not shown", key+"\n")
	c.answer("What now? ", "2\n")
	c.answer("Which Windows to arm?", "2\n")
	c.answer("Which settings?", "6\n")
	c.answer("-- more:", "\x03") // the plan was not read: nothing is asked any more
	c.answer("-- Enter: the menu -- ", "\n")
	c.answer("What now? ", "1\n")
	c.answer("Which Windows to check?", "3\n")
	c.answer("Which Windows to check?", "\x03")
	c.answer("What now? ", "1\n")
	c.answer("Which Windows to check?", "1\n")
	c.answer("-- more:", "q")
	c.answer("-- Enter: the menu -- ", "\n")
	c.answer("What now? ", "\x04")
	status, screen := c.end()
	if status != 0 {
		t.Errorf("status %d, want 0", status)
	}
	if strings.Contains(screen, key) || strings.Contains(screen, "111111-111111") {
		t.Errorf("a key is on the screen:\n%s", screen)
	}
	goldenScreen(t, "key.txt", screen)
}

// TestMenuGone: a terminal that goes away ends the menu and what it had started.
func TestMenuGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sampleDisk(t, dir, "a.img")
	c := onConsole(t, dir, 24, []string{"HANGKIT_LIVE=1"}, "menu", "a.img")
	c.answer("What now? ", "1\n")
	c.expect("-- more:")
	if err := c.master.Close(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the menu is still there")
	}
}
