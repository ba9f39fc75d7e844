package safejson_test

import (
	"encoding/json"
	"testing"

	"hangkit/collect/safejson"
)

// TestEscape: what is escaped cannot be seen, and the value stays the same.
func TestEscape(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                     `""`,
		"C:\\grün 日本 😀\n":      `"C:\\grün 日本 😀\n"`,
		"a\x7fb":               `"a\u007fb"`,
		"\u0080\u009b2J\u009f": `"\u0080\u009b2J\u009f"`,
		"\u202egpj.exe\u2066":  `"\u202egpj.exe\u2066"`,
		"\u200b\ufeff":         `"\u200b\ufeff"`,
		"tag \U000e0041":       `"tag \udb40\udc41"`,
		"\xff":                 `"\ufffd"`,
	} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		got := safejson.Escape(text)
		if string(got) != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
		var before, after string
		if err := json.Unmarshal(text, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &after); err != nil || after != before {
			t.Errorf("%q became %q (%v)", value, after, err)
		}
	}
}
