package offline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"hangkit/ntfs"
	"hangkit/ntfs/verify"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// exchange holds what leads back from the replacement of a hive's file: every sector of
// metadata it overwrites, as it was and as it comes to be, and where the old contents
// lie. They are not overwritten by it; as long as nobody else did, the sectors alone
// bring the old file back. The hive's logs are no part of the replacement; their sums tell
// whether they still are the ones that the old contents, which may need them, lay beside.
type exchange struct {
	Schema   string               `json:"schema"`
	Machine  string               `json:"machine"`
	Serial   string               `json:"volume_serial,omitempty"` // hex
	Hive     string               `json:"hive"`                    // path on the volume
	Old      fileSum              `json:"old_contents"`
	New      fileSum              `json:"new_contents"`
	Logs     []logSum             `json:"logs,omitempty"` // beside the hive, as they were
	Clusters []rangeJSON          `json:"old_clusters"`   // of the volume, in file order
	Sum      crashconfig.HexBytes `json:"old_clusters_sha256"`
	Steps    []exchangeStep       `json:"steps"` // in their order
	StepsSum crashconfig.HexBytes `json:"steps_sha256"`
}

type fileSum struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

type logSum struct {
	Path string `json:"path"` // on the volume
	fileSum
}

type exchangeStep struct {
	Kind   string         `json:"kind"`
	What   string         `json:"what"`
	Writes []journalWrite `json:"writes"` // offsets in the volume
}

const exchangeSchema = "hangkit/undo-replace/1"

// exchange writes the replacement down. Emptying the volume's journal is no part of it:
// that cannot be taken back.
func (w *hiveWriter) exchange() (*exchange, error) {
	r := w.replaced
	logs, err := sumLogs(w.volume, w.path)
	if err != nil {
		return nil, err
	}
	freed := r.change.Freed()
	x := &exchange{
		Schema: exchangeSchema, Machine: w.machine, Serial: serialText(w.volume), Hive: w.path,
		Old: r.old, New: sumOf(r.contents), Logs: logs, Sum: freed.SHA256[:],
	}
	for _, e := range freed.Extents {
		x.Clusters = append(x.Clusters, rangeJSON{e.DeviceOffset, e.Length})
	}
	for _, s := range r.change.Steps() {
		step := exchangeStep{Kind: s.Kind.String(), What: s.What}
		for _, write := range s.Writes {
			if write.Old != nil && s.Kind != ntfs.StepJournal {
				step.Writes = append(step.Writes, journalWrite{write.Offset, write.Old, write.New})
			}
		}
		if len(step.Writes) > 0 {
			x.Steps = append(x.Steps, step)
		}
	}
	x.StepsSum = x.sumSteps()
	return x, nil
}

// sumSteps is over every byte that may go to the disk, and where.
func (x *exchange) sumSteps() []byte {
	h := sha256.New()
	for _, s := range x.Steps {
		fmt.Fprintf(h, "%s\n", s.Kind)
		for _, w := range s.Writes {
			fmt.Fprintf(h, "%d %x %x\n", w.Offset, w.Old, w.New)
		}
	}
	return h.Sum(nil)
}

// logSuffixes are those of all the logs that a Windows may look for beside a hive.
var logSuffixes = []string{".LOG", ".LOG1", ".LOG2"}

