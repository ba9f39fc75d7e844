//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// contender is a program that does the work of a row.
type contender struct {
	name  string
	needs []string // programs to look for
	args  []string
	env   []string
	fine  []int   // exit statuses beside 0 that are no failure
	limit float64 // seconds it may take, 0 if there is no target
	// out is a file that the program makes, with bytes of this digest.
	out    string
	digest []byte
	peer   bool // may fail, which its row says
}

// cost is what one run takes: seconds by the clock, and of the processors.
type cost struct{ wall, cpu float64 }

// figures are the medians of a contender, or why there are none.
type figures struct {
	cost
	flaw string
}

// ready leaves out the contenders whose programs are not installed.
func ready(list []contender) []contender {
	return slices.DeleteFunc(list, func(c contender) bool { return !installed(c.needs...) })
}

// byTurns runs every contender in each round, so that whatever else the machine does
// meets all of them.
func byTurns(ctx context.Context, list []contender, runs int) ([]figures, error) {
	walls, cpus := make([][]float64, len(list)), make([][]float64, len(list))
	result := make([]figures, len(list))
	for round := range runs {
		for i := range list {
			if result[i].flaw != "" {
				continue
			}
			c, err := list[i].run(ctx)
			if err == nil && round == runs-1 {
				err = list[i].judge()
			}
			if err != nil && (!list[i].peer || ctx.Err() != nil) {
				return nil, fmt.Errorf("%s: %w", list[i].name, err)
			}
			if err != nil {
				result[i].flaw = lastLine(err.Error())
			}
			walls[i], cpus[i] = append(walls[i], c.wall), append(cpus[i], c.cpu)
		}
	}
	for i := range list {
		result[i].cost = cost{median(walls[i]), median(cpus[i])}
		if err := list[i].forget(); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// run runs the program once. Of the processors' time that of its children counts, too.
func (c *contender) run(ctx context.Context) (cost, error) {
	if err := c.forget(); err != nil {
		return cost{}, err
	}
	var words bytes.Buffer
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...) // its output goes to /dev/null
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stderr = &words
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) } // a script unmounts what it mounted
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	var exit *exec.ExitError
	if errors.As(err, &exit) && slices.Contains(c.fine, exit.ExitCode()) {
		err = nil
	}
	if err != nil {
		return cost{}, fmt.Errorf("%w: %s", err, words.String())
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return cost{took.Seconds(), used.Seconds()}, nil
}

// judge looks at what the program made.
func (c *contender) judge() error {
	if c.digest == nil {
		return nil
	}
	digest, err := digestOf(c.out)
	if err == nil && !bytes.Equal(digest, c.digest) {
		err = errors.New("wrong bytes, and no error")
	}
	return err
}

// forget removes what the program made.
func (c *contender) forget() error {
	if c.out == "" {
		return nil
	}
	return os.RemoveAll(c.out)
}

// note is what a row ends with.
func (c *contender) note(f figures) string {
	switch {
	case f.flaw != "":
		return "failed: " + f.flaw
	case c.limit > 0:
		return fmt.Sprintf("at most %.2f s", c.limit)
	}
	return ""
}

func digestOf(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return hash.Sum(nil), err
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
