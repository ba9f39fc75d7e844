//go:build linux

package boottest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// How slow the disk is made for QEMU to be killed while arm writes, and how closely its
// writes are watched.
const (
	slowWrites = 1 // a second: a busy host takes a while from seeing a write to the kill
	watch      = 2 * time.Millisecond
)

// armOrders are what the machine does when its power is cut.
const armOrders = "arm --yes --ram " + armMemory

// Cuts prepares the power cuts: one run of arm to the end, with the order of its writes.
type Cuts struct {
	*Cut
	Writes int    // requests that reached the disk
	Log    string // of blklogwrites

	waiting Setup // a machine that was saved before arm was started
}

// PrepareCuts lets arm run to its end once, on a disk in that state whose writes are logged,
// and has another machine wait for the kills. The bus must be one whose state QEMU can save.
func (l *Lab) PrepareCuts(ctx context.Context, s Setup, bus Bus, state string) (*Cuts, error) {
	before, err := l.Kit.NewDisk(ctx, "before.img", "--state", state)
	if err != nil {
		return nil, err
	}
	after, err := before.Copy("after.img")
	if err != nil {
		return nil, err
	}
	log := filepath.Join(l.Kit.Dir, "writes.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		return nil, err
	}
	s.Run, s.Disks = armOrders, []Attached{{File: after.File, Bus: bus, WriteLog: log}}
	if _, err := s.unattended(ctx, 0); err != nil {
		return nil, err
	}
	cut, err := NewCut(ctx, before, after)
	if err != nil {
		return nil, err
	}
	writes, err := countWrites(log)
	if err != nil {
		return nil, err
	}
	c := &Cuts{Cut: cut, Writes: writes, Log: log}
	s.Run = ""
	return c, c.wait(ctx, s, bus)
}

func countWrites(log string) (int, error) {
	f, err := os.Open(log)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	writes, err := ReadWriteLog(f)
	count := 0
	for _, w := range writes {
		if !w.Flush {
			count++
		}
	}
	return count, err
}

// Moment is when QEMU is killed: behind that many writes, and then a little later.
type Moment struct {
	Writes int
	Later  time.Duration
}

// early is which of the moments lie before the first write: one of so many. How long arm
// takes until then depends on the host, but it is far longer than Later.
const early = 4

// Moments are chosen by the seed. All lie between the start of arm and its last write.
func (c *Cuts) Moments(seed uint64, count int) []Moment {
	dice := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a power cut is no secret, and must be repeatable
	moments := make([]Moment, count)
	for i := range moments {
		moments[i] = Moment{
			Writes: 1 + dice.IntN(max(1, c.Writes-1)),
			Later:  time.Duration(dice.Int64N(int64(time.Second / slowWrites))),
		}
		if i%early == 0 {
			moments[i].Writes = 0
		}
	}
	return moments
}

// Kill kills QEMU at the moment, and judges the disk and what undo makes of it.
func (c *Cuts) Kill(ctx context.Context, at Moment) (Outcome, error) {
	d, err := c.disk.Copy("cut.img")
	if err != nil {
		return "", err
	}
	defer os.Remove(d.File)
	s := c.waiting
	s.Disks = []Attached{{File: d.File, Bus: s.Disks[0].Bus, WriteIOPS: slowWrites}}
	if err := s.killed(ctx, at); err != nil {
		return "", err
	}
	left, err := c.Judge(ctx, d)
	if err != nil {
		return "", err
	}
	return left, c.Undo(ctx, d, left)
}

// toShell is how a person gets from the prompt to a shell, which asks the terminal a question
// behind its own prompt.
var toShell = []step{{saysMenu, "\r"}, {`What now\?`, "s\r"}, {`~ # `, ""}}

// wait boots to a shell beside the disk, and saves the state of the machine: every kill then
// begins there. The disk has not been written to, so that a copy can take its place.
func (c *Cuts) wait(ctx context.Context, s Setup, bus Bus) (err error) {
	s.Disks = []Attached{{File: c.disk.File, Bus: bus}}
	m, _, err := s.boot(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	for _, step := range toShell {
		if err := m.answer(ctx, step); err != nil {
			return err
		}
	}
	s.Resume = c.disk.File + ".state"
	c.waiting = s
	return m.QMP.Save(s.Resume)
}

func (s *Setup) killed(ctx context.Context, at Moment) (err error) {
	m, err := s.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if err := m.QMP.Running(); err != nil {
		return err
	}
	if err := m.Console.Type("hangkit " + armOrders + "\r"); err != nil {
		return err
	}
	end := time.Now().Add(runPatience)
	for writes := 0; writes < at.Writes; time.Sleep(watch) {
		if writes, err = m.QMP.Writes(0); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("arm wrote %d times, not %d; the end of the console:\n%s", writes, at.Writes, m.Console.Tail())
		}
	}
	time.Sleep(at.Later)
	m.Kill()
	return nil
}
