package offline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
)

// ArmCmd configures the next boot. (A file named cmd_arm.go would be built for 32-bit
// ARM only.)
type ArmCmd struct {
	TargetFlags
	MemoryFlag
	EditFlags

	Profile     profileFlag    `group:"What to capture:" placeholder:"NAME" help:"A set of settings: automatic, kernel, complete, active, or one-shot, for the one capture of a hang at boot. Other flags override it."`
	Dump        dumpFlag       `group:"What to capture:" placeholder:"TYPE" help:"automatic, kernel, complete, active, small or none."`
	PageFile    []pageFileFlag `group:"What to capture:" name:"pagefile" placeholder:"[D:]SIZE" help:"Page file: system (Windows sizes it), none, or SIZE[:MAX]; on the Windows volume, or on the drive before the colon. Once for each drive."`
	Dedicated   dedicatedFlag  `group:"What to capture:" name:"dedicated-dump" placeholder:"PATH[:SIZE]" help:"Dedicated dump file, such as D:\\hangkit.dmp:40G, used instead of the page file."`
	DumpFile    string         `group:"What to capture:" placeholder:"PATH" help:"Where Windows is to put the dump, as Windows names it, or default."`
	KeepDump    *bool          `group:"What to capture:" negatable:"" help:"Keep the dump even when disk space is low."`
	Overwrite   *bool          `group:"What to capture:" negatable:"" help:"Replace an older dump."`
	LogEvent    *bool          `group:"What to capture:" negatable:"" help:"Log an event after the crash."`
	DumpLog     *bool          `group:"What to capture:" negatable:"" help:"Write DumpStack.log, which tells how far a dump got (Windows 8 and later)."`
	Keyboard    keyboardFlag   `group:"How to trigger it:" placeholder:"KEYS" help:"Keys that crash Windows, the last one pressed twice: rctrl+scroll, rctrl+space, lctrl+lalt+f12, 0x02+0x3D, …, or off. list prints them all."`
	NMI         *bool          `group:"How to trigger it:" name:"nmi" negatable:"" help:"Crash on an NMI."`
	PowerButton *bool          `group:"How to trigger it:" negatable:"" help:"Crash when the power button is held for seven seconds (Windows 10 1809 and later)."`

	AutoReboot      *bool `group:"The starts before and after:" negatable:"" help:"Restart after the dump; with --no-auto-reboot the stop screen stays."`
	StopParameters  *bool `group:"The starts before and after:" negatable:"" help:"Show the stop code's parameters on the stop screen (Windows 8 and later)."`
	BootLog         *bool `group:"The starts before and after:" negatable:"" help:"List the drivers that a start loads in ntbtlog.txt."`
	AutoRepair      *bool `group:"The starts before and after:" negatable:"" help:"Start Windows' automatic repair after failed starts; --no-auto-repair lets a start save its dump instead."`
	KeepFastStartup bool  `group:"The starts before and after:" help:"Leave Fast Startup on."`

	LiftGuardedHost   bool      `group:"Only with consent:" help:"Let a guarded host write dumps, which its policy forbids to protect virtual machines."`
	DropBadEncryption bool      `group:"Only with consent:" name:"drop-dump-encryption" help:"Switch dump encryption off where it has no usable key."`
	AllControlSets    bool      `help:"Change the control sets that do not boot as well."`
	exact             *[]string `kong:"-"` // ways back of the images so far, with --index all
	Record            string    `placeholder:"FILE" help:"Where to write the undo record. Default: hangkit-undo-….json on the stick, else here."`
}

