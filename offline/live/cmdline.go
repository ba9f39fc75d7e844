package live

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// After is what happens when an unattended run has ended.
type After string

// What hangkit.after takes.
const (
	PowerOff After = "poweroff"
	Reboot   After = "reboot"
	Menu     After = "menu"
)

// defaultWait is how long a run waits for a disk with Windows: RAID controllers take
// that long to spin up what is behind them.
const defaultWait = 30 * time.Second

// maxWait keeps a mistyped number of seconds from overflowing.
const maxWait = 24 * time.Hour

// Options are what the kernel command line, or the host of a virtual machine, asks for.
type Options struct {
	Medium    string // build id of the medium that was started
	Run       string // commands of an unattended run
	Wait      time.Duration
	After     After
	KeepGoing bool
	Quiet     bool // the kernel keeps its messages to itself

	Problems []error // words that were not understood, and are not obeyed
}

// ours is what our words on the kernel command line begin with.
const ours = "hangkit."

// ParseOptions reads the kernel command line.
func ParseOptions(cmdline string) Options {
	o := Options{Wait: defaultWait, After: PowerOff}
	for _, word := range splitCmdline(cmdline) {
		name, value, _ := strings.Cut(word, "=")
		o.Quiet = o.Quiet || word == "quiet"
		if name, ok := strings.CutPrefix(name, ours); ok {
			o.Set(name, value)
		}
	}
	return o
}

// Set takes one option, named without the prefix.
func (o *Options) Set(name, value string) {
	if err := o.set(name, value); err != nil {
		o.Problems = append(o.Problems, fmt.Errorf("%s%s=%s: %w", ours, name, printable(value), err))
	}
}

func (o *Options) set(name, value string) error {
	switch name {
	case "medium":
		o.Medium = value
	case "run":
		o.Run = value
	case "keep-going":
		o.KeepGoing = value == "" || value == "1"
	case "wait":
		return o.setWait(value)
	case "after":
		return o.setAfter(value)
	default:
		return errors.New("no such option")
	}
	return nil
}

func (o *Options) setWait(value string) error {
	seconds, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return errors.New("not a number of seconds")
	}
	o.Wait = min(time.Duration(seconds)*time.Second, maxWait)
	return nil
}

func (o *Options) setAfter(value string) error {
	switch a := After(value); a {
	case PowerOff, Reboot, Menu:
		o.After = a
		return nil
	}
	return fmt.Errorf("none of %s, %s, %s", PowerOff, Reboot, Menu)
}

// splitCmdline splits the kernel command line as the kernel does (next_arg in
// lib/cmdline.c): blanks separate, double quotes hold together and are dropped, wherever
// in the word they are. GRUB puts a backslash before the quotes it passes on.
func splitCmdline(s string) []string {
	var words []string
	var word strings.Builder
	quoted := false
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`"'\`, s[i+1]) >= 0:
			i++
			word.WriteByte(s[i])
		case c == '"':
			quoted = !quoted
		case !quoted && isBlank(c):
			flush()
		default:
			word.WriteByte(c)
		}
	}
	flush()
	return words
}

func isBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
