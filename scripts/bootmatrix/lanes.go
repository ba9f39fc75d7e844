//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hangkit/image/live/boottest"
)

// row prints one line of the table, but not what an interrupted run did not do.
func (m *matrix) row(ctx context.Context, lane string, times boottest.Times, err error) {
	if ctx.Err() != nil {
		return
	}
	verdict := "ok"
	if err != nil {
		verdict = "FAILED"
		m.failed = append(m.failed, lane)
	}
	fmt.Fprintf(m.out, "%-38s %-6s ready %s  total %s  processor %s\n", lane, verdict,
		seconds(times.Ready), seconds(times.Total), seconds(times.Processor))
	if times.Again {
		m.note("", "switched on once more: the host was too busy for the machine's timer")
	}
	if err != nil {
		fmt.Fprintln(m.out, "    "+strings.ReplaceAll(err.Error(), "\n", "\n    "))
	}
}

// seconds leaves out what a lane does not measure.
func seconds(d time.Duration) string {
	if d == 0 {
		return "      -"
	}
	return fmt.Sprintf("%5.1f s", d.Seconds())
}

// note prints what a lane found beside its times.
func (m *matrix) note(lane, format string, args ...any) {
	fmt.Fprintf(m.out, "%-38s %s\n", lane, fmt.Sprintf(format, args...))
}

func (m *matrix) setup(f boottest.Firmware, medium boottest.Medium) boottest.Setup {
	return boottest.Setup{Firmware: f, Medium: medium, File: m.lab.Medium, Verbose: m.talk}
}

func (m *matrix) buses() []boottest.Bus {
	if m.bus != "" {
		return []boottest.Bus{boottest.Bus(m.bus)}
	}
	return boottest.Buses()
}

// arm is firmware × medium × bus, in an order that soon has had each of them, and once more
// without patience for disks.
func (m *matrix) arm(ctx context.Context) {
	buses := m.buses()
	for round := range buses {
		for i, f := range boottest.Firmwares() {
			for j, medium := range boottest.Media() {
				bus := buses[(round+2*i+j)%len(buses)]
				times, err := m.lab.Arm(ctx, m.setup(f, medium), bus)
				m.row(ctx, fmt.Sprintf("arm: %s %s, disk %s", f, medium, bus), times, err)
			}
		}
	}
	s := m.setup(boottest.BIOS, boottest.USB)
	s.Hasty = true
	times, err := m.lab.Arm(ctx, s, buses[0])
	m.row(ctx, fmt.Sprintf("arm: BIOS USB, disk %s, hasty", buses[0]), times, err)
}

// collect is firmware × bus, from a stick with a data partition.
func (m *matrix) collect(ctx context.Context) {
	for _, f := range boottest.Firmwares() {
		for _, bus := range m.buses() {
			times, err := m.lab.Collect(ctx, m.setup(f, boottest.USB), bus)
			m.row(ctx, fmt.Sprintf("collect: %s USB, disk %s", f, bus), times, err)
		}
	}
}

// secureBoot has the firmware and GRUB refuse what was tampered with, and the same machine
// start what was not.
func (m *matrix) secureBoot(ctx context.Context) {
	for _, medium := range boottest.Media() {
		s := m.setup(boottest.SecureBoot, medium)
		times, err := s.Menu(ctx)
		m.row(ctx, fmt.Sprintf("secure boot: %s, untouched", medium), times, err)
		for _, r := range m.lab.Rejections() {
			started := time.Now()
			err := m.lab.Reject(ctx, s, r)
			m.row(ctx, fmt.Sprintf("secure boot: %s, %s", medium, r.Name), boottest.Times{Total: time.Since(started)}, err)
		}
	}
}

// powerCut replays the order in which arm writes, and kills QEMU while it does: on a hive
// that was left whole, and on one of which only the log knows the last changes.
func (m *matrix) powerCut(ctx context.Context) {
	for _, state := range []string{"clean", "dirty-hive"} {
		if cuts := m.replay(ctx, state); cuts != nil {
			m.kill(ctx, cuts, state)
		}
	}
}

// cutBus is the bus of the disk whose power is cut.
const cutBus = boottest.Virtio

func (m *matrix) replay(ctx context.Context, state string) *boottest.Cuts {
	const subsets = 40
	lane := "power cut: " + state
	cuts, err := m.lab.PrepareCuts(ctx, m.setup(boottest.BIOS, boottest.CD), cutBus, state)
	if err != nil {
		m.row(ctx, lane, boottest.Times{}, err)
		return nil
	}
	replayed, err := cuts.Replay(ctx, cuts.Log, m.seed, subsets)
	m.row(ctx, lane+", replayed", boottest.Times{}, err)
	m.note("", "%d cuts in %d writes between %d flushes: %d old, %d new", replayed.Cuts, cuts.Writes, replayed.Flushes, replayed.Old, replayed.New)
	return cuts
}

func (m *matrix) kill(ctx context.Context, cuts *boottest.Cuts, state string) {
	found := map[boottest.Outcome]int{}
	for i, at := range cuts.Moments(m.seed, m.cuts) {
		started := time.Now()
		left, err := cuts.Kill(ctx, at)
		m.row(ctx, fmt.Sprintf("power cut: %s, kill %d", state, i+1), boottest.Times{Total: time.Since(started)}, err)
		m.note("", "%v behind write %d of %d, seed %d: %s", at.Later.Round(time.Millisecond), at.Writes, cuts.Writes, m.seed, left)
		found[left]++
	}
	lane := "power cut: " + state + ", outcomes"
	m.note(lane, "%d old, %d new", found[boottest.Old], found[boottest.New])
	if found[boottest.Old] == 0 || found[boottest.New] == 0 {
		m.row(ctx, lane, boottest.Times{}, errors.New("the kills did not leave both: choose another seed, or more of them"))
	}
}

// menu drives the guided menu over the serial line, and looks at how long each firmware
// takes to it, and with how little memory.
func (m *matrix) menu(ctx context.Context) {
	times, err := m.lab.Guided(ctx, m.setup(boottest.BIOS, boottest.CD), m.image)
	m.row(ctx, "menu: check, arm, power off", times, err)
	for _, f := range boottest.Firmwares() {
		for _, medium := range boottest.Media() {
			s := m.setup(f, medium)
			times, err := s.Menu(ctx)
			m.row(ctx, fmt.Sprintf("menu: %s %s", f, medium), times, err)
		}
	}
	for _, memory := range []int{256, 192, 160} {
		s := m.setup(boottest.BIOS, boottest.CD)
		s.Memory = memory
		times, err := s.Menu(ctx)
		m.row(ctx, fmt.Sprintf("menu: BIOS CD, %d MiB", memory), times, err)
	}
}

// arm64 boots the medium of the other architecture.
func (m *matrix) arm64(ctx context.Context) {
	file, err := m.lab.Kit.MakeARM64Medium(ctx)
	m.row(ctx, "arm64: the medium", boottest.Times{}, err)
	if err != nil {
		return
	}
	for _, medium := range boottest.Media() {
		for _, bus := range m.buses() {
			s := m.setup(boottest.UEFI, medium)
			s.ARM64, s.File = true, file
			times, err := m.lab.Arm(ctx, s, bus)
			m.row(ctx, fmt.Sprintf("arm64: UEFI %s, disk %s", medium, bus), times, err)
		}
	}
}
