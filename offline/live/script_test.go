package live

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestSplitRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     [][]string
	}{
		{"one", "collect -o stick:", [][]string{{"collect", "-o", "stick:"}}},
		{"two", "check; arm --yes", [][]string{{"check"}, {"arm", "--yes"}}},
		{"without blanks", "check;arm", [][]string{{"check"}, {"arm"}}},
		{"and", "check && arm --yes", [][]string{{"check"}, {"arm", "--yes"}}},
		{"single &", "a & b", [][]string{{"a", "&", "b"}}},
		{"quotes", `collect -o 'stick:a; b' "c d"e`, [][]string{{"collect", "-o", "stick:a; b", "c de"}}},
		{"empty word", `arm ""`, [][]string{{"arm", ""}}},
		{"backslash", `arm --dump-file C:\new\dump.dmp`, [][]string{{"arm", "--dump-file", `C:\new\dump.dmp`}}},
		{"no shell", `list | sh > /dev/sda $(x)`, [][]string{{"list", "|", "sh", ">", "/dev/sda", "$(x)"}}},
		{"own name", "hangkit check; hangkit list", [][]string{{"check"}, {"list"}}},
		{"nothing", " ; && ;", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := SplitRun(c.in)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
	for _, in := range []string{`arm "`, `check; arm '--yes`} {
		if got, err := SplitRun(in); !errors.Is(err, ErrScript) || got != nil {
			t.Errorf("%s: got %q, %v", in, got, err)
		}
	}
}

func TestParseScript(t *testing.T) {
	t.Parallel()
	in := "\xef\xbb\xbf# what this machine needs\r\ncheck   # first\r\n\r\narm --yes; collect -o 'stick:#1'\r\nlist a#b"
	want := [][]string{{"check"}, {"arm", "--yes"}, {"collect", "-o", "stick:#1"}, {"list", "a#b"}}
	got, err := ParseScript([]byte(in))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for name, in := range map[string]string{
		"UTF-16":    "\xff\xfec\x00h\x00",
		"zeros":     "check\x00",
		"too long":  strings.Repeat("#", maxScript+1),
		"open":      "check\narm '--yes\ncheck'",
		"not UTF-8": "arm \x80",
	} {
		if got, err := ParseScript([]byte(in)); !errors.Is(err, ErrScript) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestNeedsStick(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"collect -o stick:":            true,
		"check; collect -ostick:a/b":   true,
		"collect --output=stick:":      true,
		"check; collect":               true,
		"collect --compress":           true,
		"collect -n":                   false,
		"collect -o /root":             false,
		"collect --output=/root":       false,
		"check":                        false,
		"collect -o 'not a stick: no'": false,
	} {
		commands, err := SplitRun(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := needsStick(commands); got != want {
			t.Errorf("%s: got %v", in, got)
		}
	}
}

func FuzzParseScript(f *testing.F) {
	f.Add([]byte("check; arm --yes\n# x\ncollect -o 'stick:a b'"))
	f.Add([]byte("\xef\xbb\xbfa\"b'c\"d && e"))
	f.Fuzz(func(t *testing.T, b []byte) {
		commands, err := ParseScript(b)
		if err != nil {
			if !errors.Is(err, ErrScript) {
				t.Fatalf("error %v", err)
			}
			return
		}
		// What is shown of a command must read as the same command again.
		for _, args := range commands {
			if len(args) == 0 {
				t.Fatal("a command without words")
			}
			if printable(strings.Join(args, "")) != strings.Join(args, "") || strings.Contains(strings.Join(args, ""), "'") {
				continue // shown harmless, or in a shell's way of quoting quotes
			}
			again, err := SplitRun(commandLine(args))
			if err != nil || args[0] != "hangkit" && !reflect.DeepEqual(again, [][]string{args}) {
				t.Fatalf("%q is shown as %s, which reads %q, %v", args, commandLine(args), again, err)
			}
		}
	})
}
