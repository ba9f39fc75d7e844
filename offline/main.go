// Package offline is the hangkit program: its commands, what they print and what
// they exit with. The work itself is done in the rooms it imports.
package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/live"
)

// CLI is the command line: the flags every command shares, and the commands.
type CLI struct {
	Globals

	List    ListCmd    `cmd:"" group:"main" help:"Show disks, volumes, Windows installations and dumps in reach."`
	Check   CheckCmd   `cmd:"" group:"main" help:"Will the next hang leave a dump? If not, why not?"`
	Arm     ArmCmd     `cmd:"" group:"main" help:"Configure the next boot so that a hang leaves a dump."`
	Undo    UndoCmd    `cmd:"" group:"main" help:"Put back what arm changed."`
	Trigger TriggerCmd `cmd:"" group:"main" help:"How to crash this machine on purpose once it hangs."`
	Collect CollectCmd `cmd:"" group:"main" help:"Get the dumps and logs out, verify the dumps, and write a report."`
	Menu    MenuCmd    `cmd:"" group:"main" help:"All of this by a menu: what is there, and what to do about it."`
	Dump    DumpCmd    `cmd:"" group:"more" help:"Describe or verify one dump file."`
	Hive    HiveCmd    `cmd:"" group:"more" help:"Read, check, recover and edit registry hives."`
	Image   ImageCmd   `cmd:"" group:"more" help:"Make disk images: a sample Windows to try everything on."`
	Demo    DemoCmd    `cmd:"" group:"more" help:"All of the above on a generated disk, in a minute."`
	Man     ManCmd     `cmd:"" group:"more" help:"Print the manual page of a command, or write all of them."`

	Completion CompletionCmd `cmd:"" group:"more" help:"Print the script that completes the command line in a shell."`

	Version VersionCmd `cmd:"" group:"more" help:"Print the version."`
}

// Globals are the flags of every command.
type Globals struct {
	Quiet   bool `short:"q" help:"Print the result only."`
	Verbose bool `short:"v" help:"Say more about what is done."`
	JSON    bool `name:"json" help:"Print the result as one JSON document."`

	AcceptLocked bool       `kong:"-"` // set by the flag of the commands that write
	Image        ImageFlags `kong:"-"` // set by those of the commands that open one
	BitLockerKey []string   `name:"bitlocker-key" sep:"none" placeholder:"FILE" help:"Unlock with the recovery password, password or .BEK in this file. May be repeated."`
}

// TargetFlags say which Windows is meant. They are the same wherever one is needed.
type TargetFlags struct {
	Target  string `arg:"" optional:"" help:"Disk image, device, directory that holds Windows, WIM archive, or SYSTEM hive. Default: all disks of this machine."`
	Install int    `placeholder:"N" help:"Which Windows, as list numbers them, where there are several."`

	ImageFlags

	Index indexFlag `placeholder:"N" help:"Which image of a WIM archive, as list numbers them, or all, one after the other."`
}

// MemoryFlag is for commands that judge sizes by the machine's memory.
type MemoryFlag struct {
	RAM sizeFlag `name:"ram" placeholder:"SIZE" help:"Memory of the machine, such as 16G. Default: this machine's, where the disk is its own."`
}

// EditFlags are the flags of the commands that write.
type EditFlags struct {
	DryRun       bool `short:"n" help:"Do everything in memory and change nothing."`
	Yes          bool `short:"y" help:"Do not ask."`
	ResetJournal bool `help:"Where a file must be replaced, and the volume's journal is not clean or it is marked dirty: empty the journal and mark the volume dirty. Windows then checks it (autochk) at its next start."`

	AcceptLocked acceptLockedFlag `help:"Write although another volume of the disk is locked by BitLocker. A Windows suspended there would overwrite the change, and may damage the volume."`
}

// acceptLockedFlag goes with the keys to wherever a target is opened.
type acceptLockedFlag bool

// AfterApply is called by the parser.
func (a acceptLockedFlag) AfterApply(globals *Globals) error {
	globals.AcceptLocked = bool(a)
	return nil
}

const description = `Gets a memory dump out of a Windows machine that hangs, from outside: from a
rescue stick, WinPE, or on its disk image. Nothing is written unless a command
says so and is confirmed.`

