package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// edit is a change of a SYSTEM hive on its way, and of the boot store with it: planned and
// applied in memory, not yet written. Every step up to write leaves the target as it was.
type edit struct {
	*opened
	hiveWriter // of SYSTEM

	flags     EditFlags
	boot      *bootEdit // nil where the boot store stays as it is
	bootFirst bool      // the boot store is written before SYSTEM
	leaveBoot []string  // hints: the way on where the boot store cannot be changed
}

// mode is what the flags allow to happen to the target.
func (f EditFlags) mode() target.Mode {
	if f.DryRun {
		return target.DryRun
	}
	return target.Writable
}

// writer brings a hive of a volume to its files as the flags say.
func (f EditFlags) writer(talk *ui.UI, v *target.Volume, path string) hiveWriter {
	return hiveWriter{talk: talk, volume: v, path: path, dryRun: f.DryRun, resetJournal: f.ResetJournal}
}

// beginEdit opens the installation for writing and refuses one that must not be
// written to. A dry run goes the same way, over memory.
func beginEdit(ctx context.Context, talk *ui.UI, t *TargetFlags, ram sizeFlag, flags EditFlags) (*edit, error) {
	o, err := t.openFor(ctx, flags.mode(), ram)
	if err != nil {
		return nil, err
	}
	return newEdit(talk, o, flags)
}

func newEdit(talk *ui.UI, o *opened, flags EditFlags) (*edit, error) {
	e := &edit{opened: o, flags: flags}
	e.hiveWriter = flags.writer(talk, o.Volume, e.systemPath())
	e.machine = o.facts.Name.Value
	if err := e.open(); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *edit) open() (err error) {
	if err := e.refuse(); err != nil {
		return err
	}
	if e.set, err = target.OpenGrowingHiveSet(e.Volume.FS, e.path, e.facts.Before(windows.BuildVista)); err != nil {
		return err
	}
	return e.hiveWriter.open()
}

// systemPath is the hive that the facts came from, as its volume spells it.
func (e *edit) systemPath() string {
	if e.Root == "" {
		return e.hivePath()
	}
	return e.install.SystemPath
}

// Close lets go of everything the edit opened.
func (e *edit) Close() error {
	var err error
	if e.set != nil {
		err = e.set.Close()
	}
	if e.boot != nil {
		err = errors.Join(err, e.boot.set.Close())
	}
	return errors.Join(err, e.opened.Close())
}

// openFor finds the installation that is meant, as open does, and opens its target
// again in the given mode. Only that one target is touched.
func (f *TargetFlags) openFor(ctx context.Context, mode target.Mode, ram sizeFlag) (*opened, error) {
	chosen, s, err := f.chooseFor(ctx, mode)
	if err != nil {
		return nil, err
	}
	o, err := s.gather(chosen, ram)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return o, nil
}

// chooseFor scans what is in reach, lets go of it, and opens the chosen
// installation's target alone.
func (f *TargetFlags) chooseFor(ctx context.Context, mode target.Mode) (*found, *scan, error) {
	all, err := openImageScan(ctx, f.names(), f.Index.n)
	if err != nil {
		return nil, nil, err
	}
	if err := all.askForKey(ctx); err != nil {
		return nil, nil, errors.Join(err, all.Close())
	}
	chosen, err := f.choose(all)
	unseen := all.unreadable()
	if err := errors.Join(err, all.Close()); err != nil {
		return nil, nil, err
	}
	if f.Target == "" && f.Install == 0 && len(unseen) > 0 {
		return nil, nil, uncertain(chosen, unseen)
	}
	s := &scan{others: len(all.installs) - 1, only: chosen.Volume.Image()}
	if err := s.add(ctx, chosen.Volume.Target.Name, mode); err != nil {
		return nil, nil, err
	}
	for _, g := range s.installs {
		if g.Volume.Part.Number == chosen.Volume.Part.Number && g.Root == chosen.Root {
			g.N = chosen.N
			return g, s, nil
		}
	}
	return nil, nil, errors.Join(fmt.Errorf("%s: %w", chosen.where(), errNoWindows), s.Close())
}

