package offline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// journal holds the bytes that a commit without the protection of a log is about to
// overwrite. Where a hive has no log that could serve, a power cut in the middle
// leaves a mixture, and these bytes are the way back. The new bytes are kept too: a
// hive that holds anything but old or new bytes in these places is not the one that
// was interrupted, and nothing is put back into it.
type journal struct {
	Schema  string         `json:"schema"`
	Machine string         `json:"machine"`
	Serial  string         `json:"volume_serial,omitempty"` // hex
	Hive    string         `json:"hive"`                    // path on the volume
	Size    int64          `json:"size"`                    // of the hive file, bytes
	Writes  []journalWrite `json:"writes"`
}

// journalWrite is one write of the commit, in its order.
type journalWrite struct {
	Offset int64                `json:"offset"`
	Old    crashconfig.HexBytes `json:"old"` // before the whole commit; shorter where the file ended
	New    crashconfig.HexBytes `json:"new"`
}

const journalSchema = "hangkit/undo-bytes/1"

// journalName is where the old bytes go: beside the undo record.
func journalName(record string) string { return strings.TrimSuffix(record, ".json") + journalExt }

// journalExt ends the name of every file of old bytes.
const journalExt = ".bytes.json"

// saveJournal writes the old bytes down if the write needs them; most do not.
func (w *hiveWriter) saveJournal(name string) error {
	if !w.keepsBytes() {
		return nil
	}
	bytes, err := w.oldBytes()
	if err != nil {
		return fmt.Errorf("undo bytes: %w", err)
	}
	data, err := json.Marshal(bytes)
	if err != nil {
		return fmt.Errorf("undo bytes: %w", err)
	}
	if err := writeRecord(name, data); err != nil {
		return err
	}
	w.journal = name
	return nil
}

// keepsBytes tells whether the old bytes are kept before the write, if there is one. Those of
// a hive that needs its log lead nowhere once the log has been started anew.
func (w *hiveWriter) keepsBytes() bool {
	if w.commit == nil {
		return false
	}
	return !w.inPlace() || w.commit.Protocol == hive.Direct || w.keepOld && !w.hive.Recovery().Dirty
}

// oldBytes are what leads back from the write, byte for byte.
func (w *hiveWriter) oldBytes() (any, error) {
	switch {
	case w.replaced != nil:
		return w.exchange()
	case w.appended != nil:
		return w.archiveBytes(), nil
	}
	j := journal{
		Schema: journalSchema, Machine: w.machine, Serial: serialText(w.volume),
		Hive: w.path, Size: w.set.Primary.Size(),
	}
	for _, step := range w.commit.Writes {
		if step.File != hive.Primary { // a clean hive's log counts for nothing
			continue
		}
		j.Writes = append(j.Writes, journalWrite{step.Off, step.Old, step.Data})
	}
	return j, nil
}

// retireJournal removes the old bytes of a write in place once it is done and read back:
// from then on they could only do harm. Those of other ways stay: they go back only
// where nobody has written since.
func (w *hiveWriter) retireJournal() error {
	if !w.inPlace() {
		return nil
	}
	return w.dropJournal()
}

// dropJournal removes the old bytes.
func (w *hiveWriter) dropJournal() error {
	if w.journal == "" {
		return nil
	}
	if err := os.Remove(w.journal); err != nil {
		return fmt.Errorf("the old bytes are not needed any more, and could not be removed: %w", err)
	}
	w.journal = ""
	return nil
}

// waysBack lead back from an interrupted write.
func (e *edit) waysBack(record string) []string {
	var ways []string
	if e.journal != "" {
		ways = append(ways, "put the old bytes back with: "+e.bytesCommand(&e.hiveWriter, e.journal))
	}
	if e.boot != nil && e.boot.journal != "" {
		ways = append(ways, "put the old bytes of the boot store back with: "+e.bytesCommand(&e.boot.hiveWriter, e.boot.journal))
	}
	if e.journal == "" || !e.inPlace() { // then the hive loads as it is, old or new
		ways = append(ways, "undo with: "+undoCommand(e, record))
	}
	return ways
}

// bytesCommand puts the old bytes of one of the hives back.
func (e *edit) bytesCommand(w *hiveWriter, name string) string {
	return "hangkit undo " + writeTarget(e.opened) + w.bytesFlags(name)
}

func serialText(v *target.Volume) string {
	if v.Info.Serial == 0 {
		return ""
	}
	return fmt.Sprintf("%x", v.Info.Serial)
}

// maxSmall bounds the files that are read whole: records and old bytes.
const maxSmall = 256 << 20

// readSmall reads one of our own files.
func readSmall(name string) ([]byte, error) {
	f, err := target.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Size() > maxSmall {
		return nil, ui.Fail(ui.Damaged, fmt.Errorf("%s has %d bytes: too many for a file that hangkit wrote", name, f.Size()))
	}
	return io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
}

