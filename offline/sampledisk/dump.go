package sampledisk

import (
	"fmt"
	"time"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
	"hangkit/ntfs/format"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// Dump is one that lies on the disk.
type Dump struct {
	Path     string // as Windows writes it
	Size     int64
	small    bool
	contents *dumptest.Reader
}

// When what happened, from the time of the disk on.
const (
	crashedAfter = time.Hour
	upTime       = 47 * time.Minute
	stoppedAfter = 2 * time.Hour
)

// Boots, as Windows counts them.
const (
	LastBoot    = 17 // the last one before any crash
	crashedBoot = LastBoot + 1
	laterBoot   = crashedBoot + 1
)

// CrashDumpEnabled.
const (
	dumpComplete = 1
	dumpSmall    = 3
)

// What a diagnostic NMI leaves in a dump, and a key combination.
const (
	bugCheckNMI      = 0x80
	parameterNMI     = 0x4F4454
	bugCheckKeyboard = 0xE2
)

// settleDump makes the dump, and what the registry tells of its boot.
func (m *maker) settleDump() error {
	w := &m.Windows
	w.BootID, w.Shutdown = LastBoot, m.Time
	switch m.traits.dump {
	case noDump:
		if m.DumpSize != 0 {
			return fmt.Errorf("%w: the size of a dump, and no dump in state %s", ErrOptions, m.State)
		}
		return nil
	case inFile:
		w.BootID, w.Shutdown = laterBoot, m.Time.Add(stoppedAfter)
	case inPageFile:
		if !m.traits.hive {
			w.BootID = crashedBoot
		}
	}
	spec, err := m.dumpSpec()
	if err != nil {
		return err
	}
	contents, err := dumptest.NewReader(spec)
	if err != nil {
		return err
	}
	m.made.Dump = &Dump{Path: m.dumpPath(), Size: contents.Size(), small: w.DumpType == dumpSmall, contents: contents}
	return nil
}

func (m *maker) dumpSpec() (dumptest.Spec, error) {
	w := &m.Windows
	s := dumptest.Spec{
		Seed: m.Seed, Build: w.Build, Time: m.Time.Add(crashedAfter), UpTime: upTime, BootID: crashedBoot,
		BugCheck: bugCheckNMI, Parameters: [4]uint64{parameterNMI}, Type: m.dumpType(),
		Machine: map[string]dumpfile.Machine{sample.X86: dumpfile.MachineX86, sample.ARM64: dumpfile.MachineARM64}[w.Arch],
		Release: w.Release(),
	}
	if w.Arch == sample.ARM64 {
		s.BugCheck, s.Parameters = bugCheckKeyboard, [4]uint64{}
	}
	switch {
	case w.DumpType == 0:
		return s, fmt.Errorf("%w: this Windows is set to write no dump", ErrOptions)
	case s.Type == dumpfile.TypeTriage && m.DumpSize != 0:
		return s, fmt.Errorf("%w: this Windows writes small dumps, which have a size of their own", ErrOptions)
	case m.DumpSize == 0:
		m.DumpSize = defaultDumpSize
	}
	const pageSize = 4096
	s.Pages = int(max(m.DumpSize/pageSize, 1))
	return s, nil
}

// dumpType is the kind that this Windows writes.
func (m *maker) dumpType() dumpfile.Type {
	w := &m.Windows
	old := m.before(windows.Build8) || w.Arch == sample.X86
	switch {
	case w.DumpType == dumpSmall:
		return dumpfile.TypeTriage
	case w.DumpType == dumpComplete && old:
		return dumpfile.TypeFull
	case w.DumpType == dumpComplete:
		return dumpfile.TypeBitmapFull
	case old:
		return dumpfile.TypeSummary
	}
	return dumpfile.TypeBitmapKernel
}

func (m *maker) dumpPath() string {
	switch {
	case m.traits.dump == inPageFile:
		return `C:\` + pageFileName
	case m.Windows.DumpType == dumpSmall:
		return `C:\Windows\Minidump\` + m.minidumpName()
	}
	return `C:\Windows\MEMORY.DMP`
}

// minidumpName carries the day of the crash.
func (m *maker) minidumpName() string { return "Mini" + m.Time.Format("010206") + "-01.dmp" }

func (m *maker) dumpFile(name string) format.Entry {
	return format.Entry{Name: name, Size: m.made.Dump.Size, Content: m.made.Dump.contents, Fragments: m.Fragments}
}
