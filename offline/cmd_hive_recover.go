package offline

import (
	"context"
	"errors"
	"io"

	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// HiveRecoverCmd writes the completed hive to a new file.
type HiveRecoverCmd struct {
	HiveFlags
	Output string `short:"o" required:"" placeholder:"FILE" help:"New file for the completed hive."`
	Log1   string `name:"log1" placeholder:"FILE" help:"LOG1 that lies elsewhere, or the only .LOG of Windows XP. With it or --log2, logs beside the hive are not looked at."`
	Log2   string `name:"log2" placeholder:"FILE" help:"LOG2 that lies elsewhere."`
}

// Help is the command's long help.
func (*HiveRecoverCmd) Help() string {
	return `Completes the hive from its logs by the rule Windows follows, and writes the result,
base block and bins, to a new file. Neither the hive nor any other file is changed.

    hangkit hive recover SYSTEM -o SYSTEM.whole
    hangkit hive recover server.img --hive SOFTWARE -o SOFTWARE.whole
    hangkit hive recover SYSTEM --log1 old/SYSTEM.LOG1 -o SYSTEM.whole

EXIT STATUS: 0 done; 1 failed; 4 Windows would refuse the hive: unfinished, and no
log that completes it; 5 not a hive, or too damaged to be opened; 6 not found; 7
written, but the completed hive is not valid; 80 wrong usage.`
}

type hiveRecoverDocument struct {
	Schema   string        `json:"schema"`
	Target   string        `json:"target"`
	Hive     hiveJSON      `json:"hive"`
	Dirty    bool          `json:"dirty"`
	Recovery *recoveryJSON `json:"recovery,omitempty"`
	Output   string        `json:"output"`
	Size     int64         `json:"size"`
	Sequence uint32        `json:"sequence"`
	Valid    bool          `json:"valid"`
}

// Run recovers the hive.
func (c *HiveRecoverCmd) Run(ctx context.Context, talk *ui.UI) error {
	o, err := c.openWithLogs(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	doc := hiveRecoverDocument{
		Schema: "hangkit/hive-recover/1", Target: o.volume.Target.Name, Hive: o.describe(), Output: c.Output,
		Sequence: o.hive.Sequence(), Valid: o.hive.Validate() == nil,
	}
	if r := o.hive.Recovery(); r.Dirty {
		doc.Dirty, doc.Recovery = true, describeRecovery(r)
	}
	err = newFile(c.Output, func(w io.Writer) (err error) {
		doc.Size, err = o.hive.WriteTo(w)
		return err
	})
	if err != nil {
		return err
	}
	if err := c.show(talk, o, &doc); err != nil {
		return err
	}
	if !doc.Valid {
		return ui.ErrVerdict
	}
	return nil
}

func (c *HiveRecoverCmd) show(talk *ui.UI, o *openedHive, doc *hiveRecoverDocument) error {
	if talk.JSON {
		return talk.Document(doc)
	}
	talk.Printf("%s\n", printable(o.where()))
	if doc.Dirty {
		talk.Printf("  %s\n", stateWords(o.hive))
	} else {
		talk.Printf("  clean: nothing had to be recovered\n")
	}
	for _, n := range o.hive.Recovery().Notes {
		talk.Printf("  %s\n", n)
	}
	talk.Printf("written: %s, %s\n", c.Output, ui.FormatSize(doc.Size))
	if !doc.Valid {
		talk.Printf("NOT VALID: hangkit hive check %s lists the faults\n", quoteArg(c.Output))
	}
	return nil
}

// openWithLogs opens the hive, with logs from elsewhere where the user names them.
func (c *HiveRecoverCmd) openWithLogs(ctx context.Context) (*openedHive, error) {
	if c.Log1 == "" && c.Log2 == "" {
		return c.open(ctx, "")
	}
	p, err := c.find(ctx, target.ReadOnly)
	if err != nil {
		return nil, err
	}
	o := &openedHive{place: p}
	if o.set, err = target.WithLogs(p.volume.FS, p.path, c.Log1, c.Log2); err == nil {
		err = o.load("")
	}
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}
