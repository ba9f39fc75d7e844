package cmdline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Manual makes manual pages of section 1 in man(7)'s language.
type Manual struct {
	Root        *kong.Node
	Version     string
	Date        string // 2006-01-02; may be empty
	Environment [][2]string
}

// Page is one manual page.
type Page struct{ Name, Text string }

// Pages are the pages of the program and of each command, in the order of the help.
func (m Manual) Pages() []Page {
	var pages []Page
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		if n.Hidden {
			return
		}
		pages = append(pages, Page{pageName(n), m.page(n)})
		for _, child := range n.Children {
			walk(child)
		}
	}
	walk(m.Root)
	return pages
}

// pageName is the name of a command's page: hangkit-hive-get.
func pageName(n *kong.Node) string { return strings.ReplaceAll(n.FullPath(), " ", "-") }

// roff collects the lines of a page.
type roff struct{ strings.Builder }

// line adds a line; what comes from the program is escaped already.
func (r *roff) line(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

func (m Manual) page(n *kong.Node) string {
	r := &roff{}
	text, statuses := cutStatuses(longHelp(n))
	if statuses == "" { // the command's are the program's
		_, statuses = cutStatuses(longHelp(m.Root))
	}
	r.line(`.TH %s 1 "%s" "hangkit %s" "hangkit manual"`, escape(strings.ToUpper(pageName(n))), m.Date, escape(m.Version))
	r.line(".nh\n.ad l") // names of flags and values must not be cut in two
	r.line(".SH NAME")
	r.line(`%s \- %s`, escape(pageName(n)), escape(summary(n)))
	r.line(".SH SYNOPSIS")
	r.line("%s", synopsis(n))
	r.line(".SH DESCRIPTION")
	r.prose(text)
	r.commands(n)
	r.arguments(n)
	r.options(n)
	if n == m.Root {
		r.environment(m.Environment)
	}
	r.statuses(statuses)
	r.seeAlso(m.Root, n)
	return r.String()
}

// summary is what a command is for, in one line.
func summary(n *kong.Node) string {
	if n.Parent == nil {
		text, _, _ := strings.Cut(n.Help, ". ")
		return strings.Join(strings.Fields(text), " ")
	}
	return strings.TrimSuffix(n.Help, ".")
}

// longHelp is the program's description or a command's long help.
func longHelp(n *kong.Node) string {
	if n.Detail != "" {
		return n.Detail
	}
	return n.Help
}

func synopsis(n *kong.Node) string {
	words := []string{bold(n.FullPath())}
	if len(n.Children) > 0 {
		words = append(words, italic("command"))
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if f.Required {
				words = append(words, option(f))
			}
		}
	}
	words = append(words, "["+italic("options")+"]")
	for _, p := range n.Positional {
		words = append(words, argument(p))
	}
	return strings.Join(words, " ")
}

func argument(p *kong.Positional) string {
	word := italic(p.Name)
	if p.IsCumulative() {
		word += " ..."
	}
	if !p.Required {
		word = "[" + word + "]"
	}
	return word
}

// option is a flag as it is written: -o, --output=FILE.
func option(f *kong.Flag) string {
	word := bold("--" + f.Name)
	if f.Tag.Negatable != "" {
		word = bold("--") + "[" + bold("no-") + "]" + bold(f.Name)
	}
	if f.Short != 0 {
		word = bold("-"+string(f.Short)) + ", " + word
	}
	if takesValue(f) {
		word += "=" + italic(f.FormatPlaceHolder())
	}
	return word
}

func (r *roff) commands(n *kong.Node) {
	if len(n.Children) == 0 {
		return
	}
	r.line(".SH COMMANDS")
	for _, child := range n.Children {
		if !child.Hidden {
			r.item(bold(child.FullPath()), child.Help)
		}
	}
}

func (r *roff) arguments(n *kong.Node) {
	if len(n.Positional) == 0 {
		return
	}
	r.line(".SH ARGUMENTS")
	for _, p := range n.Positional {
		r.item(argument(p), p.Help)
	}
}

