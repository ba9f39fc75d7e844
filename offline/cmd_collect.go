package offline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hangkit/collect"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// CollectCmd gets the dumps out, and what tells their story.
type CollectCmd struct {
	TargetFlags
	Output   string `short:"o" placeholder:"DIR" help:"Folder in which the collection gets its own folder; made if missing. stick:[DIR] is on the rescue stick, and the default where there is one."`
	What     string `enum:"dumps,logs,all" default:"all" help:"What to take (${enum}). Default: ${default}."`
	DryRun   bool   `short:"n" help:"Say what would be collected, and how large it is, and stop."`
	Resume   bool   `help:"Go on with a collection of this machine that was interrupted."`
	NoHash   bool   `help:"Do not compute SHA-256 of the dumps."`
	NoVerify bool   `help:"Do not verify what was copied."`

	Compress  bool            `help:"Pack each dump with zstd."`
	EncryptTo []recipientFlag `placeholder:"age1..." help:"Encrypt everything but the manifest to this age key; may be repeated."`
	Split     partFlag        `placeholder:"SIZE" help:"Cut what could be longer into parts of this size. On FAT it happens by itself."`

	toStick bool `kong:"-"`
}

// What --what can say.
const (
	whatDumps = "dumps"
	whatLogs  = "logs"
)

// Help is the command's long help.
func (*CollectCmd) Help() string {
	return `Takes every crash dump of the installation: MEMORY.DMP, DUMP*.tmp, minidumps,
live kernel dumps, and what the last crash left in the page file or the dedicated
dump file when no later boot got far enough to save it; and the logs that tell what
happened before. The disk is only read.

    hangkit collect server.img -o /media/stick
    hangkit collect server.img -o /media/stick -n
    hangkit collect server.img -o /media/stick --resume
    hangkit collect server.img -o case-4711 --compress --encrypt-to age1...

Everything comes into one folder, hangkit-COMPUTER-TIME in the one that -o names:

    report.html     the story of the crash, for a browser without network
    report.txt      the same for a terminal
    registry.txt    the registry values that matter
    manifest.json   what was taken, from where, with sizes and digests
    dumps           the dumps
    logs            event, setup and repair logs, by their paths on the disk

-o stick: is the folder of the rescue stick that HANGKIT_STICK names, and the default
where it is set; a collection that has no room there is not begun. On a live medium
no folder in memory is taken.

-n lists all of it with its size. --what dumps or --what logs takes only these.

A dump that lacks something comes out with .partial in its name; what is missing
stands in the manifest. Places of the disk that cannot be read become zeros, and
are listed in a .map file (a mapfile of ddrescue) beside the dump. Dumps hold
passwords and keys: files are readable by their owner only.

What is interrupted, even by a power cut, goes on with --resume: the newest unfinished
collection of this machine below DIR is taken, or DIR itself, and what is there is
proven by its digest first. It is compared with the disk too: with all of it where
Windows, or whoever else, has written to the NTFS volume since, otherwise at 256
places. An encrypted dump begins anew, because its key was never on the disk. What is
taken, and in what form, is as it was begun. A collection that is finished is never
written into again.

--compress makes zstd archives that 'zstd -d' unpacks and 'hangkit dump' reads as
they are. --encrypt-to makes age files ('age -d' decrypts them) of the dumps, the
logs, the report and the registry values; manifest.json stays readable, and says no
more than names, places, sizes, digests, states, times and verdicts. A dump in parts
is a folder: 'hangkit dump join', or its join.sh or join.cmd, puts it together.

EXIT STATUS: 0 done, and everything is whole; 1 failed; 3 done in part: something is
missing or could not be copied, or there were logs but no dump; 4 refused; 5 damaged
or unknown format; 6 nothing to collect was found; 80 wrong usage; 130 interrupted.`
}

var errNoDump = errors.New("no crash dump found")

// Run collects.
func (c *CollectCmd) Run(ctx context.Context, talk *ui.UI) error {
	if err := c.destination(); err != nil {
		return err
	}
	s, err := openScan(ctx, c.names())
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.askForKey(ctx); err != nil {
		return err
	}
	if s.onlyArchives() {
		return ui.Fail(ui.NotFound, errNeverRan)
	}
	k, err := c.look(ctx, talk, s)
	if err != nil {
		return err
	}
	defer k.Close()
	switch {
	case k.isEmpty():
		return c.nothing(k)
	case c.DryRun:
		return k.preview(talk)
	}
	if err := c.refuseOutput(k); err != nil {
		return err
	}
	if err := c.refuseFull(k); err != nil {
		return err
	}
	if err := k.rebuild(ctx, talk); err != nil {
		return err
	}
	if err := c.openBundle(talk, k); err != nil {
		return err
	}
	return c.take(ctx, talk, k)
}

