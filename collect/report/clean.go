package report

import (
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hangkit/collect"
)

// maxText is how much of one text is shown, in characters: names of files and
// modules end long before, and what is longer was made to hurt.
const maxText = 600

// cleaned is a copy of the report in which every text can be shown: what would
// move the cursor, turn the text around or hide in it is written out.
func cleaned(r *Report) *Report {
	v := reflect.New(reflect.TypeFor[Report]()).Elem()
	v.Set(reflect.ValueOf(*r))
	cleanValue(v)
	out := v.Interface().(Report)
	return &out
}

// cleanValue cleans what v holds. Slices and pointers are copied first: they are
// the caller's.
func cleanValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(visible(v.String()))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for _, f := range v.Fields() {
			cleanValue(f)
		}
	case reflect.Slice:
		if v.IsNil() || !holdsText(v.Type().Elem()) {
			return
		}
		s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(s, v)
		for i := range s.Len() {
			cleanValue(s.Index(i))
		}
		v.Set(s)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(v.Elem())
		cleanValue(p.Elem())
		v.Set(p)
	default:
	}
}

// holdsText tells whether there is a text in values of a type: the cells of pictures,
// of which there are many, have none.
func holdsText(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String:
		return true
	case reflect.Pointer, reflect.Slice:
		return holdsText(t.Elem())
	case reflect.Struct:
		for field := range t.Fields() {
			if t != reflect.TypeFor[time.Time]() && holdsText(field.Type) {
				return true
			}
		}
	default:
	}
	return false
}

// visible writes out every character of a text that is not seen as itself, and
// ends a text that is too long.
func visible(s string) string {
	var b strings.Builder
	n := 0
	for i, r := range s {
		if n++; n > maxText {
			fmt.Fprintf(&b, "… (%d bytes in all)", len(s))
			break
		}
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case hidden(r):
			b.WriteString(collect.Escaped(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports the characters that are not shown or change how others are:
// controls, line separators, and the format characters, which turn the direction
// of writing or have no width.
func hidden(r rune) bool {
	switch {
	case r == ' ' || unicode.IsGraphic(r):
		return r == '\u115F' || r == '\u1160' || r == '\u3164' || r == '\uFFA0' // blank letters
	default:
		return true
	}
}

// ascii writes out everything that is not ASCII.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else if plain, ok := plainForms[r]; ok {
			b.WriteString(plain)
		} else {
			b.WriteString(collect.Escaped(r))
		}
	}
	return b.String()
}

// plainForms are the characters of this package's own sentences.
var plainForms = map[rune]string{'…': "...", '×': "x", '–': "-"}
