package offline

import (
	"context"
	"errors"
	"fmt"

	"hangkit/image"
	"hangkit/image/live"
	"hangkit/offline/internal/ui"
)

// ImageDataCmd makes room for dumps on a rescue stick that has none.
type ImageDataCmd struct {
	Stick string       `arg:"" help:"The stick, or the image of one."`
	Size  diskSizeFlag `placeholder:"SIZE" help:"Of the partition. Default: all the room there is."`
	Yes   bool         `short:"y" help:"Do not ask."`
}

// Help is the command's long help.
func (*ImageDataCmd) Help() string {
	return `A stick that was written with another program holds the system and nothing else.
This adds the partition for dumps in the room behind it: exFAT, labelled HANGKIT. It
can be done from the stick itself, and the system mounts the partition at once. The
disk must begin with the system and have no other partition.

    hangkit image data /dev/sdb

EXIT STATUS: 0 done; 1 failed; 4 the stick is in use, or you said no; 5 no medium of
hangkit's; 6 no such stick; 80 it has such a partition already, or no room; 130
interrupted.`
}

type dataDocument struct {
	Schema string `json:"schema"`
	Stick  string `json:"stick"`
	Size   int64  `json:"size"` // of the stick
	Build  string `json:"build"`
}

// dataRules are what stands against a data partition.
var dataRules = []ui.Rule{
	{Is: live.ErrNotMedium, Status: ui.Damaged, Hints: []string{"name the stick that hangkit image live, or its ISO, was written to"}},
	{Is: live.ErrHasData, Status: ui.Usage},
	{Is: live.ErrNoRoom, Status: ui.Usage},
}

// Run makes the partition.
func (c *ImageDataCmd) Run(ctx context.Context, talk *ui.UI) error {
	doc := dataDocument{Schema: "hangkit/image-data/1", Stick: c.Stick}
	if err := c.look(&doc); err != nil {
		return ui.WithEffect(explainData(err), ui.Unchanged)
	}
	if !c.Yes {
		question := fmt.Sprintf("%s, %s, begins with hangkit's system, build %s.\nMake a partition for dumps behind it?", printable(c.Stick), ui.FormatSize(doc.Size), printable(doc.Build))
		if err := talk.Confirm(ctx, question); err != nil {
			return ui.WithEffect(err, ui.Unchanged)
		}
	}
	if err := c.make(); err != nil {
		return explainData(err)
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	talk.Printf("%s: there is room for dumps now: exFAT, labelled %s\n", printable(c.Stick), live.Label)
	return nil
}

// look finds out what the disk is before anybody is asked.
func (c *ImageDataCmd) look(doc *dataDocument) error {
	disk, err := image.Open(c.Stick, false)
	if err != nil {
		return err
	}
	doc.Size = disk.Size()
	doc.Build, err = live.BuildOf(disk)
	if err == nil { // what would refuse refuses in memory, too
		err = live.AddDataPartition(image.NewOverlay(disk), int64(c.Size))
	}
	return errors.Join(err, disk.Close())
}

func (c *ImageDataCmd) make() error {
	disk, err := image.Open(c.Stick, true)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	if err := errors.Join(live.AddDataPartition(disk, int64(c.Size)), disk.Close()); err != nil {
		return ui.WithEffect(err, ui.MayChanged)
	}
	return rereadPartitions(c.Stick)
}

func explainData(err error) error {
	for _, r := range dataRules {
		if errors.Is(err, r.Is) {
			return ui.Fail(r.Status, err, r.Hints...)
		}
	}
	return err
}
