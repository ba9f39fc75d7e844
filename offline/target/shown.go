package target

import (
	"fmt"

	"hangkit/image"
	"hangkit/image/bitlocker"
)

// shower is a disk of which the operating system shows the volumes, too.
type shower interface {
	Mounted(start int64) (image.Disk, string, error)
}

// shownOverlay is a dry run's memory above a volume that the operating system shows.
type shownOverlay struct {
	*image.Overlay
	start int64
}

// readShown reads encrypted volumes that no key opened here as this Windows shows them, where
// manage-bde has unlocked them. Whoever writes to such a disk writes to them in the same way.
func (t *Target) readShown(disk shower) {
	for _, v := range t.Volumes {
		if !v.unreadable() {
			continue
		}
		shown, name, err := disk.Mounted(v.Part.Start)
		if err != nil {
			v.Err = fmt.Errorf("%w; as this Windows shows it: %w", v.Err, err)
			continue
		}
		if shown != nil {
			v.readAs(shown, name)
		}
	}
}

// readAs reads a volume as the operating system shows it, unless it is locked there, too.
func (v *Volume) readAs(shown image.Disk, name string) {
	if v.SeenAs = name; bitlocker.Probe(shown) {
		return
	}
	v.Shown, v.Err = name, nil
	if v.Target.mode == DryRun {
		overlay := image.NewOverlay(shown)
		v.Target.shown = append(v.Target.shown, shownOverlay{overlay, v.Part.Start})
		shown = overlay
	}
	v.openFileSystem(shown)
}

// pendingShown lists what a dry run would have changed by way of the operating system, as
// places of the disk: a sector is encrypted where it lies.
func (t *Target) pendingShown() []image.Range {
	var ranges []image.Range
	for _, s := range t.shown {
		for _, r := range s.Dirty() {
			ranges = append(ranges, image.Range{Off: s.start + r.Off, Len: r.Len})
		}
	}
	return ranges
}
