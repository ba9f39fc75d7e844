package offline

import (
	"fmt"

	"hangkit/hive"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// hiveWriter brings a changed hive to its files, whichever command changed it.
type hiveWriter struct {
	volume  *target.Volume
	path    string // of the hive, on its volume
	machine string // its name, where it is known
	dryRun  bool

	set    *target.HiveSet
	hive   *hive.Hive
	commit *hive.Commit

	journal string // file with the old bytes of an unprotected write; empty without one
}

// write carries the commit out and reads everything back. From its first write on,
// an error may leave a change behind, except in a dry run.
func (w *hiveWriter) write(checks []hive.ValueCheck) error {
	if err := w.commit.CheckUnchanged(source(w.set)); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	begun := ui.MayChanged
	if w.dryRun {
		begun = ui.Unchanged
	}
	if err := w.commit.Run(w.targets()); err != nil {
		return ui.WithEffect(fmt.Errorf("writing the hive: %w", err), begun)
	}
	if err := w.readBack(checks); err != nil {
		return ui.WithEffect(fmt.Errorf("the hive was written, but does not read back right: %w", err), begun)
	}
	return nil
}

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