// Help is the command's long help.
func (*ArmCmd) Help() string {
	return `Without flags: the best settings for the Windows at hand. Prints what it will
change and asks before it writes. What was there before goes into an undo record,
a file here and a copy in the registry itself, before the first write.

    hangkit arm server.img --dry-run
    hangkit arm server.img --yes
    hangkit arm server.img --profile one-shot
    hangkit arm c.img --dump complete --keyboard rctrl+f12 --pagefile C:17G,E:4G
    hangkit arm install.wim --index all --yes
    hangkit arm --keyboard list

SYSTEM and its logs are written in place, in the order Windows itself uses, so that a
power cut leaves the old settings or the new. Where SYSTEM has no room left, or no log
can protect the change, its file is replaced: new clusters, and one sector that switches
it over. That needs a volume with a clean journal, or --reset-journal. A WIM archive is
changed by appending: its header, written last, makes it count. Windows PE in one gets a
kernel dump, and a page file on C:, for what it runs from is memory.

--boot-log, --no-auto-repair and --no-auto-reboot also change the entry that starts this
Windows in the boot store (BCD), on the EFI system partition or in \Boot: the elements
bootlog, recoveryenabled, bootstatuspolicy and nocrashautoreboot, and nothing else, for a
change of others may ask for a BitLocker recovery key or be refused by Secure Boot. Only
bytes that the store's files own are written. One undo record leads back from both.`
}

func (c *ArmCmd) settings() crashconfig.Settings {
	s := crashconfig.Settings{
		Profile: c.Profile.Profile, Dump: c.Dump.DumpType, Keyboard: c.Keyboard.Combination,
		NMI: choice(c.NMI), PowerButton: choice(c.PowerButton), KeepDump: choice(c.KeepDump), Overwrite: choice(c.Overwrite),
		LogEvent: choice(c.LogEvent), DumpLog: choice(c.DumpLog), StopParameters: choice(c.StopParameters),
		AutoReboot: choice(c.AutoReboot), BootLog: choice(c.BootLog), AutoRepair: choice(c.AutoRepair),
		Dedicated: c.Dedicated.Dedicated, DumpFile: c.DumpFile, AllControlSets: c.AllControlSets,
		KeepFastStartup: c.KeepFastStartup, LiftGuardedHost: c.LiftGuardedHost, DropBadEncryption: c.DropBadEncryption,
	}
	for _, p := range c.PageFile {
		s.PageFiles = append(s.PageFiles, p.PageFileRequest)
	}
	return s
}

// Run arms the installation.
func (c *ArmCmd) Run(ctx context.Context, talk *ui.UI) error {
	if c.Keyboard.List {
		return printKeys(talk)
	}
	if c.Index.all {
		return c.armImages(ctx, talk)
	}
	e, err := beginEdit(ctx, talk, &c.TargetFlags, c.RAM, c.EditFlags)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	defer e.Close()
	plan, err := c.plan(e)
	if err != nil {
		if r, ok := errors.AsType[*crashconfig.RefusedError](err); ok && r.Why == e.facts.BootProblem {
			err = e.hintTorn(err, r.Why)
		}
		return ui.WithEffect(err, ui.Unchanged)
	}
	doc := e.document("hangkit/arm/1", plan)
	if plan.After != nil {
		ready := crashconfig.Check(plan.After).Ready
		doc.Ready = &ready
	}
	if plan.Empty() {
		return e.finish(doc, "The settings are right already; nothing was changed.")
	}
	return c.carryOut(ctx, e, plan, doc)
}

// plan passes over a boot store that cannot be written as over one that is not there, unless a flag
// that is about nothing else names it.
func (c *ArmCmd) plan(e *edit) (*crashconfig.Plan, error) {
	e.leaveBoot = c.leaveBoot()
	plan, err := crashconfig.PlanArm(e.install, e.facts, c.settings())
	if err != nil || plan.Boot == nil || plan.Boot.Empty() {
		return plan, err
	}
	if err = e.openBoot(); err == nil || c.BootLog != nil || c.AutoRepair != nil {
		return plan, err
	}
	e.facts.Boot, e.facts.BootProblem = nil, err.Error()
	return crashconfig.PlanArm(e.install, e.facts, c.settings())
}

