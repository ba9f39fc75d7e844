//go:build linux

package boottest

import (
	"context"
	"errors"
	"os"
	"time"
)

// answerPatience is how long the menu may take for a step.
const answerPatience = 2 * time.Minute

// step is one exchange with the menu: what it says, and what is typed then.
type step struct{ says, answer string }

// guidance is how a person goes from the prompt to an armed Windows and power off.
var guidance = []step{
	{saysMenu, "\r"},
	{`What now\?`, "1\r"},
	{`\$ hangkit check`, ""},
	{`NOT READY`, ""},
	{`-- Enter: the menu`, "\r"},
	{`What now\?`, "2\r"},
	{`Which settings\?`, "\r"},
	{`\$ hangkit arm`, ""},
	{`CrashOnCtrlScroll`, ""},
	{`\[y/N\]`, "y\r"},
	{`Written and read back`, ""},
	{`-- Enter: the menu`, "\r"},
	{`What now\?`, "p\r"},
	{`\[y/N\]`, "y\r"},
}

// more is what the pager says where a text is longer than the screen.
const more = `-- more:`

// Guided drives the menu over the serial line, from check over arm to power off; the VGA
// screen is saved when the prompt is there.
func (l *Lab) Guided(ctx context.Context, s Setup, screen string) (times Times, err error) {
	d, err := l.Kit.NewDisk(ctx, "guided.img")
	if err != nil {
		return times, err
	}
	defer os.Remove(d.File)
	plan, err := d.Plan(ctx) // without a memory size, which says what does not depend on it
	if err != nil {
		return times, err
	}
	s.Disks = []Attached{{File: d.File, Bus: NVMe}}
	m, times, err := s.boot(ctx)
	if err != nil {
		return times, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	for i, step := range guidance {
		err := m.answer(ctx, step)
		if err == nil && i == 0 {
			times.Ready = m.Console.Age()
			err = m.QMP.Screendump(screen)
		}
		if err != nil {
			return times, err
		}
	}
	if err := m.PoweredOff(ctx, powerOffPatience); err != nil {
		return times, err
	}
	times.Total, times.Processor = m.Console.Age(), m.ProcessorTime()
	return times, d.Armed(ctx, plan)
}

// answer waits for what the menu says, turning pages on the way.
func (m *Machine) answer(ctx context.Context, s step) error {
	for {
		said, err := m.Console.Expect(ctx, `(`+s.says+`)|`+more, answerPatience)
		if err != nil {
			return err
		}
		if said.Groups[1] != "" {
			return m.Console.Type(s.answer)
		}
		if err := m.Console.Type(" "); err != nil {
			return err
		}
	}
}
