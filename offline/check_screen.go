package offline

import (
	"fmt"
	"slices"
	"strings"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
)

// What check prints fits a terminal of this size, for a machine with no more than the
// usual faults: it is read on the screens of management controllers and in WinPE.
const (
	screenWidth = 80
	screenLines = 40
)

// marks stand before the title of a finding; the word, not a colour, carries the
// meaning.
var marks = map[crashconfig.Verdict]string{
	crashconfig.OK:      "ok",
	crashconfig.Note:    "note",
	crashconfig.Unknown: "unknown",
	crashconfig.Risk:    "RISK",
	crashconfig.Loss:    "LOSS",
	crashconfig.Block:   "BLOCK",
}

// questions are what the groups of rules answer.
var questions = map[crashconfig.Group]string{
	crashconfig.Access:   "Can it be accessed?",
	crashconfig.Dump:     "Will a crash be dumped?",
	crashconfig.PageFile: "Is the page file big enough?",
	crashconfig.Trigger:  "Can it be triggered?",
	crashconfig.Keeping:  "Will the dump be kept?",
}

// answers are by the gravest finding of a group.
var answers = map[crashconfig.Verdict]string{
	crashconfig.OK:      "Yes",
	crashconfig.Note:    "Yes",
	crashconfig.Unknown: "That cannot be told",
	crashconfig.Risk:    "Perhaps",
	crashconfig.Loss:    "Probably not",
	crashconfig.Block:   "No",
}

// otherAnswers are those of groups whose question they fit better: what was read can be
// accessed, and a small dump is one.
var otherAnswers = map[crashconfig.Group]map[crashconfig.Verdict]string{
	crashconfig.Access: {crashconfig.Unknown: "Yes", crashconfig.Risk: "Yes, with care"},
	crashconfig.Dump:   {crashconfig.Loss: "Not usefully"},
}

func answer(group crashconfig.Group, worst crashconfig.Verdict) string {
	if other, ok := otherAnswers[group][worst]; ok {
		return other
	}
	return answers[worst]
}

// scopeRule is the rule that tells what no dump can catch: it is always said last.
const scopeRule = "R15"

// memoryRule is the rule that asks for the machine's memory size.
const memoryRule = "P17"

// screen is what check prints, line by line.
type screen struct {
	doc   *checkDocument
	o     *opened
	notes noteStyle
	lines []string
}

// noteStyle is how much is said about what is no fault.
type noteStyle int

const (
	countNotes   noteStyle = iota
	oneLineNotes           // their titles
	fullNotes              // everything, and what is all right too
)

func printCheck(talk *ui.UI, o *opened, doc *checkDocument) {
	for _, line := range checkLines(o, doc, talk.Verbose) {
		talk.Printf("%s\n", line)
	}
	if doc.Structure != nil {
		talk.Printf("\nIs the volume sound?\n")
		printStructure(talk, doc.Structure, "  ")
	}
}

// checkLines says as much of the notes as there is room for on one screen.
func checkLines(o *opened, doc *checkDocument, verbose bool) []string {
	style := oneLineNotes
	if verbose {
		style = fullNotes
	}
	s := &screen{doc: doc, o: o, notes: style}
	s.fill()
	if style == oneLineNotes && len(s.lines) > screenLines {
		s = &screen{doc: doc, o: o, notes: countNotes}
		s.fill()
	}
	return s.lines
}

func (s *screen) fill() {
	s.text("", s.o.heading())
	if s.notes == fullNotes {
		for _, name := range s.doc.Below {
			s.text("", liesOnWords(name))
		}
	}
	s.text("", s.verdict())
	s.line("")
	for _, group := range crashconfig.Groups() {
		s.group(group)
	}
	s.line("")
	s.scope()
	s.wayOut()
}

func (s *screen) line(text string) { s.lines = append(s.lines, text) }

// text sets a text as wide as the screen is, its first line behind what stands before it.
func (s *screen) text(before, text string) {
	s.lines = append(s.lines, wrapped(before, text)...)
}

// wrapped sets a text behind its first words, the further lines below its beginning.
func wrapped(before, text string) []string {
	indent := strings.Repeat(" ", len(before))
	var lines []string
	line := before
	for word := range strings.FieldsSeq(ui.Harmless(text)) {
		switch {
		case line == before || line == indent:
		case len([]rune(line))+1+len([]rune(word)) > screenWidth:
			lines = append(lines, line)
			line = indent
		default:
			line += " "
		}
		line += word
	}
	if strings.TrimSpace(line) == "" {
		return lines
	}
	return append(lines, line)
}

func (s *screen) verdict() string {
	grave := 0
	for _, f := range s.doc.Findings {
		if f.Verdict >= crashconfig.Loss {
			grave++
		}
	}
	switch {
	case s.doc.Ready:
		return "READY: a crash after the page file is open would leave a dump."
	case grave == 1:
		return "NOT READY: one thing stands between a hang and its dump."
	}
	return fmt.Sprintf("NOT READY: %d things stand between a hang and its dump.", grave)
}

// group answers its question, and gives the reasons in the order of their weight.
func (s *screen) group(group crashconfig.Group) {
	found := byWeight(s.doc.Findings, group)
	worst := crashconfig.OK
	if len(found) > 0 {
		worst = found[0].Verdict
	}
	s.text("", questions[group]+" "+answer(group, worst)+s.means(group, worst)+".")
	for _, f := range found {
		if f.ID != scopeRule {
			s.finding(f)
		}
	}
}