// leaveBoot is the way on where the boot store cannot be changed, by what was asked for.
func (c *ArmCmd) leaveBoot() []string {
	var given []string
	for _, f := range []struct {
		flag string
		is   bool
	}{
		{"--profile one-shot", c.Profile.Profile == crashconfig.OneShot}, {"--[no-]boot-log", c.BootLog != nil},
		{"--[no-]auto-repair", c.AutoRepair != nil}, {"--[no-]auto-reboot", c.AutoReboot != nil},
	} {
		if f.is {
			given = append(given, f.flag)
		}
	}
	return []string{"to leave the boot store alone, arm without " + strings.Join(given, ", ")}
}

// armImages arms one image of an archive after the other, each with its own record.
func (c *ArmCmd) armImages(ctx context.Context, talk *ui.UI) error {
	if c.Record != "" {
		return ui.Fail(ui.Usage, errors.New("--record names the record of one image, and --index all changes several"))
	}
	c.exact = &[]string{}
	err := c.eachImage(ctx, func() error { return c.Run(ctx, talk) })
	if len(*c.exact) > 0 && !talk.JSON {
		talk.Printf("\n%s, the last image first:\n", exactly)
		for _, command := range slices.Backward(*c.exact) {
			talk.Printf("  %s\n", command)
		}
	}
	return err
}

// exactly begins the words about the way back that restores every byte.
const exactly = "byte for byte, as long as nobody else writes to the volume"

func (c *ArmCmd) carryOut(ctx context.Context, e *edit, plan *crashconfig.Plan, doc *editDocument) error {
	now := time.Now()
	record := crashconfig.NewRecord(e.facts, "hangkit "+version().Version, now)
	err := e.apply(ctx, plan, record, doc, now)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if c.DryRun {
		e.show(doc)
		return e.rehearse(ctx, plan, doc)
	}
	if doc.Record, err = c.recordName(record); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if note := passing(doc.Record); note != "" {
		doc.Notes = append(doc.Notes, note)
	}
	e.nameWayBack(doc, journalName(doc.Record), now)
	if err := canKeep("--record", doc.Record, doc.OldBytes, doc.Boot.oldBytes()); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	e.show(doc)
	if err := c.confirm(ctx, e.talk, "Write these changes?"); err != nil {
		return err
	}
	if err := e.saveRecord(doc, record); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if err := e.announce(doc, doc.Record); err != nil {
		return ui.WithEffect(errors.Join(err, e.dropWayBack()), ui.Unchanged)
	}
	if err := e.write(ctx, plan.Changes); untouched(err) {
		return errors.Join(err, e.dropWayBack()) // nothing was written that it could undo
	} else if err != nil {
		return ui.Hint(err, e.waysBack(doc.Record)...)
	}
	if err := e.retireWayBack(doc); err != nil {
		return err
	}
	doc.Outcome = outcomeWritten
	return e.finish(doc, c.afterArm(e, doc))
}

// nameWayBack names what is kept beside the record: the old bytes, and of a file that is
// replaced a copy.
func (e *edit) nameWayBack(doc *editDocument, journal string, now time.Time) {
	if e.keepsBytes() {
		doc.OldBytes = journal
	}
	if e.boot != nil && e.boot.keepsBytes() {
		doc.Boot.OldBytes = bootJournalName(journal)
	}
	if e.replaced == nil {
		return // what is written in place needs no copy, and an archive keeps the old hive
	}
	name := "hangkit-backup-" + fileWord(e.facts.Name.Value) + stampOf(now)
	doc.Backup = freeName(filepath.Join(filepath.Dir(journal), name))
}

// rehearse is what a dry run does instead of writing: the same, in memory.
func (e *edit) rehearse(ctx context.Context, plan *crashconfig.Plan, doc *editDocument) error {
	if err := e.write(ctx, plan.Changes); err != nil {
		return err
	}
	doc.DiskRanges = describeRanges(e.Volume.Target.Pending())
	return e.finish(doc, "Dry run: nothing was changed.")
}

