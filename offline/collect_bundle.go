package offline

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"hangkit/collect"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// openBundle makes the collection's folder, or opens the one that was interrupted.
func (c *CollectCmd) openBundle(talk *ui.UI, k *collection) (err error) {
	left, err := collect.UnfinishedBundles(c.Output, k.id())
	if err != nil {
		return err
	}
	if c.Resume && len(left) > 0 {
		err = c.resumeBundle(talk, k, left)
	} else {
		err = c.newBundle(talk, k, left)
	}
	if err != nil {
		return err
	}
	talk.Talkf("%s: %s%s\n", k.bundle.Dir, k.sizes(), freeWords(k.bundle.Dir))
	return nil
}

// refuseOutput keeps the dumps off the disk they come from: it may hold what is left
// of the very thing that is looked for, and there is room on it only by accident. A
// finished collection stays as it is.
func (c *CollectCmd) refuseOutput(k *collection) error {
	dir := c.Output
	if collect.IsFinished(dir) {
		return ui.Fail(ui.Refused, fmt.Errorf("%s: %w", dir, collect.ErrFinished), "name the folder it lies in: -o "+quoteArg(filepath.Dir(filepath.Clean(dir))))
	}
	for _, t := range k.scan.targets {
		if !k.takesFrom(t) {
			continue
		}
		on, err := t.Holds(dir)
		if err != nil {
			return fmt.Errorf("output folder: %w", err)
		}
		if on {
			return ui.Fail(ui.Refused, fmt.Errorf("the output folder %s lies on %s itself", dir, t.Name), "name a folder on another disk: -o")
		}
	}
	return nil
}

// refuseFull finds out before anything is copied whether a stick has the room: the copy of a
// large dump takes an hour. What is packed, or gone on with, may need less than it seems.
func (c *CollectCmd) refuseFull(k *collection) error {
	if !c.toStick || c.Compress || c.Resume {
		return nil
	}
	free, err := target.FreeSpace(existingFolder(c.Output))
	if err != nil || k.size() <= free {
		return nil //nolint:nilerr // what does not tell its room is written until it is full
	}
	return ui.Fail(ui.Refused, fmt.Errorf("%w: %s, and %s are free", collect.ErrTargetFull, k.sizes(), ui.FormatSize(free)),
		"--compress packs the dumps, most to a fourth or less", "--what logs takes the logs alone", "or name a folder on a disk with more room: -o")
}

// existingFolder is the nearest folder above a name that is there already.
func existingFolder(name string) string {
	for !exists(name) && filepath.Dir(name) != name {
		name = filepath.Dir(name)
	}
	return name
}

// takesFrom tells whether something is taken from a target. Where none was named all
// disks are looked at, the stick too that everything is to go to.
func (k *collection) takesFrom(t *target.Target) bool {
	return k.target != "" || k.takes(func(p *collect.Place) bool {
		return slices.ContainsFunc(t.Volumes, func(v *target.Volume) bool { return v.Label() == p.Label })
	})
}

// newBundle begins a collection, and tells of those that could have been gone on with.
func (c *CollectCmd) newBundle(talk *ui.UI, k *collection, left []collect.UnfinishedBundle) (err error) {
	switch {
	case len(left) > 0 && left[0].Dir == c.Output:
		return ui.Fail(ui.Refused, fmt.Errorf("%s holds an unfinished collection", c.Output), "--resume goes on with it", "or name the folder it lies in")
	case len(left) > 0:
		talk.Talkf("%s is an unfinished collection of this machine; --resume goes on with it\n", dirsOf(left))
	case c.Resume:
		talk.Talkf("%s holds no unfinished collection of this machine: a new one begins\n", c.Output)
	}
	k.bundle, err = collect.NewBundle(c.Output, k.id(), c.recipients())
	return err
}

// resumeBundle goes on with the newest of the unfinished collections.
func (c *CollectCmd) resumeBundle(talk *ui.UI, k *collection, left []collect.UnfinishedBundle) (err error) {
	talk.Talkf("going on with %s\n", left[0].Dir)
	if len(left) > 1 {
		talk.Talkf("older and unfinished too: %s\n", dirsOf(left[1:]))
	}
	if err := sameOptions(&left[0].ID, k); err != nil {
		return ui.Fail(ui.Usage, err, "say so again, or begin a new one without --resume")
	}
	k.bundle, err = collect.ResumeBundle(left[0].Dir, c.recipients())
	if other, ok := errors.AsType[*collect.OtherRecipientsError](err); ok {
		return ui.Fail(ui.Usage, err, encryptHint(other.EncryptTo), "or begin a new one without --resume")
	}
	return err
}

// sameOptions refuses to go on otherwise than the collection was begun: what is there
// would be of no use, and be copied again.
func sameOptions(begun *collect.BundleID, k *collection) error {
	switch {
	case begun.What != k.what:
		return fmt.Errorf("the collection was begun with --what %s", begun.What)
	case slices.Equal(begun.Options, k.options):
		return nil
	case len(begun.Options) == 0:
		return fmt.Errorf("the collection was begun without %s", strings.Join(k.options, " "))
	}
	return fmt.Errorf("the collection was begun with %s", printable(strings.Join(begun.Options, " ")))
}

func encryptHint(to []string) string {
	if len(to) == 0 {
		return "go on without --encrypt-to"
	}
	return "go on for the same: --encrypt-to " + strings.Join(to, " --encrypt-to ")
}

func dirsOf(left []collect.UnfinishedBundle) string {
	var dirs []string
	for _, l := range left {
		dirs = append(dirs, l.Dir)
	}
	return strings.Join(dirs, ", ")
}

// freeWords says how much room there is, where that is known.
func freeWords(dir string) string {
	free, err := target.FreeSpace(dir)
	if err != nil {
		return ""
	}
	return "; " + ui.FormatSize(free) + " free"
}
