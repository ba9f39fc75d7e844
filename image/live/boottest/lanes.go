//go:build linux

package boottest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// How long a machine without hardware acceleration, on a busy host, may take.
const (
	bootPatience     = 4 * time.Minute
	runPatience      = 4 * time.Minute
	powerOffPatience = time.Minute
)

// What the live system says on the serial console: first what firmware it was started by.
const (
	saysStarted  = `Linux [^ \n]+, ((?:BIOS|UEFI)[^\r\n]*)\r?\n`
	saysNoTimer  = `IO-APIC \+ timer doesn't work`
	saysMenu     = `Press Enter for hangkit`
	saysFinished = `hangkit: run finished, status (\d+)`
)

// firmwareWords are what it must say of the firmware. Under Secure Boot the kernel locks
// itself down, and has checked the signatures of its modules.
func (s *Setup) firmwareWords() string {
	switch {
	case s.ARM64 || s.Firmware == UEFI:
		return "UEFI, Secure Boot off"
	case s.Firmware == SecureBoot:
		return "UEFI, Secure Boot on, locked down (integrity)"
	}
	return "BIOS"
}

// errTimer is a fault of the host, not of the medium: Linux counts the ticks of 40 ms, and
// a QEMU that was not scheduled for as long owes them.
var errTimer = errors.New("the kernel found no timer that works")

// boot switches the machine on and waits for the live system. A machine that the host let
// down is switched on once more; its times say so.
func (s *Setup) boot(ctx context.Context) (*Machine, Times, error) {
	m, ready, err := s.started(ctx)
	again := errors.Is(err, errTimer)
	if again {
		m, ready, err = s.started(ctx)
	}
	return m, Times{Ready: ready, Again: again}, err
}

// started demands that the firmware is the one that was meant. After an error the machine is off.
func (s *Setup) started(ctx context.Context) (*Machine, time.Duration, error) {
	m, err := s.Start(ctx)
	if err != nil {
		return nil, 0, err
	}
	first, err := m.Console.Expect(ctx, saysStarted+`|`+saysNoTimer, bootPatience)
	switch {
	case err != nil:
	case first.Groups[1] == "":
		err = fmt.Errorf("%w: %s", errTimer, first.Groups[0])
	case first.Groups[1] != s.firmwareWords():
		err = fmt.Errorf("the live system was started by %q, want %q", first.Groups[1], s.firmwareWords())
	default:
		return m, first.After, nil
	}
	return nil, 0, errors.Join(err, m.Close())
}

// Times are what a lane measured.
type Times struct {
	Ready     time.Duration // from power on to the first word of the live system
	Total     time.Duration // to power off
	Processor time.Duration // that QEMU used
	Again     bool          // the machine was switched on once more, for the host's fault
}

// Lab runs lanes: each starts one machine and judges what it left.
type Lab struct {
	Kit    *Kit
	Medium string // hybrid file without a data partition
	Stick  string // the same with one
}

