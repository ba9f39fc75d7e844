package sampledisk

import (
	"fmt"
	"slices"

	"hangkit/ntfs/format"
	"hangkit/offline/windows"
)

// State is how the disk was left.
type State string

// The states.
const (
	Clean          State = "clean"            // shut down
	Hung           State = "hung"             // switched off while it ran: the journal waits to be replayed
	DirtyVolume    State = "dirty-volume"     // the same, and chkdsk is asked for
	Torn           State = "torn"             // the same, with writes that power cut off
	DirtyHive      State = "dirty-hive"       // a change of the registry is in its log alone
	Crashed        State = "crashed"          // a dump in the page file, journal and registry as the crash left them
	DumpInPageFile State = "dump-in-pagefile" // a dump in the page file, all else clean
	MemoryDump     State = "memory-dmp"       // started once more: the dump is a file
	Hibernated     State = "hibernated"
	Resuming       State = "resuming" // a resume began and did not end
	FastStartup    State = "fast-startup"
)

// place is where the dump is.
type place int

const (
	noDump place = iota
	inPageFile
	inFile
)

// traits are what a state is made of.
type traits struct {
	state     State
	journal   bool // waits to be replayed
	chkdsk    bool // the volume is marked dirty
	torn      bool
	hive      bool // a change is in the log alone
	dump      place
	hiberfil  format.HiberfilState
	suspended bool // a Windows that still owns the volume
	since     int  // the first build that leaves a disk so
}

var states = []traits{
	{state: Clean},
	{state: Hung, journal: true},
	{state: DirtyVolume, journal: true, chkdsk: true},
	{state: Torn, journal: true, torn: true},
	{state: DirtyHive, hive: true},
	{state: Crashed, journal: true, hive: true, dump: inPageFile},
	{state: DumpInPageFile, dump: inPageFile},
	{state: MemoryDump, dump: inFile},
	{state: Hibernated, journal: true, suspended: true, hiberfil: format.HiberfilHibernated},
	{state: Resuming, journal: true, suspended: true, hiberfil: format.HiberfilResuming},
	{state: FastStartup, suspended: true, hiberfil: format.HiberfilHibernated, since: windows.Build8},
}

// States are all there are.
func States() []State {
	var all []State
	for _, t := range states {
		all = append(all, t.state)
	}
	return all
}

func (m *maker) settleState() error {
	if m.State == "" {
		m.State = Clean
	}
	i := slices.IndexFunc(states, func(t traits) bool { return t.state == m.State })
	if i < 0 {
		return fmt.Errorf("%w: state %q", ErrOptions, m.State)
	}
	m.traits = states[i]
	if m.before(m.traits.since) {
		return fmt.Errorf("%w: Windows before 8 has no %s", ErrOptions, m.State)
	}
	if m.traits.hiberfil == format.HiberfilHibernated && m.before(windows.Build8) {
		m.traits.hiberfil = format.HiberfilOld
	}
	return nil
}

// logState is what the journal looks like.
func (m *maker) logState() format.LogState {
	old := m.before(windows.Build8)
	switch {
	case m.traits.journal && old:
		return format.LogDirty
	case m.traits.journal:
		return format.LogV2
	case m.State == FastStartup:
		return format.LogV2Clean
	}
	return format.LogClean // a Windows that dismounts a volume leaves the version all others know
}

func (m *maker) volumeFlags() format.VolumeFlags {
	var flags format.VolumeFlags
	if !m.before(windows.Build8) {
		flags |= format.VolumeMounted
	}
	if m.traits.chkdsk {
		flags |= format.VolumeDirty
	}
	return flags
}

// lostClusters are those that a cut-off write leaves without an owner.
const lostClusters = 24

// tornWrites are what power cut off: behind the first record, its mirror.
func (m *maker) tornWrites() format.Torn {
	if !m.traits.torn {
		return format.Torn{}
	}
	return format.Torn{Mirror: true, Leaked: lostClusters}
}