func (r *roff) options(n *kong.Node) {
	r.line(".SH OPTIONS")
	var titles []string
	groups := map[string][]*kong.Flag{}
	for _, list := range slices.Backward(n.AllFlags(true)) { // the command's own first
		for _, f := range list {
			title := ""
			if f.Group != nil {
				title = strings.TrimSuffix(f.Group.Title, ":")
			}
			if !slices.Contains(titles, title) {
				titles = append(titles, title)
			}
			groups[title] = append(groups[title], f)
		}
	}
	slices.SortStableFunc(titles, func(a, b string) int { return min(len(a), 1) - min(len(b), 1) }) // those of no group first
	for _, title := range titles {
		if title != "" {
			r.line(".SS %s", escape(title))
		}
		for _, f := range groups[title] {
			r.item(option(f), f.Help)
		}
	}
}

func (r *roff) environment(variables [][2]string) {
	r.line(".SH ENVIRONMENT")
	for _, v := range variables {
		r.item(bold(v[0]), v[1])
	}
}

func (r *roff) item(what, help string) {
	r.line(".TP\n%s\n%s", what, escape(help))
}

var statusItem = regexp.MustCompile(`^(\d+) (.+)$`)

// statusTitle begins the paragraph of a long help that lists its exit statuses.
const statusTitle = "EXIT STATUS: "

// cutStatuses takes the paragraph about exit statuses out of a help text.
func cutStatuses(text string) (rest, statuses string) {
	before, after, found := strings.Cut(text, statusTitle)
	if !found {
		return text, ""
	}
	statuses, after, _ = strings.Cut(after, "\n\n")
	return before + after, strings.Join(strings.Fields(statuses), " ")
}

func (r *roff) statuses(text string) {
	r.line(".SH EXIT STATUS")
	for part := range strings.SplitSeq(strings.TrimSuffix(text, "."), "; ") {
		if m := statusItem.FindStringSubmatch(part); m != nil {
			r.item(m[1], upperFirst(m[2])+".")
		} else {
			r.line("%s.", escape(part))
		}
	}
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (r *roff) seeAlso(root, n *kong.Node) {
	related := n.Children
	if n != root {
		related = append([]*kong.Node{root}, related...)
		if n.Parent != root {
			related = append(related, n.Parent)
		}
	}
	r.line(".SH SEE ALSO")
	var pages []string
	for _, other := range related {
		if !other.Hidden {
			pages = append(pages, bold(pageName(other))+"(1)")
		}
	}
	slices.Sort(pages)
	r.line("%s", strings.Join(pages, ",\n"))
}

// exampleIndent is how the help texts set off what is to be typed.
const exampleIndent = "    "

// prose sets a help text: paragraphs, and examples where lines are indented.
func (r *roff) prose(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(paragraph, "\n")
		if strings.HasPrefix(paragraph, exampleIndent) {
			r.examples(lines)
			continue
		}
		if i > 0 {
			r.line(".PP")
		}
		for _, l := range lines {
			r.line("%s", escape(strings.TrimSpace(l)))
		}
	}
}

func (r *roff) examples(lines []string) {
	r.line(".PP\n.RS 4\n.nf")
	for _, l := range lines {
		r.line("%s", escape(strings.TrimPrefix(l, exampleIndent)))
	}
	r.line(".fi\n.RE")
}

func bold(s string) string   { return `\fB` + escape(s) + `\fR` }
func italic(s string) string { return `\fI` + escape(s) + `\fR` }

// escaped are the characters that roff would make other ones of. What a page shows is
// pasted into shells: it must be what was meant.
var escaped = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`, `"`, `\(dq`)

// escape makes text safe for roff: its own characters, a line that would begin a request,
// and all beyond ASCII, which not every roff reads.
func escape(s string) string {
	var b strings.Builder
	if strings.HasPrefix(s, ".") {
		b.WriteString(`\&`)
	}
	for _, c := range escaped.Replace(s) {
		if c < 0x80 {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, c)
		}
	}
	return b.String()
}
