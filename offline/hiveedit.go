package offline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hangkit/hive"
	"hangkit/hive/regtext"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// HiveEditFlags are the flags of the commands that change a hive.
type HiveEditFlags struct {
	EditFlags
	Undo       string `placeholder:"FILE" help:"Where to write the .reg text that undoes the change. Default: hangkit-undo-….reg here."`
	Backup     string `placeholder:"DIR" help:"Save the hive and its logs in this folder first. Default: only where the text cannot put everything back, in hangkit-backup-… here."`
	Generation string `enum:"auto,hvle,dirt,xp" default:"auto" help:"How this Windows writes hives: hvle (Windows 8.1 and later), dirt (Vista to 8), xp (XP, Server 2003). Default: by the version of the Windows, or by the logs of a hive file."`
}

// generations are the hive room's, by the names of the flag.
var generations = map[string]hive.Generation{
	"auto": hive.Auto, "hvle": hive.GenerationHvLE, "dirt": hive.GenerationDIRT, "xp": hive.GenerationXP,
}

// generationManner says which Windows writes like that.
var generationManner = map[hive.Generation]string{
	hive.Auto:           "written in the manner of its logs",
	hive.GenerationHvLE: "written as Windows 8.1 and later do",
	hive.GenerationDIRT: "written as Windows Vista to 8 do",
	hive.GenerationXP:   "written as Windows XP and Server 2003 do",
}

// hiveEdit is a change of any hive on its way. What is to be changed is always a .reg
// text, whether a file holds it or a command makes it up. Every step up to write leaves
// the target as it was.
type hiveEdit struct {
	hiveWriter

	at    *place
	flags *HiveEditFlags
	names *names
	now   time.Time

	source     string // where the text comes from; empty if a command made it up
	generation hive.Generation
	why        string // this generation

	text    *regtext.File // what to change, with every key by its full name
	undo    *regtext.File // what puts it back
	lost    []string      // what undo cannot put back
	changes *changes
	unboots bool // the change takes away the control set that boots
	doc     *hiveEditDocument
}

// beginHiveEdit opens a hive for writing and refuses one that must not be written to. A
// dry run goes the same way, over memory.
func beginHiveEdit(ctx context.Context, talk *ui.UI, f *HiveFlags, prefix string, flags *HiveEditFlags) (*hiveEdit, error) {
	p, err := f.find(ctx, flags.mode())
	if err != nil {
		return nil, err
	}
	e := &hiveEdit{at: p, flags: flags, now: time.Now()}
	e.hiveWriter = flags.writer(talk, p.volume, p.path)
	if err := e.open(prefix); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *hiveEdit) open(prefix string) (err error) {
	if err := refuse(e.volume); err != nil {
		return err
	}
	single := e.chooseGeneration()
	if e.set, err = target.OpenGrowingHiveSet(e.volume.FS, e.path, single); err != nil {
		return err
	}
	if err := e.hiveWriter.open(); err != nil {
		return &windows.HiveError{Path: e.at.where(), Err: err}
	}
	e.names = namesOf(e.hive, e.path, prefix)
	return nil
}

// Close lets go of everything the edit opened.
func (e *hiveEdit) Close() error {
	var err error
	if e.set != nil {
		err = e.set.Close()
	}
	return errors.Join(err, e.at.Close())
}

// chooseGeneration settles how this Windows writes hives, and whether a single .LOG may
// belong to the hive: the flag decides, then the version of the Windows, then the logs.
func (e *hiveEdit) chooseGeneration() (single bool) {
	e.generation, e.why = generations[e.flags.Generation], "as --generation says"
	if e.generation != hive.Auto {
		return e.generation == hive.GenerationXP
	}
	if e.at.found == nil || e.at.bare() {
		e.why = "which Windows it belongs to is not known"
		return true
	}
	version, err := e.at.found.version()
	if err != nil || !version.Build.Known {
		e.why = "the version of the Windows is not known"
		return true
	}
	e.generation, e.why = generation(version), version.String()
	return version.Build.Value < windows.BuildVista
}

