package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hangkit/hive"
	"hangkit/ntfs"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// hiveWriter brings a changed hive to its files, whichever command changed it: in place,
// by the hive's own protocol, or by replacing its file where that is the only way or the
// only safe one.
type hiveWriter struct {
	talk    *ui.UI
	volume  *target.Volume
	path    string // of the hive, on its volume
	machine string // its name, where it is known
	dryRun  bool

	resetJournal bool // of the volume, should the file have to be replaced
	keepOld      bool // the old bytes are kept until all reads back, though a log protects the write

	set      *target.HiveSet
	hive     *hive.Hive
	commit   *hive.Commit
	replaced *replacement // nil for a change in place
	appended *appended    // nil where the hive does not lie in a WIM archive

	journal string   // file with the old bytes of a write; empty without one
	made    []string // files and folders that hold the way back
}

// open reads the hive's files, and makes room for it where a file system can.
func (w *hiveWriter) open() (err error) {
	if w.hive, err = hive.Open(source(w.set)); err != nil {
		return err
	}
	if w.set.MaxSize > 0 {
		w.hive.AllowGrowth(w.set.MaxSize)
	}
	return nil
}

// plan makes a change in memory and works out the writes: in place if the hive and its
// logs have room, by replacing the file if not. Without a change there is no commit.
// change is called anew, on the hive opened anew, for each way that is tried.
func (w *hiveWriter) plan(ctx context.Context, o hive.CommitOptions, change func() error) error {
	if w.volume.Image() > 0 {
		return w.planAppend(o, change)
	}
	err := w.planCommit(o, change)
	why := w.whyReplace(err)
	if why == "" || w.volume.NTFS() == nil {
		return err
	}
	inPlace := *w
	refused := w.planReplacement(ctx, o, change, why)
	switch {
	case refused == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w; its file cannot be replaced by a larger one: %w", err, refused)
	case errors.Is(refused, target.ErrInconsistent):
		return refused // the hive's clusters may be another file's: no place to write in without protection
	}
	w.hive, w.commit, w.replaced = inPlace.hive, inPlace.commit, nil
	w.commit.Notes = append(w.commit.Notes, fmt.Sprintf("replacing the file instead would survive a power cut at any moment, but: %v", refused))
	return nil
}

func (w *hiveWriter) planCommit(o hive.CommitOptions, change func() error) (err error) {
	if err := change(); err != nil {
		return err
	}
	if w.hive.Changed() {
		w.commit, err = w.hive.Commit(o)
	}
	return err
}

// whyReplace is the reason to replace the hive's file, given how the change in place was
// received; empty where there is none.
func (w *hiveWriter) whyReplace(err error) string {
	room, noRoom := errors.AsType[*hive.NoRoomError](err)
	switch {
	case noRoom:
		return fmt.Sprintf("the changes need %d bytes more than the file has", room.Need-room.Size)
	case errors.Is(err, errNoRecordRoom):
		return "the undo record needs more room than the file has"
	case err == nil && w.commit != nil && w.commit.Protocol == hive.Direct:
		return "no log has room for the changes, and nothing else would protect a write in place"
	}
	return ""
}

// inPlace tells whether the hive's own bytes are written.
func (w *hiveWriter) inPlace() bool { return w.replaced == nil && w.appended == nil }

// write carries the plan out and reads everything back. From its first write on, an
// error may leave a change behind, except in a dry run.
func (w *hiveWriter) write(ctx context.Context, checks []hive.ValueCheck) error {
	if err := w.commit.CheckUnchanged(source(w.set)); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	run, readBack := w.writeInPlace, w.readBack
	switch {
	case w.replaced != nil:
		run, readBack = w.writeReplaced, w.readBackReplaced
	case w.appended != nil:
		run, readBack = w.writeAppended, w.readBackAppended
	}
	if err := run(ctx); err != nil {
		err = fmt.Errorf("writing the hive: %w", err)
		if untouched(err) {
			return ui.WithEffect(err, ui.Unchanged)
		}
		return behindWrites(w.volume, err)
	}
	if err := readBack(checks); err != nil {
		return behindWrites(w.volume, fmt.Errorf("the hive was written, but does not read back right: %w", err))
	}
	if w.replaced != nil {
		return behindWrites(w.volume, w.verifyAfter(ctx))
	}
	return nil
}

// untouched tells whether a write failed before it changed anything.
func untouched(err error) bool {
	if effect := ui.Explain(err, nil).Effect; effect != ui.NoEffect {
		return effect == ui.Unchanged
	}
	if run, ok := errors.AsType[*ntfs.RunError](err); ok {
		return run.Outcome == ntfs.Untouched
	}
	return errors.Is(err, hive.ErrStale)
}

// writeInPlace does not heed an interrupt: there is nothing to gain from a half-written
// hive.
func (w *hiveWriter) writeInPlace(context.Context) error { return w.commit.Run(w.targets()) }

func (w *hiveWriter) targets() hive.Targets {
	t := hive.Targets{Primary: w.set.Primary}
	if w.set.Log1 != nil {
		t.Log1 = w.set.Log1
	}
	if w.set.Log2 != nil {
		t.Log2 = w.set.Log2
	}
	return t
}

// readBack compares every written byte, and values once more with a registry reader
// that we did not write.
func (w *hiveWriter) readBack(checks []hive.ValueCheck) error {
	if err := w.commit.Verify(source(w.set)); err != nil {
		return err
	}
	return hive.CheckReadBack(w.set.Primary, checks)
}

// saveWayBack makes durable what leads back from the write, where that needs more than
// the old values: the old bytes, and a copy of a hive whose file is replaced. A backup
// folder is made if it has a name.
func (w *hiveWriter) saveWayBack(journal, backup string) error {
	if err := w.saveBackup(backup); err != nil {
		return err
	}
	return w.saveJournal(journal)
}

// dropWayBack removes the way back from a write that did not begin.
func (w *hiveWriter) dropWayBack() error {
	errs := []error{w.dropJournal()}
	for _, name := range slices.Backward(w.made) {
		errs = append(errs, os.Remove(name))
	}
	w.made = nil
	return errors.Join(errs...)
}

// bytesFlags make hangkit undo put the old bytes back: also on a volume that the write
// itself marked dirty.
func (w *hiveWriter) bytesFlags(name string) string {
	flags := " --bytes " + quoteArg(name)
	if w.replaced != nil && w.replaced.reset {
		flags += " --reset-journal"
	}
	return flags
}

// saveBackup copies the hive and its logs as they are, byte for byte.
func (w *hiveWriter) saveBackup(dir string) error {
	if dir == "" {
		return nil
	}
	if !exists(dir) {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		w.made = append(w.made, dir)
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	files := []struct {
		name string
		file target.File
	}{{w.path, w.set.Primary}, {w.set.Log1Name, w.set.Log1}, {w.set.Log2Name, w.set.Log2}}
	for _, f := range files {
		if f.file == nil {
			continue
		}
		if err := w.copyFile(filepath.Join(dir, baseName(f.name)), f.file); err != nil {
			return fmt.Errorf("backup: %w", err)
		}
	}
	return nil
}

func (w *hiveWriter) copyFile(name string, f target.File) error {
	err := wholeFile(name, func(out io.Writer) error {
		_, err := io.Copy(out, io.NewSectionReader(f, 0, f.Size()))
		return err
	})
	if err == nil {
		w.made = append(w.made, name)
	}
	return err
}

// stampOf is the time of a change as file names have it.
func stampOf(now time.Time) string { return now.UTC().Format("20060102T150405Z") }
