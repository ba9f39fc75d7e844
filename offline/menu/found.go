package menu

import (
	"encoding/json"
	"fmt"
	"strings"

	"hangkit/offline/internal/ui"
)

// found is what there is, as the commands told it.
type found struct {
	disks    []string
	sticks   []string // disks that carry this system
	windows  []*install
	locked   []locked
	dumps    []string // on volumes without a Windows
	problems []string
}

// install is one Windows.
type install struct {
	target  string
	choice  []string // flags that choose it on its target
	place   string
	name    string
	old     bool
	verdict string
	dumps   []string
}

// locked is a volume that a key would open.
type locked struct {
	place string
	keys  []string
	tried bool // keys that do not open it
}

// The parts of the documents that are read here.
type (
	listDocument struct {
		Targets  []listTarget `json:"targets"`
		Problems []string     `json:"problems"`
		Stick    []string     `json:"stick"`
	}
	listTarget struct {
		Name    string       `json:"name"`
		Kind    string       `json:"kind"`
		Format  string       `json:"format"`
		Model   string       `json:"model"`
		Size    int64        `json:"size"`
		Volumes []listVolume `json:"volumes"`
	}
	listVolume struct {
		Partition  int           `json:"partition"`
		FileSystem string        `json:"file_system"`
		Error      string        `json:"error"`
		Windows    []listWindows `json:"windows"`
		Dumps      []listDump    `json:"dumps"`
		BitLocker  *struct {
			Unlocked    bool   `json:"unlocked"`
			Description string `json:"description"`
			KeysTried   int    `json:"keys_tried"`
			Protectors  []struct {
				Kind  string `json:"kind"`
				KeyID string `json:"key_id"`
			} `json:"protectors"`
		} `json:"bitlocker"`
	}
	listWindows struct {
		Product string `json:"product"`
		Machine string `json:"machine"`
		Root    string `json:"root"`
		Old     bool   `json:"old"`
		Error   string `json:"error"`
	}
	listDump struct {
		Story       string `json:"story"`
		DuplicateOf string `json:"duplicate_of"`
	}
	checkDocument struct {
		Ready    bool `json:"ready"`
		Findings []struct {
			ID      string `json:"id"`
			Verdict string `json:"verdict"`
			Title   string `json:"title"`
		} `json:"findings"`
	}
	errorDocument struct {
		Error string   `json:"error"`
		Hints []string `json:"hints"`
	}
)

// look finds out what there is, and says so.
func (m *Menu) look() {
	list := append([]string{"list"}, m.Targets...)
	m.show(list)
	m.found = found{}
	var doc listDocument
	if problem := m.document(&doc, list...); problem != "" && len(doc.Targets) == 0 {
		m.found.problems = []string{problem}
	}
	m.found.take(&doc)
	for _, w := range m.found.windows {
		m.judge(w)
	}
	m.tell()
}

// document runs a command for its document, and says what went wrong where there is none.
func (m *Menu) document(into any, args ...string) (problem string) {
	out, errOut, status, err := m.Hangkit.Output(m.ctx, append(m.keys.flags(args), "--json"), m.keys.secrets)
	if err != nil {
		return err.Error()
	}
	if bad := json.Unmarshal(out, into); len(out) > 0 && bad != nil {
		return "hangkit " + args[0] + ": " + bad.Error()
	}
	if status == 0 {
		return ""
	}
	var said errorDocument
	if json.Unmarshal(errOut, &said) == nil && said.Error != "" {
		return said.Error
	}
	if len(out) > 0 {
		return ""
	}
	return fmt.Sprintf("hangkit %s ended with status %d", args[0], status)
}

// take takes over what list found.
func (f *found) take(doc *listDocument) {
	f.problems = append(f.problems, doc.Problems...)
	f.sticks = doc.Stick
	for _, name := range doc.Stick {
		f.disks = append(f.disks, name+": this stick, left alone")
	}
	for _, t := range doc.Targets {
		f.disks = append(f.disks, diskWords(&t))
		number := 0
		for _, v := range t.Volumes {
			f.volume(&t, &v, &number)
		}
	}
}

func diskWords(t *listTarget) string {
	words := t.Name + ": "
	switch {
	case t.Size == 0:
		return words + t.Kind
	case t.Model != "":
		return words + ui.FormatSize(t.Size) + ", " + t.Model
	case t.Format != "":
		words += t.Format + " "
	}
	return words + t.Kind + ", " + ui.FormatSize(t.Size)
}