// uncertain refuses to guess which Windows is to be changed while something in reach
// could not be looked at: that may hold the one that is meant.
func uncertain(chosen *found, unseen []error) error {
	hints := []string{fmt.Sprintf("if %s is the one that is meant, say so: %s", chosen.where(), quotePath(chosen.Volume.Target.Name))}
	for _, u := range unseen {
		hints = append(hints, u.Error())
	}
	return ui.Fail(ui.Refused, errors.New("not every disk could be looked at, so which Windows is meant is a guess"), hints...)
}

// generation is how this Windows keeps its logs: its version decides, never the
// version number in the hive.
func generation(v windows.Version) hive.Generation {
	switch build := v.Build; {
	case !build.Known:
		return hive.Auto
	case build.Value >= windows.Build81:
		return hive.GenerationHvLE
	case build.Value >= windows.BuildVista:
		return hive.GenerationDIRT
	}
	return hive.GenerationXP
}

// commitOptions say how this Windows writes the hive.
func (e *edit) commitOptions(now time.Time) hive.CommitOptions {
	return hive.CommitOptions{Generation: generation(e.facts.Version), Now: now, MaxLogSize: e.set.MaxLogSize}
}

// write carries the plan out and reads every byte and every change back: those of SYSTEM, and
// those of the boot store, which it knows already.
func (e *edit) write(ctx context.Context, changes []crashconfig.Change) error {
	parts := e.parts(changes)
	for _, p := range parts {
		if err := p.commit.CheckUnchanged(source(p.set)); err != nil {
			return ui.WithEffect(err, ui.Unchanged)
		}
	}
	for i, p := range parts {
		err := p.write(ctx, valueChecks(p.changes))
		switch {
		case err == nil:
		case i == 0:
			return err
		default:
			return behindWrites(p.volume, fmt.Errorf("%s is written, %s is not: %w", parts[0].what, p.what, err))
		}
	}
	return nil
}

func valueChecks(changes []crashconfig.Change) []hive.ValueCheck {
	var checks []hive.ValueCheck
	for _, c := range changes {
		checks = append(checks, hive.ValueCheck{Path: c.Key, Name: c.Name, Want: c.New})
	}
	return checks
}

// changeJSON is one change of a plan.
type changeJSON struct {
	Key   string     `json:"key"`
	Name  string     `json:"name"`
	Old   *valueJSON `json:"old"`
	New   *valueJSON `json:"new"`
	Why   string     `json:"why,omitempty"`
	Fixes []string   `json:"fixes,omitempty"`
}

type valueJSON struct {
	Type string `json:"type"`
	Data string `json:"data_hex"`
	Text string `json:"text"`
}

// writeJSON is one write of a commit: where its bytes go inside a file.
type writeJSON struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Length int    `json:"length"`
	Sync   bool   `json:"sync,omitempty"`
	Why    string `json:"why"`
}

type rangeJSON struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// editDocument is what arm and undo print.
type editDocument struct {
	Schema     string       `json:"schema"`
	Target     string       `json:"target"`
	Below      []string     `json:"below,omitempty"` // images that it lies on
	Windows    windowsJSON  `json:"windows"`
	Outcome    string       `json:"outcome"` // planned, written, nothing_to_do
	Changes    []changeJSON `json:"changes"`
	RemoveKeys []string     `json:"remove_keys,omitempty"`
	Conflicts  []string     `json:"conflicts,omitempty"`
	Notes      []string     `json:"notes,omitempty"`
	Protocol   string       `json:"protocol,omitempty"`
	Writes     []writeJSON  `json:"writes,omitempty"`
	Replace    *replaceJSON `json:"replace,omitempty"`
	Append     *appendJSON  `json:"append,omitempty"`
	Boot       *bootJSON    `json:"boot,omitempty"`
	DiskRanges []rangeJSON  `json:"disk_ranges,omitempty"`
	Record     string       `json:"undo_record,omitempty"`
	OldBytes   string       `json:"undo_bytes,omitempty"` // way back, byte for byte: from a write that is cut off, or a replaced file
	Backup     string       `json:"backup,omitempty"`     // folder with the hive and its logs as they were
	Ready      *bool        `json:"ready_after,omitempty"`
}