// unattended runs the machine's commands to power off and demands their exit status.
func (s *Setup) unattended(ctx context.Context, want int) (times Times, err error) {
	m, times, err := s.boot(ctx)
	if err != nil {
		return times, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	last, err := m.Console.Expect(ctx, saysFinished, runPatience)
	if err != nil {
		return times, err
	}
	if last.Groups[1] != strconv.Itoa(want) {
		return times, fmt.Errorf("the run ended with status %s, want %d; the end of the console:\n%s", last.Groups[1], want, m.Console.Tail())
	}
	err = m.PoweredOff(ctx, powerOffPatience)
	times.Total, times.Processor = m.Console.Age(), m.ProcessorTime()
	return times, err
}

// armMemory is given to arm, for its plan to be the same on the machine that judges.
const armMemory = "8G"

// Arm boots the medium beside a Windows disk, has it checked, armed and checked again, and
// finds the new values from outside.
func (l *Lab) Arm(ctx context.Context, s Setup, bus Bus) (Times, error) {
	d, err := l.Kit.NewDisk(ctx, "patient.img")
	if err != nil {
		return Times{}, err
	}
	defer os.Remove(d.File)
	plan, err := d.Plan(ctx, "--ram", armMemory)
	if err != nil {
		return Times{}, err
	}
	s.Disks = []Attached{{File: d.File, Bus: bus}}
	s.Run = "check; arm --yes --ram " + armMemory + "; check --ram " + armMemory
	times, err := s.unattended(ctx, 0)
	if err != nil {
		return times, err
	}
	return times, d.Armed(ctx, plan)
}

// Collect boots the stick beside a Windows that crashed, and finds the dump on the stick.
func (l *Lab) Collect(ctx context.Context, s Setup, bus Bus) (Times, error) {
	d, err := l.Kit.NewDisk(ctx, "crashed.img", "--state", "crashed", "--dump-size", "48M", "--fragments", "40")
	if err != nil {
		return Times{}, err
	}
	defer os.Remove(d.File)
	s.File, err = l.copyStick()
	if err != nil {
		return Times{}, err
	}
	defer os.Remove(s.File)
	before, err := d.Digest()
	if err != nil {
		return Times{}, err
	}
	s.Medium, s.Keep, s.Run = USB, true, "collect -o stick:"
	s.Disks = []Attached{{File: d.File, Bus: bus}}
	times, err := s.unattended(ctx, 0)
	if err != nil {
		return times, err
	}
	return times, errors.Join(l.collected(ctx, s.File, d), d.untouched(before))
}

func (l *Lab) copyStick() (string, error) {
	info, err := os.Stat(l.Stick)
	if err != nil {
		return "", err
	}
	file := filepath.Join(l.Kit.Dir, "booted.img")
	return file, copyExtent(l.Stick, file, extent{Size: info.Size()})
}

// collected compares the dump on the stick with the one on the disk, and looks for the
// record of the run.
func (l *Lab) collected(ctx context.Context, medium string, d *Disk) error {
	want, err := d.Dump(ctx)
	if err != nil {
		return err
	}
	stick, err := OpenStick(ctx, medium)
	if err != nil {
		return err
	}
	return errors.Join(stick.Holds(ctx, want, ".dmp"), stick.has(`^hangkit-run-.*\.log$`), stick.has(`^hangkit-run-.*\.json$`))
}

func (d *Disk) untouched(before string) error {
	after, err := d.Digest()
	if err == nil && after != before {
		err = fmt.Errorf("the contents of %s have changed", d.File)
	}
	return err
}

// Menu boots to the menu and measures how long it takes. The live system must say what the
// firmware is, and under Secure Boot that it is on and the kernel locked down.
func (s *Setup) Menu(ctx context.Context) (times Times, err error) {
	m, times, err := s.boot(ctx)
	if err != nil {
		return times, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	first, err := m.Console.Expect(ctx, saysMenu, bootPatience)
	if err != nil {
		return times, err
	}
	times.Ready = first.After
	m.Kill()
	times.Processor = m.ProcessorTime()
	return times, nil
}

// Rejected boots a medium that must not start: the firmware or GRUB has to say one of the
// words, and the live system nothing.
func (s *Setup) Rejected(ctx context.Context, words string) (err error) {
	m, err := s.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	said, err := m.Console.Expect(ctx, words+`|`+saysStarted, bootPatience)
	if err != nil {
		return err
	}
	return s.notStarted(ctx, m, said)
}

// silence is how long a machine that refused the medium is watched: it may try again.
const silence = 15 * time.Second

func (s *Setup) notStarted(ctx context.Context, m *Machine, said *Match) error {
	started := regexp.MustCompile(saysStarted)
	if started.MatchString(said.Groups[0]) {
		return fmt.Errorf("the machine started %s; the end of its console:\n%s", s.File, m.Console.Tail())
	}
	if _, err := m.Console.Expect(ctx, saysStarted, silence); err == nil {
		return fmt.Errorf("the machine said %q and started %s all the same", said.Groups[0], s.File)
	}
	return nil
}