// wayBack is a file of old bytes.
type wayBack interface {
	hive() string
	places() int
	// open finds where the bytes belong, for writing. Any doubt refuses.
	open(f *found, resetJournal bool) (restorer, error)
}

// restorer puts old bytes back. Its errors say what was changed.
type restorer interface {
	restore(ctx context.Context, talk *ui.UI) error
	// notes say what a person should know before.
	notes() []string
	io.Closer
}

// readWayBack reads a file of old bytes of any kind.
func readWayBack(name string) (wayBack, error) {
	data, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	var kind struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return nil, ui.Fail(ui.Damaged, fmt.Errorf("%s: %w", name, err))
	}
	switch kind.Schema {
	case exchangeSchema:
		return parseExchange(name, data)
	case archiveSchema:
		return parseArchiveBytes(name, data)
	}
	return parseJournal(name, data)
}

func parseJournal(name string, data []byte) (*journal, error) {
	var j journal
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, ui.Fail(ui.Damaged, fmt.Errorf("%s: %w", name, err))
	}
	if j.Schema != journalSchema || len(j.Writes) == 0 {
		return nil, ui.Fail(ui.Damaged, fmt.Errorf("%s: schema %q with %d writes, want %q and at least one", name, j.Schema, len(j.Writes), journalSchema))
	}
	return &j, nil
}

// restoreBytes puts the old bytes of an interrupted write back. The hive need not be
// readable for that: it may be the very mixture this is for.
func (c *UndoCmd) restoreBytes(ctx context.Context, talk *ui.UI) error {
	back, err := readWayBack(c.Bytes)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	f, s, err := c.chooseFor(ctx, c.mode())
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	defer s.Close()
	to, err := back.open(f, c.ResetJournal)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	defer to.Close()
	if old, ok := to.(interface{ done() (bool, error) }); ok {
		done, err := old.done()
		if err != nil {
			return ui.WithEffect(err, ui.Unchanged)
		}
		if done {
			return c.reportBytes(talk, f, back, to, outcomeNothing)
		}
	}
	if !c.DryRun && !c.Yes {
		if err := talk.Confirm(ctx, bytesQuestion(back, to)); err != nil {
			return ui.WithEffect(err, ui.Unchanged)
		}
	}
	if ctx.Err() != nil {
		return ui.WithEffect(ctx.Err(), ui.Unchanged)
	}
	if err := to.restore(ctx, talk); err != nil {
		return err
	}
	if c.DryRun {
		return c.reportBytes(talk, f, back, to, outcomePlanned)
	}
	return c.reportBytes(talk, f, back, to, outcomeWritten)
}

func bytesQuestion(back wayBack, to restorer) string {
	question := fmt.Sprintf("Put the old bytes of %s back in %d places?", back.hive(), back.places())
	return strings.Join(append(slices.Clone(to.notes()), question), "\n")
}

func (j *journal) hive() string { return j.Hive }
func (j *journal) places() int  { return len(j.Writes) }

func (j *journal) open(f *found, _ bool) (restorer, error) {
	primary, err := j.openPrimary(f)
	if err != nil {
		return nil, err
	}
	return &journalBack{j, primary, f.Volume}, nil
}

// journalBack puts a journal back into its hive.
type journalBack struct {
	*journal
	target.File
	volume *target.Volume
}

func (b *journalBack) restore(context.Context, *ui.UI) error {
	return behindWrites(b.volume, b.putBack(b.File))
}

func (b *journalBack) notes() []string { return nil }

// openPrimary opens the hive the journal belongs to, for writing.
func (j *journal) openPrimary(f *found) (target.File, error) {
	v, name, err := j.place(f)
	if err != nil {
		return nil, err
	}
	if err := refuse(v); err != nil {
		return nil, err
	}
	primary, err := v.FS.OpenInPlace(name)
	if err != nil {
		return nil, err
	}
	if err := j.belongs(primary); err != nil {
		return nil, errors.Join(ui.Fail(ui.Refused, err), primary.Close())
	}
	return primary, nil
}

// place finds the volume and the name of the hive: the installation's, or its boot store.
func (j *journal) place(f *found) (*target.Volume, string, error) {
	if v, name, err := f.bootVolume(j.Hive, j.Serial); err == nil {
		return v, name, nil
	}
	if serial := serialText(f.Volume); !f.holds(j.Hive) || j.Serial != serial {
		return nil, "", ui.Fail(ui.Refused, fmt.Errorf("the old bytes are of %s, this is %s", j.where(), placeWords(f.hivePath(), serial)))
	}
	if f.Root == "" {
		return f.Volume, f.hivePath(), nil
	}
	return f.Volume, j.Hive, nil
}

// where says where the bytes come from, as far as that was known.
func (j *journal) where() string { return placeOf(j.Hive, j.Serial, j.Machine) }

func placeOf(hive, serial, machine string) string {
	words := placeWords(hive, serial)
	if machine != "" {
		words += " of machine " + machine
	}
	return words
}

