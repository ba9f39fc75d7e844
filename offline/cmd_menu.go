package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"hangkit/offline/internal/ui"
	"hangkit/offline/menu"
	"hangkit/offline/target"
)

// MenuCmd is the guided menu.
type MenuCmd struct {
	Targets []string `arg:"" optional:"" name:"target" help:"Disk images, devices, directories, WIM archives or hives. Default: all disks of this machine."`
	MemoryFlag
}

// Help is the command's long help.
func (*MenuCmd) Help() string {
	return `Says what was found: the disks, every Windows with the verdict of check in a line,
volumes that BitLocker locks with the IDs of their keys, and dumps in reach. Then it
offers by number what can be done: check, arm, trigger, collect, undo. Each step is
shown as the command line that does the same, and nothing is written without its plan
and a yes. It is what the rescue stick starts; it works on any terminal.

    hangkit menu
    hangkit menu server.img --ram 8G

A BitLocker key that is typed is kept in memory only. What is longer than the screen
stops at every page: Space for the next page, Enter for a line, q for no more. Ctrl-C
leads back to the menu.

On a live medium (HANGKIT_LIVE is set) there are a shell, restart and power off; the
exit status tells the program that started it what was chosen.

EXIT STATUS: 0 left; 10 power off; 11 restart; 12 a shell is wanted; 80 wrong usage.`
}

// Run shows the menu.
func (c *MenuCmd) Run(ctx context.Context, talk *ui.UI, globals *Globals) error {
	if talk.JSON {
		return ui.Fail(ui.Usage, errors.New("a menu is no JSON document"), "the commands behind it have one each: hangkit list --json")
	}
	child, err := newChild(talk)
	if err != nil {
		return err
	}
	m := &menu.Menu{
		Hangkit: child, In: talk.In(), Out: talk.Screen(), Columns: child.columns, Interrupts: ownInterrupts(),
		Hide: func(ctx context.Context) (func(), error) { return hide(ctx, talk) }, DropTyped: talk.DropTyped, Quote: quoteArg,
		Title: "hangkit " + version().Version, Targets: c.Targets, Live: isLive(), Shell: shellWords(), Stick: stickState,
	}
	if len(c.Targets) == 0 {
		m.Machine = machineWords()
	}
	if c.RAM != unknownMemory {
		m.Flags = []string{"--ram", sizeText(c.RAM)}
	}
	for _, name := range globals.BitLockerKey {
		m.AddKeyFile(name)
	}
	leave, err := m.Show(ctx)
	if err != nil || leave == menu.Quit {
		return err
	}
	return ui.Fail(ui.Status(leave), ui.ErrVerdict)
}

func shellWords() string {
	if runtime.GOOS == "windows" {
		return "The command prompt; 'hangkit menu' leads back here"
	}
	return "A shell; 'exit' leads back here"
}

// ownInterrupts takes Ctrl-C away from the rest of the program: it ends what the menu has
// started, and the menu stays.
func ownInterrupts() <-chan os.Signal {
	signal.Reset(os.Interrupt)
	interrupts := make(chan os.Signal, 8)
	signal.Notify(interrupts, os.Interrupt)
	return interrupts
}

// hide keeps what is typed from being shown. Without a terminal nothing is.
func hide(ctx context.Context, talk *ui.UI) (show func(), err error) {
	secrets, err := talk.Secrets(ctx)
	if errors.Is(err, ui.ErrNotAsked) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	return secrets.Close, nil
}

// machineWords are what the firmware says of this machine.
func machineWords() string {
	m := thisMachine()
	words := strings.TrimSpace(m.Manufacturer + " " + m.Product)
	if ram := thisRAM(); ram > 0 {
		words += ", " + ui.FormatSize(ram) + " of memory"
	}
	return strings.TrimPrefix(words, ", ")
}

// mediumStick is where the live medium mounts the data partition of a stick, whenever it comes.
const mediumStick = "/media/hangkit"

// lookForStick takes a stick that came after the menu was started. All commands that it starts
// write there then.
func lookForStick() {
	if !isLive() || hasStick() || !exists(mediumStick) || target.InMemory(mediumStick) {
		return
	}
	_ = os.Setenv(stickVariable, mediumStick) // only a name that is no name is refused
}

// stickState is where results go.
func stickState() menu.StickState {
	lookForStick()
	root, err := stick()
	switch {
	case err == nil:
		free, _ := target.FreeSpace(root) //nolint:errcheck // what does not tell its room has none that is known
		return menu.StickState{Folder: root, Free: free}
	case isLive():
		return menu.StickState{Why: "none to write to: undo records stay in the registry, and in memory until this machine is switched off"}
	case hasStick():
		return menu.StickState{Why: err.Error()}
	}
	return menu.StickState{}
}

// child runs hangkit's own commands as processes.
type child struct {
	talk     *ui.UI
	path     string
	terminal *os.File    // nil where nobody types
	state    *term.State // of the terminal, as it was found
	columns  int
}

func newChild(talk *ui.UI) (*child, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding hangkit itself: %w", err)
	}
	c := &child{talk: talk, path: path}
	if f, ok := talk.In().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if c.state, err = term.GetState(int(f.Fd())); err == nil {
			c.terminal = f
			_, c.columns = ui.TerminalSize(f)
		}
	}
	return c, nil
}

// killDelay is how long a command may take to end that was told to.
const killDelay = 10 * time.Second

// command is one of ours. What was typed for it is in its environment, which no other
// user can read.
func (c *child) command(ctx context.Context, args, secrets []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Args[0] = "hangkit" // by whatever name this program was started
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = killDelay
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return len(secrets) > 0 && strings.HasPrefix(v, keyVariable+"=")
	})
	if len(secrets) > 0 {
		cmd.Env = append(cmd.Env, keyVariable+"="+strings.Join(secrets, "\n"))
	}
	return cmd
}

// Output implements [menu.Hangkit].
func (c *child) Output(ctx context.Context, args, secrets []string) (out, errOut []byte, status int, err error) {
	var o, e bytes.Buffer
	cmd := c.command(ctx, args, secrets)
	cmd.Stdout, cmd.Stderr = &o, &e
	status, err = exitStatus(cmd.Run())
	return o.Bytes(), e.Bytes(), status, err
}

// Run implements [menu.Hangkit].
func (c *child) Run(ctx context.Context, args, secrets []string) (status int, err error) {
	cmd := c.command(ctx, args, secrets)
	cmd.Env = append(cmd.Env, ui.PagerVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.talk.In(), c.talk.Terminal(), c.talk.Err()
	if c.terminal != nil {
		defer func() { _ = term.Restore(int(c.terminal.Fd()), c.state) }() // a terminal that is gone needs nothing
	}
	return exitStatus(cmd.Run())
}

// exitStatus is the status with which a command ended, however it did.
func exitStatus(err error) (int, error) {
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case !ok:
		return 0, err
	case exit.ExitCode() < 0:
		return int(ui.Failed), fmt.Errorf("the command ended without a status: %w", err)
	}
	return exit.ExitCode(), nil
}