const about = `

EXIT STATUS: 0 done; 1 failed; 3 done in part; 4 refused for safety; 5 damaged
or unknown format; 6 not found; 7 not ready (check), not usable (verify) or not
valid (hive check); 80 wrong usage; 130 interrupted.`

// Main runs the program and returns its exit status. On the live medium the same binary
// is the first process, and the kernel's modprobe.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	if role := live.Role(os.Args); role != nil {
		return role()
	}
	if len(args) == 0 && ownConsole() {
		args = []string{"menu"}
		defer waitForEnter(in, errOut)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	status := make(chan ui.Status, 2) // whoever comes second is not heard
	go func() { status <- run(ctx, args, in, out, errOut) }()
	go obey(signals, cancel, status)
	return int(<-status)
}

// obey lets the first signal ask for a stop at the next safe point. The second does not
// ask: what waits for a device that never answers comes to no such point. It is not left
// to the kernel either, for a script's background job is started with Ctrl-C ignored.
func obey(signals <-chan os.Signal, cancel func(), status chan<- ui.Status) {
	<-signals
	cancel()
	<-signals
	status <- ui.Interrupted
}

// run is Main with the caller's context: the demo calls it once for each step.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) ui.Status {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	talk := ui.New(in, out, errOut)
	talk.OnInterrupt(stop)
	status := dispatch(ctx, talk, args)
	if err := talk.OutputError(); err != nil && (status == ui.OK || status == ui.NotReady) {
		return talk.Report(err, nil)
	}
	return status
}

func dispatch(ctx context.Context, talk *ui.UI, args []string) ui.Status {
	if len(args) > 0 && args[0] == completeWord {
		return complete(ctx, talk, args[1:])
	}
	root, globals := grammar(args)
	ctx, keys := withKeys(ctx, talk, globals)
	defer keys.erase()
	exited := ui.Status(-1)
	parser, err := kong.New(root, parserOptions(ctx, talk, globals, &exited)...)
	if err != nil {
		return talk.Report(fmt.Errorf("building the command line: %w", err), nil)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if slices.ContainsFunc(args, isEmptyArg) {
		talk.JSON = wantsJSON(args)
		return talk.Report(ui.Fail(ui.Usage, errors.New("an argument is empty: is a variable unset?")), nil)
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help has been printed
		return exited
	}
	talk.Mode = ui.Mode{Quiet: globals.Quiet, Verbose: globals.Verbose, JSON: globals.JSON || wantsJSON(args)}
	if err != nil {
		return talk.Report(usageError(err), nil)
	}
	if err := command.Run(); err != nil {
		return talk.Report(err, rules)
	}
	return ui.OK
}

func parserOptions(ctx context.Context, talk *ui.UI, globals *Globals, exited *ui.Status) []kong.Option {
	return []kong.Option{
		kong.Name("hangkit"),
		kong.Description(description + about),
		kong.Writers(talk.Out(), talk.Err()),
		kong.Exit(func(code int) {
			if *exited < 0 {
				*exited = ui.Status(code)
			}
		}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(talk, globals),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Vars{"platforms": platformNames(crashconfig.Platforms()), "ways": platformNames(crashconfig.Ways())},
		kong.Vars(sampleVars()),
		kong.ExplicitGroups([]kong.Group{
			{Key: "main", Title: "The way to a dump:"},
			{Key: "more", Title: "More:"},
		}),
	}
}

func platformNames(list []crashconfig.PlatformInfo) string {
	var ids []string
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, ", ")
}

// isEmptyArg finds what an unset variable leaves behind. It must not be taken for an
// argument that was not given: without a target every disk is meant.
func isEmptyArg(arg string) bool {
	return arg == "" || strings.HasPrefix(arg, "--") && strings.HasSuffix(arg, "=")
}

// wantsJSON finds --json on a command line that could not be parsed: the error
// must come in the form that was asked for.
func wantsJSON(args []string) bool { return slices.Contains(args, "--json") }

func usageError(err error) error {
	hint := "run 'hangkit --help'"
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil && p.Context.Selected() != nil {
		hint = fmt.Sprintf("run 'hangkit %s --help'", p.Context.Selected().Path())
	}
	return ui.Fail(ui.Usage, err, hint)
}