// version is the installation's, without the other facts.
func (f *found) version() (windows.Version, error) {
	install, err := f.open()
	if err != nil {
		return windows.Version{}, err
	}
	facts, err := install.Facts(windows.Live{})
	if err := errors.Join(err, install.Close()); err != nil {
		return windows.Version{}, err
	}
	return facts.Version, nil
}

// run plans the change, shows it, asks, and carries it out.
func (e *hiveEdit) run(ctx context.Context, schema string, text *regtext.File) error {
	if err := e.prepare(ctx, schema, text); err != nil {
		return ui.WithEffect(e.named(err), ui.Unchanged)
	}
	if e.commit == nil {
		return e.finish("Everything is so already; nothing was changed.")
	}
	if e.dryRun {
		return e.rehearse(ctx)
	}
	if err := e.chooseFiles(); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	e.show()
	if err := e.flags.confirm(ctx, e.talk, "Write these changes?"); err != nil {
		return err
	}
	if err := e.save(); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if err := e.announce(); err != nil {
		return ui.WithEffect(errors.Join(err, e.dropWayBack()), ui.Unchanged)
	}
	if err := e.write(ctx, e.changes.checks()); untouched(err) {
		return errors.Join(err, e.dropWayBack()) // nothing was written that it could undo
	} else if err != nil {
		return ui.Hint(err, e.waysBack()...)
	}
	if err := e.retireJournal(); err != nil {
		return err
	}
	e.doc.Outcome = outcomeWritten
	lines := []string{"Written and read back.", "undo with: " + e.undoCommand(), e.completeWords(), e.exactWords()}
	lines = slices.DeleteFunc(lines, func(l string) bool { return l == "" })
	return e.finish(strings.Join(lines, "\n"))
}

// named says which text an error is about.
func (e *hiveEdit) named(err error) error {
	if e.source == "" {
		return err
	}
	return fmt.Errorf("%s: %w", e.source, err)
}

// prepare makes the change in memory and works out the writes; without a change there
// is no commit.
func (e *hiveEdit) prepare(ctx context.Context, schema string, text *regtext.File) (err error) {
	if e.text, err = e.names.settle(text); err != nil {
		return err
	}
	resolve := regtext.Below(e.names.root())
	if e.changes, err = noteChanges(e.hive, e.text, resolve); err != nil {
		return err
	}
	if e.undo, e.lost, err = e.text.Inverse(ctx, e.hive, resolve); err != nil {
		return err
	}
	options := hive.CommitOptions{Generation: e.generation, Now: e.now, MaxLogSize: e.set.MaxLogSize}
	if err := e.plan(ctx, options, func() error { return e.apply(ctx, resolve) }); err != nil {
		return err
	}
	e.names.hive = e.hive
	e.doc = e.describe(schema)
	return nil
}

// apply makes the change in memory.
func (e *hiveEdit) apply(ctx context.Context, resolve regtext.Resolve) error {
	e.names.hive = e.hive
	booted := e.boots()
	if _, err := e.text.Apply(ctx, e.hive, resolve); err != nil {
		return err
	}
	e.unboots = booted && !e.boots()
	return e.changes.compare(e.hive)
}

// boots tells whether a SYSTEM hive holds the control set that its Select names.
func (e *hiveEdit) boots() bool {
	return e.names.kind == systemKind && windows.ReadControlSet(e.hive).Name != ""
}

// rehearse is what a dry run does instead of writing: the same, in memory.
func (e *hiveEdit) rehearse(ctx context.Context) error {
	e.show()
	if err := e.write(ctx, e.changes.checks()); err != nil {
		return err
	}
	e.doc.DiskRanges = describeRanges(e.volume.Target.Pending())
	return e.finish("Dry run: nothing was changed.")
}

