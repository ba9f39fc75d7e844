package offline

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// rebuild makes the headers anew that a later boot zeroed. That reads as much as copying
// does, so a preview goes without.
func (k *collection) rebuild(ctx context.Context, talk *ui.UI) error {
	all := slices.Clone(k.left)
	for _, d := range k.dumps {
		all = append(all, d.Candidate)
	}
	err := collect.Rebuild(ctx, all, func(w *collect.Candidate) (update func(done, total int64), finish func()) {
		talk.Talkf("%s: a later boot zeroed its first page: looking for what it held\n", printable(w.Name()))
		return talk.Progress(printable(path.Base(w.Path)))
	})
	if err != nil {
		return fmt.Errorf("looking for lost headers: %w", err)
	}
	k.sort(all)
	return nil
}

// options says how to copy the dumps. The parts fit into what the target's file system
// holds.
func (c *CollectCmd) options(talk *ui.UI, b *collect.Bundle) (collect.Options, error) {
	dir, err := b.Folder(collect.DumpsFolder)
	if err != nil {
		return collect.Options{}, err
	}
	o := collect.Options{
		Dir: dir, NoHash: c.NoHash, Compress: c.Compress, PartSize: int64(c.Split), Recipients: c.recipients(),
		Journal: true, Resume: c.Resume, FreeSpace: target.FreeSpace,
		Notice: func(text string) { talk.Talkf("%s\n", printable(text)) },
	}
	limit, err := target.FileLimit(dir)
	if err != nil {
		return o, fmt.Errorf("output folder: %w", err)
	}
	if limit > 0 && (o.PartSize == 0 || o.PartSize > limit) {
		o.PartSize = limit &^ (minPart - 1)
	}
	return o, nil
}

// copyOptions are the options that decide what a copy is like, as one says them. A copy
// that was begun with others cannot be gone on with.
func (c *CollectCmd) copyOptions() []string {
	var all []string
	if c.Compress {
		all = append(all, "--compress")
	}
	if c.NoHash {
		all = append(all, "--no-hash")
	}
	if c.Split > 0 {
		all = append(all, "--split "+c.Split.String())
	}
	return all
}

func (c *CollectCmd) recipients() []collect.Recipient {
	var to []collect.Recipient
	for _, r := range c.EncryptTo {
		to = append(to, r.Recipient)
	}
	return to
}

// tellUnfinished says what an interrupted collection left that is not gone on with. Of
// a dump that is wanted Extract says it.
func (c *CollectCmd) tellUnfinished(talk *ui.UI, k *collection, dir string) {
	left, err := collect.Unfinished(dir)
	if err != nil {
		return // the collection itself will meet the fault
	}
	for _, l := range left {
		if !slices.ContainsFunc(k.dumps, func(d takenDump) bool { return path.Clean(d.Candidate.Path) == l.Path }) {
			talk.Talkf("%s is what an interrupted collection left of %s, which is not collected here: delete it, or name the disk it was of\n",
				filepath.Join(dir, l.Journal), printable(l.Path))
		}
	}
}

// takeDumps copies the dumps, one after the other.
func (c *CollectCmd) takeDumps(ctx context.Context, talk *ui.UI, o collect.Options, k *collection) {
	for i := range k.dumps {
		d := &k.dumps[i]
		d.Failed = errSkipped
		if ctx.Err() == nil {
			d.Failed = c.takeDump(ctx, talk, o, d)
		}
		k.unfinished = k.unfinished || d.Failed != nil
	}
}

func (c *CollectCmd) takeDump(ctx context.Context, talk *ui.UI, o collect.Options, d *takenDump) error {
	talk.Talkf("%s: %s\n", printable(d.Candidate.Name()), d.Candidate.Story())
	update, finish := talk.Progress(printable(path.Base(d.Candidate.Path)))
	o.Progress = update
	start := time.Now()
	result, err := collect.Extract(ctx, d.Candidate, o)
	finish()
	if err != nil {
		return err // names the candidate
	}
	talk.Verbosef("%s in %s, %s\n", ui.FormatSize(result.Size), time.Since(start).Round(time.Millisecond), rate(result.Size, time.Since(start)))
	d.Result = result
	if !c.NoVerify && d.Candidate.State != collect.StateFirmware { // which no debugger opens as it is
		d.Report, err = verifyCopy(d.Candidate, result)
		result.Verified = d.Report
	}
	return err
}

// rate is bytes in a second, for people.
func rate(n int64, took time.Duration) string {
	return ui.FormatSize(int64(float64(n)/max(took.Seconds(), 1e-3))) + "/s"
}

// verifyCopy verifies what was copied. What only its recipients can read is read from
// the disk again.
func verifyCopy(w *collect.Candidate, result *collect.Result) (*dumpfile.Report, error) {
	f, err := result.Reread(w)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return dumpfile.Verify(f, f.Size()), nil
}