// destination finds the folder that -o names: where nothing is said, the stick.
func (c *CollectCmd) destination() (err error) {
	switch {
	case c.Output == "" && c.DryRun && !hasStick():
		return nil
	case c.Output == "" && !hasStick():
		return ui.Fail(ui.Usage, errors.New("where to? missing flag --output=DIR"), "run 'hangkit collect --help'")
	case c.Output == "":
		c.Output = stickPrefix
	}
	c.toStick = strings.HasPrefix(c.Output, stickPrefix)
	if c.Output, err = onStick(c.Output); err != nil {
		return err
	}
	return refuseMemory(c.Output)
}

// refuseMemory keeps what is collected on a live medium out of the memory that all of its file
// system is: it would look safe, and be gone with the power.
func refuseMemory(dir string) error {
	if !isLive() || !target.InMemory(existingFolder(dir)) {
		return nil
	}
	hints := noStickHints()
	if hasStick() {
		hints = []string{"-o " + stickPrefix + " is the stick", "or mount a disk and name a folder on it: -o"}
	}
	return ui.Fail(ui.Refused, fmt.Errorf("%s is in memory, and gone when the machine is switched off", quotePath(dir)), hints...)
}

// look finds what there is to collect.
func (c *CollectCmd) look(ctx context.Context, talk *ui.UI, s *scan) (*collection, error) {
	places, err := c.places(s)
	if err != nil {
		return nil, err
	}
	k := &collection{target: c.Target, output: c.Output, what: c.What, options: c.copyOptions(), begun: time.Now(), scan: s}
	if c.What != whatDumps {
		if err := k.findLogs(ctx, places); err != nil {
			return nil, err
		}
	}
	if c.What != whatLogs {
		candidates, err := collect.Find(ctx, places)
		if err != nil {
			return nil, fmt.Errorf("looking for dumps: %w", err)
		}
		k.sort(candidates)
	}
	k.openWindows(talk, c.Install)
	return k, nil
}

// nothing says what was found instead of a dump, and what to do for the next time.
func (c *CollectCmd) nothing(k *collection) error {
	if c.What == whatLogs {
		return ui.Fail(ui.NotFound, errNoLog)
	}
	return ui.Fail(ui.NotFound, errNoDump, c.leftHints(k)...)
}

func (c *CollectCmd) leftHints(k *collection) []string {
	var hints []string
	for _, l := range k.left {
		hints = append(hints, l.Story())
	}
	if k.facts != nil && k.from.Root != "" {
		for _, name := range outOfReach(k.facts, k.from.Volume, readable(k.scan)) {
			hints = append(hints, outOfReachWords(name))
		}
	}
	where := ""
	if c.Target != "" {
		where = " " + quotePath(c.Target)
	}
	return append(hints, "would the next hang leave one? hangkit check"+where, "to make sure: hangkit arm"+where)
}

// take copies what was found. What cannot be copied does not keep the rest back.
func (c *CollectCmd) take(ctx context.Context, talk *ui.UI, k *collection) error {
	options, err := c.options(talk, k.bundle)
	if err != nil {
		return err
	}
	c.tellUnfinished(talk, k, options.Dir)
	c.takeDumps(ctx, talk, options, k)
	if k.cameOut() { // from here on a kill leaves a manifest too
		if err := k.writeManifest(); err != nil {
			k.fail(err)
		}
	}
	k.takeLogs(ctx, talk)
	k.takeTexts(ctx)
	return c.end(ctx, talk, k)
}

// end finishes the collection, or leaves it so that --resume can go on.
func (c *CollectCmd) end(ctx context.Context, talk *ui.UI, k *collection) error {
	if !k.cameOut() {
		return k.outcomeOfNothing(ctx)
	}
	if ctx.Err() == nil && !k.unfinished {
		now := time.Now().UTC().Truncate(time.Second)
		k.completed = &now
	}
	err := k.writeManifest()
	if err == nil && k.completed != nil {
		err = k.finish()
	}
	if err != nil {
		k.fail(err)
	}
	if err := k.show(talk); err != nil {
		return err
	}
	return c.outcome(ctx, k)
}

// outcomeOfNothing is the error of a collection of which nothing came out. Its folder goes with it,
// unless there is a beginning in it to go on with.
func (k *collection) outcomeOfNothing(ctx context.Context) error {
	failed := k.failures()
	if err := k.bundle.Discard(); err != nil {
		return errors.Join(failed, err)
	}
	return k.interrupted(ctx, failed)
}

// outcome says whether everything is out and whole.
func (c *CollectCmd) outcome(ctx context.Context, k *collection) error {
	failed := k.failures()
	switch {
	case ctx.Err() != nil:
		return k.interrupted(ctx, failed)
	case failed != nil:
		return ui.Fail(ui.Partly, failed, k.partlyHints(failed)...)
	case c.What != whatLogs && len(k.dumps) == 0:
		return ui.Fail(ui.Partly, errNoDump, c.leftHints(k)...)
	case !k.isWhole():
		return ui.Fail(ui.Partly, errors.New("collected, but not everything is whole"), "the manifest says what is missing: "+k.path(collect.ManifestName))
	}
	return nil
}
