package offline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
)

// UndoCmd puts back what arm changed.
type UndoCmd struct {
	TargetFlags
	EditFlags
	Record string `placeholder:"FILE" xor:"source" help:"Undo record that arm wrote. Default: the newest copy in the registry."`
	Bytes  string `placeholder:"FILE" xor:"source" help:"Put back the bytes that a write left in this file: of one that was interrupted and had no log to protect it, or of a file that was replaced."`
	Force  bool   `name:"overwrite-later-changes" help:"Put back values that somebody changed after arm, too."`

	AcceptOther bool `name:"accept-other-machine" help:"Accept the record of another machine."`
}

// Help is the command's long help.
func (*UndoCmd) Help() string {
	return `Puts every value, type and absence back as it was before arm. Values that somebody
changed since are left alone and named. Without --record the copy in the registry
is used, so a lost stick does not matter.

    hangkit undo server.img --dry-run
    hangkit undo server.img --yes

With --bytes the bytes of the disk go back instead, as they were before one write. Every
sector must still hold what that write found or left there; else nothing is changed.`
}

// Run undoes an arm.
func (c *UndoCmd) Run(ctx context.Context, talk *ui.UI) error {
	switch {
	case c.Index.all && c.Bytes+c.Record != "":
		return ui.Fail(ui.Usage, errors.New("a record belongs to one image, and --index all changes several"))
	case c.Index.all:
		return c.eachImage(ctx, func() error { return c.Run(ctx, talk) })
	case c.Bytes != "":
		return c.restoreBytes(ctx, talk)
	}
	e, err := beginEdit(ctx, talk, &c.TargetFlags, unknownMemory, c.EditFlags)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	defer e.Close()
	record, err := c.load(e)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	options := crashconfig.NewUndoOptions(e.facts)
	options.OverwriteChanged, options.AcceptOther = c.Force, c.AcceptOther
	e.bootFirst = true
	if options.Boot, err = e.openBootOf(record.Boot); err != nil {
		options.BootProblem = err.Error()
	}
	plan, err := crashconfig.PlanUndo(e.hive, record, options)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	doc := e.document("hangkit/undo/1", plan)
	if plan.BootLeft != "" {
		doc.Notes = append(doc.Notes, "what arm changed in the boot store is left as it is: "+plan.BootLeft)
	}
	if plan.Empty() && leftAlone(plan) != nil {
		return errors.Join(e.finish(doc, "Nothing is left that could be put back; nothing was changed."), leftAlone(plan))
	}
	if plan.Empty() {
		return e.finish(doc, "Everything is as it was before; nothing was changed.")
	}
	return c.carryOut(ctx, e, plan, doc)
}

func (c *UndoCmd) load(e *edit) (*crashconfig.Record, error) {
	if c.Record == "" {
		record, err := crashconfig.LoadRecord(e.hive)
		if err != nil {
			return nil, ui.Fail(ui.NotFound, err, "if arm wrote its record to a file, name it with --record")
		}
		return record, nil
	}
	data, err := readSmall(c.Record)
	if err != nil {
		return nil, err
	}
	record, err := crashconfig.ParseRecord(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Record, err)
	}
	return record, nil
}

func (c *UndoCmd) carryOut(ctx context.Context, e *edit, plan *crashconfig.Plan, doc *editDocument) error {
	now := time.Now()
	if err := e.apply(ctx, plan, nil, doc, now); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if c.DryRun {
		e.show(doc)
		return e.rehearse(ctx, plan, doc)
	}
	journal := c.journalName(e, now)
	e.nameWayBack(doc, journal, now)
	e.show(doc)
	if err := c.confirm(ctx, e.talk, "Put these values back?"); err != nil {
		return err
	}
	if err := e.saveWayBack(journal, doc.Backup); err != nil {
		return ui.WithEffect(errors.Join(err, e.dropWayBack()), ui.Unchanged)
	}
	if err := e.write(ctx, plan.Changes); untouched(err) {
		return errors.Join(err, e.dropWayBack())
	} else if err != nil {
		return ui.Hint(err, e.waysBack(c.Record)...)
	}
	if err := e.retireJournal(); err != nil {
		return err
	}
	doc.Outcome = outcomeWritten
	if err := e.finish(doc, "Put back and read back."); err != nil {
		return err
	}
	return leftAlone(plan)
}

// journalName is where the old bytes go, should the write need them: beside the record
// if there is one, else here.
func (c *UndoCmd) journalName(e *edit, now time.Time) string {
	name := recordBase(e.facts.Name.Value, stampOf(now)) + ".bytes.json"
	return freeName(filepath.Join(filepath.Dir(c.Record), name))
}

// leftAlone is an error where values could not be put back.
func leftAlone(plan *crashconfig.Plan) error {
	if plan.BootLeft != "" {
		return ui.Fail(ui.Partly, fmt.Errorf("the boot store was not put back: %s", plan.BootLeft))
	}
	n := plan.LeftAlone()
	if n == 0 {
		return nil
	}
	what := "one value was"
	if n > 1 {
		what = fmt.Sprintf("%d values were", n)
	}
	return ui.Fail(ui.Partly, fmt.Errorf("%s changed by somebody else since, and left alone", what),
		"to put them back too: --overwrite-later-changes")
}
