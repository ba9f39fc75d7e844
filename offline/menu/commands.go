package menu

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hangkit/offline/internal/ui"
)

// judging are the commands that take the flags about the machine's memory.
var judging = []string{"check", "arm", "trigger"}

// command is the command line about one Windows.
func (m *Menu) command(name string, w *install, flags ...string) []string {
	args := []string{name}
	if w != nil {
		args = append(append(args, w.target), w.choice...)
	} else if len(m.Targets) == 1 {
		args = append(args, m.Targets[0])
	}
	if slices.Contains(judging, name) {
		args = append(args, m.Flags...)
	}
	return append(args, flags...)
}

// show shows a command as it could be typed.
func (m *Menu) show(args []string) {
	words := []string{"$ hangkit"}
	for _, a := range m.keys.flags(args) {
		words = append(words, m.Quote(a))
	}
	m.line("")
	m.line(strings.Join(words, " "))
	if len(m.keys.secrets) > 0 {
		m.line("  (with your BitLocker key in " + KeyVariable + ")")
	}
}

// run shows a command and runs it on the terminal.
func (m *Menu) run(args []string) (status int) {
	m.show(args)
	status, err := m.Hangkit.Run(m.ctx, m.keys.flags(args), m.keys.secrets)
	if err != nil {
		m.line("hangkit could not be started: " + err.Error())
	}
	if status == int(ui.Interrupted) {
		m.line("Interrupted.")
	}
	return status
}

// which asks which Windows is meant, where there are several.
func (m *Menu) which(purpose string) (*install, error) {
	switch list := m.found.windows; len(list) {
	case 0:
		m.line("No Windows was found. Look again (l), or give a BitLocker key (k) where one is locked.")
		return nil, errBack
	case 1:
		return list[0], nil
	default:
		m.line("")
		for i, w := range list {
			m.text(fmt.Sprintf(" %d  ", i+1), w.name+"; "+w.place)
		}
		n, err := m.number("Which Windows "+purpose+"?", len(list))
		if err != nil {
			return nil, err
		}
		return list[n-1], nil
	}
}

func (m *Menu) check() error {
	w, err := m.which("to check")
	if err != nil {
		return err
	}
	m.run(m.command("check", w))
	return m.pause()
}

// profiles are the sets of settings that arm has a name for.
var profiles = []struct{ name, words string }{
	{"", "the best settings for this Windows"},
	{"one-shot", "for the one capture of a hang at boot; the stop screen stays"},
	{"kernel", "a kernel dump"},
	{"complete", "a complete dump: all memory, large"},
	{"active", "an active dump: all memory that is in use"},
	{"automatic", "an automatic dump, as Windows is delivered"},
}

func (m *Menu) arm() error {
	w, err := m.which("to arm")
	if err != nil {
		return err
	}
	m.line("")
	for i, p := range profiles {
		m.line(fmt.Sprintf(" %d  %-10s %s", i+1, p.name, p.words))
	}
	m.line("The plan comes first. Nothing is written before you say yes to it.")
	n, err := m.number("Which settings?", len(profiles))
	if err != nil {
		return err
	}
	var flags []string
	if name := profiles[n-1].name; name != "" {
		flags = []string{"--profile", name}
	}
	m.run(m.command("arm", w, flags...))
	return m.changed(w)
}

// changed has a Windows judged anew.
func (m *Menu) changed(w *install) error {
	before := w.verdict
	if m.judge(w); w.verdict != before {
		m.line("")
		m.text("", w.verdict)
	}
	return m.pause()
}

func (m *Menu) trigger() error {
	w, err := m.which("to crash")
	if err != nil {
		return err
	}
	m.run(m.command("trigger", w))
	answer, err := m.ask("-- Enter: the menu, a: all other ways and machines -- ")
	if err != nil || fold(answer) != "a" {
		return err
	}
	m.run(m.command("trigger", w, "--all"))
	return m.pause()
}

// changes are what undo --list tells.
type changes struct {
	Changes []struct {
		ID     string `json:"id"`
		Time   string `json:"time"`
		Values int    `json:"values"`
		Boot   int    `json:"boot_elements"`
	} `json:"changes"`
}

