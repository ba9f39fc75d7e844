package offline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"hangkit/image"
	"hangkit/image/live"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// mayErase finds the device among this machine's disks, refuses one that somebody may miss, and
// asks. A Windows, or what may be one behind BitLocker, is never erased here.
func (c *ImageLiveCmd) mayErase(ctx context.Context, talk *ui.UI) (*image.DeviceInfo, error) {
	disk, err := wholeDisk(c.Output)
	if err != nil {
		return nil, err
	}
	if len(disk.Mounts)+len(disk.Holders) > 0 {
		return nil, refuseErase(disk, fmt.Sprintf("it is in use (%s)", strings.Join(append(disk.Mounts, disk.Holders...), ", ")), "unmount it first")
	}
	content, err := c.content(disk)
	if err != nil {
		return nil, err
	}
	talk.Printf("%s: %s, %s\n", disk.Path, ui.FormatSize(disk.Size), printable(diskName(disk)))
	for _, line := range content {
		talk.Printf("  erased   %s\n", line)
	}
	talk.Printf("  written  hangkit for %s, and a partition for dumps\n", c.arch())
	if c.DryRun {
		return disk, nil
	}
	return disk, EditFlags{Yes: c.Yes}.confirm(ctx, talk, fmt.Sprintf("Erase all of %s?", disk.Path))
}

func diskName(disk *image.DeviceInfo) string {
	words := []string{disk.Model}
	if disk.Model == "" {
		words[0] = "no name"
	}
	if disk.Removable {
		words = append(words, "removable")
	}
	return strings.Join(words, ", ")
}

func refuseErase(disk *image.DeviceInfo, why string, hints ...string) error {
	return ui.WithEffect(ui.Fail(ui.Refused, fmt.Errorf("%s is not erased: %s", disk.Path, why), hints...), ui.Unchanged)
}

// wholeDisk is the disk of this machine that a path means. A partition is none.
func wholeDisk(name string) (*image.DeviceInfo, error) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real // /dev/disk/by-id/…
	}
	disks, err := image.List()
	if err != nil {
		return nil, err
	}
	for _, d := range disks {
		if strings.EqualFold(d.Path, name) {
			return &d, nil
		}
	}
	return nil, ui.Fail(ui.Refused, fmt.Errorf("%s is no whole disk of this machine", name), "hangkit list names them")
}

// content lists what is on a disk, and refuses a Windows.
func (c *ImageLiveCmd) content(disk *image.DeviceInfo) ([]string, error) {
	t, err := target.Open(disk.Path, target.ReadOnly)
	if errors.Is(err, image.ErrNoTable) {
		return []string{"nothing that is known here"}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &scan{}
	s.addTarget(t)
	defer s.Close()
	if len(s.installs) > 0 {
		return nil, refuseErase(disk, fmt.Sprintf("it holds a Windows (%s)", s.installs[0].where()))
	}
	var lines []string
	for _, v := range t.Volumes {
		if v.Locked() {
			return nil, refuseErase(disk, fmt.Sprintf("%s is locked by BitLocker, and may be a Windows", v.Label()), "erase it with another program if it is none")
		}
		lines = append(lines, printable(v.Label()))
	}
	return lines, nil
}

// writeDevice writes the stick.
func (c *ImageLiveCmd) writeDevice(ctx context.Context, talk *ui.UI, m *live.Medium, info *image.DeviceInfo) (size int64, err error) {
	disk, err := image.Open(info.Path, true)
	if err != nil {
		return 0, ui.WithEffect(err, ui.Unchanged)
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	if disk.Size() != info.Size {
		return 0, refuseErase(info, "it is another disk than the one that was asked about")
	}
	show, finish := talk.Progress(info.Path)
	defer finish()
	if err := m.Write(ctx, disk, int64(c.Data), show); err != nil {
		return 0, ui.WithEffect(err, ui.MayChanged)
	}
	return disk.Size(), nil
}