// means says with what the crash can be triggered, where it can.
func (s *screen) means(group crashconfig.Group, worst crashconfig.Verdict) string {
	if group != crashconfig.Trigger || worst >= crashconfig.Loss {
		return ""
	}
	var means []string
	if crashconfig.NMIArmed(s.o.facts) && s.o.facts.Platform.HasNMI() {
		means = append(means, "an NMI")
	}
	if len(crashconfig.UsableKeyboards(s.o.facts)) > 0 {
		means = append(means, "the keyboard")
	}
	if crashconfig.UsableButton(s.o.facts) {
		means = append(means, "the power button")
	}
	if len(means) == 0 {
		return ""
	}
	return ", by " + strings.Join(means, " or ")
}

// finding says what was found. What the command at the end fixes needs no fix of its own.
func (s *screen) finding(f findingJSON) {
	mild := f.Verdict <= crashconfig.Note
	if f.Verdict == crashconfig.OK && s.notes != fullNotes || mild && s.notes == countNotes {
		return
	}
	before := fmt.Sprintf("  %-7s %s  ", marks[f.Verdict], f.ID)
	s.text(before, f.Title)
	below := strings.Repeat(" ", len(before))
	if !mild || s.notes == fullNotes {
		s.text(below, f.Detail)
	}
	if f.Fix != "" && s.worthFixing(f) {
		s.lines = append(s.lines, fixLines(below+"fix: ", f.Fix)...)
	}
}

// fixLines keeps a command in one line, however long, so that it can be pasted; only the words before it are wrapped.
func fixLines(before, text string) []string {
	text = ui.Harmless(text)
	command := ownCommand.FindStringIndex(text)
	switch {
	case len([]rune(before+text)) <= screenWidth || command != nil && command[0] == 0:
		return []string{before + text}
	case command != nil:
		return append(wrapped(before, text[:command[0]]), strings.Repeat(" ", len(before))+text[command[0]:])
	}
	return wrapped(before, text)
}

// worthFixing tells a fix that is neither the command at the end nor only lacks the
// memory size, which one line of its own asks for.
func (s *screen) worthFixing(f findingJSON) bool {
	switch {
	case f.ByArm, f.ID != memoryRule && strings.Contains(f.Fix, "--ram SIZE"):
		return s.notes == fullNotes
	case f.Fix == "hangkit arm "+armTarget(s.o): // it was tried, and is no help here
		return false
	}
	return f.Verdict >= crashconfig.Unknown || s.notes == fullNotes || strings.HasPrefix(f.Fix, "hangkit collect")
}

// scope says what no dump can catch.
func (s *screen) scope() {
	for _, f := range s.doc.Findings {
		if f.ID == scopeRule {
			s.text("", f.Title+". "+f.Detail)
		}
	}
}

// wayOut is the one command that fixes what can be fixed, and where to read more.
func (s *screen) wayOut() {
	if s.doc.Command != "" {
		s.line("")
		s.line(s.lead() + ui.Harmless(s.doc.Command))
		s.text("  ", s.outcome())
	}
	if n := s.hidden(); n != "" {
		s.text("", n)
	}
}

// lead goes before the command: what keeps everybody out must be settled before it.
func (s *screen) lead() string {
	if s.o.facts.Volume.ReadOnly { // A12 says why
		return "Once it can be written to: "
	}
	for _, f := range s.doc.Findings {
		if f.Group == crashconfig.Access.ID() && f.Verdict == crashconfig.Block {
			return "Once it can be accessed: "
		}
	}
	if s.doc.Ready {
		return "To make it surer: "
	}
	return "To fix it: "
}

// outcome says what the command fixes and what it leaves.
func (s *screen) outcome() string {
	var fixed, left []string
	for _, f := range s.doc.Findings {
		switch {
		case f.ByArm:
			fixed = append(fixed, f.ID)
		case f.Verdict >= crashconfig.Loss:
			left = append(left, f.ID)
		}
	}
	text := "That settles " + strings.Join(fixed, ", ")
	if len(left) > 0 {
		text += ", and leaves " + strings.Join(left, ", ")
	}
	return text + "."
}

// hidden says what is not shown, and how it is.
func (s *screen) hidden() string {
	if s.notes == fullNotes {
		return ""
	}
	notes := 0
	for _, f := range s.doc.Findings {
		if f.Verdict == crashconfig.Note && f.ID != scopeRule {
			notes++
		}
	}
	more := "hangkit check --explain ID tells more about a line."
	switch {
	case notes > 0 && s.notes == countNotes:
		return fmt.Sprintf("Not shown: %s (-v). %s", count(notes, "note"), more)
	case notes > 0:
		return "-v says all of the notes; " + more
	}
	return strings.ToUpper(more[:1]) + more[1:]
}

// byWeight puts the gravest findings of a group first and keeps the order of equals.
func byWeight(findings []findingJSON, group crashconfig.Group) []findingJSON {
	own := slices.DeleteFunc(slices.Clone(findings), func(f findingJSON) bool { return f.Group != group.ID() })
	slices.SortStableFunc(own, func(a, b findingJSON) int { return int(b.Verdict) - int(a.Verdict) })
	return own
}