func (m *Menu) undo() error {
	w, err := m.which("to put back")
	if err != nil {
		return err
	}
	var doc changes
	list := m.command("undo", w, "--list")
	m.show(list)
	if problem := m.document(&doc, list...); problem != "" {
		m.text("", "What arm changed cannot be read: "+problem)
		return m.pause()
	}
	var flags []string
	switch list := doc.Changes; len(list) {
	case 0:
		m.line("No change of hangkit's is in place: there is nothing to put back.")
		return m.pause()
	case 1:
	default:
		m.line("")
		for i, c := range list {
			m.line(fmt.Sprintf(" %d  %s  %s", i+1, c.Time, counted(c.Values+c.Boot, "value")))
		}
		n, err := m.number("Which change?", len(list))
		if err != nil {
			return err
		}
		if n > 1 {
			flags = []string{"--change", list[n-1].ID}
		}
	}
	m.run(m.command("undo", w, flags...))
	return m.changed(w)
}

// canMakeRoom tells whether there is a stick that could be written to, and cannot be yet.
func (m *Menu) canMakeRoom() bool {
	return m.Live && len(m.found.sticks) == 1 && m.Stick().Folder == ""
}

// Where a data partition was made, the system mounts it within a few seconds.
const (
	stickTries = 40
	stickPause = 250 * time.Millisecond
)

func (m *Menu) makeRoom() error {
	if m.run([]string{"image", "data", m.found.sticks[0]}) != 0 {
		return m.pause()
	}
	for range stickTries {
		if m.Stick().Folder != "" {
			break
		}
		time.Sleep(stickPause)
	}
	m.tellStick()
	return m.pause()
}

// collection is what collect -n tells.
type collection struct {
	Dumps      []struct{ Size int64 } `json:"dumps"`
	Logs       []struct{ Size int64 } `json:"logs"`
	Folder     string                 `json:"folder"`
	Free       *int64                 `json:"free"`
	Unfinished []string               `json:"unfinished"`
}

func (c *collection) size() (size int64) {
	for _, d := range c.Dumps {
		size += d.Size
	}
	for _, l := range c.Logs {
		size += l.Size
	}
	return size
}

func (c *collection) words() string {
	var parts []string
	if n := len(c.Dumps); n > 0 {
		parts = append(parts, counted(n, "dump"))
	}
	if n := len(c.Logs); n > 0 {
		parts = append(parts, counted(n, "log"))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, " and ") + ", " + ui.FormatSize(c.size())
}

// stickFolder is how commands name the stick.
const stickFolder = "stick:"

func (m *Menu) collect() error {
	var w *install
	if len(m.found.windows) > 0 {
		var err error
		if w, err = m.which("to collect from"); err != nil {
			return err
		}
	}
	to := stickFolder
	if s := m.Stick(); s.Folder == "" {
		var err error
		if s.Why != "" {
			m.text("", s.Why)
		}
		if to, err = m.folder(); err != nil {
			return err
		}
	}
	for {
		next, err := m.collectTo(w, to)
		if err != nil || next == "" {
			return err
		}
		to = next
	}
}

// folder asks where to.
func (m *Menu) folder() (string, error) {
	to, err := m.askFresh("Into which folder, on another disk? (Enter: back) ")
	if err == nil && to == "" {
		err = errBack
	}
	return to, err
}

// collectTo says what there is to be taken and how much room there is for it, and takes it.
// Next is another folder that was asked for instead.
func (m *Menu) collectTo(w *install, to string) (next string, err error) {
	var doc collection
	args := m.command("collect", w, "-o", to)
	preview := append(slices.Clone(args), "-n")
	m.show(preview)
	if problem := m.document(&doc, preview...); problem != "" {
		m.text("", problem)
		return "", m.pause()
	}
	m.text("To take  ", doc.words())
	m.text("Into     ", doc.room(to))
	full := doc.Free != nil && doc.size() > *doc.Free
	if full {
		m.text("         ", "That is more than there is room for. Packed with zstd it may fit: most dumps shrink to a fourth or less.")
	} else {
		m.line(" Enter  begin")
	}
	m.line(" z      begin, packed with zstd")
	if len(doc.Unfinished) > 0 {
		m.text(" g      ", "go on with "+doc.Unfinished[0]+", which was interrupted")
	}
	m.line(" o      into another folder")
	m.line(" q      back")
	answer, err := m.askFresh("How? ")
	if err != nil {
		return "", err
	}
	switch choice := fold(answer); {
	case choice == "" && !full:
	case choice == "z":
		args = append(args, "--compress")
	case choice == "g" && len(doc.Unfinished) > 0:
		args = append(args, "--resume")
	case choice == "o":
		return m.folder()
	default:
		return "", errBack
	}
	m.run(args)
	return "", m.pause()
}

// room says where everything is to go, and how much room there is.
func (c *collection) room(to string) string {
	words := to
	if c.Folder != "" && c.Folder != to {
		words += " (" + c.Folder + ")"
	}
	if c.Free != nil {
		words += ", " + ui.FormatSize(*c.Free) + " free"
	}
	return words
}
