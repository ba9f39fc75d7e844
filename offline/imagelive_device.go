package offline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"hangkit/image"
	"hangkit/image/live"
	"hangkit/offline/internal/ui"
)

// makeStick writes a device. What refuses does so before packages are fetched, and again when the
// device is held: until then it may become another one.
func (c *ImageLiveCmd) makeStick(ctx context.Context, talk *ui.UI) error {
	seen, err := c.firstLook()
	if err != nil {
		return err
	}
	if c.DryRun {
		c.showErasure(talk, seen, "a partition for dumps")
		return nil
	}
	m, err := c.build(ctx, talk)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	disk, err := image.Open(seen.disk.Path, true)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	err = c.eraseAndWrite(ctx, talk, m, disk, seen)
	if err = errors.Join(err, disk.Close()); err != nil {
		return err
	}
	return c.show(talk, m, seen.disk.Size)
}

// firstLook opens the device for reading only.
func (c *ImageLiveCmd) firstLook() (*erasure, error) {
	info, err := wholeDisk(c.Output)
	if err != nil {
		return nil, err
	}
	disk, err := image.Open(info.Path, false)
	if err != nil {
		return nil, ui.WithEffect(err, ui.Unchanged)
	}
	seen, err := mayErase(disk, info.Path)
	return seen, errors.Join(err, disk.Close())
}

// mayErase refuses a disk that somebody may miss, and one that holds no medium. A Windows, or what
// may be one, is never erased here.
func mayErase(disk image.Disk, name string) (*erasure, error) {
	info, err := wholeDisk(name)
	if err != nil {
		return nil, err
	}
	seen, err := lookAt(*info, disk)
	if err != nil {
		return nil, err
	}
	switch {
	case len(info.Mounts)+len(info.Holders) > 0:
		return nil, refuseErase(info, fmt.Sprintf("it is in use (%s)", strings.Join(append(info.Mounts, info.Holders...), ", ")), unmountHints(runtime.GOOS, info.Mounts)...)
	case disk.Size() != info.Size:
		return nil, refuseErase(info, "its size is not what the system says")
	case disk.SectorSize() != live.SectorSize:
		return nil, refuseErase(info, fmt.Sprintf("it has sectors of %d bytes, and boot media have %d", disk.SectorSize(), live.SectorSize), "take another stick")
	case info.ReadOnly:
		return nil, refuseErase(info, "it is write-protected")
	}
	return seen, nil
}

// driveLetter is how Windows mounts most sticks.
var driveLetter = regexp.MustCompile(`^[A-Za-z]:\\$`)

// unmountHints say how a disk comes out of use. Windows gives a letter to whatever is plugged in.
func unmountHints(system string, mounts []string) []string {
	if system != "windows" {
		return []string{"unmount it first"}
	}
	var hints []string
	for _, m := range mounts {
		if !driveLetter.MatchString(m) {
			return []string{"take its letters and folders away first: Disk Management (diskmgmt.msc), Change Drive Letter and Paths"}
		}
		hints = append(hints, fmt.Sprintf("if nothing on it is missed, take its letter away first: mountvol %s /D", m[:2]))
	}
	return append(hints, "plugged in again it gets a letter by itself, or by Disk Management (diskmgmt.msc)")
}

// eraseAndWrite asks about the device that it holds, and writes to no other.
func (c *ImageLiveCmd) eraseAndWrite(ctx context.Context, talk *ui.UI, m *live.Medium, disk image.Disk, seen *erasure) error {
	if err := checkSame(disk, seen); err != nil {
		return err
	}
	data, err := m.Fits(disk, int64(c.Data))
	if err != nil {
		return refuseErase(&seen.disk, err.Error(), "take a larger stick, or a smaller --data")
	}
	c.showErasure(talk, seen, dumpsWords(data))
	if err := c.consent(ctx, talk, seen); err != nil {
		return err
	}
	if err := checkSame(disk, seen); err != nil {
		return err
	}
	show, finish := talk.Progress(seen.disk.Path)
	defer finish()
	watched := &watchedDisk{Disk: disk}
	if err := m.Write(ctx, watched, data, show); err != nil {
		return ui.WithEffect(err, watched.effect())
	}
	return nil
}

// checkSame refuses a disk that is not, or no longer, what was seen.
func checkSame(disk image.Disk, seen *erasure) error {
	now, err := mayErase(disk, seen.disk.Path)
	if err != nil {
		return err
	}
	if !now.isSame(seen) {
		return refuseErase(&seen.disk, "it is another disk than the one that was looked at, or something has written to it", "look again: hangkit list")
	}
	return nil
}

// watchedDisk remembers whether anything was written.
type watchedDisk struct {
	image.Disk
	written bool
}

func (w *watchedDisk) WriteAt(p []byte, off int64) (int, error) {
	w.written = true // a write that fails may have been begun
	return w.Disk.WriteAt(p, off)
}

func (w *watchedDisk) effect() ui.Effect {
	if w.written {
		return ui.MayChanged
	}
	return ui.Unchanged
}

func dumpsWords(size int64) string {
	if size == live.NoData {
		return "no partition for dumps, which has no room there"
	}
	return "a partition for dumps of " + ui.FormatSize(size)
}

// showErasure shows the plan.
func (c *ImageLiveCmd) showErasure(talk *ui.UI, e *erasure, data string) {
	if talk.JSON {
		return
	}
	talk.Printf("%s: %s, %s\n", e.disk.Path, ui.FormatSize(e.disk.Size), printable(diskName(&e.disk)))
	for _, line := range e.content {
		talk.Printf("  erased   %s\n", line)
	}
	talk.Printf("  written  hangkit for %s, and %s\n", c.arch(), data)
}

// consent asks. What is not known here is erased only where a person has read so.
func (c *ImageLiveCmd) consent(ctx context.Context, talk *ui.UI, e *erasure) error {
	if !e.unknown {
		return EditFlags{Yes: c.Yes}.confirm(ctx, talk, fmt.Sprintf("Erase all of %s?", e.disk.Path))
	}
	if c.Yes {
		return refuseErase(&e.disk, "it holds what is not known here, and --yes does not erase that", "leave --yes out and answer on a terminal, or clear it with another program first")
	}
	return EditFlags{}.confirm(ctx, talk, fmt.Sprintf("Erase all of %s, with what is not known here?", e.disk.Path))
}

func diskName(disk *image.DeviceInfo) string {
	words := []string{disk.Model}
	if disk.Model == "" {
		words[0] = "no name"
	}
	if disk.Serial != "" {
		words = append(words, "serial "+disk.Serial)
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
	return nil, ui.WithEffect(ui.Fail(ui.Refused, fmt.Errorf("%s is no whole disk of this machine", name), "hangkit list names them"), ui.Unchanged)
}

// isDeviceFolder tells a folder of device files, where a new file would lie in memory and take
// the name of a disk that is yet to come. Shared memory is for files.
func isDeviceFolder(dir string) bool {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	dir = filepath.ToSlash(dir) + "/"
	return strings.HasPrefix(dir, "/dev/") && !strings.HasPrefix(dir, "/dev/shm/")
}
