package ui

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestInterruptedAnswer: a Windows console's input ends at Ctrl-C, before the signal is heard.
// That is no answer.
func TestInterruptedAnswer(t *testing.T) {
	t.Parallel()
	u := New(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})
	if err := u.ask(t.Context(), "Write?"); !errors.Is(err, ErrDeclined) {
		t.Errorf("at the end of the input: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(interruptDelay/10, cancel)
	if err := u.ask(ctx, "Write?"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted a moment after the input ended: %v", err)
	}
}