func placeWords(hive, serial string) string {
	if serial == "" {
		return hive
	}
	return hive + " on volume " + serial
}

// holds tells whether a hive may be one of this installation's volume: a bare hive is
// the only one in reach, whatever folder it was named in.
func (f *found) holds(hive string) bool {
	if f.Root == "" {
		return strings.EqualFold(baseName(hive), baseName(f.hivePath()))
	}
	return strings.EqualFold(hive, f.hivePath()) || isPath(hive)
}

var errNotInterrupted = errors.New("the hive has changed since these bytes were kept")

// belongs demands that every sector the commit was to write holds its old bytes or
// those that one of the writes puts there.
func (j *journal) belongs(primary target.File) error {
	if now := primary.Size(); now < j.Size || now > j.grown() {
		return fmt.Errorf("%w: it had %d bytes, and has %d", errNotInterrupted, j.Size, now)
	}
	for _, w := range j.replaced() {
		now := make([]byte, len(w.Old))
		if _, err := primary.ReadAt(now, w.Offset); err != nil {
			return fmt.Errorf("%s: %w", j.Hive, err)
		}
		for at := 0; at < len(now); at += journalSector {
			sector := now[at:min(at+journalSector, len(now))]
			if !j.knows(w.Offset+int64(at), sector) {
				return fmt.Errorf("%w: other bytes at 0x%x", errNotInterrupted, w.Offset+int64(at))
			}
		}
	}
	return nil
}

// replaced are the writes that have old bytes. Those that only make the file longer may
// lie behind its end: growth that was cut short leaves nothing there to look at.
func (j *journal) replaced() []journalWrite {
	return slices.DeleteFunc(slices.Clone(j.Writes), func(w journalWrite) bool { return len(w.Old) == 0 })
}

// grown is the size that the commit gives the hive's file.
func (j *journal) grown() int64 {
	size := j.Size
	for _, w := range j.Writes {
		size = max(size, w.Offset+int64(len(w.New)))
	}
	return size
}

// journalSector is the unit that a disk writes whole or not at all, in bytes.
const journalSector = 512

// knows tells whether bytes at an offset are the old ones or those of a write.
func (j *journal) knows(off int64, b []byte) bool {
	for _, w := range j.Writes {
		from := off - w.Offset
		if from < 0 || from+int64(len(b)) > int64(len(w.Old)) {
			continue
		}
		if bytes.Equal(b, w.Old[from:][:len(b)]) || bytes.Equal(b, w.New[from:][:len(b)]) {
			return true
		}
	}
	return false
}

// baseBlockSize is where a hive's bins begin: the block before them says whether the
// hive is clean, so it is put back last.
const baseBlockSize = 4096

// putBack puts the old bytes back, flushes, and reads them back. Cut off in the
// middle it can be done again.
func (j *journal) putBack(primary target.File) error {
	for _, base := range []bool{false, true} {
		for _, w := range j.replaced() {
			if (w.Offset < baseBlockSize) != base {
				continue
			}
			if _, err := primary.WriteAt(w.Old, w.Offset); err != nil {
				return fmt.Errorf("putting back the old bytes: %w", err)
			}
		}
		if err := primary.Sync(); err != nil {
			return fmt.Errorf("putting back the old bytes: %w", err)
		}
	}
	for _, w := range j.replaced() {
		now := make([]byte, len(w.Old))
		if _, err := primary.ReadAt(now, w.Offset); err != nil {
			return fmt.Errorf("reading the old bytes back: %w", err)
		}
		if !bytes.Equal(now, w.Old) {
			return fmt.Errorf("the old bytes do not read back at 0x%x", w.Offset)
		}
	}
	return nil
}

type bytesDocument struct {
	Schema  string `json:"schema"`
	Target  string `json:"target"`
	Hive    string `json:"hive"`
	Outcome string `json:"outcome"`
	Places  int    `json:"places"`

	Notes []string `json:"notes,omitempty"`
}

// bytesWords say what became of old bytes.
var bytesWords = map[string]string{
	outcomeWritten: "The old bytes are back.",
	outcomePlanned: "Dry run: nothing was changed.",
	outcomeNothing: "The bytes are the old ones already; nothing was changed.",
}

func (c *UndoCmd) reportBytes(talk *ui.UI, f *found, back wayBack, to restorer, outcome string) error {
	doc := bytesDocument{"hangkit/undo/1", f.Volume.Target.Name, back.hive(), outcome, back.places(), to.notes()}
	if outcome == outcomeNothing {
		doc.Places, doc.Notes = 0, nil
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	talk.Printf("%s: old bytes of %s in %d places\n", doc.Target, doc.Hive, doc.Places)
	for _, n := range doc.Notes {
		talk.Printf("  note: %s\n", n)
	}
	talk.Printf("%s\n", bytesWords[outcome])
	return nil
}
