package offline

import (
	"context"

	"hangkit/collect"
	"hangkit/offline/internal/ui"
)

// DumpJoinCmd puts a dump together that was cut into parts.
type DumpJoinCmd struct {
	Folder string `arg:"" help:"Folder of parts that collect made."`
	Output string `short:"o" placeholder:"FILE" help:"File to make; beside the folder by default."`
}

// Help is the command's long help.
func (*DumpJoinCmd) Help() string {
	return `Joins the parts, and proves the result by its digest. An existing file is never
replaced. Where there is no hangkit, the scripts in the folder do the same.

    hangkit dump join case-4711/MEMORY.dmp.parts`
}

type dumpJoinDocument struct {
	Schema string `json:"schema"`
	Folder string `json:"folder"`
	File   string `json:"file"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Run joins the parts.
func (c *DumpJoinCmd) Run(ctx context.Context, talk *ui.UI) error {
	update, finish := talk.Progress("joining")
	result, err := collect.Join(ctx, c.Folder, c.Output, update)
	finish()
	if err != nil {
		return err
	}
	if talk.JSON {
		return talk.Document(dumpJoinDocument{"hangkit/dump-join/1", c.Folder, result.Path, result.Size, result.SHA256})
	}
	talk.Printf("%s  %s\n  sha256 %s\n", result.Path, ui.FormatSize(result.Size), result.SHA256)
	return nil
}
