package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"
)

// Text writes the report in lines of 80 columns of ASCII. What else stands in it is
// written out.
func Text(w io.Writer, r *Report) error {
	t := &textWriter{w: bufio.NewWriter(w)}
	t.report(newView(r))
	if err := t.w.Flush(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

const columns = 80

// textWriter writes paragraphs. What goes wrong is kept by its writer and told at
// the end.
type textWriter struct{ w *bufio.Writer }

// line writes a paragraph whose first line begins with head and whose others begin
// below the text.
func (t *textWriter) line(head, format string, args ...any) {
	head = ascii(head)
	rest := strings.Repeat(" ", min(len(head), columns/2))
	text := ascii(fmt.Sprintf(format, args...))
	if len(head) > columns/2 {
		t.wrapped("", "    ", head)
		head = rest[:8]
		rest = head
	}
	t.wrapped(head, rest, text)
}

// wrapped breaks a text into lines, between its words where they are short enough.
func (t *textWriter) wrapped(head, rest, text string) {
	at := head
	empty := true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(at)+1+len(word) > columns {
			t.put(at)
			at, empty = rest, true
		}
		if !empty {
			at += " "
		}
		for len(at)+len(word) > columns {
			room := columns - len(at)
			t.put(at + word[:room])
			at, word = rest, word[room:]
		}
		at += word
		empty = false
	}
	t.put(at)
}

func (t *textWriter) put(line string) {
	t.w.WriteString(strings.TrimRight(line, " "))
	t.w.WriteByte('\n')
}

func (t *textWriter) title(s string) {
	s = ascii(s)
	t.put("")
	t.wrapped("", "", s)
	t.put(strings.Repeat("=", min(len(s), columns)))
}

func (t *textWriter) heading(s string) {
	s = ascii(s)
	t.put("")
	t.wrapped("", "", s)
	t.put(strings.Repeat("-", min(len(s), columns)))
}

func (t *textWriter) report(v *view) {
	t.wrapped("", "", ascii("CRASH DUMP REPORT  "+cmp.Or(v.Computer, "unnamed computer")))
	from := ""
	if v.Target != "" {
		from = " from " + v.Target
	}
	t.line("", "Collected %s%s by %s. The disk was only read.", stamp(v.Created), from, v.Tool)
	t.title("Verdict")
	t.verdicts(v)
	t.put("")
	t.facts(v.Facts)
	t.title("What happened")
	t.story(v)
	t.title("What was taken and what was left")
	t.taken(v)
	for _, d := range v.Views {
		t.dump(d)
	}
	t.lists(v)
}

func (t *textWriter) verdicts(v *view) {
	if len(v.Dumps) == 0 {
		t.line("", "%s", cmp.Or(v.NoDump, "No dump was taken. What was found instead is listed below."))
	}
	for _, d := range v.Dumps {
		t.line("* ", "%s", d.Name)
		if c := d.Crash; c != nil {
			t.line("  ", "%s %s", c.Code, c.Name)
		}
		t.line("  ", "%s: %s", strings.ToUpper(d.Grade.String()), d.Verdict)
		if d.Stale != "" {
			t.line("  ", "Old: %s.", d.Stale)
		}
	}
	t.more(v.MoreDumps, "dumps")
}

// more says how much of a list is not told.
func (t *textWriter) more(n int, what string) {
	if n > 0 {
		t.line("  ", "%d further %s are not told here; the manifest lists them.", n, what)
	}
}

func (t *textWriter) facts(facts []Fact) {
	for _, f := range facts {
		t.line(fmt.Sprintf("%-20s ", f.Name), "%s", f.Value)
	}
}

func (t *textWriter) story(v *view) {
	for _, c := range v.Clock {
		t.line("! ", "The clock: %s", c)
	}
	for _, e := range v.Story.Entries {
		t.line(e.Time.UTC().Format("2006-01-02 15:04:05  "), "%s", e.What)
		const below = "                     "
		if e.Uncertain != "" {
			t.line(below, "uncertain: %s", e.Uncertain)
		}
		if e.Source != "" {
			t.line(below, "(%s)", e.Source)
		}
	}
	if n := v.Story.More; n > 0 {
		t.line("", "%d further events are not listed.", n)
	}
	if len(v.Story.Entries) == 0 {
		t.line("", "Nothing with a time was found.")
	}
}

func (t *textWriter) taken(v *view) {
	if len(v.Dumps)+len(v.Left) == 0 && v.NoDump == "" {
		t.line("", "No dump was found.")
	}
	for _, d := range v.Dumps {
		t.line("* ", "%s (%s, %s)", d.Name, d.Source, d.State)
		if c := d.Copy; c != nil {
			t.line("  ", "%s, %s", c.Name, size(c.Size))
			if c.SHA256 != "" {
				t.line("  ", "SHA-256 %s", c.SHA256)
			}
			if c.FileSHA256 != "" {
				t.line("  ", "as written: %s, SHA-256 %s", size(c.FileSize), c.FileSHA256)
			}
			if c.Map != "" {
				t.line("  ", "%s lists what could not be read", c.Map)
			}
		}
	}
	for _, l := range v.Left {
		t.line("- ", "left: %s (%s): %s", l.Name, l.State, l.Why)
	}
	t.more(v.MoreLeft, "files that were left")
	if n := len(v.Logs); n > 0 {
		t.line("", "Log files: %d, listed below.", n)
	}
}

func (t *textWriter) dump(d *dumpView) {
	t.title(d.Name)
	t.line("", "%s: %s", strings.ToUpper(d.Grade.String()), d.Verdict)
	if d.Told != "" {
		t.line("", "%s", d.Told)
	}
	t.items("", d.Story)
	t.items("- ", d.Reasons)
	t.items("! ", d.Problems)
	t.memory(d)
	if d.PiecesWords != "" {
		t.heading("The file on the volume")
		t.line("", "%s", d.PiecesWords)
	}
	if d.Crash != nil {
		t.crash(d.Crash)
	}
	t.rows("What the processors were doing", d.Doing)
	t.modules(&d.Modules)
	t.rows("Unloaded modules", d.Unloaded)
	t.running(&d.Running)
	if len(d.Kernel) > 0 {
		t.heading("Kernel")
		t.facts(d.Kernel)
	}
	t.hang(&d.Hang)
	if d.Copy != nil {
		t.heading("How to open it")
		t.steps(d.Copy.Unpack)
		t.steps(d.Open)
	}
	t.proof(d)
}

func (t *textWriter) hang(h *Hang) {
	if len(h.Commands) == 0 {
		return
	}
	t.heading("Where to begin: " + h.Title)
	t.line("", "%s", h.How)
	t.put("")
	for _, c := range h.Commands {
		t.line(fmt.Sprintf("  %-28s ", c.Command), "%s", c.Why)
	}
	t.put("  for any hang:")
	for _, c := range h.Further {
		t.line(fmt.Sprintf("  %-28s ", c.Command), "%s", c.Why)
	}
}

// proof tells what the verdict rests on.
func (t *textWriter) proof(d *dumpView) {
	if len(d.Origins) > 0 {
		t.heading("Rebuilt first page")
		t.line("! ", "The first page of this dump is a guess that fits together. A later boot zeroed the real one.")
	}
	for _, o := range d.Origins {
		t.line(fmt.Sprintf("%-24s ", o.Field), "%s", o.From)
	}
	if len(d.Checks) > 0 {
		t.heading("What was checked")
	}
	for _, c := range d.Checks {
		t.line(fmt.Sprintf("%-7s  %-20s ", c.Status, c.Name), "%s", c.Detail)
	}
}

func (t *textWriter) rows(title string, rows []Row) {
	if len(rows) > 0 {
		t.heading(title)
	}
	for _, r := range rows {
		t.line(fmt.Sprintf("  %-18s ", r.Name), "%s: %s", r.Value, r.Words)
	}
}

func (t *textWriter) items(head string, list []string) {
	for _, s := range list {
		t.line(head, "%s", s)
	}
}

func (t *textWriter) steps(list []Step) {
	for _, s := range list {
		t.line("  ", "%s", s.Command)
		t.line("      ", "%s", s.Why)
	}
}

func (t *textWriter) crash(c *Crash) {
	t.heading("Bugcheck")
	t.line("", "%s %s", c.Code, c.Name)
	t.line("", "%s", c.Meaning)
	if c.Purpose != "" {
		t.line("! ", "%s %s", c.Purpose, c.Advice)
	}
	if c.Live {
		t.line("! ", "This is a live dump. The machine went on running: nothing crashed, and its memory changed while it was written.")
	}
	if c.Plain() {
		t.line("", "All its parameters are 0.")
		return
	}
	for i, p := range c.Parameters {
		t.line(fmt.Sprintf("  %d  ", i+1), "%s  %s", p.Value, p.Words)
	}
}

func (t *textWriter) memory(d *dumpView) {
	if d.Memory == nil {
		return
	}
	t.heading("Physical memory")
	t.line("", "%s", d.MemoryWords)
	if d.Memory.Problem != "" {
		t.line("! ", "%s", d.Memory.Problem)
	}
	for _, f := range d.Memory.Lost {
		t.line("  missing: ", "page frames %#x to %#x, %s", f.First, f.First+f.Count-1, count(f.Count, "page", "pages"))
	}
	if d.Memory.More > 0 {
		t.line("  ", "%s are missing.", count(d.Memory.More, "further stretch", "further stretches"))
	}
}

func (t *textWriter) modules(m *Modules) {
	if m.Total() == 0 && m.Problem == "" {
		return
	}
	t.heading("Loaded modules")
	if m.Problem != "" {
		t.line("! ", "%s", m.Problem)
	}
	if len(m.Foreign) > 0 {
		t.line("", "%d not known as files of Windows; third parties' drivers are among these:", len(m.Foreign))
	}
	for _, f := range m.Foreign {
		t.line("  * ", "%s  %s  %s", f.Name, f.Path, f.Linked)
	}
	var names []string
	for _, k := range m.Known {
		names = append(names, k.Name)
	}
	if len(names) > 0 {
		t.line("", "%d with the names of files of Windows: %s", len(names), strings.Join(names, ", "))
	}
	if m.More > 0 {
		t.line("", "%d further modules are not listed; hangkit dump info lists them.", m.More)
	}
	t.line("", "Judged by the names alone, which prove nothing: lm v in the debugger shows who made a module.")
}

func (t *textWriter) running(p *Processes) {
	if p.Total == 0 && p.Problem == "" {
		return
	}
	t.heading("Processes")
	if p.Problem != "" {
		t.line("! ", "%s", p.Problem)
	}
	for _, g := range p.Groups {
		t.line("  ", "%s  %s", g.Name, g.PIDs)
	}
	if p.More > 0 {
		t.line("", "%d further processes are not listed.", p.More)
	}
}

func (t *textWriter) lists(v *view) {
	if len(v.Settings) > 0 {
		t.title("Registry values that matter")
	}
	for _, s := range v.Settings {
		t.line("* ", `%s\%s = %s`, s.Key, s.Name, s.Value)
		if s.Meaning != "" {
			t.line("  ", "%s", s.Meaning)
		}
	}
	t.more(v.MoreSettings, "values")
	if len(v.Logs) > 0 {
		t.title("Log files")
	}
	for _, f := range v.Logs {
		taken := cmp.Or(f.Taken, "not taken: "+f.Why)
		t.line("* ", "%s, %s", f.Name, size(f.Size))
		t.line("  ", "%s", taken)
	}
	t.more(v.MoreLogs, "log files")
	if len(v.Notes) > 0 {
		t.title("Notes")
	}
	t.items("* ", v.Notes)
}
