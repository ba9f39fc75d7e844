package ui

import "fmt"

// Aside writes v as one line of JSON beside the result, where that is JSON too: what a program
// must know before the result is there.
func (u *UI) Aside(v any) error {
	if !u.JSON {
		return nil
	}
	if err := encode(u.err, v, ""); err != nil {
		return fmt.Errorf("writing beside the result: %w", err)
	}
	return nil
}
