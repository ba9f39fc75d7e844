package collect

import (
	"fmt"
	"io"
	"time"

	"hangkit/collect/dumpfile"
)

// Source is what kind of file a candidate is.
type Source int

// The sources, the best copy of a crash first.
const (
	SourceDumpFile  Source = iota // MEMORY.DMP or what DumpFile names
	SourceTemp                    // DUMP*.tmp, on its way to MEMORY.DMP
	SourceDedicated               // the dedicated dump file
	SourcePageFile                // a page file
	SourceFirmware                // the partition that firmware writes dumps to
	SourceLive                    // a folder of live kernel dumps: the machine went on
	SourceMinidump                // the minidump folder
	SourceHardware                // DUMP*.DMP, which the kernel's hardware error code writes
	SourceProgram                 // a folder where dumps of programs lie
)

func (s Source) String() string {
	switch s {
	case SourceDumpFile:
		return "memory dump"
	case SourceTemp:
		return "unfinished harvest"
	case SourceDedicated:
		return "dedicated dump file"
	case SourcePageFile:
		return "page file"
	case SourceFirmware:
		return "firmware dump partition"
	case SourceLive:
		return "live kernel dump"
	case SourceMinidump:
		return "minidump"
	case SourceHardware:
		return "hardware error dump"
	case SourceProgram:
		return "folder of program dumps"
	}
	return fmt.Sprintf("source %d", int(s))
}

// raw reports whether the kernel writes dumps of this source beneath the file
// system, so that the file's own size says nothing.
func (s Source) raw() bool {
	return s == SourcePageFile || s == SourceDedicated || s == SourceFirmware
}

// State is what a candidate is worth.
type State int

// The states, the best first.
const (
	StateComplete    State = iota
	StateEncrypted         // whole as far as can be told; readable with the certificate's key
	StatePartial           // a dump that lacks something: see Missing
	StateDamaged           // as long as it should be, but its parts contradict each other
	StateHeaderWiped       // a later boot zeroed the first page, the rest is there
	StateUserDump          // of a program, not of the kernel
	StateFirmware          // written by the firmware, not by Windows
	StateEmpty             // nothing but zeros
	StateNotDump           // a file that holds something else
	StateUnreadable        // could not be read: see Problems
)

func (s State) String() string {
	switch s {
	case StateComplete:
		return "complete"
	case StateEncrypted:
		return "encrypted"
	case StatePartial:
		return "partial"
	case StateDamaged:
		return "damaged"
	case StateHeaderWiped:
		return "header wiped"
	case StateUserDump:
		return "user dump"
	case StateFirmware:
		return "firmware dump"
	case StateEmpty:
		return "empty"
	case StateNotDump:
		return "not a dump"
	case StateUnreadable:
		return "unreadable"
	}
	return fmt.Sprintf("state %d", int(s))
}

// Candidate is one file that may hold a dump.
type Candidate struct {
	Place  *Place
	Path   string // slash path inside the volume
	Source Source
	State  State
	Why    string // the state in words

	Header *dumpfile.Header // nil where there is none to read
	Layout *dumpfile.Layout // nil where there is none

	Length   int64 // bytes of the whole dump
	Have     int64 // bytes of it that exist: what Extract copies
	FileSize int64 // of the file; what is allocated to a page file
	Missing  dumpfile.Missing
	Modified time.Time // of the file

	// Rebuilt is the first page that Rebuild made anew; the dump is read with it.
	// Header is then the one in it, and State stays StateHeaderWiped.
	Rebuilt *dumpfile.Rebuilt

	DuplicateOf *Candidate // a better copy of the same crash
	Stale       string     // why this crash is not the last thing that happened, "" if it may be
	Problems    []error

	kind         dumpfile.Kind
	raw          bool // read through OpenRaw
	savedPartly  bool // a later boot began to save this very crash
	leftBehind   bool // a later boot saved another crash, and not this one
	rebuildTried bool
	dispensable  bool // no header could be made for it, and another crash has one
}

// Extractable reports whether there is anything of a dump to copy.
func (c *Candidate) Extractable() bool {
	switch c.State {
	case StateComplete, StateEncrypted, StatePartial, StateDamaged, StateHeaderWiped, StateUserDump, StateFirmware:
		return c.Have > 0
	default:
		return false
	}
}

// whole reports whether a copy of the candidate is all there is to have. A page
// made anew is a guess, however good.
func (c *Candidate) whole() bool {
	return c.State != StatePartial && c.State != StateDamaged && c.State != StateHeaderWiped
}

// Wanted reports whether a collection should take this candidate: a kernel dump
// of which no better copy is at hand. One without its first page is wanted too, for
// Rebuild may make one; if that fails, an expert can do more with its pages than
// with nothing, but not more than with the dump of another crash. Dumps of programs
// are taken only for whoever asks for StateUserDump.
func (c *Candidate) Wanted() bool {
	return c.Extractable() && c.DuplicateOf == nil && c.State != StateUserDump && !c.dispensable
}

// Live reports whether the dump was taken from a machine that went on running. It
// is no crash, whatever its header calls it.
func (c *Candidate) Live() bool {
	h := c.Header
	if h == nil {
		return false
	}
	if h.Attributes.Known && h.Attributes.Value&dumpfile.AttrLiveDump != 0 {
		return true
	}
	info, ok := dumpfile.LookupBugCheck(h.BugCheck.Code.Value)
	return ok && info.Live || c.Source == SourceLive
}

// Name is the candidate's place and path, for people.
func (c *Candidate) Name() string {
	if c.Place.Label == "" {
		return c.Path
	}
	return c.Place.Label + ":" + c.Path
}

func (c *Candidate) problem(err error) { c.Problems = append(c.Problems, err) }

// File is an open candidate.
type File interface {
	io.ReaderAt
	io.Closer
}

// Open opens the candidate for reading, the way Extract reads it. The dump is
// its first Have bytes.
func (c *Candidate) Open() (File, error) { return c.open() }

func (c *Candidate) open() (*source, error) {
	src, err := c.openStored()
	if err == nil && c.Rebuilt != nil {
		src.ReaderAt = c.Rebuilt.Over(src.ReaderAt)
	}
	return src, err
}

// openStored opens what the disk holds.
func (c *Candidate) openStored() (*source, error) {
	if c.raw {
		return openRaw(c.Place.Volume, c.Path)
	}
	return openFile(c.Place.Volume, c.Path)
}
