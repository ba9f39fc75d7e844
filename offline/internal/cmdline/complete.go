// Package cmdline says what there is to say of a command line that kong has taken in: the
// words that fit at the cursor of a shell, and the manual pages. Both come from kong's
// model, so that neither can tell of a flag that is not there.
package cmdline

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Kind is what fits at the cursor beside the words of an answer. A shell knows best how
// to complete the names of files, so that is left to it.
type Kind string

// Kinds.
const (
	OnlyWords Kind = "words"
	Files     Kind = "files"
	Folders   Kind = "folders"
)

// Answer is what fits at the cursor.
type Answer struct {
	Kind  Kind
	Words []Word
}

// Word is one of the words that fit, and what it means.
type Word struct{ Text, Help string }

// WriteTo writes the answer for the scripts of the shells: its kind, then one word a line,
// with its meaning behind a tab if it has one.
func (a Answer) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintln(&b, a.Kind)
	for _, word := range a.Words {
		fmt.Fprintln(&b, strings.TrimSuffix(word.Text+"\t"+firstSentence(word.Help), "\t"))
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func firstSentence(help string) string {
	first, _, _ := strings.Cut(strings.ReplaceAll(help, "\n", " "), ". ")
	return strings.TrimSuffix(first, ".")
}

// Values are the words that a flag or an argument takes, where kong's model does not have
// them: by the command's path and the name as it is written, "arm --dump" or "man <page>".
type Values map[string]func() []string

// Complete answers what fits for the last of the words, which stand behind the program's name.
func (values Values) Complete(root *kong.Node, words []string) Answer {
	if len(words) == 0 {
		words = []string{""}
	}
	last := len(words) - 1
	c := cursor{values: values, node: root}
	for _, word := range words[:last] {
		c.pass(word)
	}
	return c.answer(words[last])
}

// cursor walks along a command line as kong will.
type cursor struct {
	values   Values
	node     *kong.Node // the command so far
	args     int        // arguments it was given
	pending  *kong.Flag // the flag whose value comes next
	onlyArgs bool       // "--" has been seen
}

func (c *cursor) pass(word string) {
	switch {
	case c.pending != nil && word == "=": // bash makes three words of --flag=value
	case c.pending != nil:
		c.pending = nil
	case c.onlyArgs || !strings.HasPrefix(word, "-") || word == "-":
		c.argument(word)
	case word == "--":
		c.onlyArgs = true
	default:
		c.pending = c.open(word)
	}
}

func (c *cursor) argument(word string) {
	for _, child := range c.node.Children {
		if child.Name == word {
			c.node, c.args = child, 0
			return
		}
	}
	c.args++
}

// open is the flag that a word ends with and whose value is the next word, if there is one.
func (c *cursor) open(word string) *kong.Flag {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		return c.flag(func(f *kong.Flag) bool { return f.Name == name && takesValue(f) })
	}
	letters := []rune(word[1:])
	for i, letter := range letters {
		f := c.flag(func(f *kong.Flag) bool { return f.Short == letter })
		if f == nil || takesValue(f) && i < len(letters)-1 { // the rest is its value
			return nil
		}
		if takesValue(f) {
			return f
		}
	}
	return nil
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

func (c *cursor) flag(is func(*kong.Flag) bool) *kong.Flag {
	for _, group := range c.node.AllFlags(true) {
		for _, f := range group {
			if is(f) {
				return f
			}
		}
	}
	return nil
}

func (c *cursor) answer(word string) Answer {
	name, value, assigned := strings.Cut(word, "=")
	switch {
	case c.pending != nil:
		return c.value(c.pending.Value, "--"+c.pending.Name, "", strings.TrimPrefix(word, "="))
	case c.onlyArgs:
		return c.positional(word)
	case assigned && strings.HasPrefix(word, "--"):
		f := c.open(name)
		if f == nil {
			return Answer{Kind: OnlyWords}
		}
		return c.value(f.Value, name, name+"=", value)
	case strings.HasPrefix(word, "-"):
		return c.flags(word)
	case len(c.node.Children) > 0:
		return c.commands(word)
	}
	return c.positional(word)
}

func (c *cursor) commands(word string) Answer {
	a := Answer{Kind: OnlyWords}
	for _, child := range c.node.Children {
		if !child.Hidden {
			a.add(word, child.Name, child.Help)
		}
	}
	return a
}

func (c *cursor) flags(word string) Answer {
	a := Answer{Kind: OnlyWords}
	for _, group := range c.node.AllFlags(true) {
		for _, f := range group {
			if f.Short != 0 && word == "-" {
				a.add(word, "-"+string(f.Short), f.Help)
			}
			a.add(word, "--"+f.Name, f.Help)
			if f.Tag.Negatable != "" {
				a.add(word, "--no-"+f.Name, "Not: "+f.Help)
			}
		}
	}
	return a
}

func (c *cursor) positional(word string) Answer {
	list := c.node.Positional
	if len(list) == 0 {
		return Answer{Kind: OnlyWords}
	}
	p := list[min(c.args, len(list)-1)]
	if c.args >= len(list) && !p.IsCumulative() {
		return Answer{Kind: OnlyWords}
	}
	return c.value(p, "<"+p.Name+">", "", word)
}

// value answers with what a flag or an argument takes. Of a list, the last item counts.
func (c *cursor) value(v *kong.Value, written, before, word string) Answer {
	a := Answer{Kind: OnlyWords}
	names, known := c.words(v, written)
	if !known {
		a.Kind = fileKind(v)
		return a
	}
	if i := strings.LastIndexByte(word, ','); v.IsSlice() && i >= 0 {
		before, word = before+word[:i+1], word[i+1:]
	}
	for _, name := range names {
		if strings.HasPrefix(name, word) {
			a.Words = append(a.Words, Word{Text: before + name})
		}
	}
	return a
}

func (c *cursor) words(v *kong.Value, written string) (names []string, known bool) {
	if list, ok := c.values[strings.TrimSpace(c.node.Path()+" "+written)]; ok {
		return list(), true
	}
	return v.EnumSlice(), v.Enum != ""
}

// fileKind tells whether a value is a file of this machine: by the placeholder that the
// help shows for a flag, and by the name of an argument, which is a file if not one of
// those that say what is wanted in it.
func fileKind(v *kong.Value) Kind {
	name := v.Name
	if v.Flag != nil {
		name = v.Flag.PlaceHolder
	}
	switch name {
	case "DIR", "folder":
		return Folders
	case "FILE", "target", "file":
		return Files
	}
	return OnlyWords
}

func (a *Answer) add(word, text, help string) {
	if strings.HasPrefix(text, word) {
		a.Words = append(a.Words, Word{text, help})
	}
}
