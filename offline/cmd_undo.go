package offline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
)

// UndoCmd puts back what arm changed.
type UndoCmd struct {
	TargetFlags
	EditFlags
	Record string `placeholder:"FILE" xor:"source" help:"Undo record that arm wrote. Default: the newest copy in the registry."`
	Change string `placeholder:"ID" xor:"source" help:"Take back this change rather than the newest; --list prints the IDs."`
	List   bool   `xor:"source" help:"List the changes that are in place, as the registry's own copies tell, and change nothing."`
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
    hangkit undo server.img --list

Of several arms the newest goes first. With --change any other may; values that a later
one changed as well wait until that one is taken back.

With --bytes the bytes of the disk go back instead, as they were before one write. Every
sector must still hold what that write found or left there; else nothing is changed.`
}

// Run undoes an arm.
func (c *UndoCmd) Run(ctx context.Context, talk *ui.UI) (err error) {
	if c.Record, err = onStick(c.Record); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if c.Bytes, err = onStick(c.Bytes); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	switch {
	case c.Index.all && c.Bytes+c.Record+c.Change != "":
		return ui.Fail(ui.Usage, errors.New("a record belongs to one image, and --index all changes several"))
	case c.Index.all:
		return c.eachImage(ctx, func() error { return c.Run(ctx, talk) })
	case c.Bytes != "":
		return c.restoreBytes(ctx, talk)
	case c.List:
		return c.list(ctx, talk)
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
		return errors.Join(e.finish(doc, "Nothing is left that could be put back; nothing was changed."), e.hintTorn(leftAlone(plan), plan.BootLeft))
	}
	if plan.Empty() {
		return e.finish(doc, "Everything is as it was before; nothing was changed.")
	}
	return c.carryOut(ctx, e, plan, doc)
}

func (c *UndoCmd) load(e *edit) (*crashconfig.Record, error) {
	if c.Change != "" {
		return c.stored(e)
	}
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

// stored is the record in the registry that the user named.
func (c *UndoCmd) stored(e *edit) (*crashconfig.Record, error) {
	list, err := crashconfig.Records(e.hive)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(r *crashconfig.Record) bool { return strings.EqualFold(r.ID, c.Change) })
	if i < 0 {
		return nil, ui.Fail(ui.NotFound, fmt.Errorf("change %s: %w", c.Change, crashconfig.ErrNoRecord), "see what there is: hangkit undo "+writeTarget(e.opened)+" --list")
	}
	return list[i], nil
}

// undoListDocument is the changes that are in place, newest first.
type undoListDocument struct {
	Schema  string       `json:"schema"`
	Target  string       `json:"target"`
	Windows windowsJSON  `json:"windows"`
	Changes []changeMade `json:"changes"`
}

type changeMade struct {
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Tool   string    `json:"tool"`
	Values int       `json:"values"`
	Boot   int       `json:"boot_elements,omitempty"`
}

// list prints what the records in the registry tell.
func (c *UndoCmd) list(ctx context.Context, talk *ui.UI) error {
	o, err := c.open(ctx, unknownMemory)
	if err != nil {
		return err
	}
	defer o.Close()
	records, err := crashconfig.Records(o.install.System)
	if err != nil {
		return err
	}
	doc := undoListDocument{Schema: "hangkit/undo-list/1", Target: o.Volume.Target.Name, Windows: describeFacts(o.found, o.facts), Changes: []changeMade{}}
	for _, r := range records {
		made := changeMade{ID: r.ID, Time: r.Time, Tool: r.Tool, Values: len(r.Changes)}
		if r.Boot != nil {
			made.Boot = len(r.Boot.Changes)
		}
		doc.Changes = append(doc.Changes, made)
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	talk.Printf("%s\n", o.heading())
	if len(doc.Changes) == 0 {
		talk.Printf("\nno change of hangkit's is in place\n")
	}
	for _, m := range doc.Changes {
		talk.Printf("\n%s  %d values", printable(m.ID), m.Values)
		if m.Boot > 0 {
			talk.Printf(", %d settings of the boot store", m.Boot)
		}
		talk.Printf(", by %s\n  take back: hangkit undo %s --change %s\n", printable(m.Tool), commandTarget(o), quoteArg(m.ID))
	}
	return nil
}

func (c *UndoCmd) carryOut(ctx context.Context, e *edit, plan *crashconfig.Plan, doc *editDocument) error {
	now := time.Now()
	if err := e.apply(ctx, plan, nil, doc, now); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if c.DryRun {
		e.show(doc)
		if err := e.rehearse(ctx, plan, doc); err != nil {
			return err
		}
		return e.hintTorn(leftAlone(plan), plan.BootLeft)
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
	if err := e.announce(doc, c.Record); err != nil {
		return ui.WithEffect(errors.Join(err, e.dropWayBack()), ui.Unchanged)
	}
	if err := e.write(ctx, plan.Changes); untouched(err) {
		return errors.Join(err, e.dropWayBack())
	} else if err != nil {
		return ui.Hint(err, e.waysBack(c.Record)...)
	}
	if err := e.retireWayBack(doc); err != nil {
		return err
	}
	doc.Outcome = outcomeWritten
	if err := e.finish(doc, "Put back and read back."); err != nil {
		return err
	}
	return e.hintTorn(leftAlone(plan), plan.BootLeft)
}

// journalName is where the old bytes go, should the write need them: beside the record
// if there is one, else where records go.
func (c *UndoCmd) journalName(e *edit, now time.Time) string {
	folder := filepath.Dir(c.Record)
	if root, err := recordFolder(); c.Record == "" && err == nil {
		folder = root
	}
	return freeJournal(filepath.Join(folder, recordBase(e.facts.Name.Value, stampOf(now))))
}

// leftAlone is an error where values could not be put back.
func leftAlone(plan *crashconfig.Plan) error {
	if plan.BootLeft != "" {
		return ui.Fail(ui.Partly, fmt.Errorf("the boot store was not put back: %s", plan.BootLeft))
	}
	if plan.LeftAlone() == 0 {
		return nil
	}
	later := 0
	all := slices.Clone(plan.Conflicts)
	if plan.Boot != nil {
		all = append(all, plan.Boot.Conflicts...)
	}
	for _, conflict := range all {
		if conflict.Later != "" {
			later++
		}
	}
	if later == len(all) {
		return ui.Fail(ui.Partly, fmt.Errorf("%s changed by a later arm as well, and left alone", valuesWere(later)),
			"take the later one back, then this one again")
	}
	return ui.Fail(ui.Partly, fmt.Errorf("%s changed by somebody else since, and left alone", valuesWere(len(all))),
		"to put them back too: --overwrite-later-changes")
}

func valuesWere(n int) string {
	if n == 1 {
		return "one value was"
	}
	return fmt.Sprintf("%d values were", n)
}
