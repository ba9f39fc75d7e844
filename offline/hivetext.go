package offline

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"hangkit/hive"
)

// printable makes any string of a hive fit for a terminal: control characters, and
// what cannot be shown at all, become \u and four digits for each UTF-16 unit.
func printable(s string) string {
	return escape(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// carry makes a string of a hive fit for JSON, which knows no halves of characters. It
// tells whether something had to be escaped; backslashes are then doubled.
func carry(s string) (text string, escaped bool) {
	if utf8.ValidString(s) {
		return s, false
	}
	return escape(strings.ReplaceAll(s, `\`, `\\`), func(rune) bool { return false }), true
}

// carried is carry for texts whose exact bytes are told elsewhere.
func carried(s string) string {
	text, _ := carry(s)
	return text
}

func escape(s string, hide func(rune) bool) string {
	clean := true
	for _, r := range s {
		clean = clean && r != utf8.RuneError && !hide(r)
	}
	if clean {
		return s
	}
	var b strings.Builder
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			n = min(hive.SurrogateLen, len(s))
		} else if !hide(r) {
			b.WriteString(s[:n])
			s = s[n:]
			continue
		}
		for _, unit := range hive.EncodeUTF16(s[:n]) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
		s = s[n:]
	}
	return b.String()
}

// valueName shows the name of a value: the default value is @, as in .reg files.
func valueName(name string) string {
	switch name {
	case "":
		return "@"
	case "@":
		return `\@`
	}
	return printable(name)
}

// parseValueName is its opposite, for names that can be typed.
func parseValueName(arg string) string {
	switch arg {
	case "@":
		return ""
	case `\@`:
		return "@"
	}
	return arg
}

// dataWords shows a value's data on one line.
func dataWords(v hive.Value) string {
	switch v.Type {
	case hive.SZ, hive.ExpandSZ, hive.Link:
		return `"` + printable(v.Text()) + `"`
	case hive.MultiSZ:
		list := make([]string, 0, 4)
		for _, s := range v.Strings() {
			list = append(list, `"`+printable(s)+`"`)
		}
		return "[" + strings.Join(list, ", ") + "]"
	default:
	}
	if n, ok := v.Uint64(); ok {
		return fmt.Sprintf("%d (%#x)", n, n)
	}
	return hexWords(v.Data)
}

// shownBytes is how much of binary data a line shows.
const shownBytes = 24

func hexWords(data []byte) string {
	if len(data) == 0 {
		return "no data"
	}
	if len(data) <= shownBytes {
		return fmt.Sprintf("% x", data)
	}
	return fmt.Sprintf("% x … %d bytes", data[:shownBytes], len(data))
}

// typedWords is a value with its type, for plans.
func typedWords(v *hive.Value, none string) string {
	if v == nil {
		return none
	}
	return v.Type.String() + " " + dataWords(*v)
}

// plainData shows a value's data for scripts: the text, a line for each string, the
// decimal number, or all bytes in hexadecimal.
func plainData(v hive.Value) string {
	switch v.Type {
	case hive.SZ, hive.ExpandSZ, hive.Link:
		return printable(v.Text())
	case hive.MultiSZ:
		var lines []string
		for _, s := range v.Strings() {
			lines = append(lines, printable(s))
		}
		return strings.Join(lines, "\n")
	default:
	}
	if n, ok := v.Uint64(); ok {
		return strconv.FormatUint(n, 10)
	}
	return hex.EncodeToString(v.Data)
}

// hiveValueJSON is one value. Text is for people; the bytes are exact.
type hiveValueJSON struct {
	Name    string   `json:"name"` // empty for the default value
	Escaped bool     `json:"name_escaped,omitempty"`
	Type    string   `json:"type"`
	Size    int      `json:"size"`
	Data    string   `json:"data_hex"`
	Text    string   `json:"text"`
	Strings []string `json:"strings,omitempty"`
}

func describeHiveValue(v hive.Value) hiveValueJSON {
	j := hiveValueJSON{Type: v.Type.String(), Size: len(v.Data), Data: hex.EncodeToString(v.Data)}
	j.Name, j.Escaped = carry(v.Name)
	switch v.Type {
	case hive.SZ, hive.ExpandSZ, hive.Link:
		j.Text = carried(v.Text())
	case hive.MultiSZ:
		for _, s := range v.Strings() {
			j.Strings = append(j.Strings, carried(s))
		}
		j.Text = strings.Join(j.Strings, "\n")
	default:
		j.Text = plainData(v)
	}
	return j
}
