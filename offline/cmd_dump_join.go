package offline

import (
	"context"

	"hangkit/collect"
	"hangkit/offline/internal/ui"
)

// DumpJoinCmd puts a dump together that was cut into parts.
type DumpJoinCmd struct {
	Folder string `arg:"" help:"Folder of parts that collect made."`
	Output string `short:"o" placeholder:"FILE" help:"File to make, or a folder for it; beside the folder by default."`
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
	SHA256 string `json:"sha256,omitempty"`
	CRC32C string `json:"crc32c,omitempty"`
	Map    string `json:"map,omitempty"`
	Proven bool   `json:"proven"` // by one of the digests
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
		return talk.Document(dumpJoinDocument{
			Schema: "hangkit/dump-join/1", Folder: c.Folder, File: result.Path, Size: result.Size,
			SHA256: result.SHA256, CRC32C: result.CRC32C, Map: result.Map, Proven: result.SHA256 != "" || result.CRC32C != "",
		})
	}
	talk.Printf("%s  %s\n  %s\n", result.Path, ui.FormatSize(result.Size), digestWords(result))
	if result.Map != "" {
		talk.Printf("  %s lists what could not be read from the disk\n", result.Map)
	}
	return nil
}

// digestWords says by what the result is proven.
func digestWords(r *collect.Joined) string {
	switch {
	case r.SHA256 != "":
		return "sha256 " + r.SHA256
	case r.CRC32C != "":
		return "crc32c " + r.CRC32C + ", proven against accidents; the dump was collected with --no-hash"
	}
	return "not proven: there is no digest in the list of the parts"
}
