package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"
)

// Status is the program's exit status. A status that is not named here is a
// failure; 2 is left to the Go runtime.
type Status int

// The exit statuses of every command.
const (
	OK          Status = 0
	Failed      Status = 1
	Partly      Status = 3   // done in part
	Refused     Status = 4   // refused for safety
	Damaged     Status = 5   // damaged or unknown format
	NotFound    Status = 6   // no such file, value or installation
	NotReady    Status = 7   // check: not ready; verify: not usable
	Usage       Status = 80  // wrong usage
	Interrupted Status = 130 // the user stopped it
)

// Effect says what an editing command had done when it ended.
type Effect string

// The effects an error can leave behind.
const (
	NoEffect   Effect = ""
	Unchanged  Effect = "nothing was changed"
	MayChanged Effect = "the change was begun and may be incomplete"
)

// Error carries what the user needs beside the message: the exit status, the way
// out, and what was changed.
type Error struct {
	Status Status
	Hints  []string
	Effect Effect
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// ErrVerdict is returned by a command whose answer is no: the answer has been
// given, and only the exit status is left to say it.
var ErrVerdict = errors.New("not ready")

// Fail wraps err with a status and hints.
func Fail(status Status, err error, hints ...string) error {
	return &Error{Status: status, Hints: hints, Err: err}
}

// Hint adds the way out to err and leaves its status to the rules.
func Hint(err error, hints ...string) error { return &Error{Hints: hints, Err: err} }

// WithEffect notes what had been changed when err happened.
func WithEffect(err error, effect Effect) error {
	if err == nil {
		return nil
	}
	return &Error{Status: 0, Effect: effect, Err: err}
}

// Explain collects the status, hints and effect of an error chain. The rules say
// what the errors of the rooms below mean to the user; the first that fits counts.
func Explain(err error, rules []Rule) Error {
	out := Error{Err: err}
	for e := err; e != nil; {
		if u, ok := errors.AsType[*Error](e); ok {
			out.take(u)
			e = u.Err
			continue
		}
		break
	}
	if h, ok := errors.AsType[hinter](err); ok {
		out.take(&Error{Hints: []string{h.Hint()}})
	}
	for _, r := range append(rules, commonRules...) {
		if errors.Is(err, r.Is) {
			out.take(&Error{Status: r.Status, Hints: r.Hints})
			break
		}
	}
	if out.Status == 0 {
		out.Status = Failed
	}
	return out
}

// hinter is an error of a room below that knows the way out itself.
type hinter interface {
	error
	Hint() string
}

// take fills in what is not known yet: the outermost word wins, except for an effect.
func (e *Error) take(from *Error) {
	if e.Status == 0 {
		e.Status = from.Status
	}
	if len(e.Hints) == 0 {
		e.Hints = from.Hints
	}
	if e.Effect == NoEffect || from.Effect == MayChanged {
		e.Effect = from.Effect // a change begun is never talked away
	}
}

// Rule says what a sentinel error means to the user.
type Rule struct {
	Is     error
	Status Status
	Hints  []string
}

var commonRules = []Rule{
	{Is: context.Canceled, Status: Interrupted},
	{Is: ErrVerdict, Status: NotReady},
	{Is: ErrNotAsked, Status: Refused, Hints: []string{"add --yes to answer yes, or --dry-run to see the plan only"}},
	{Is: ErrDeclined, Status: Failed},
	{Is: fs.ErrNotExist, Status: NotFound},
	{Is: fs.ErrPermission, Status: Failed, Hints: []string{AdminHint}},
	{Is: io.ErrUnexpectedEOF, Status: Damaged},
}

type jsonError struct {
	Schema string   `json:"schema"`
	Error  string   `json:"error"`
	Code   Status   `json:"code"`
	Hints  []string `json:"hints,omitempty"`
	Effect Effect   `json:"effect,omitempty"`
}

// Report tells the user about the error and returns the exit status for it.
func (u *UI) Report(err error, rules []Rule) Status {
	e := Explain(err, rules)
	switch {
	case errors.Is(err, ErrVerdict):
	case u.JSON:
		// Standard error is the last resort: there is nowhere left to complain.
		_ = encode(u.err, jsonError{"hangkit/error/1", err.Error(), e.Status, e.Hints, e.Effect}, "")
	default:
		u.reportText(err, e)
	}
	return e.Status
}

// Harmless takes out of a text what a terminal would obey. Errors name files, and the
// names come from disks that nobody vouches for.
func Harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

func (u *UI) reportText(err error, e Error) {
	switch {
	case !errors.Is(err, context.Canceled):
	case e.Effect == MayChanged:
		err = fmt.Errorf("interrupted: %w", err) // where, and what that leaves
	default:
		err = errors.New("interrupted")
	}
	fmt.Fprintf(u.err, "hangkit: error: %s\n", Harmless(err.Error()))
	for _, h := range e.Hints {
		fmt.Fprintf(u.err, "  hint: %s\n", Harmless(h))
	}
	if e.Effect != NoEffect {
		fmt.Fprintf(u.err, "  %s\n", e.Effect)
	}
}
