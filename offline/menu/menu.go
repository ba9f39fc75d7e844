// Package menu is the guided menu: what a person under stress sees after booting the stick.
//
// It says what was found, offers what can be done about it by number, and asks what has to
// be asked. Everything is done by hangkit's own commands in processes of their own, and each
// is shown as it could be typed:
//
//	menu ──> hangkit list --json ──> what is there
//	     ──> hangkit check --json ──> a verdict in one line
//	     ──> hangkit arm, collect, … on the terminal, which asks, pages and draws bars itself
//
// So Ctrl-C ends a command and not the menu, and a disk that brings a command down leaves
// the menu standing. The texts are plain lines of ASCII without any moving of the cursor:
// they must be readable on a serial line of 9600 baud and on 80 columns by 25 rows.
package menu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Hangkit runs hangkit's commands.
type Hangkit interface {
	// Output runs a command away from the terminal and returns what it says on its standard
	// output and error, and its exit status.
	Output(ctx context.Context, args []string, secrets []string) (out, errOut []byte, status int, err error)
	// Run runs a command on the terminal, which shows it page by page.
	Run(ctx context.Context, args []string, secrets []string) (status int, err error)
}

// Leave is how a person left the menu.
type Leave int

// The ways to leave, by the exit status that says so.
const (
	Quit     Leave = 0
	PowerOff Leave = 10
	Restart  Leave = 11
	Shell    Leave = 12
)

// Screen is what a dialogue is shown on, page by page.
type Screen interface {
	io.Writer
	// Again begins a new page: what stands on the last one was read.
	Again()
	// Reserve makes room for so many lines below what was read.
	Reserve(lines int)
}

// Menu is the dialogue.
type Menu struct {
	Hangkit Hangkit
	In      io.Reader // read no further than the line that is asked for
	Out     Screen
	Columns int
	// Interrupts tells of Ctrl-C. It ends a command or a question, never the menu.
	Interrupts <-chan os.Signal
	// Hide keeps what is typed from being shown, until it is told to show it again.
	Hide func(ctx context.Context) (show func(), err error)
	// DropTyped forgets what was typed ahead.
	DropTyped func() error
	// Quote writes a word so that a shell takes it as it is.
	Quote func(string) string

	Title   string   // of the program
	Machine string   // what the firmware says
	Targets []string // what to look at instead of every disk
	Flags   []string // for every command that judges: --ram 8G
	Live    bool     // the menu may switch the machine off, and there is a shell
	Shell   string   // what it is, and how it leads back
	Stick   func() StickState

	ctx   context.Context //nolint:containedctx // the menu is one call with many steps
	lines *lineReader
	found found
	keys  keys
}

// StickState is where results go.
type StickState struct {
	Folder string // empty where there is none
	Free   int64  // bytes
	Why    string // there is none
}

// errBack ends what is being asked, and leads back to the menu.
var errBack = errors.New("back to the menu")

// Show shows the menu until the person leaves it, or nobody is there any more.
func (m *Menu) Show(ctx context.Context) (Leave, error) {
	m.ctx, m.lines = ctx, &lineReader{in: m.In}
	m.line("")
	m.line(m.Title)
	m.look()
	for {
		leave, done, err := m.choose()
		if errors.Is(err, errBack) {
			continue
		}
		if errors.Is(err, io.EOF) {
			m.line("")
			return Quit, nil
		}
		if done || err != nil {
			return leave, err
		}
	}
}

// item is a line of the menu.
type item struct {
	key, name, words string
	do               func() error
	leave            Leave // where there is nothing to do
}

func (m *Menu) items() []item {
	items := []item{
		{key: "1", name: "check", words: "Will the next hang leave a dump? If not, why not?", do: m.check},
		{key: "2", name: "arm", words: "Make sure that it does: shows its plan, and asks", do: m.arm},
		{key: "3", name: "trigger", words: "How to crash this machine on purpose once it hangs", do: m.trigger},
		{key: "4", name: "collect", words: "Get dumps and logs out" + m.toStick(), do: m.collect},
		{key: "5", name: "undo", words: "Put back what arm changed: shows its plan, and asks", do: m.undo},
	}
	if len(m.found.locked) > 0 || m.keys.given() {
		items = append(items, item{key: "k", name: "key", words: "Give a BitLocker key", do: m.giveKey})
	}
	if m.canMakeRoom() {
		items = append(items, item{key: "m", name: "make room", words: "Make a partition for dumps on this stick: asks", do: m.makeRoom})
	}
	items = append(items,
		item{key: "f", name: "found", words: "Show again what was found", do: m.showFound},
		item{key: "l", name: "look", words: "Look for disks again", do: m.lookAgain})
	if m.Live {
		return append(items,
			item{key: "s", name: "shell", words: m.Shell, leave: Shell},
			item{key: "r", name: "restart", words: "Restart this machine", leave: Restart},
			item{key: "p", name: "power off", words: "Switch this machine off", leave: PowerOff})
	}
	return append(items, item{key: "q", name: "quit", words: "Leave the menu", leave: Quit})
}

func (m *Menu) toStick() string {
	if m.Stick().Folder == "" {
		return ""
	}
	return ", onto the stick"
}

// offer shows the menu, whole, once there is room for it.
func (m *Menu) offer() {
	items := m.items()
	m.Out.Reserve(1 + len(items))
	m.line("")
	for _, it := range items {
		m.line(fmt.Sprintf(" %s  %-9s  %s", it.key, it.name, it.words))
	}
}

// choose offers what can be done, asks, and does it.
func (m *Menu) choose() (leave Leave, done bool, err error) {
	m.offer()
	answer, err := m.ask("What now? ")
	if err != nil {
		return Quit, false, err
	}
	for _, it := range m.items() {
		if !it.is(answer) {
			continue
		}
		if it.do != nil {
			return Quit, false, it.do()
		}
		return it.leave, true, m.sure(it)
	}
	if answer != "" {
		m.line("There is no such choice: " + answer)
	}
	return Quit, false, nil
}

func (it item) is(answer string) bool { return fold(answer) == it.key || fold(answer) == it.name }

// sure asks before the machine goes, or a key that was typed: the shell ends the menu.
func (m *Menu) sure(it item) error {
	switch {
	case it.leave == PowerOff || it.leave == Restart:
		return m.yes(it.words + "? [y/N] ")
	case it.leave == Shell && len(m.keys.secrets) > 0:
		return m.yes("The BitLocker key that was typed is forgotten then. Go on? [y/N] ")
	}
	return nil
}

// yes demands one.
func (m *Menu) yes(question string) error {
	answer, err := m.askFresh(question)
	if err == nil && fold(answer) != "y" && fold(answer) != "yes" {
		err = errBack
	}
	return err
}
