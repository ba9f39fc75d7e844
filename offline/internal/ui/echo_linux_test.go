package ui

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTerminal is a terminal and the keyboard and screen that belong to it.
func newTerminal(t *testing.T) (terminal, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to be had: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skipf("no terminal to be had: %v", err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal, screen
}

func shows(t *testing.T, terminal *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// TestSecretIsHidden: what is typed before the question, as its answer and after it stays off
// the screen, and the terminal is afterwards as it was.
func TestSecretIsHidden(t *testing.T) {
	t.Parallel()
	terminal, screen := newTerminal(t)
	u := New(terminal, terminal, terminal)
	asking, err := u.Secrets(t.Context())
	if err != nil || shows(t, terminal) {
		t.Fatalf("typing is shown (%v)", err)
	}
	for _, secret := range []string{"first-secret", "second-secret"} {
		if _, err := screen.WriteString(secret + "\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := asking.Ask(t.Context(), "the key: "); got != secret || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		if shows(t, terminal) {
			t.Error("typing is shown between two questions")
		}
	}
	asking.Close()
	if !shows(t, terminal) {
		t.Error("typing is still hidden afterwards")
	}
	seen := make([]byte, 4096)
	n, err := screen.Read(seen)
	if err != nil || bytes.Contains(seen[:n], []byte("secret")) || !strings.Contains(string(seen[:n]), "the key: ") {
		t.Errorf("on the screen: %q, %v", seen[:n], err)
	}
}

// TestSecretInterrupted: an interrupt gives the terminal back at once, whoever waits for what.
func TestSecretInterrupted(t *testing.T) {
	t.Parallel()
	terminal, screen := newTerminal(t)
	u := New(terminal, terminal, terminal)
	ctx, cancel := context.WithCancel(t.Context())
	asking, err := u.Secrets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer asking.Close()
	go func() {
		b := make([]byte, 64)
		if _, err := screen.Read(b); err == nil && !shows(t, terminal) {
			cancel() // the question is there, and nothing is shown
		}
	}()
	if _, err := asking.Ask(ctx, "the key: "); err == nil {
		t.Error("no interrupt")
	}
	for end := time.Now().Add(5 * time.Second); !shows(t, terminal); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("typing is still hidden")
		}
	}
}
