package cmdline

import "testing"

// TestEscape: what is shown is what is pasted, and no line becomes a request.
func TestEscape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`'HKLM\SYSTEM' --json`: `\(aqHKLM\eSYSTEM\(aq \-\-json`,
		".reg text":            `\&.reg text`,
		"`a^b~c\"":             `\(gaa\(hab\(tic\(dq`,
		"…":                    `\[u2026]`,
	} {
		if got := escape(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
