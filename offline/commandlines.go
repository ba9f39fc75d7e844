package offline

import (
	"strings"
	"unicode/utf8"

	"hangkit/offline/internal/ui"
)

// guideWidth is how wide the guide is set, in characters: a terminal's least width.
const guideWidth = 80

// printLines sets a text within guideWidth, with one beginning for its first line and
// another for those that follow. Names in it may come from the disk.
func printLines(talk *ui.UI, first, next, text string) {
	line, empty := first, true
	for word := range strings.FieldsSeq(printable(text)) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > guideWidth {
			talk.Printf("%s\n", line)
			line, empty = next, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	if !empty {
		talk.Printf("%s\n", line)
	}
}

// commandIndent stands before a command in the guide.
const commandIndent = "      "

// shell is how a command that is longer than a line goes on in the next one.
type shell struct {
	space string // put at the end of a line that is cut at a space; "" where that cannot be
	comma bool   // a list goes on after a comma
}

var (
	posixShell = shell{space: ` \`}
	powerShell = shell{space: " `", comma: true}
	jsonInput  = shell{comma: true}
)

func shellOf(where string) shell {
	switch {
	case strings.Contains(where, "PowerShell"):
		return powerShell
	case strings.Contains(where, "QMP"):
		return jsonInput
	}
	return posixShell
}

// commandLines cuts a command into lines that can be pasted together and mean the
// same: at a space with the shell's mark of a line to be continued, or, in JSON and
// in lists of PowerShell, behind a comma, where an end of line means nothing.
func commandLines(command, where string) []string {
	const room, hanging = guideWidth - len(commandIndent), "  "
	if command == "" {
		return nil
	}
	sh := shellOf(where)
	var lines []string
	indent, start := "", 0
	for utf8.RuneCountInString(indent+command[start:]) > room {
		best := cut{}
		for _, c := range sh.cuts(command) {
			if c.end > start && utf8.RuneCountInString(indent+command[start:c.end]+c.mark) <= room {
				best = c
			}
		}
		if best.end == 0 {
			break
		}
		lines = append(lines, indent+command[start:best.end]+best.mark)
		indent, start = hanging, best.next
	}
	return append(lines, indent+command[start:])
}

// cut is a place to end a line: where it ends, the mark put there, and where the next
// one begins.
type cut struct {
	end  int
	mark string
	next int
}

// cuts lists the places where a command may go on in a new line.
func (sh shell) cuts(command string) []cut {
	var out []cut
	quote, json := rune(0), sh == jsonInput
	for i, r := range command {
		switch {
		case quote != 0 && r == quote:
			quote, json = 0, false
		case quote == 0 && sh != jsonInput && (r == '\'' || r == '"'):
			quote, json = r, r == '\'' && strings.HasPrefix(command[i+1:], "{")
		case r == ' ' && quote == 0 && sh.space != "":
			out = append(out, cut{i, sh.space, i + 1})
		case r == ',' && (json || sh.comma && quote == 0):
			out = append(out, cut{i + 1, "", i + 1})
		}
	}
	return out
}
