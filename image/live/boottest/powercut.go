//go:build linux

package boottest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Cut is a disk of which the power was cut while arm wrote.
type Cut struct {
	disk     *Disk
	old, new string // what the registry holds before and after, without arm's own record
}

// NewCut knows the disk as it was, and another that arm has finished with.
func NewCut(ctx context.Context, before, after *Disk) (*Cut, error) {
	c := &Cut{disk: before}
	var errOld, errNew error
	c.old, errOld = before.registry(ctx)
	c.new, errNew = after.registry(ctx)
	if err := errors.Join(errOld, errNew); err != nil {
		return nil, err
	}
	if c.old == c.new {
		return nil, fmt.Errorf("arm changed nothing on %s", after.File)
	}
	return c, nil
}

// ownRecord are the keys of the undo record in the registry, which holds the time.
var ownRecord = regexp.MustCompile(`(?ms)^\[HKEY_LOCAL_MACHINE\\SYSTEM\\hangkit[\\\]].*?(^$\n|\z)`)

// registry is SYSTEM as Windows would see it, logs and all.
func (d *Disk) registry(ctx context.Context) (string, error) {
	out, err := output(ctx, d.kit.Program, "hive", "export", d.File, "--utf8")
	text := strings.ReplaceAll(string(out), "\r\n", "\n")
	return ownRecord.ReplaceAllString(text, ""), err
}

// Outcome is what a cut left.
type Outcome string

// There is no third thing.
const (
	Old Outcome = "old"
	New Outcome = "new"
)

// Judge demands that the disk holds the old registry or the new, on a volume and in a
// hive that others find sound.
func (c *Cut) Judge(ctx context.Context, d *Disk) (Outcome, error) {
	if _, err := d.Sound(ctx); err != nil {
		return "", err
	}
	if err := d.recovered(ctx); err != nil {
		return "", err
	}
	text, err := d.registry(ctx)
	switch {
	case err != nil:
		return "", err
	case text == c.old:
		return Old, nil
	case text == c.new:
		return New, nil
	}
	return "", fmt.Errorf("the registry of %s is neither old nor new", d.File)
}

// recovered has hivex walk the whole hive as Windows will see it. hivex knows no logs, so
// it gets the hive that they complete: of the file alone the half may be written.
func (d *Disk) recovered(ctx context.Context) error {
	whole := d.File + ".whole"
	defer os.Remove(whole)
	if _, err := output(ctx, d.kit.Program, "hive", "recover", d.File, "-o", whole); err != nil {
		return err
	}
	_, err := output(ctx, "hivexml", whole)
	return err
}

// nothingToUndo is the exit status of undo where there is nothing to take back.
const nothingToUndo = 6

// Undo takes the change back, where there is one, and demands the old registry.
func (c *Cut) Undo(ctx context.Context, d *Disk, left Outcome) error {
	_, complaints, status, err := finish(ctx, d.kit.Program, "undo", d.File, "--yes")
	if err != nil {
		return err
	}
	if left == New && status != 0 || left == Old && status != nothingToUndo {
		return fmt.Errorf("undo after a cut that left the %s registry: exit status %d\n%s", left, status, complaints)
	}
	if got, err := c.Judge(ctx, d); err != nil || got != Old {
		return errors.Join(err, fmt.Errorf("undo left the %s registry", got))
	}
	return nil
}

// Replayed counts what the cuts of a replay left.
type Replayed struct {
	Cuts, Old, New int
	Flushes        int // epochs between them
}

// Replay cuts the power behind every sector of a log of writes, and at random with any of
// the sectors of an epoch written: chosen by the seed, that many of each epoch.
func (c *Cut) Replay(ctx context.Context, log string, seed uint64, random int) (Replayed, error) {
	f, err := os.Open(log)
	if err != nil {
		return Replayed{}, err
	}
	defer f.Close()
	writes, err := ReadWriteLog(f)
	if err != nil {
		return Replayed{}, err
	}
	work, err := c.disk.Copy(filepath.Base(c.disk.File) + ".replay")
	if err != nil {
		return Replayed{}, err
	}
	defer os.Remove(work.File)
	r := &replay{cut: c, disk: work, dice: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // a power cut is no secret, and must be repeatable
	epochs := Epochs(writes)
	r.Flushes = len(epochs)
	for i, epoch := range epochs {
		if err := r.epoch(ctx, epoch, random); err != nil {
			return r.Replayed, fmt.Errorf("epoch %d of %d, seed %d: %w", i+1, len(epochs), seed, err)
		}
	}
	return r.Replayed, nil
}

type replay struct {
	Replayed
	cut  *Cut
	disk *Disk
	dice *rand.Rand
}

// epoch tries subsets of the sectors, each on the disk as it was at the flush before, and
// then every prefix; the last is the whole epoch, which stays.
func (r *replay) epoch(ctx context.Context, epoch []SectorWrite, random int) error {
	for n := range random {
		subset := r.subset(epoch)
		undo, err := r.write(subset)
		if err != nil {
			return err
		}
		if err := r.judge(ctx); err != nil {
			return fmt.Errorf("subset %d, %d of %d sectors: %w", n, len(subset), len(epoch), err)
		}
		if _, err := r.write(undo); err != nil {
			return err
		}
	}
	for n, sector := range epoch {
		if _, err := r.write([]SectorWrite{sector}); err != nil {
			return err
		}
		if err := r.judge(ctx); err != nil {
			return fmt.Errorf("after %d of %d sectors: %w", n+1, len(epoch), err)
		}
	}
	return nil
}

func (r *replay) subset(epoch []SectorWrite) []SectorWrite {
	var subset []SectorWrite
	for _, sector := range epoch {
		if r.dice.IntN(2) == 0 {
			subset = append(subset, sector)
		}
	}
	return subset
}

// write returns what takes the writes back, last first.
func (r *replay) write(sectors []SectorWrite) ([]SectorWrite, error) {
	f, err := os.OpenFile(r.disk.File, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	undo := make([]SectorWrite, len(sectors))
	for i, s := range sectors {
		old := make([]byte, len(s.Data))
		_, errRead := f.ReadAt(old, s.Offset)
		_, errWrite := f.WriteAt(s.Data, s.Offset)
		if err := errors.Join(errRead, errWrite); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		undo[len(sectors)-1-i] = SectorWrite{Offset: s.Offset, Data: old}
	}
	return undo, f.Close()
}

func (r *replay) judge(ctx context.Context) error {
	left, err := r.cut.Judge(ctx, r.disk)
	r.Cuts++
	switch left {
	case Old:
		r.Old++
	case New:
		r.New++
	}
	return err
}