// The outcomes of an edit.
const (
	outcomePlanned = "planned"
	outcomeWritten = "written"
	outcomeNothing = "nothing_to_do"
)

func (e *edit) document(schema string, plan *crashconfig.Plan) *editDocument {
	doc := &editDocument{
		Schema: schema, Target: e.Volume.Target.Name, Below: e.Volume.Target.Below, Windows: describeFacts(e.found, e.facts),
		Outcome: outcomePlanned, Changes: []changeJSON{}, RemoveKeys: plan.RemoveKeys,
	}
	for _, lost := range e.Volume.Target.Loses() {
		doc.Notes = append(doc.Notes, "the image loses what any write makes wrong: "+lost)
	}
	for _, n := range plan.Notes {
		doc.Notes = append(doc.Notes, e.complete(n))
	}
	for _, c := range plan.Changes {
		doc.Changes = append(doc.Changes, changeJSON{c.Key, c.Name, describeValue(c.Old), describeValue(c.New), c.Why, c.Fixes})
	}
	for _, c := range plan.Conflicts {
		doc.Conflicts = append(doc.Conflicts, conflictWords(c))
	}
	doc.Boot = e.describeBoot(plan.Boot)
	return doc
}

func describeValue(v *hive.Value) *valueJSON {
	if v == nil {
		return nil
	}
	return &valueJSON{Type: v.Type.String(), Data: fmt.Sprintf("%x", v.Data), Text: crashconfig.Describe(v)}
}

func conflictWords(c crashconfig.Conflict) string {
	if c.Later != "" {
		return fmt.Sprintf(`%s\%s: the later change %s concerns it too; now it is %s`, c.Key, c.Name, c.Later, crashconfig.Describe(c.Now))
	}
	return fmt.Sprintf(`%s\%s: arm wrote %s, now it is %s`, c.Key, c.Name, crashconfig.Describe(c.Wrote), crashconfig.Describe(c.Now))
}

func (d *editDocument) addWrites(w *hiveWriter) {
	var notes []string
	d.Protocol, notes = w.manner()
	d.Notes = append(d.Notes, notes...)
	d.Writes, d.Replace, d.Append = w.describeWrites(), w.describeReplacement(), w.describeAppend()
}

// manner is the protocol of the writes, and what is to be said about them.
func (w *hiveWriter) manner() (protocol string, notes []string) {
	switch {
	case w.replaced != nil:
		return protocolReplace, w.replaced.notes()
	case w.appended != nil:
		return protocolAppend, w.appended.notes()
	}
	return w.commit.Protocol.String(), w.nameLog(w.commit.Notes)
}

// nameLog calls the log by its file's name where a hive has a single one: what a commit says knows
// its logs by their kind only.
func (w *hiveWriter) nameLog(notes []string) []string {
	if !strings.HasSuffix(strings.ToUpper(w.set.Log1Name), ".LOG") {
		return notes
	}
	named := make([]string, len(notes))
	for i, n := range notes {
		named[i] = strings.ReplaceAll(n, hive.Log1.String(), baseName(w.set.Log1Name))
	}
	return named
}

// describeWrites lists the writes in place.
func (w *hiveWriter) describeWrites() []writeJSON {
	if !w.inPlace() {
		return nil
	}
	var list []writeJSON
	for _, s := range w.commit.Writes {
		list = append(list, writeJSON{s.File.String(), s.Off, len(s.Data), s.Sync, s.Why})
	}
	return list
}

func describeRanges(ranges []image.Range) []rangeJSON {
	var list []rangeJSON
	for _, r := range ranges {
		list = append(list, rangeJSON{r.Off, r.Len})
	}
	return list
}