// retireWayBack removes the old bytes that are of no use any more, and names none of them.
func (e *edit) retireWayBack(doc *editDocument) error {
	if err := e.retireJournal(); err != nil {
		return err
	}
	doc.OldBytes = e.journal
	if e.boot != nil && doc.Boot != nil {
		doc.Boot.OldBytes = e.boot.journal
	}
	return nil
}

// canKeep does so for every file of the way back; those without a name are not needed.
func canKeep(flag string, names ...string) error {
	for _, name := range names {
		if name == "" {
			continue
		}
		if err := canCreate(name, flag); err != nil {
			return err
		}
	}
	return nil
}

// canCreate finds out before anybody is asked whether the way back can be written down
// in the file that a flag names.
func canCreate(name, flag string) error {
	way := "name another file: " + flag + " FILE"
	if exists(name) {
		return ui.Fail(ui.Failed, fmt.Errorf("undo record: %s exists, and may be the only way back from an earlier change", name), way)
	}
	if err := notALog(name); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return ui.Fail(ui.Failed, fmt.Errorf("undo record: %w", err), way)
	}
	return errors.Join(f.Close(), os.Remove(name))
}

// recordName is where the undo record goes: the name tells the machine and the
// time, so that records of several machines can share a stick.
func (c *ArmCmd) recordName(r *crashconfig.Record) (string, error) {
	if c.Record != "" {
		return onStick(c.Record)
	}
	folder, err := recordFolder()
	if err != nil {
		return "", ui.Hint(err, "name another place for the undo record: --record FILE")
	}
	return freeRecord(filepath.Join(folder, recordBase(r.Machine, r.ID))), nil
}

// freeRecord numbers a record until neither its name nor that of its old bytes is taken.
func freeRecord(base string) string {
	name := base + ".json"
	for n := 2; exists(name) || journalExists(journalName(name)); n++ {
		name = fmt.Sprintf("%s-%d.json", base, n)
	}
	return name
}

// journalExists tells whether a file of old bytes has the name, or that of a boot store's.
func journalExists(name string) bool { return exists(name) || exists(bootJournalName(name)) }

// freeJournal numbers a file of old bytes until neither its name nor that of a boot store's is taken.
func freeJournal(base string) string {
	name := base + journalExt
	for n := 2; journalExists(name); n++ {
		name = fmt.Sprintf("%s-%d%s", base, n, journalExt)
	}
	return name
}

// recordBase begins the names of all files that belong to one change.
func recordBase(machine, id string) string { return "hangkit-undo-" + fileWord(machine) + id }

// freeName numbers a file name until it is not taken.
func freeName(name string) string {
	ext := filepath.Ext(name)
	free := name
	for n := 2; exists(free); n++ {
		free = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
	}
	return free
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// fileWord keeps of a machine's name what is safe in any file name.
func fileWord(name string) string {
	safe := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", r) {
			return r
		}
		return -1
	}, name)
	if safe == "" {
		return ""
	}
	return safe + "-"
}

func undoCommand(e *edit, record string) string {
	text := "hangkit undo " + writeTarget(e.opened)
	if record != "" {
		text += " --record " + quoteArg(record)
	}
	return text
}

func (c *ArmCmd) afterArm(e *edit, doc *editDocument) string {
	lines := []string{"Written and read back."}
	if doc.Ready != nil && !*doc.Ready {
		lines = append(lines, "Some things still stand between a hang and its dump: hangkit check "+checkTarget(e.opened))
	}
	record := doc.Record
	if passing(record) != "" {
		record = "" // which leaves the copy in the registry
	}
	lines = append(lines,
		"how to crash it: hangkit trigger "+commandTarget(e.opened),
		"undo with: "+undoCommand(e, record))
	if doc.OldBytes == "" {
		return strings.Join(lines, "\n")
	}
	command := e.bytesCommand(&e.hiveWriter, doc.OldBytes)
	if c.exact != nil { // each goes back only once those of the images behind it have
		*c.exact = append(*c.exact, command)
	} else {
		lines = append(lines, exactly+": "+command)
	}
	return strings.Join(lines, "\n")
}

