package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Kind is what an event tells about the life of the machine.
type Kind int

// The kinds of events.
const (
	Boot       Kind = iota + 1 // Windows was started
	Asked                      // somebody asked for a shutdown, which may have hung
	Shutdown                   // a clean shutdown
	Unexpected                 // it ended without one
	BugCheck                   // a crash was recorded
	DumpSaved
	DumpFailed // and why
	BootFailed // the boot before did not come to its end
)

var kindNames = map[Kind]string{
	Boot: "boot", Asked: "shutdown asked for", Shutdown: "shutdown", Unexpected: "unexpected shutdown", BugCheck: "bugcheck",
	DumpSaved: "dump written", DumpFailed: "dump failed", BootFailed: "boot failed",
}

func (k Kind) String() string { return kindNames[k] }

// Event is one event of the machine's life.
type Event struct {
	Time     time.Time // UTC, by the machine's clock
	Record   uint64    // its number in the log
	Kind     Kind
	Provider string
	ID       uint32
	Words    string // without characters that do something
	// Late is an event of the kernel. They are written when the event log starts, after
	// its own first events: the order of the records is not theirs.
	Late bool

	// Of a crash, where the event names it.
	Code       uint32
	Parameters [4]uint64
}

// History is what a log tells.
type History struct {
	Events  []Event // oldest first
	Records int     // how many were looked at
	Damaged int     // how many of them could not be read

	Newest, Oldest time.Time // of the records looked at
	Problems       []error
}

// Crashes returns the newest events about boots, shutdowns and crashes, at most limit.
// A log that can be read in part gives that part; only what is no log at all, and a
// cancelled ctx, is an error.
func Crashes(ctx context.Context, r io.ReaderAt, size int64, limit int) (*History, error) {
	l, err := Open(ctx, r, size)
	if err != nil {
		return nil, err
	}
	h := &History{}
	for rec := range l.Records(ctx) {
		if h.look(ctx, rec); len(h.Events) >= limit {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	h.Problems = l.Problems
	if l.tokens < 0 {
		h.Problems = append(h.Problems, errors.New("event log: its templates are too large; older records were not read"))
	}
	slices.Reverse(h.Events)
	return h, nil
}

// look takes the event of a record, if it is one to tell.
func (h *History) look(ctx context.Context, rec *Record) {
	h.Records++
	if h.Newest.IsZero() {
		h.Newest = rec.Written
	}
	h.Oldest = rec.Written
	e, err := rec.read(ctx, func(e *event) bool { return ruleFor(e) != nil })
	if err != nil && !errors.Is(err, errEnough) {
		h.Damaged++
		return
	}
	rule := ruleFor(e)
	if rule == nil {
		return
	}
	out := Event{Time: e.time, Record: rec.ID, Kind: rule.kind, Provider: e.provider, ID: uint32(e.id), Late: rule.late()}
	if rule.tell(e, &out) {
		h.Events = append(h.Events, out)
	}
}

// rule makes words of one kind of event.
type rule struct {
	provider string
	id       uint64
	kind     Kind
	// tell fills in the words, or says that there is nothing to tell.
	tell func(e *event, out *Event) bool
}

func ruleFor(e *event) *rule {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.id == e.id && strings.EqualFold(r.provider, e.provider) })
	if i < 0 {
		return nil
	}
	return &rules[i]
}

func (r *rule) late() bool {
	return strings.HasPrefix(r.provider, "Microsoft-Windows-Kernel-") || r.provider == volumeManager
}

// says is for events that mean the same whatever they hold.
func says(words string) func(*event, *Event) bool {
	return func(_ *event, out *Event) bool {
		out.Words = words
		return true
	}
}

const (
	kernelGeneral = "Microsoft-Windows-Kernel-General"
	kernelPower   = "Microsoft-Windows-Kernel-Power"
	kernelBoot    = "Microsoft-Windows-Kernel-Boot"
	kernelIO      = "Microsoft-Windows-Kernel-IO"
	errorReports  = "Microsoft-Windows-WER-SystemErrorReporting"
	volumeManager = "volmgr"
	eventService  = "EventLog"
)

