package offline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hangkit/hive"
	"hangkit/image/wim"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// protocolAppend is how a plan names the way of a hive in a WIM archive.
const protocolAppend = "append"

// appended is a hive of an image whose new contents are appended to the WIM archive. One
// write of the archive's header switches it over, so that no log is needed: what the logs
// in the image hold has no effect, as with a file that is replaced.
type appended struct {
	change   *wim.Change
	contents []byte
	old      int64 // size of the hive before
	sequence uint32
}

// planAppend makes the change on the hive, with all the room that a hive may have, and
// plans what goes behind the archive.
func (w *hiveWriter) planAppend(o hive.CommitOptions, change func() error) error {
	w.hive.AllowGrowth(target.MaxHiveSize)
	if err := w.planCommit(o, change); err != nil || w.commit == nil {
		return err
	}
	contents, err := w.newContents()
	if err != nil {
		return err
	}
	a := &appended{contents: contents, old: w.set.Primary.Size(), sequence: w.commit.Sequence}
	a.change, err = w.volume.PlanAppend(w.path, contents, o.Now)
	w.appended = a
	return err
}

func (w *hiveWriter) writeAppended(context.Context) error {
	err := w.volume.Append(w.appended.change)
	if errors.Is(err, wim.ErrUntouched) {
		return ui.WithEffect(err, ui.Unchanged)
	}
	return err
}

func (w *hiveWriter) readBackAppended(checks []hive.ValueCheck) error {
	return w.readBackFile(w.appended.contents, w.appended.sequence, checks)
}

// notes say what a person should know before an archive is appended to.
func (a *appended) notes() []string {
	return []string{
		"the archive keeps the old registry too and grows by " + ui.FormatSize(a.change.Bytes()) + "; 'wimlib-imagex optimize' takes out what nothing uses any more",
		fmt.Sprintf("the logs in the image stay as they are and have no effect: the new hive is clean, and its sequence number %d lies above every entry's", a.sequence),
	}
}

// appendJSON is what goes behind a WIM archive.
type appendJSON struct {
	Image   int   `json:"image"`
	Offset  int64 `json:"offset"`
	Bytes   int64 `json:"bytes"`
	OldSize int64 `json:"old_hive_size"`
	NewSize int64 `json:"new_hive_size"`
}

func (w *hiveWriter) describeAppend() *appendJSON {
	a := w.appended
	if a == nil {
		return nil
	}
	return &appendJSON{w.volume.Image(), a.change.Offset(), a.change.Bytes(), a.old, int64(len(a.contents))}
}

// printAppend says what is written where.
func printAppend(talk *ui.UI, a *appendJSON) {
	if a == nil {
		return
	}
	talk.Printf("\nwrites, each flushed before the next:\n")
	talk.Printf("  1 append: hive, metadata of image %d, tables: %s at 0x%012x\n", a.Image, ui.FormatSize(a.Bytes), a.Offset)
	talk.Printf("  2 header of the archive, which makes them count; until then it is the old archive\n")
}

// archiveBytes are the way back from an append: the archive's old header and size. Nothing
// between them was overwritten.
type archiveBytes struct {
	Schema    string               `json:"schema"`
	Machine   string               `json:"machine,omitempty"`
	Image     int                  `json:"image"`
	Hive      string               `json:"hive"` // path in the image
	Header    crashconfig.HexBytes `json:"old_header"`
	NewHeader crashconfig.HexBytes `json:"new_header"`
	Size      int64                `json:"old_size"`
	NewSize   int64                `json:"new_size"`
}

const archiveSchema = "hangkit/undo-archive/1"

func (w *hiveWriter) archiveBytes() *archiveBytes {
	u := w.appended.change.Undo()
	return &archiveBytes{archiveSchema, w.machine, w.volume.Image(), w.path, u.Header, u.NewHeader, u.Size, u.NewSize}
}

func parseArchiveBytes(name string, data []byte) (*archiveBytes, error) {
	var b archiveBytes
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, ui.Fail(ui.Damaged, fmt.Errorf("%s: %w", name, err))
	}
	return &b, nil
}

func (b *archiveBytes) hive() string { return b.Hive }
func (b *archiveBytes) places() int  { return 1 }

// open demands the archive and the image that the bytes belong to.
func (b *archiveBytes) open(f *found, _ bool) (restorer, error) {
	if f.Volume.Image() != b.Image {
		return nil, ui.Fail(ui.Refused, fmt.Errorf("the old bytes are of image %d of a WIM archive, this is %s", b.Image, f.where()))
	}
	if err := f.refuse(); err != nil {
		return nil, err
	}
	return &archiveBack{b, f.Volume}, nil
}

// archiveBack takes an append back.
type archiveBack struct {
	*archiveBytes
	volume *target.Volume
}

// Close has nothing to let go of: the archive is the target's.
func (b *archiveBack) Close() error { return nil }

func (b *archiveBack) notes() []string {
	return []string{"the archive becomes what it was before, to the byte, in all its images"}
}

func (b *archiveBack) undo() wim.Undo {
	return wim.Undo{Header: b.Header, NewHeader: b.NewHeader, Size: b.Size, NewSize: b.NewSize}
}

func (b *archiveBack) done() (bool, error) { return b.volume.TakenBack(b.undo()) }

// restore takes the append back. An archive that anything was appended to since is left
// alone.
func (b *archiveBack) restore(context.Context, *ui.UI) error {
	err := b.volume.TakeBack(b.undo())
	switch {
	case errors.Is(err, wim.ErrChanged):
		return ui.Fail(ui.Refused, ui.WithEffect(err, ui.Unchanged), "take later changes back first, the last one first", valuesInstead)
	case errors.Is(err, wim.ErrUntouched):
		return ui.WithEffect(err, ui.Unchanged)
	}
	return behindWrites(b.volume, err)
}
