package offline

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// bootEdit is the change of a boot store that goes with one of a SYSTEM hive. Its file is never
// replaced: where firmware reads it from, nothing but its own bytes may change. Windows writes its
// store with the same log, but that the boot manager applies one is documented nowhere: so the old
// bytes are kept as well until the new ones read back.
type bootEdit struct {
	hiveWriter
	changes []crashconfig.Change
}

// tornHint is the way on from a hive that a power cut left half written.
const tornHint = "if hangkit was cut off while it wrote, put the old bytes back that it kept: hangkit undo TARGET --bytes FILE"

// hintTorn adds that way to what a boot store that cannot be read stood against.
func (e *edit) hintTorn(err error, why string) error {
	if err == nil || why == "" || !e.facts.BootUnreadable {
		return err
	}
	return ui.Hint(err, tornHint)
}

// openBootEdit opens a store for writing, on its own volume.
func (e *edit) openBootEdit(v *target.Volume, path string) (*bootEdit, error) {
	if err := refuse(v); err != nil {
		return nil, err
	}
	set, err := target.OpenGrowingHiveSet(v.FS, path, false)
	if err != nil {
		return nil, err
	}
	b := &bootEdit{hiveWriter: e.flags.writer(e.talk, v, path)}
	b.machine, b.set, b.keepOld = e.machine, set, true
	if err := b.open(); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return b, nil
}

// openBoot opens the store that starts the installation.
func (e *edit) openBoot() error {
	s, err := e.bootStore()
	if err != nil {
		return err
	}
	if e.boot, err = e.openBootEdit(s.volume, s.path); err != nil {
		return ui.Hint(fmt.Errorf("boot store %s: %w", s.where(), err), e.leaveBoot...)
	}
	return nil
}

// openBootOf opens the store that an undo record is about, for its undo; the error says why not.
func (e *edit) openBootOf(r *crashconfig.BootRecord) (*hive.Hive, error) {
	if r == nil {
		return nil, nil
	}
	v, name, err := e.bootVolume(r.Path, r.Serial)
	if err != nil {
		return nil, err
	}
	if e.boot, err = e.openBootEdit(v, name); err != nil {
		return nil, fmt.Errorf("%s (%s): %w", name, v.Label(), err)
	}
	return e.boot.hive, nil
}

// bootVolume finds a boot store by its path and the serial number of its volume, which may be
// unknown. A path that is no boot store's is refused: the record may come from anybody.
func (f *found) bootVolume(path, serial string) (*target.Volume, string, error) {
	for _, v := range f.Volume.Target.Volumes {
		if v.FS == nil || serial != "" && serial != serialText(v) {
			continue
		}
		for _, name := range windows.FindBCD(v.FS) {
			if strings.EqualFold(name, path) {
				return v, name, nil
			}
		}
	}
	return nil, "", fmt.Errorf("boot store %s: %w", placeWords(strconv.Quote(path), serial), fs.ErrNotExist)
}

// applyBoot makes the changes of the store in memory and works out the writes.
func (e *edit) applyBoot(plan *crashconfig.BootPlan, record *crashconfig.Record, doc *editDocument, now time.Time) error {
	if e.boot == nil {
		if err := e.openBoot(); err != nil {
			return err
		}
	}
	b := e.boot
	o := hive.CommitOptions{Generation: generation(e.facts.Version), Now: now, MaxLogSize: b.set.MaxLogSize}
	err := b.planCommit(o, func() error { return plan.Apply(b.hive, record) })
	if errors.Is(err, hive.ErrNoRoom) {
		return ui.Fail(ui.Refused, fmt.Errorf("the boot store %s has no room for the change, and its file stays as long as it is: %w", b.path, err), e.leaveBoot...)
	}
	if err != nil {
		return fmt.Errorf("boot store %s: %w", b.path, err)
	}
	if record != nil {
		record.Boot.Path, record.Boot.Serial = b.path, serialText(b.volume)
	}
	b.changes = plan.Changes
	if b.commit != nil {
		doc.Boot.addWrites(&b.hiveWriter)
	}
	return nil
}

// part is one of the hives that an edit writes.
type part struct {
	*hiveWriter
	what    string
	changes []crashconfig.Change
}

// parts are the hives to write, in their order. The copy of the undo record lies in SYSTEM: so that
// it is there as long as anything of the boot store is changed, SYSTEM is armed first and undone last.
func (e *edit) parts(changes []crashconfig.Change) []part {
	var list []part
	if e.commit != nil {
		list = append(list, part{&e.hiveWriter, "the registry", changes})
	}
	if e.boot == nil || e.boot.commit == nil {
		return list
	}
	boot := part{&e.boot.hiveWriter, "the boot store", e.boot.changes}
	if e.bootFirst {
		return append([]part{boot}, list...)
	}
	return append(list, boot)
}