// chooseFiles names the files that will hold the way back.
func (e *hiveEdit) chooseFiles() error {
	stamp := fileWord(baseName(e.path)) + stampOf(e.now)
	e.doc.Undo = e.flags.Undo
	if e.doc.Undo == "" {
		e.doc.Undo = freeName("hangkit-undo-" + stamp + ".reg")
	}
	if e.doc.Backup = e.flags.Backup; e.doc.Backup == "" && (len(e.lost) > 0 || e.replaced != nil) {
		e.doc.Backup = freeName("hangkit-backup-" + stamp)
	}
	if !e.inPlace() {
		e.doc.OldBytes = e.journalName()
	}
	if e.flags.Backup != "" && exists(filepath.Join(e.doc.Backup, baseName(e.path))) {
		return ui.Fail(ui.Failed, fmt.Errorf("backup: %s holds an earlier copy of the hive", e.doc.Backup), "name another folder: --backup DIR")
	}
	return canCreate(e.doc.Undo, "--undo")
}

// save makes the way back durable before the first write, or leaves nothing of it.
func (e *hiveEdit) save() error {
	err := e.saveUndo()
	if err == nil {
		err = e.saveWayBack(e.journalName(), e.doc.Backup)
	}
	if err != nil {
		return errors.Join(err, e.dropWayBack())
	}
	return nil
}

func (e *hiveEdit) saveUndo() error {
	var text strings.Builder
	if err := e.undo.WriteTo(&text, regtext.UTF16); err != nil && !errors.Is(err, regtext.ErrLeftOut) {
		return fmt.Errorf("undo text: %w", err)
	}
	if err := writeRecord(e.doc.Undo, []byte(text.String())); err != nil {
		return err
	}
	e.made = append(e.made, e.doc.Undo)
	return nil
}

func (e *hiveEdit) journalName() string {
	return freeName(strings.TrimSuffix(e.doc.Undo, ".reg") + ".bytes.json")
}

// undoCommand is what takes the change back.
func (e *hiveEdit) undoCommand() string {
	text := "hangkit hive import " + e.at.again(e.at.scan.again.writing()) + " " + quoteArg(e.doc.Undo)
	if e.flags.Generation != "auto" {
		text += " --generation " + e.flags.Generation
	}
	if e.names.given {
		text += " --prefix " + quoteArg(e.names.root())
	}
	return text
}

// completeWords say what brings back what the undo text cannot.
func (e *hiveEdit) completeWords() string {
	if len(e.lost) == 0 {
		return ""
	}
	return "the text does not put everything back; for a complete undo put the hive and its logs back from " + quoteArg(e.doc.Backup)
}

// waysBack lead back from an interrupted write.
func (e *hiveEdit) waysBack() []string {
	var ways []string
	if e.journal != "" {
		ways = append(ways, "put the old bytes back with: "+e.bytesCommand())
	}
	if e.journal != "" && e.inPlace() { // until then the hive does not load
		return ways
	}
	ways = append(ways, "undo with: "+e.undoCommand())
	if words := e.completeWords(); words != "" {
		ways = append(ways, words)
	}
	return ways
}

// exactWords say what takes a replaced file back to the byte.
func (e *hiveEdit) exactWords() string {
	if e.doc.OldBytes == "" {
		return ""
	}
	return exactly + ": " + e.bytesCommand()
}

// bytesCommand puts the old bytes back.
func (e *hiveEdit) bytesCommand() string {
	text := "hangkit undo " + quotePath(e.volume.Target.Name) + e.at.scan.again.writing()
	switch n := e.volume.Image(); {
	case n > 0:
		text += fmt.Sprintf(" --index %d", n)
	case e.at.flags.Install != 0:
		text += fmt.Sprintf(" --install %d", e.at.flags.Install)
	}
	return text + e.bytesFlags(e.journal)
}
