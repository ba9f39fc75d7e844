package offline

import (
	"context"
	"fmt"
	"io"

	"hangkit/hive/regtext"
	"hangkit/offline/internal/ui"
)

// HiveImportCmd changes a hive as a .reg text says.
type HiveImportCmd struct {
	HiveFlags
	PrefixFlag
	File string `arg:"" help:".reg text in UTF-16 or UTF-8, or - for standard input."`
	HiveEditFlags
}

// Help is the command's long help.
func (*HiveImportCmd) Help() string {
	return `Does to the hive what regedit would do with the text: sets values, creates keys, and
deletes what is marked with a minus sign, in order. All of it or nothing. A text with
a key of another hive is refused as a whole, and one with a line that regedit would
skip fails. A hive on a disk without room for the change, or without a log for it, is
replaced by a new file, which takes a clean journal of the volume, or --reset-journal.

    hangkit hive import SYSTEM change.reg --dry-run
    hangkit hive import server.img --hive SOFTWARE change.reg --yes
    hangkit hive import OFFLINE.hiv change.reg --prefix HKEY_LOCAL_MACHINE\TEMP

EXIT STATUS: 0 done, or so already; 1 failed; 4 refused for safety, nothing changed;
5 damaged or unknown format; 6 not found; 80 wrong usage; 130 interrupted.`
}

// maxInput bounds what is read from standard input.
const maxInput = maxSmall

// Run imports the text.
func (c *HiveImportCmd) Run(ctx context.Context, talk *ui.UI) error {
	text, err := c.read(talk)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	e, err := beginHiveEdit(ctx, talk, &c.HiveFlags, c.Prefix, &c.HiveEditFlags)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	defer e.Close()
	e.source = c.name()
	return e.run(ctx, "hangkit/hive-import/1", text)
}

func (c *HiveImportCmd) name() string {
	if c.File == "-" {
		return "standard input"
	}
	return c.File
}

func (c *HiveImportCmd) read(talk *ui.UI) (*regtext.File, error) {
	data, err := c.bytes(talk)
	if err != nil {
		return nil, err
	}
	text, err := regtext.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name(), err)
	}
	return text, nil
}

func (c *HiveImportCmd) bytes(talk *ui.UI) ([]byte, error) {
	if c.File != "-" {
		return readSmall(c.File)
	}
	data, err := io.ReadAll(io.LimitReader(talk.In(), maxInput+1))
	if err == nil && len(data) > maxInput {
		err = ui.Fail(ui.Damaged, fmt.Errorf("standard input: more than %s", ui.FormatSize(maxInput)))
	}
	return data, err
}