func (e *edit) printPlan(doc *editDocument) {
	e.talk.Printf("%s\n", e.heading())
	for _, name := range doc.Below {
		e.talk.Printf("%s\n", liesOnWords(name))
	}
	key := ""
	for _, c := range doc.Changes {
		if c.Key != key {
			key = c.Key
			e.talk.Printf("\n%s\n", key)
		}
		e.talk.Printf("  %s: %s -> %s\n", c.Name, valueWords(c.Old, "absent"), valueWords(c.New, "deleted"))
		if c.Why != "" {
			e.talk.Printf("      %s\n", c.Why)
		}
	}
	for _, k := range doc.RemoveKeys {
		e.talk.Printf("\n%s\n  the key is removed\n", k)
	}
	for _, c := range doc.Conflicts {
		e.talk.Printf("\nleft alone: %s\n", c)
	}
	e.printNotes(doc)
	printWrites(e.talk, doc.Protocol, doc.Writes)
	printReplacement(e.talk, doc.Replace)
	printAppend(e.talk, doc.Append)
	doc.Boot.print(e.talk)
	if doc.Backup != "" {
		e.talk.Printf("\n")
	}
	e.printOldBytes(doc)
}

// printOldBytes names the files of old bytes, and for those that are gone after the write how to use
// them: where a power cut ends the command, nothing but this tells.
func (e *edit) printOldBytes(doc *editDocument) {
	name := doc.OldBytes
	if e.inPlace() {
		e.printMeanwhile("SYSTEM", &e.hiveWriter, name)
		name = ""
	}
	printWayBack(e.talk, doc.Backup, name)
	if e.boot != nil {
		e.printMeanwhile("the boot store", &e.boot.hiveWriter, doc.Boot.oldBytes())
	}
}

func (e *edit) printMeanwhile(what string, w *hiveWriter, name string) {
	if name != "" {
		e.talk.Printf("\nold bytes of %s, until all reads back: %s\n  should the write be cut off: %s\n", what, name, e.bytesCommand(w, name))
	}
}

// printWayBack names the files that a replacement keeps.
func printWayBack(talk *ui.UI, backup, oldBytes string) {
	if backup != "" {
		talk.Printf("backup of the hive and its logs: %s\n", backup)
	}
	if oldBytes != "" {
		talk.Printf("old bytes of the volume: %s\n", oldBytes)
	}
}

// liesOnWords say what an image below is to a write.
func liesOnWords(name string) string {
	return "it lies on " + strconv.Quote(name) + ", which is read and not written"
}

func valueWords(v *valueJSON, none string) string {
	if v == nil {
		return none
	}
	return v.Text
}

func (e *edit) printNotes(doc *editDocument) {
	if len(doc.Notes) > 0 {
		e.talk.Printf("\n")
	}
	for _, n := range doc.Notes {
		e.talk.Notef("%s", n)
	}
}

// printWrites sums the writes up for each file, and lists them for the curious.
func printWrites(talk *ui.UI, protocol string, writes []writeJSON) {
	if len(writes) == 0 {
		return
	}
	files, counts, total := []string{}, map[string]int{}, map[string]int64{}
	for _, w := range writes {
		if counts[w.File] == 0 {
			files = append(files, w.File)
		}
		counts[w.File]++
		total[w.File] += int64(w.Length)
	}
	talk.Printf("\nwrites, in place, by the %s protocol:\n", protocol)
	for _, f := range files {
		talk.Printf("  %-12s %4d writes, %s\n", f, counts[f], ui.FormatSize(total[f]))
	}
	if !talk.Verbose {
		return
	}
	for _, w := range writes {
		talk.Printf("  %-12s 0x%08x +0x%x  %s\n", w.File, w.Offset, w.Length, w.Why)
	}
}

// confirm asks before the first write. Once that is done, an interrupt waits until
// the last one: there is nothing to gain from a half-written hive.
func (f EditFlags) confirm(ctx context.Context, talk *ui.UI, question string) error {
	if f.Yes {
		return ui.WithEffect(ctx.Err(), ui.Unchanged)
	}
	return ui.WithEffect(talk.Confirm(ctx, question), ui.Unchanged)
}

// writeRecord writes an undo record so that it survives whatever comes next. It
// never replaces a file: an older record may be the only way back.
func writeRecord(name string, data []byte) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("undo record: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(name)) // half a record is worse than none
		}
	}()
	if _, err := io.Copy(f, bytes.NewReader(data)); err != nil {
		return fmt.Errorf("undo record: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("undo record: %w", err)
	}
	return syncDir(filepath.Dir(name))
}
