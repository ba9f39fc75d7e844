package ui

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// typeAhead types what nobody waits for yet, and waits until the terminal has it.
func typeAhead(t *testing.T, terminal, screen *os.File, keys string) {
	t.Helper()
	if _, err := screen.WriteString(keys); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		n, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCINQ)
		if err != nil || time.Now().After(end) {
			t.Fatalf("the terminal holds %d bytes (%v)", n, err)
		}
		if n > 0 {
			return
		}
	}
}

// TestConfirmTypedAhead: a yes that was typed before the question agrees to nothing; the one
// that follows it does.
func TestConfirmTypedAhead(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]error{"n\n": ErrDeclined, "yes\n": nil} {
		terminal, screen := newTerminal(t)
		typeAhead(t, terminal, screen, "y\nn\ny\n")
		go func() {
			var seen strings.Builder
			b := make([]byte, 256)
			for !strings.Contains(seen.String(), "Write it? [y/N] ") {
				n, err := screen.Read(b)
				if err != nil {
					return
				}
				seen.Write(b[:n])
			}
			_, _ = screen.WriteString(answer)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := New(terminal, terminal, terminal).Confirm(ctx, "Write it?"); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", answer, err, want)
		}
	}
}
