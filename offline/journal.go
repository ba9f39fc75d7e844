package offline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
// leaves a mixture, and these bytes are the way back.
type journal struct {
	Schema string         `json:"schema"`
	Hive   string         `json:"hive"` // path on the volume
	Size   int64          `json:"size"` // of the hive file, bytes
	Old    []journalBytes `json:"old"`
}

type journalBytes struct {
	Offset int64                `json:"offset"`
	Data   crashconfig.HexBytes `json:"data"`
}

const journalSchema = "hangkit/undo-bytes/1"

// journalName is where the old bytes go: beside the undo record.
func journalName(record string) string { return strings.TrimSuffix(record, ".json") + ".bytes.json" }

// saveJournal writes the old bytes down if the commit needs them; most do not.
func (e *edit) saveJournal(name string) error {
	if e.commit.Protocol != hive.Direct {
		return nil
	}
	j := journal{Schema: journalSchema, Hive: e.hivePath(), Size: e.set.Primary.Size()}
	for _, w := range e.commit.Writes {
		j.Old = append(j.Old, journalBytes{w.Off, w.Old})
	}
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("undo bytes: %w", err)
	}
	e.talk.Talkf("This hive has no log that protects the write. If it is interrupted: %s --bytes %s\n",
		undoCommand(e, ""), quoteArg(name))
	return writeRecord(name, data)
}

func readJournal(name string) (*journal, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var j journal
	if err := json.Unmarshal(data, &j); err != nil {
		return nil, ui.Fail(ui.Damaged, fmt.Errorf("%s: %w", name, err))
	}
	if j.Schema != journalSchema {
		return nil, ui.Fail(ui.Damaged, fmt.Errorf("%s: schema %q, want %q", name, j.Schema, journalSchema))
	}
	return &j, nil
}

// restoreBytes puts the old bytes of an interrupted write back. The hive need not be
// readable for that: it may be the very mixture this is for.
func (c *UndoCmd) restoreBytes(ctx context.Context, talk *ui.UI) error {
	j, err := readJournal(c.Bytes)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	f, s, err := c.chooseFor(c.mode())
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	defer s.Close()
	primary, err := j.open(f)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	defer primary.Close()
	if !c.DryRun && !c.Yes {
		question := fmt.Sprintf("Put the old bytes of %s back in %d places?", j.Hive, len(j.Old))
		if err := talk.Confirm(ctx, question); err != nil {
			return ui.WithEffect(err, ui.Unchanged)
		}
	}
	if err := j.restore(primary); err != nil {
		return ui.WithEffect(err, ui.MayChanged)
	}
	return c.reportBytes(talk, f, j)
}

// open opens the hive the journal belongs to, for writing.
func (j *journal) open(f *found) (target.File, error) {
	if err := f.refuse(); err != nil {
		return nil, err
	}
	if !strings.EqualFold(j.Hive, f.hivePath()) {
		return nil, ui.Fail(ui.Refused, fmt.Errorf("the old bytes are of %s, not of %s", j.Hive, f.hivePath()))
	}
	primary, err := f.Volume.FS.OpenInPlace(j.Hive)
	if err != nil {
		return nil, err
	}
	if primary.Size() != j.Size {
		err := fmt.Errorf("%s has %d bytes now, and had %d when the old bytes were kept", j.Hive, primary.Size(), j.Size)
		return nil, errors.Join(ui.Fail(ui.Refused, err), primary.Close())
	}
	return primary, nil
}

// restore writes backwards, so that the base block, written first and last, gets its
// oldest bytes.
func (j *journal) restore(primary target.File) error {
	for _, old := range slices.Backward(j.Old) {
		if _, err := primary.WriteAt(old.Data, old.Offset); err != nil {
			return fmt.Errorf("putting back the old bytes: %w", err)
		}
	}
	return primary.Sync()
}

type bytesDocument struct {
	Schema  string `json:"schema"`
	Target  string `json:"target"`
	Hive    string `json:"hive"`
	Outcome string `json:"outcome"`
	Places  int    `json:"places"`
}

func (c *UndoCmd) reportBytes(talk *ui.UI, f *found, j *journal) error {
	doc := bytesDocument{"hangkit/undo-bytes-run/1", f.Volume.Target.Name, j.Hive, outcomeWritten, len(j.Old)}
	words := "The old bytes are back."
	if c.DryRun {
		doc.Outcome, words = outcomePlanned, "Dry run: nothing was changed."
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	talk.Printf("%s: old bytes of %s in %d places\n%s\n", doc.Target, doc.Hive, doc.Places, words)
	return nil
}