// apply makes the plan's changes in memory and works out the writes.
func (e *edit) apply(ctx context.Context, plan *crashconfig.Plan, record *crashconfig.Record, doc *editDocument, now time.Time) error {
	if plan.Boot != nil && !plan.Boot.Empty() {
		if err := e.applyBoot(plan.Boot, record, doc, now); err != nil {
			return err
		}
	}
	change := func() error {
		stored, err := plan.Apply(e.hive, record)
		if err != nil || record == nil || stored {
			return err
		}
		return e.mayLackRecord()
	}
	if err := e.plan(ctx, e.commitOptions(now), change); err != nil {
		return err
	}
	if record != nil {
		stored, err := e.holdsRecord(record)
		if err != nil {
			return err
		}
		doc.Notes = append(doc.Notes, recordWords(stored))
	}
	if e.commit != nil {
		doc.addWrites(&e.hiveWriter)
	}
	return nil
}

// holdsRecord tells whether the hive as it will be written has a copy of the undo record:
// not each way that was tried had room for it.
func (e *edit) holdsRecord(record *crashconfig.Record) (bool, error) {
	stored, err := crashconfig.Records(e.hive)
	return slices.ContainsFunc(stored, func(r *crashconfig.Record) bool { return r.ID == record.ID }), err
}

// recordWords say where the copy of the undo record goes.
func recordWords(stored bool) string {
	if stored {
		return `a copy of the undo record goes into the registry: the key hangkit at the root of SYSTEM`
	}
	return "the hive has no room for a copy of the undo record: keep the file"
}

var errNoRecordRoom = errors.New("the hive has no room for a second undo record")

// mayLackRecord refuses a hive without room for a copy of the undo record where it holds
// an older one: undo would take the wrong one.
func (e *edit) mayLackRecord() error {
	older, err := crashconfig.Records(e.hive)
	if err != nil || len(older) == 0 {
		return err
	}
	return ui.Fail(ui.Refused, errNoRecordRoom, "take the earlier change back first: hangkit undo "+writeTarget(e.opened))
}

// show prints the plan, where a person reads it; JSON waits for the outcome.
func (e *edit) show(doc *editDocument) {
	if !e.talk.JSON {
		e.printPlan(doc)
	}
}

// finish prints the outcome.
func (e *edit) finish(doc *editDocument, words string) error {
	if doc.Outcome == outcomePlanned && doc.Protocol == "" && (doc.Boot == nil || doc.Boot.Protocol == "") {
		doc.Outcome = outcomeNothing
	}
	if e.talk.JSON {
		return e.talk.Document(doc)
	}
	if doc.Outcome == outcomeNothing {
		e.printPlan(doc)
	}
	printRanges(e.talk, e.Volume.Target.Name, doc.DiskRanges)
	e.talk.Printf("\n%s\n", words)
	return nil
}

func printRanges(talk *ui.UI, name string, ranges []rangeJSON) {
	if len(ranges) == 0 {
		return
	}
	talk.Printf("\nbyte ranges of %s that would be written: %d\n", name, len(ranges))
	for _, r := range ranges {
		talk.Printf("  0x%012x +0x%x\n", r.Offset, r.Length)
	}
}

// saveRecord makes the undo record and the rest of the way back durable before the first
// write, or leaves nothing of it.
func (e *edit) saveRecord(doc *editDocument, record *crashconfig.Record) error {
	data, err := record.MarshalIndent()
	if err != nil {
		return fmt.Errorf("undo record: %w", err)
	}
	if err := writeRecord(doc.Record, data); err != nil {
		return err
	}
	e.made = append(e.made, doc.Record)
	if err := e.saveWayBack(journalName(doc.Record), doc.Backup); err != nil {
		return errors.Join(err, e.dropWayBack()) // nothing will be written that it could undo
	}
	return nil
}
