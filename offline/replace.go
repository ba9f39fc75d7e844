package offline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/ntfs"
	"hangkit/ntfs/verify"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// protocolReplace is how a plan names the way of a hive whose file is replaced.
const protocolReplace = "replace"

// replacement is a hive whose file gets new contents in other clusters. One sector
// switches it over, so that no log is needed: what the logs hold has no effect, for the
// new hive is clean and its sequence number lies above every entry's.
type replacement struct {
	why      string
	change   *ntfs.Change
	contents []byte
	old      fileSum
	before   *verify.Report // of the volume
	reset    bool           // the volume's journal is emptied
	sequence uint32
}

// planReplacement makes the change on the hive opened anew, with all the room that the
// volume has, and plans the file's replacement.
func (w *hiveWriter) planReplacement(ctx context.Context, o hive.CommitOptions, change func() error, why string) error {
	free, err := w.volume.FS.Free()
	if err != nil {
		return err
	}
	if w.hive, err = hive.Open(source(w.set)); err != nil {
		return err
	}
	w.hive.AllowGrowth(min(target.MaxHiveSize, free)) // old and new contents lie on the volume together
	if err := w.planCommit(o, change); err != nil {
		return noSpace(err, free)
	}
	r := &replacement{why: why, reset: w.resetJournal && needsReset(w.volume), sequence: w.commit.Sequence}
	if r.contents, err = w.newContents(); err != nil {
		return err
	}
	if r.old, err = sumAll(w.set.Primary, w.set.Primary.Size()); err != nil {
		return err
	}
	r.change, err = w.volume.NTFS().PlanReplace(w.path, r.contents, ntfs.ReplaceOptions{ResetJournal: r.reset, Time: o.Now})
	if err != nil {
		return err
	}
	w.replaced = r
	return w.verifyBefore(ctx)
}

// noSpace says of a hive that may have all that is free, and needs more, where the want
// really is. Where more is free than any hive may have, it is not there.
func noSpace(err error, free int64) error {
	if room, ok := errors.AsType[*hive.NoRoomError](err); ok && free < target.MaxHiveSize {
		return fmt.Errorf("%w: the new file takes %d bytes, %d are free", ntfs.ErrNoSpace, room.Need, room.Size)
	}
	return err
}

// needsReset tells whether a volume's journal or its dirty flag stand against a change
// of metadata: a clean journal is left alone.
func needsReset(v *target.Volume) bool {
	s := v.State
	return s != nil && (!s.Log.Clean() || s.Dirty || s.MirrorLags)
}

// newContents are what the hive's file holds once every write of the commit is done.
func (w *hiveWriter) newContents() ([]byte, error) {
	old, err := io.ReadAll(io.NewSectionReader(w.set.Primary, 0, w.set.Primary.Size()))
	if err != nil {
		return nil, err
	}
	for _, write := range w.commit.Writes {
		if write.File != hive.Primary {
			continue
		}
		if end := write.Off + int64(len(write.Data)); end > int64(len(old)) {
			old = append(old, make([]byte, end-int64(len(old)))...)
		}
		copy(old[write.Off:], write.Data)
	}
	return old, nil
}

func sumAll(r io.ReaderAt, size int64) (fileSum, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, size)); err != nil {
		return fileSum{}, err
	}
	return fileSum{size, hex.EncodeToString(h.Sum(nil))}, nil
}

// leftKinds are findings about how the last use left a volume. The refusals judge these.
var leftKinds = []verify.Kind{verify.VolumeFlags, verify.LogFile}

// verifyBefore refuses a volume whose structure cannot be trusted with new clusters.
func (w *hiveWriter) verifyBefore(ctx context.Context) (err error) {
	if w.replaced.before, err = checkStructure(ctx, w.talk, w.volume); err != nil {
		return err
	}
	return refuseStructure(w.volume, w.replaced.before)
}

