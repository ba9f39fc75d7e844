package offline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"hangkit/ntfs"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// exchange holds what leads back from the replacement of a hive's file: every sector of
// metadata it overwrites, as it was and as it comes to be, and where the old contents
// lie. They are not overwritten by it; as long as nobody else did, the sectors alone
// bring the old file back.
type exchange struct {
	Schema   string               `json:"schema"`
	Machine  string               `json:"machine"`
	Serial   string               `json:"volume_serial,omitempty"` // hex
	Hive     string               `json:"hive"`                    // path on the volume
	Old      fileSum              `json:"old_contents"`
	New      fileSum              `json:"new_contents"`
	Clusters []rangeJSON          `json:"old_clusters"` // of the volume, in file order
	Sum      crashconfig.HexBytes `json:"old_clusters_sha256"`
	Steps    []exchangeStep       `json:"steps"` // in their order
}

type fileSum struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

type exchangeStep struct {
	Kind   string         `json:"kind"`
	What   string         `json:"what"`
	Writes []journalWrite `json:"writes"` // offsets in the volume
}

const exchangeSchema = "hangkit/undo-replace/1"

// exchange writes the replacement down. Emptying the volume's journal is no part of it:
// that cannot be taken back.
func (w *hiveWriter) exchange() *exchange {
	r := w.replaced
	freed := r.change.Freed()
	x := &exchange{
		Schema: exchangeSchema, Machine: w.machine, Serial: serialText(w.volume), Hive: w.path,
		Old: r.old, New: sumOf(r.contents), Sum: freed.SHA256[:],
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
	return x
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
	b := &exchangeBack{exchange: x, volume: f.Volume}
	now, err := b.contents()
	if err != nil {
		return nil, err
	}
	if now != x.Old && now != x.New {
		return nil, ui.Hint(fmt.Errorf("%w: it holds neither the old contents nor the new", errNotInterrupted), valuesInstead)
	}
	steps, freed, err := x.plan()
	if err != nil {
		return nil, err
	}
	b.change, err = f.Volume.NTFS().PlanPutBack(steps, freed, ntfs.PutBackOptions{ResetJournal: resetJournal})
	if errors.Is(err, ntfs.ErrChanged) {
		return nil, ui.Hint(fmt.Errorf("%w: %w", errNotInterrupted, err), valuesInstead)
	}
	return b, err
}

// exchangeBack puts an exchange back on its volume.
type exchangeBack struct {
	*exchange
	volume *target.Volume
	change *ntfs.Change
}

// Close has nothing to let go of: the volume is the target's.
func (b *exchangeBack) Close() error { return nil }

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
// any moment, and demands that the volume is as sound as it was.
func (b *exchangeBack) restore(ctx context.Context, talk *ui.UI) error {
	before, err := checkStructure(ctx, talk, b.volume)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if err := b.change.Run(ctx); err != nil {
		err = fmt.Errorf("putting back the old bytes: %w", err)
		if untouched(err) {
			return ui.WithEffect(err, ui.Unchanged)
		}
		return ui.WithEffect(err, ui.MayChanged)
	}
	now, err := b.contents()
	if err == nil && now != b.Old {
		err = errors.New("the old contents do not read back")
	}
	if err == nil {
		err = soundAs(ctx, talk, b.volume, before)
	}
	return ui.WithEffect(err, ui.MayChanged)
}