// volume takes over what is on one volume. Number counts the Windows of the target.
func (f *found) volume(t *listTarget, v *listVolume, number *int) {
	place := t.Name
	if v.Partition > 0 {
		place = fmt.Sprintf("%s, %s %d", t.Name, partWord(t), v.Partition)
	}
	if b := v.BitLocker; b != nil && !b.Unlocked {
		l := locked{place: place, tried: b.KeysTried > 0}
		if b.Description != "" {
			l.place += " (" + b.Description + ")"
		}
		for _, p := range b.Protectors {
			l.keys = append(l.keys, p.KeyID+" "+p.Kind)
		}
		f.locked = append(f.locked, l)
	}
	var stories []string
	for _, d := range v.Dumps {
		if d.DuplicateOf == "" {
			stories = append(stories, d.Story)
		}
	}
	for i, w := range v.Windows {
		*number++
		in := &install{target: t.Name, place: place, old: w.Old, name: windowsWords(&w)}
		in.choice = choiceOf(t, v, *number)
		if i == 0 {
			in.dumps = stories
		}
		f.windows = append(f.windows, in)
	}
	if len(v.Windows) == 0 {
		for _, s := range stories {
			f.dumps = append(f.dumps, place+": "+s)
		}
	}
}

// archive is the kind of target whose volumes are images.
const archive = "archive"

func partWord(t *listTarget) string {
	if strings.Contains(t.Kind, archive) {
		return "image"
	}
	return "partition"
}

// choiceOf is how a command is told which Windows of the target is meant.
func choiceOf(t *listTarget, v *listVolume, number int) []string {
	if strings.Contains(t.Kind, archive) && len(t.Volumes) > 1 {
		return []string{"--index", fmt.Sprint(v.Partition)}
	}
	all := 0
	for _, other := range t.Volumes {
		all += len(other.Windows)
	}
	if all < 2 {
		return nil
	}
	return []string{"--install", fmt.Sprint(number)}
}

func windowsWords(w *listWindows) string {
	words := w.Product
	if w.Error != "" {
		words = w.Root + ": cannot be used: " + w.Error
	}
	if w.Machine != "" {
		words += ", machine " + w.Machine
	}
	if w.Old {
		words += " (set aside by an upgrade: " + w.Root + ")"
	}
	return words
}

// judge has a Windows checked.
func (m *Menu) judge(w *install) {
	var doc checkDocument
	if problem := m.document(&doc, m.command("check", w)...); problem != "" {
		w.verdict = "cannot be judged: " + problem
		return
	}
	w.verdict = doc.words()
}

// words are the verdict in a line: what is gravest, and how much more there is.
func (d *checkDocument) words() string {
	if d.Ready {
		return "READY: a crash would leave a dump."
	}
	var first string
	more := 0
	for _, verdict := range []string{"block", "loss"} {
		for _, f := range d.Findings {
			switch {
			case f.Verdict != verdict:
			case first == "":
				first = f.Title + " (" + f.ID + ")"
			default:
				more++
			}
		}
	}
	if more > 0 {
		first += fmt.Sprintf(", and %d more", more)
	}
	return "NOT READY: " + first
}

// mostDumps is how many dumps are told of each Windows: collect -n tells of all.
const mostDumps = 2

// tell says what was found.
func (m *Menu) tell() {
	if m.Machine != "" {
		m.text("Machine    ", m.Machine)
	}
	m.list("Disks      ", m.found.disks)
	m.list("Problem    ", m.found.problems)
	for i, w := range m.found.windows {
		m.text(fmt.Sprintf("%-11s", fmt.Sprintf("Windows %d", i+1)), w.name+"; "+w.place)
		m.text("           ", w.verdict)
		m.dumps(w.dumps)
	}
	if len(m.found.windows) == 0 {
		m.line("Windows    none was found")
	}
	m.list("Dump       ", m.found.dumps)
	for _, l := range m.found.locked {
		m.text("Locked     ", l.words())
	}
	if len(m.found.locked) > 0 {
		m.text("           ", "Look for the key by its ID: account.microsoft.com/devices/recoverykey, Entra ID, Active Directory, a printout. Then choose k.")
	}
	m.tellStick()
}

func (l *locked) words() string {
	words := l.place + ": BitLocker"
	if l.tried {
		words += "; the given key does not open it"
	}
	if len(l.keys) > 0 {
		words += "; key IDs: " + strings.Join(l.keys, ", ")
	}
	return words
}

func (m *Menu) tellStick() {
	s := m.Stick()
	switch {
	case s.Folder != "":
		m.text("Stick      ", fmt.Sprintf("%s, %s free", s.Folder, ui.FormatSize(s.Free)))
	case s.Why != "":
		m.text("Stick      ", s.Why)
	}
}

// list prints lines of which the first says what they are.
func (m *Menu) list(title string, lines []string) {
	for _, line := range lines {
		m.text(title, line)
		title = strings.Repeat(" ", len(title))
	}
}

func (m *Menu) dumps(stories []string) {
	for _, s := range stories[:min(len(stories), mostDumps)] {
		m.text("           dump: ", s)
	}
	if more := len(stories) - mostDumps; more > 0 {
		m.line(fmt.Sprintf("           and %s", counted(more, "more dump")))
	}
}

// showFound leaves room for it on a screen that does not scroll back: the menu comes after.
func (m *Menu) showFound() error {
	m.line("")
	m.tell()
	return m.pause()
}

func (m *Menu) lookAgain() error {
	m.look()
	return nil
}