// sumLogs reads the logs beside a hive; one that is not there has no sum.
func sumLogs(v *target.Volume, hive string) ([]logSum, error) {
	var sums []logSum
	for _, suffix := range logSuffixes {
		sum, err := sumFile(v, hive+suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sums = append(sums, logSum{hive + suffix, sum})
	}
	return sums, nil
}

func sumFile(v *target.Volume, name string) (sum fileSum, err error) {
	f, err := v.FS.Open(name)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return fileSum{n, hex.EncodeToString(h.Sum(nil))}, err
}

func sumOf(b []byte) fileSum {
	sum := sha256.Sum256(b)
	return fileSum{int64(len(b)), hex.EncodeToString(sum[:])}
}

func parseExchange(name string, data []byte) (*exchange, error) {
	var x exchange
	err := json.Unmarshal(data, &x)
	if err == nil {
		_, _, err = x.plan()
	}
	if err == nil && !bytes.Equal(x.sumSteps(), x.StepsSum) {
		err = errors.New("the old bytes are not those that were kept: their sum is another")
	}
	if err != nil {
		return nil, ui.Fail(ui.Damaged, fmt.Errorf("%s: %w", name, err))
	}
	return &x, nil
}

// stepKinds are the kinds of steps whose sectors are kept, by their names.
var stepKinds = map[string]ntfs.StepKind{
	ntfs.StepPrepare.String(): ntfs.StepPrepare, ntfs.StepCommit.String(): ntfs.StepCommit, ntfs.StepFinish.String(): ntfs.StepFinish,
}

// plan is the replacement as the NTFS room has it.
func (x *exchange) plan() ([]ntfs.Step, ntfs.Contents, error) {
	var freed ntfs.Contents
	if len(x.Steps) == 0 || len(x.Clusters) == 0 || len(x.Sum) != len(freed.SHA256) {
		return nil, freed, errors.New("the old bytes are not all in it")
	}
	copy(freed.SHA256[:], x.Sum)
	for _, c := range x.Clusters {
		freed.Extents = append(freed.Extents, ntfs.Extent{DeviceOffset: c.Offset, Length: c.Length})
	}
	var steps []ntfs.Step
	for _, s := range x.Steps {
		kind, ok := stepKinds[s.Kind]
		if !ok {
			return nil, freed, fmt.Errorf("unknown kind of step %q", s.Kind)
		}
		step := ntfs.Step{Kind: kind, What: s.What}
		for _, w := range s.Writes {
			if len(w.Old) == 0 || len(w.Old) != len(w.New) {
				return nil, freed, fmt.Errorf("%d old and %d new bytes at 0x%x", len(w.Old), len(w.New), w.Offset)
			}
			step.Writes = append(step.Writes, ntfs.Write{Offset: w.Offset, Old: w.Old, New: w.New})
		}
		steps = append(steps, step)
	}
	return steps, freed, nil
}

func (x *exchange) hive() string { return x.Hive }

// places counts the sectors.
func (x *exchange) places() int {
	offsets := map[int64]struct{}{}
	for _, s := range x.Steps {
		for _, w := range s.Writes {
			offsets[w.Offset] = struct{}{}
		}
	}
	return len(offsets)
}

// valuesInstead is the way back that is left where the old bytes do not fit any more.
const valuesInstead = "take the values back instead: hangkit undo, or hangkit hive import with the undo text"

// open finds the volume the bytes belong to. Any doubt refuses: the file holds what it
// held before or what it was to hold, its old clusters still hold the old contents, and
// every sector is one of those that the replacement knew.
func (x *exchange) open(f *found, resetJournal bool) (restorer, error) {
	if err := f.refuse(); err != nil {
		return nil, err
	}
	if serial := serialText(f.Volume); !f.holds(x.Hive) || x.Serial != serial {
		return nil, ui.Fail(ui.Refused, fmt.Errorf("the old bytes are of %s, this is %s",
			placeOf(x.Hive, x.Serial, x.Machine), placeWords(f.hivePath(), serial)))
	}
	if f.Volume.NTFS() == nil {
		return nil, ui.Fail(ui.Refused, errors.New("the old bytes are of a disk, this is a mounted volume"), "name the disk or its image")
	}
	b := &exchangeBack{exchange: x, volume: f.Volume, reset: resetJournal && needsReset(f.Volume)}
	if err := b.belongs(); err != nil {
		return nil, err
	}
	return b, b.prepare()
}

// exchangeBack puts an exchange back on its volume.
type exchangeBack struct {
	*exchange
	volume *target.Volume
	reset  bool // the volume's journal is emptied
	change *ntfs.Change
}

// Close has nothing to let go of: the volume is the target's.
func (b *exchangeBack) Close() error { return nil }

// notes say what happens to the volume beside.
func (b *exchangeBack) notes() []string {
	if b.reset {
		return resetNotes
	}
	return nil
}

// belongs demands the file that was replaced, and its logs as they were: a hive that is
// dirty is only whole together with its own.
func (b *exchangeBack) belongs() error {
	now, err := b.contents()
	if err != nil {
		return err
	}
	if now != b.Old && now != b.New {
		return ui.Hint(fmt.Errorf("%w: it holds neither the old contents nor the new", errNotInterrupted), valuesInstead)
	}
	logs, err := sumLogs(b.volume, b.Hive)
	if err != nil {
		return err
	}
	if !slices.Equal(logs, b.Logs) {
		return ui.Hint(fmt.Errorf("%w: its logs have been written, and may not fit the old contents", errNotInterrupted), valuesInstead)
	}
	return nil
}

// prepare plans the way back.
func (b *exchangeBack) prepare() error {
	steps, freed, err := b.plan()
	if err != nil {
		return err
	}
	b.change, err = b.volume.NTFS().PlanPutBack(steps, freed, ntfs.PutBackOptions{ResetJournal: b.reset})
	if errors.Is(err, ntfs.ErrChanged) {
		return ui.Hint(fmt.Errorf("%w: %w", errNotInterrupted, err), valuesInstead)
	}
	return err
}

// contents are what the file holds now.
func (b *exchangeBack) contents() (sum fileSum, err error) {
	f, err := b.volume.FS.OpenInPlace(b.Hive)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return sumAll(f, f.Size())
}

// restore goes the steps backwards, so that the file is the new one or the old one at
// any moment, and demands that the volume is as sound as it was. It is done in memory
// first: nothing but the file of old bytes says that they are the right ones.
func (b *exchangeBack) restore(ctx context.Context, talk *ui.UI) error {
	before, err := checkStructure(ctx, talk, b.volume)
	if err == nil {
		err = b.rehearse(ctx, talk, before)
	}
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if err := b.change.Run(ctx); err != nil {
		err = fmt.Errorf("putting back the old bytes: %w", err)
		if untouched(err) {
			return ui.WithEffect(err, ui.Unchanged)
		}
		return behindWrites(b.volume, err)
	}
	if err := b.isBack(); err != nil {
		return behindWrites(b.volume, err)
	}
	return behindWrites(b.volume, soundAs(ctx, talk, b.volume, before))
}

// isBack demands the old contents.
func (b *exchangeBack) isBack() error {
	now, err := b.contents()
	if err == nil && now != b.Old {
		err = errors.New("the old contents do not read back")
	}
	return err
}

// rehearse puts the old bytes back in memory, and refuses what would not leave the old
// file on a volume that can be trusted and has no fault or leak that it had not before.
func (b *exchangeBack) rehearse(ctx context.Context, talk *ui.UI, before *verify.Report) error {
	twin, err := b.volume.Rehearsal()
	if err != nil {
		return err
	}
	trial := &exchangeBack{exchange: b.exchange, volume: twin, reset: b.reset}
	if err := trial.prepare(); err != nil {
		return err
	}
	if err := trial.change.Run(ctx); err != nil {
		return fmt.Errorf("trying in memory to put back the old bytes: %w", errors.Unwrap(err)) // what it left is memory's
	}
	if err := trial.isBack(); err != nil {
		return refuseTrial(err)
	}
	after, err := checkStructure(ctx, talk, twin)
	if err != nil {
		return err
	}
	return trial.judge(b.volume, before, after)
}

// judge compares the volume as the trial left it with the volume as it is.
func (b *exchangeBack) judge(now *target.Volume, before, after *verify.Report) error {
	if err := refuseStructure(now, after); err != nil {
		return err
	}
	if found := newFindings(before, after); len(found) > 0 {
		return refuseTrial(fmt.Errorf("%w: %s", errNewFindings, found[0]))
	}
	was, err := ownerless(now, before)
	if err != nil {
		return err
	}
	is, err := ownerless(b.volume, after)
	if err == nil && is > was {
		err = refuseTrial(fmt.Errorf("%d clusters would stay taken that nobody uses", is-was))
	}
	return err
}

func refuseTrial(err error) error {
	return ui.Fail(ui.Refused, fmt.Errorf("tried in memory first, the old bytes do not bring the old file back: %w", err), valuesInstead)
}

// ownerless is the number of clusters that are taken and nobody's.
func ownerless(v *target.Volume, r *verify.Report) (int64, error) {
	free, err := v.FS.Free()
	return r.Clusters - free/v.Info.ClusterSize - r.Owned, err
}

// behindWrites is an error behind the first write to a volume. It is no refusal any more,
// unless the writes went to memory.
func behindWrites(v *target.Volume, err error) error {
	if err == nil || v.Target.DryRun() {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if ui.Explain(err, rules).Status == ui.Refused {
		err = ui.Fail(ui.Failed, err)
	}
	return ui.WithEffect(err, ui.MayChanged)
}
