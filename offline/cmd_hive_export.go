package offline

import (
	"bufio"
	"context"
	"errors"
	"io"

	"hangkit/hive"
	"hangkit/hive/regtext"
	"hangkit/offline/internal/ui"
)

// HiveExportCmd writes a key and all below it as a .reg text.
type HiveExportCmd struct {
	HiveFlags
	PrefixFlag
	Key    string `arg:"" optional:"" help:"Key to begin with. Default: all of the hive."`
	Output string `short:"o" placeholder:"FILE" help:"New file for the text. Default: standard output."`
	UTF8   bool   `name:"utf8" help:"Write UTF-8 instead of UTF-16, which is what regedit writes."`
}

// Help is the command's long help.
func (*HiveExportCmd) Help() string {
	return `Writes the text that regedit would: UTF-16 with its mark, keys and values in the
hive's order, lines cut where regedit cuts them; but a string that text would not
bring back byte for byte is written in hexadecimal. Control sets keep their real names.

    hangkit hive export SYSTEM -o system.reg
    hangkit hive export server.img --hive SOFTWARE 'Microsoft\Windows NT\CurrentVersion' -o nt.reg
    hangkit hive export SYSTEM Select --utf8 | less

EXIT STATUS: 0 done; 1 failed; 3 done but for keys whose names no text can hold; 4
Windows would refuse the hive; 5 damaged or unknown format; 6 no such key; 80 wrong
usage.`
}

type hiveExportDocument struct {
	Schema string   `json:"schema"`
	Target string   `json:"target"`
	Hive   hiveJSON `json:"hive"`
	Key    string   `json:"key"`
	Output string   `json:"output"`
	Keys   int      `json:"keys"`
	Values int      `json:"values"`
	Notes  []string `json:"notes,omitempty"`
}

// Run exports the key.
func (c *HiveExportCmd) Run(ctx context.Context, talk *ui.UI) error {
	if err := c.checkOutput(talk); err != nil {
		return err
	}
	o, err := c.open(ctx, c.Prefix)
	if err != nil {
		return err
	}
	defer o.Close()
	key, err := o.key(c.Key)
	if err != nil {
		return o.notFound(err)
	}
	path, err := key.Path()
	if err != nil {
		return err
	}
	doc := hiveExportDocument{
		Schema: "hangkit/hive-export/1", Target: o.volume.Target.Name, Hive: o.describe(),
		Key: carried(o.names.full(path)), Output: c.Output, Notes: o.names.notes(),
	}
	err = c.write(ctx, talk, key, o.names.full(path), &doc)
	if err != nil && !errors.Is(err, regtext.ErrLeftOut) {
		return err
	}
	return errors.Join(err, c.report(talk, &doc))
}

// checkOutput refuses what nobody can want: UTF-16, and whatever a hive's strings hold,
// on a terminal, or two results in one stream.
func (c *HiveExportCmd) checkOutput(talk *ui.UI) error {
	switch {
	case c.Output == "" && talk.JSON:
		return ui.Fail(ui.Usage, errors.New("--json needs a file for the text"), "name it with -o")
	case c.Output == "" && talk.OutIsTerminal():
		return ui.Fail(ui.Usage, errors.New("the text would go to the terminal"), "name a file with -o, or pipe it: --utf8 | less")
	}
	return nil
}

func (c *HiveExportCmd) write(ctx context.Context, talk *ui.UI, key *hive.Key, name string, doc *hiveExportDocument) error {
	encoding := regtext.UTF16
	if c.UTF8 {
		encoding = regtext.UTF8
	}
	var leftOut error
	export := func(w io.Writer) error {
		sum, err := regtext.Export(untilDone{ctx, w}, key, name, encoding)
		doc.Keys, doc.Values = sum.Keys, sum.Values
		if errors.Is(err, regtext.ErrLeftOut) {
			leftOut, err = err, nil
		}
		return err
	}
	if c.Output != "" {
		return errors.Join(newFile(c.Output, export), leftOut)
	}
	b := bufio.NewWriterSize(talk.Out(), 1<<20)
	err := export(b)
	return errors.Join(err, b.Flush(), leftOut)
}

func (c *HiveExportCmd) report(talk *ui.UI, doc *hiveExportDocument) error {
	if talk.JSON {
		return talk.Document(doc)
	}
	for _, n := range doc.Notes {
		talk.Talkf("%s\n", n)
	}
	if c.Output != "" {
		talk.Printf("%s: %s, %s\n", c.Output, count(doc.Keys, "key"), count(doc.Values, "value"))
	}
	return nil
}

// untilDone is a writer that an interrupt ends.
type untilDone struct {
	ctx context.Context //nolint:containedctx // one write after the other belongs to one call
	w   io.Writer
}

func (u untilDone) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}
