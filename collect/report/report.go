// Package report tells a person what a collection took: one page for a browser
// and one text for a terminal.
//
//	Report  everything that is told, as plain text and numbers
//	Dump    makes the part of a Report that one dump gives
//	HTML    writes the page: it needs no network and runs no script
//	Text    writes the same in 80 columns of ASCII
//
// Every text of a Report may have come from the disk, and the disk is not trusted:
// names are shown, never run, and cannot turn the text around them. Lists and
// pictures are bounded, whatever the machine held.
package report

import "time"

// Report is what is told of one collection. Empty fields are left out.
type Report struct {
	Tool     string
	Created  time.Time
	Computer string
	Target   string // the disk or image
	Facts    []Fact // of the machine and its Windows

	Clock  []string // why the times are to be doubted
	Events []Event
	Dumps  []*Dump
	NoDump string // why there is none, where they were not looked for
	Left   []Left
	Logs   []File

	Settings []Setting
	Notes    []string // what could not be found out
}

// Fact is a name and a value.
type Fact struct{ Name, Value string }

// EventKind is what happened.
type EventKind int

// The kinds of event.
const (
	EventOther EventKind = iota
	EventBoot
	EventShutdown
	EventCrash
	EventDump // a dump was written, or moved
	EventCollected
)

// String is the kind in a word.
func (k EventKind) String() string {
	switch k {
	case EventBoot:
		return "start"
	case EventShutdown:
		return "shutdown"
	case EventCrash:
		return "crash"
	case EventDump:
		return "dump"
	case EventCollected:
		return "collected"
	default:
		return "event"
	}
}

// Event is one thing that happened to the machine.
type Event struct {
	Time      time.Time
	Kind      EventKind
	What      string
	Source    string // who says so
	Uncertain string // why that may be wrong, "" where it is not doubted
}

// Left is something that was found and not taken.
type Left struct {
	Name  string
	State string
	Size  int64
	Why   string
}

// File is a file of the disk that was taken, or not.
type File struct {
	Name     string // on the disk
	Category string
	Size     int64
	Taken    string // its name in the bundle; "" where it was not taken
	Why      string // it was not
}

// Setting is a value of the registry that decides about crashes and hangs.
type Setting struct{ Key, Name, Value, Meaning string }

// Grade is what a dump is good for.
type Grade int

// The grades.
const (
	GradeUnknown Grade = iota // it was not verified, or cannot be
	GradeUsable
	GradeGaps
	GradeUnusable
	GradeNotTaken
)

// String is the grade in words.
func (g Grade) String() string {
	switch g {
	case GradeUsable:
		return "usable"
	case GradeGaps:
		return "usable with gaps"
	case GradeUnusable:
		return "not usable"
	case GradeNotTaken:
		return "not taken"
	default:
		return "not verified"
	}
}

// Dump is one dump that was wanted, and what came of it.
type Dump struct {
	Name     string // place and path on the disk
	Source   string // what kind of file it was
	State    string
	Told     string // what became of it, in a sentence
	Stale    string // why this crash is not the last thing that happened
	Grade    Grade
	Verdict  string   // a sentence that goes on from the grade
	Reasons  []string // why the verdict is not better
	Checks   []Check
	Story    []string
	Problems []string

	Crash    *Crash
	Copy     *Copy
	Origins  []Origin // of the fields of a rebuilt first page
	Memory   *Memory
	Pieces   *Pieces
	Kernel   []Fact
	Doing    []Row // the processors
	Unloaded []Row // modules
	Modules  Modules
	Running  Processes
	Hang     Hang
	Open     []Step // it in the debugger
}

// Row is a line of a list that is told as it was found.
type Row struct{ Name, Value, Words string }

// Check is one thing that was looked at to verify a dump.
type Check struct{ Name, Status, Detail string }

// Origin says where a rebuilt field comes from.
type Origin struct{ Field, From string }

// Crash is the stop code and what it means.
type Crash struct {
	Code       string
	Name       string
	Parameters []Parameter
	Meaning    string
	Purpose    string // that it was made on purpose, as far as that is sure
	Advice     string // what to make of the cause that the debugger names, then
	Live       bool   // the machine went on
}

// Parameter is one of the four of a stop code.
type Parameter struct{ Value, Words string }

// Copy is the file that was written.
type Copy struct {
	Name       string // in the bundle
	Size       int64  // of the dump
	SHA256     string // of the dump
	FileSize   int64  // of what was written
	FileSHA256 string // of what was written, where that is not the dump
	Parts      int
	BadBytes   int64
	Map        string // lists the bad places
	Unpack     []Step // what to do before a debugger can open it
}

// Step is a command and what it does.
type Step struct{ Command, Why string }

// Hang is what kind of hang a dump shows, and the debugger commands for it.
type Hang struct {
	Title    string
	How      string // what says so
	Commands []Step
	Further  []Step // for any hang
}

// Modules are the loaded modules of the crashed kernel.
type Modules struct {
	Foreign []Module // whose names are not those of files of Windows
	Known   []Module
	More    int    // that are not listed
	Problem string // why there are none, or not all
}

// Module is a loaded module.
type Module struct {
	Name, Path, Base string
	Size             int64
	Linked           string // when, if that is a time
	Why              string // it is listed among the foreign ones
}

// Total counts the modules.
func (m *Modules) Total() int { return len(m.Foreign) + len(m.Known) + m.More }

// Processes are the running processes, those of one name together.
type Processes struct {
	Groups  []ProcessGroup
	Total   int
	More    int // that are not listed
	Problem string
}

// ProcessGroup is the processes of one name.
type ProcessGroup struct {
	Name  string
	Count int
	PIDs  string
}