// saveWayBack does so for both hives.
func (e *edit) saveWayBack(journal, backup string) error {
	err := e.hiveWriter.saveWayBack(journal, backup)
	if err == nil && e.boot != nil {
		err = e.boot.saveWayBack(bootJournalName(journal), "")
	}
	return err
}

// bootJournalName is where the old bytes of a boot store go: beside those of SYSTEM.
func bootJournalName(journal string) string {
	return strings.TrimSuffix(journal, journalExt) + ".boot" + journalExt
}

// dropWayBack does so for both hives.
func (e *edit) dropWayBack() error {
	err := e.hiveWriter.dropWayBack()
	if e.boot != nil {
		err = errors.Join(err, e.boot.dropWayBack())
	}
	return err
}

// retireJournal does so for both hives.
func (e *edit) retireJournal() error {
	err := e.hiveWriter.retireJournal()
	if e.boot != nil {
		err = errors.Join(err, e.boot.retireJournal())
	}
	return err
}

// bootJSON is what an edit changes in the boot store.
type bootJSON struct {
	Store      string           `json:"store"`
	Entry      string           `json:"entry"`
	Name       string           `json:"name,omitempty"`
	Changes    []bootChangeJSON `json:"changes"`
	RemoveKeys []string         `json:"remove_keys,omitempty"`
	Conflicts  []string         `json:"conflicts,omitempty"`
	Notes      []string         `json:"notes,omitempty"`
	Protocol   string           `json:"protocol,omitempty"`
	Writes     []writeJSON      `json:"writes,omitempty"`
	OldBytes   string           `json:"undo_bytes,omitempty"` // way back, byte for byte, from a write that is cut off
}

// oldBytes is the file of old bytes, empty where there is none.
func (j *bootJSON) oldBytes() string {
	if j == nil {
		return ""
	}
	return j.OldBytes
}

// bootChangeJSON is the change of one element, by its name in words, and as a value of the hive.
type bootChangeJSON struct {
	Element  string `json:"element"`
	OldWords string `json:"old_words,omitempty"`
	NewWords string `json:"new_words,omitempty"`
	changeJSON
}

func (e *edit) describeBoot(plan *crashconfig.BootPlan) *bootJSON {
	if plan == nil {
		return nil
	}
	j := &bootJSON{
		Entry: plan.Entry, Changes: []bootChangeJSON{}, RemoveKeys: plan.RemoveKeys, Notes: plan.Notes,
	}
	if b := e.facts.Boot; b != nil && b.Entry == plan.Entry {
		j.Store, j.Name = b.Store, carried(b.Name)
	}
	if e.boot != nil {
		j.Store = e.boot.path + " (" + e.boot.volume.Label() + ")"
	}
	for _, c := range plan.Changes {
		b := bootChangeJSON{changeJSON: changeJSON{c.Key, c.Name, describeValue(c.Old), describeValue(c.New), c.Why, c.Fixes}}
		b.Element, b.OldWords = windows.LoaderElement(c.Key, c.Old)
		_, b.NewWords = windows.LoaderElement(c.Key, c.New)
		j.Changes = append(j.Changes, b)
	}
	for _, c := range plan.Conflicts {
		j.Conflicts = append(j.Conflicts, bootConflictWords(c))
	}
	return j
}

// bootConflictWords say what stands against putting an element back.
func bootConflictWords(c crashconfig.Conflict) string {
	name, wrote := windows.LoaderElement(c.Key, c.Wrote)
	_, now := windows.LoaderElement(c.Key, c.Now)
	if c.Later != "" {
		return fmt.Sprintf("%s: the later change %s concerns it too; now it is %s", name, c.Later, orAbsent(now))
	}
	return fmt.Sprintf("%s: arm wrote %s, now it is %s", name, orAbsent(wrote), orAbsent(now))
}

func orAbsent(words string) string {
	if words == "" {
		return "absent"
	}
	return words
}

func (j *bootJSON) addWrites(w *hiveWriter) {
	var notes []string
	j.Protocol, notes = w.manner()
	j.Notes = append(j.Notes, notes...)
	j.Writes = w.describeWrites()
}

func (j *bootJSON) print(talk *ui.UI) {
	if j == nil {
		return
	}
	talk.Printf("\nboot store %s\n", j.Store)
	talk.Printf("  entry %s\n", strings.TrimSpace(printable(j.Name)+" "+j.Entry))
	for _, c := range j.Changes {
		talk.Printf("  %s: %s -> %s\n", c.Element, orAbsent(c.OldWords), orAbsent(c.NewWords))
		if c.Why != "" {
			talk.Printf("      %s\n", c.Why)
		}
	}
	for _, c := range j.Conflicts {
		talk.Printf("  left alone: %s\n", c)
	}
	for _, n := range j.Notes {
		talk.Notef("%s", n)
	}
	printWrites(talk, j.Protocol, j.Writes)
}