// refuseStructure refuses a volume on which a change of metadata could destroy files.
func refuseStructure(v *target.Volume, r *verify.Report) error {
	worst, _ := r.Worst(append(leftKinds, verify.Mirror)...) // the plan judged the mirror, and may mend it
	if r.Incomplete == "" && worst < verify.Dangerous {
		return nil
	}
	return ui.Hint(fmt.Errorf("%w: its structure contradicts itself where a write could destroy files", target.ErrInconsistent),
		"what is wrong: hangkit list --verify-volume "+quotePath(v.Target.Name), "let chkdsk repair it first, best on a copy")
}

// verifyAfter demands that the volume is as sound as it was before the write.
func (w *hiveWriter) verifyAfter(ctx context.Context) error {
	return soundAs(ctx, w.talk, w.volume, w.replaced.before)
}

// soundAs demands that a volume whose metadata was changed is as sound as before.
func soundAs(ctx context.Context, talk *ui.UI, v *target.Volume, before *verify.Report) error {
	after, err := checkStructure(ctx, talk, v)
	if err != nil {
		return fmt.Errorf("all is written and reads back right; checking the volume behind it: %w", err)
	}
	if found := newFindings(before, after); len(found) > 0 {
		return fmt.Errorf("all is written and reads back right, but %w: %s", errNewFindings, found[0])
	}
	return nil
}

var errNewFindings = errors.New("the volume's structure has faults that it had not before")

