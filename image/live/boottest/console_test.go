//go:build linux

package boottest

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// guest is the other end of a console.
func guest(t *testing.T) (*Console, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return NewConsole(ours, nil), theirs
}

func say(t *testing.T, line io.Writer, words string) {
	t.Helper()
	if _, err := io.WriteString(line, words); err != nil {
		t.Fatal(err)
	}
}

func TestExpect(t *testing.T) {
	t.Parallel()
	c, line := guest(t)
	say(t, line, "one status 7\r\ntwo status 0\r\n")
	for _, want := range []string{"7", "0"} { // each match begins behind the one before
		m, err := c.Expect(t.Context(), `status (\d)`, time.Minute)
		if err != nil || m.Groups[1] != want {
			t.Fatalf("got %v, %v; want status %s", m, err, want)
		}
	}
	go func() { _, _ = io.WriteString(line, "late\n") }()
	if _, err := c.Expect(t.Context(), "late", time.Minute); err != nil {
		t.Error(err)
	}
	if _, err := c.Expect(t.Context(), "never", time.Millisecond); err == nil || !strings.Contains(err.Error(), "late") {
		t.Errorf("a word that is not said: %v", err)
	}
	line.Close()
	if _, err := c.Expect(t.Context(), "never", time.Minute); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("a console that ended: %v", err)
	}
}

func TestType(t *testing.T) {
	t.Parallel()
	c, line := guest(t)
	go func() { _ = c.Type("yes\r") }()
	got := make([]byte, 4)
	if _, err := io.ReadFull(line, got); err != nil || string(got) != "yes\r" {
		t.Errorf("typed %q, %v", got, err)
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"\x1b[2J\x1b[01;01Hplain\r\n": "plain\n",
		"\x1b[0;37;40mcolour\x1b[m":   "colour",
		"bell\a, delete\x7f":          "bell, delete",
		"\x1b(Bcharset":               "charset",
	} {
		if got := Printable([]byte(said)); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}

// TestQMP shakes hands, skips an event, and hears a refusal.
func TestQMP(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	go func() {
		answers := []string{`{"return":{}}`, `{"event":"RESET"}{"return":[{"qdev":"/machine/peripheral/disk0","stats":{"wr_operations":3}}]}`, `{"error":{"desc":"no such command"}}`}
		_, _ = io.WriteString(theirs, `{"QMP":{"version":{}}}`)
		buf := make([]byte, 4096)
		for _, a := range answers {
			_, _ = theirs.Read(buf)
			_, _ = io.WriteString(theirs, a)
		}
	}()
	q, err := NewQMP(ours)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := q.Writes(0); n != 3 || err != nil {
		t.Errorf("%d writes, %v", n, err)
	}
	if err := q.Screendump("x"); err == nil || !strings.Contains(err.Error(), "no such command") {
		t.Errorf("a refused command: %v", err)
	}
}