// rules are the events that are told. The numbers of volmgr are the codes of
// IO_DUMP_… in ntiologc.h of the driver kit.
var rules = []rule{
	{kernelGeneral, 12, Boot, tellBoot},
	{kernelGeneral, 13, Shutdown, says("Windows shut down")},
	{kernelPower, 41, Unexpected, tellPower},
	{kernelBoot, 20, BootFailed, tellLastBoot},
	{"User32", 1074, Asked, tellAsked},
	{eventService, 6005, Boot, says("the event log service started")},
	{eventService, 6006, Shutdown, says("the event log service stopped")},
	{eventService, 6008, Unexpected, tellUnexpected},
	{errorReports, 1001, BugCheck, tellBugCheck},
	{errorReports, 1005, DumpFailed, says("no minidump could be made from the full dump")},
	{errorReports, 1018, DumpFailed, tellDeleted},
	{volumeManager, 45, DumpFailed, says("the crash dump driver could not be loaded: a crash would leave no dump")},
	{volumeManager, 46, DumpFailed, says("crash dumps could not be set up: a crash would leave no dump")},
	{volumeManager, 49, DumpFailed, says("the page file could not be set up for crash dumps: there is none on the boot volume, or it is too small")},
	{volumeManager, 161, DumpFailed, tellCreation},
	{volumeManager, 162, DumpSaved, says("the crash wrote its dump to the end")},
	{volumeManager, 163, DumpFailed, says("a driver failed while the dump was written; DumpStack.log says more")},
	{volumeManager, 164, DumpFailed, says("the dedicated dump file could not be set up")},
	{kernelIO, 1207, DumpFailed, says("the encryption of dumps could not be set up, so no dumps are written")},
}

func tellBoot(e *event, out *Event) bool {
	out.Words = "Windows started"
	if build := e.text("BuildVersion", -1); build != "" {
		out.Words += fmt.Sprintf(", version %s.%s.%s", e.text("MajorVersion", -1), e.text("MinorVersion", -1), build)
	}
	return true
}

// tellPower tells how the last run ended, as the next one found it.
func tellPower(e *event, out *Event) bool {
	out.Code = uint32(e.number("BugcheckCode"))
	for i := range out.Parameters {
		out.Parameters[i] = e.number(fmt.Sprintf("BugcheckParameter%d", i+1))
	}
	words := []string{"Windows had ended without a shutdown"}
	switch {
	case out.Code != 0:
		words = append(words, "by bugcheck "+bugCheckText(out))
	case e.number("PowerButtonTimestamp") != 0 || e.number("LongPowerButtonPressDetected") != 0:
		words = append(words, "the power button was held, and no bugcheck was recorded: it probably hung")
	default:
		words = append(words, "and no bugcheck was recorded: it hung and was reset, or it lost power")
	}
	if e.number("SleepInProgress") != 0 {
		words = append(words, "while it went to sleep or woke")
	}
	out.Words = strings.Join(words, ", ")
	return true
}

func bugCheckText(out *Event) string {
	p := out.Parameters
	return fmt.Sprintf("0x%X (0x%X, 0x%X, 0x%X, 0x%X)", out.Code, p[0], p[1], p[2], p[3])
}

// tellLastBoot is silent about boots that went well.
func tellLastBoot(e *event, out *Event) bool {
	good, known := e.get("LastBootGood", -1).number()
	out.Words = "the boot before this one did not come to its end"
	return known && good == 0
}

func tellAsked(e *event, out *Event) bool {
	out.Words = fmt.Sprintf("%s asked for: %s", orUnknown(e.text("param5", 4)), orUnknown(e.text("param1", 0)))
	if reason := e.text("param3", 2); reason != "" {
		out.Words += " (" + reason + ")"
	}
	return true
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func tellUnexpected(e *event, out *Event) bool {
	out.Words = "the shutdown before this boot was unexpected"
	if clock, day := e.text("", 0), e.text("", 1); clock != "" && day != "" {
		out.Words += fmt.Sprintf(": Windows last ran at %s on %s, local time", clock, day)
	}
	return true
}

// tellBugCheck reads the bugcheck out of "0x000000e2 (0x…, 0x…, 0x…, 0x…)".
func tellBugCheck(e *event, out *Event) bool {
	text := e.text("param1", 0)
	p := &out.Parameters
	if n, _ := fmt.Sscanf(text, "0x%x (0x%x, 0x%x, 0x%x, 0x%x)", &out.Code, &p[0], &p[1], &p[2], &p[3]); n < 1 {
		out.Words = "Windows restarted from a bugcheck: " + orUnknown(text)
	} else {
		out.Words = "Windows restarted from bugcheck " + bugCheckText(out)
	}
	if dump := e.text("param2", 1); dump != "" {
		out.Words += ", dump in " + dump
	}
	return true
}

func tellDeleted(e *event, out *Event) bool {
	out.Words = "Windows deleted a dump because the volume had too little free space: " + orUnknown(e.text("param1", 0))
	return true
}

func tellCreation(e *event, out *Event) bool {
	out.Words = "the crash could not write its dump"
	if progress := e.text("BugCheckProgress", 1); progress != "" {
		out.Words += ", progress " + progress
	}
	return true
}