// newFindings are those graver than a leak that a volume did not have before. That it is
// marked dirty now is none. Where a report counts findings of a kind and does not keep
// them all, their number tells.
func newFindings(before, after *verify.Report) []verify.Finding {
	known := map[verify.Finding]bool{}
	for _, f := range before.Findings {
		known[f] = true
	}
	keptBefore, keptAfter := keptOf(before), keptOf(after)
	var found []verify.Finding
	for _, f := range after.Findings {
		more := after.Counts[f.Kind] > before.Counts[f.Kind]
		if grave(f.Kind) && !known[f] && (more || keptBefore[f.Kind] >= before.Counts[f.Kind]) {
			found = append(found, f)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(after.Counts)) {
		was, is := before.Counts[kind], after.Counts[kind]
		if grave(kind) && is > was && is > keptAfter[kind] {
			found = append(found, verify.Finding{Kind: kind, Record: -1, Off: -1, What: kind.String(), Want: fmt.Sprintf("%d findings as before", was), Got: strconv.FormatInt(is, 10)})
		}
	}
	return found
}

// keptOf counts the findings that a report keeps.
func keptOf(r *verify.Report) map[verify.Kind]int64 {
	kept := map[verify.Kind]int64{}
	for _, f := range r.Findings {
		kept[f.Kind]++
	}
	return kept
}

// grave tells whether a finding of a kind behind a write is a fault of the write.
func grave(k verify.Kind) bool { return k.Severity() > verify.Leak && !slices.Contains(leftKinds, k) }

func (w *hiveWriter) writeReplaced(ctx context.Context) error { return w.replaced.change.Run(ctx) }

func (w *hiveWriter) readBackReplaced(checks []hive.ValueCheck) error {
	return w.readBackFile(w.replaced.contents, w.replaced.sequence, checks)
}

// readBackFile opens the file anew, through its metadata as it is now, compares every
// byte, and reads values once more with a registry reader that we did not write.
func (w *hiveWriter) readBackFile(want []byte, sequence uint32, checks []hive.ValueCheck) (err error) {
	f, err := w.volume.FS.OpenInPlace(w.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	now, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		return err
	}
	if !bytes.Equal(now, want) {
		return fmt.Errorf("%s: %w", w.path, hive.ErrReadBack)
	}
	s := source(w.set)
	s.Primary = f
	h, err := hive.Open(s)
	if err != nil {
		return err
	}
	if h.Recovery().Dirty || h.Sequence() != sequence {
		return fmt.Errorf("%s: sequence number %d, want %d and clean: %w", w.path, h.Sequence(), sequence, hive.ErrReadBack)
	}
	return hive.CheckReadBack(f, checks)
}

// replaceJSON is the replacement of a file in a plan.
type replaceJSON struct {
	Why          string            `json:"why"`
	OldSize      int64             `json:"old_size"`
	NewSize      int64             `json:"new_size"`
	ResetJournal bool              `json:"reset_journal,omitempty"`
	Steps        []replaceStepJSON `json:"steps"`
	Freed        []rangeJSON       `json:"freed,omitempty"` // of the disk: the old contents
}

// replaceStepJSON is one step of a replacement; the disk is flushed behind each.
type replaceStepJSON struct {
	Kind   string      `json:"kind"`
	What   string      `json:"what"`
	Ranges []rangeJSON `json:"ranges"` // of the disk
}

func (w *hiveWriter) describeReplacement() *replaceJSON {
	r := w.replaced
	if r == nil {
		return nil
	}
	j := &replaceJSON{Why: r.why, OldSize: r.old.Size, NewSize: int64(len(r.contents)), ResetJournal: r.reset}
	for _, s := range r.change.Steps() {
		step := replaceStepJSON{Kind: s.Kind.String(), What: s.What}
		for _, write := range s.Writes {
			step.Ranges = appendRange(step.Ranges, w.volume.OnDisk(write.Offset, int64(len(write.New))))
		}
		j.Steps = append(j.Steps, step)
	}
	for _, e := range r.change.Freed().Extents {
		j.Freed = appendRange(j.Freed, w.volume.OnDisk(e.DeviceOffset, e.Length))
	}
	return j
}

// appendRange joins a range to the last one where they touch.
func appendRange(list []rangeJSON, r image.Range) []rangeJSON {
	if n := len(list); n > 0 && list[n-1].Offset+list[n-1].Length == r.Off {
		list[n-1].Length += r.Len
		return list
	}
	return append(list, rangeJSON{r.Off, r.Len})
}

// notes say what a person should know before the file is replaced.
func (r *replacement) notes() []string {
	size := "keeps its size of " + ui.FormatSize(r.old.Size)
	if now := int64(len(r.contents)); now != r.old.Size {
		size = fmt.Sprintf("goes from %s to %s", ui.FormatSize(r.old.Size), ui.FormatSize(now))
	}
	notes := []string{
		fmt.Sprintf("the hive's file is replaced, because %s; it %s, and is the old one or the new one at any moment, also in a power cut", r.why, size),
		fmt.Sprintf("its logs stay as they are and have no effect: the new hive is clean, and its sequence number %d lies above every entry's", r.sequence),
		"the clusters of the old contents are free afterwards; a shadow copy of the volume, if there is one, may show new contents there",
	}
	if r.reset {
		notes = append(notes, resetNotes...)
	}
	return notes
}

// resetNotes say what emptying the volume's journal means.
var resetNotes = []string{
	"the volume's journal is emptied first: what Windows had begun there and not finished stays unfinished",
	"the volume is marked dirty: Windows will check it (autochk) at its next start and repair what the journal would have",
}

// shownRanges is how many byte ranges of a step are shown unless asked for all.
const shownRanges = 8

// printReplacement lists the steps with what they write where on the disk.
func printReplacement(talk *ui.UI, r *replaceJSON) {
	if r == nil {
		return
	}
	talk.Printf("\nwrites, by replacing the file, each step flushed before the next:\n")
	for i, s := range r.Steps {
		talk.Printf("  %d %s: %s\n", i+1, s.Kind, s.What)
		for k, at := range s.Ranges {
			if k == shownRanges && !talk.Verbose {
				talk.Printf("      … and %d more: --verbose shows all\n", len(s.Ranges)-shownRanges)
				break
			}
			talk.Printf("      0x%012x +0x%x\n", at.Offset, at.Length)
		}
	}
}
