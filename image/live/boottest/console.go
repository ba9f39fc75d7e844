//go:build linux

package boottest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Console is the machine's serial line: all that was said, and how far it was read.
type Console struct {
	line    io.Writer
	started time.Time

	mu     sync.Mutex
	said   []byte
	read   int           // end of what Expect has matched
	closed error         // why no more comes
	more   chan struct{} // closed at every change
}

// NewConsole listens to a line. Times are counted from now.
func NewConsole(line io.ReadWriter, copyTo io.Writer) *Console {
	c := &Console{line: line, started: time.Now(), more: make(chan struct{})}
	go c.listen(line, copyTo)
	return c
}

func (c *Console) listen(line io.Reader, copyTo io.Writer) {
	buf := make([]byte, 4096)
	for {
		n, err := line.Read(buf)
		if copyTo != nil {
			_, _ = copyTo.Write([]byte(Printable(buf[:n])))
		}
		c.mu.Lock()
		c.said, c.closed = append(c.said, buf[:n]...), err
		close(c.more)
		c.more = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Age is how long the console has been open.
func (c *Console) Age() time.Duration { return time.Since(c.started) }

// Match is what Expect found.
type Match struct {
	Groups []string      // the match and its groups
	After  time.Duration // since the console was opened
}

// Expect waits until the console has said what the expression matches, behind the last
// match. Escape sequences count as what they are, so expressions name plain words.
func (c *Console) Expect(ctx context.Context, expression string, within time.Duration) (*Match, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		m, more, closed := c.find(re)
		switch {
		case m != nil:
			return m, nil
		case closed != nil:
			return nil, fmt.Errorf("the console ended (%w) without %q; its end:\n%s", closed, expression, c.Tail())
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, fmt.Errorf("the console did not say %q within %v (%w); its end:\n%s", expression, within, context.Cause(ctx), c.Tail())
		}
	}
}

func (c *Console) find(re *regexp.Regexp) (*Match, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := re.FindSubmatchIndex(c.said[c.read:])
	if at == nil {
		return nil, c.more, c.closed
	}
	m := &Match{After: time.Since(c.started)}
	for i := 0; i < len(at); i += 2 {
		group := ""
		if at[i] >= 0 {
			group = string(c.said[c.read+at[i] : c.read+at[i+1]])
		}
		m.Groups = append(m.Groups, group)
	}
	c.read += at[1]
	return m, nil, nil
}

// Type sends keys, slowly enough for a serial port without flow control.
func (c *Console) Type(keys string) error {
	for _, b := range []byte(keys) {
		if _, err := c.line.Write([]byte{b}); err != nil {
			return fmt.Errorf("typing on the console: %w", err)
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// Said is all that the console said so far.
func (c *Console) Said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Printable(c.said)
}

// Tail is the last of it, for error messages.
func (c *Console) Tail() string {
	const lines = 30
	all := strings.Split(strings.TrimRight(c.Said(), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// escapes are what terminals obey: firmware paints its screens on the serial line too.
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|[()][0-9A-Za-z]|[=>c78])`)

// Printable leaves out everything that a terminal would obey, lines apart.
func Printable(said []byte) string {
	said = escapes.ReplaceAll(said, nil)
	said = bytes.ReplaceAll(said, []byte("\r\n"), []byte("\n"))
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f {
			return r
		}
		return -1
	}, string(said))
}
