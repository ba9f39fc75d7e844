package offline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/logs"
	"hangkit/offline/internal/ui"
	"hangkit/offline/windows"
)

// takenDump is a dump that was wanted, and what came of it.
type takenDump struct {
	Candidate *collect.Candidate
	Result    *collect.Result  // nil where it could not be copied
	Report    *dumpfile.Report // nil where it was not verified
	Failed    error
}

// collection is one run of collect: where from and where to, what was found, and what
// came of it.
type collection struct {
	bundle *collect.Bundle // nil until there is one
	begun  time.Time
	target string // as the user named it, for people
	output string // likewise
	what   string // to collect

	options []string // that decide what a copy is like

	scan    *scan
	from    *found                // the Windows that is meant; nil where none is clear
	windows *windows.Installation // its registry; nil where that cannot be read
	facts   *windows.Facts        // what the registry says; nil likewise

	dumps []takenDump
	left  []*collect.Candidate // found, and not wanted
	logs  []takenLog

	logsLeft     []logs.Left // the first of the logs that are not wanted
	moreLogsLeft int         // how many there are beside these

	manifest string // as it is now, empty where it could not be written

	files []*collect.BundleFile // what was written into the bundle beside dumps and logs

	failed     []error // beside those of the dumps and logs
	unfinished bool    // there is something that --resume could still get
	completed  *time.Time
}

// sort parts the candidates into those to take and those to tell about.
func (k *collection) sort(candidates []*collect.Candidate) {
	k.dumps, k.left = nil, nil
	for _, c := range candidates {
		if c.Wanted() {
			k.dumps = append(k.dumps, takenDump{Candidate: c})
		} else {
			k.left = append(k.left, c)
		}
	}
}

// openWindows opens the registry of the Windows that is meant. What cannot be read of
// it costs the facts, not the dump.
func (k *collection) openWindows(talk *ui.UI, number int) {
	from, err := k.scan.choose(number)
	if err != nil {
		return // places has told what the user has to know
	}
	k.from = from
	if k.windows, err = from.open(); err == nil {
		k.facts, err = k.windows.Facts(from.live(unknownMemory))
	}
	if err != nil {
		talk.Warnf("%s\n", printable(fmt.Sprintf("%s: what its registry says is not known: %v", from.where(), err)))
	}
}

// Close lets go of the registry and the bundle.
func (k *collection) Close() error {
	var errs []error
	if k.windows != nil {
		errs = append(errs, k.windows.Close())
	}
	if k.bundle != nil {
		errs = append(errs, k.bundle.Close())
	}
	return errors.Join(errs...)
}

// computer is the name of the machine, as its registry has it, or nothing.
func (k *collection) computer() string {
	if k.facts == nil {
		return ""
	}
	return k.facts.Name.Value
}

// id says whose collection it is. The stick that the program was started from tells
// nothing of the machine.
func (k *collection) id() collect.BundleID {
	id := collect.BundleID{Computer: k.computer(), What: k.what, Begun: k.begun, Options: k.options}
	for _, v := range readable(k.scan) {
		on := func(p *collect.Place) bool { return p.Volume == collect.Volume(v.FS) }
		meant := k.from != nil && k.from.Volume == v
		if serial := serialText(v); serial != "" && (meant || k.takes(on)) {
			id.Volumes = append(id.Volumes, serial)
		}
	}
	return id
}

// takes tells whether something is taken from the places that are meant.
func (k *collection) takes(from func(*collect.Place) bool) bool {
	return slices.ContainsFunc(k.dumps, func(d takenDump) bool { return from(d.Candidate.Place) }) ||
		slices.ContainsFunc(k.logs, func(l takenLog) bool { return from(l.File.Place) })
}

// isEmpty tells that there is nothing to collect.
func (k *collection) isEmpty() bool { return len(k.dumps) == 0 && len(k.logs) == 0 }

// cameOut tells whether anything that was looked for is in the bundle.
func (k *collection) cameOut() bool {
	n, _ := k.copiedLogs()
	return n > 0 || slices.ContainsFunc(k.dumps, func(d takenDump) bool { return d.Result != nil })
}

// isWhole tells whether nothing is missing in what was copied.
func (k *collection) isWhole() bool {
	return !slices.ContainsFunc(k.dumps, func(d takenDump) bool {
		return d.Result.Partial || d.Report != nil && d.Report.Verdict == dumpfile.Unusable
	}) && !slices.ContainsFunc(k.logs, func(l takenLog) bool { return l.Copy != nil && l.Copy.BadBytes > 0 })
}

func (k *collection) path(name string) string {
	return filepath.Join(k.bundle.Dir, filepath.FromSlash(name))
}

// sizes says what is to be copied.
func (k *collection) sizes() string {
	var parts []string
	size := int64(0)
	for _, d := range k.dumps {
		size += d.Candidate.Have
	}
	if len(k.dumps) > 0 {
		parts = append(parts, counted(len(k.dumps), "dump")+", "+ui.FormatSize(size))
	}
	if len(k.logs) > 0 {
		parts = append(parts, counted(len(k.logs), "log")+", "+ui.FormatSize(k.logSize()))
	}
	return strings.Join(parts, "; ")
}

// size is what is to be copied, in bytes.
func (k *collection) size() int64 {
	size := k.logSize()
	for _, d := range k.dumps {
		size += d.Candidate.Have
	}
	return size
}

// fail notes what went wrong with the target.
func (k *collection) fail(err error) { k.failed, k.unfinished = append(k.failed, err), true }

// failures is everything that went wrong.
func (k *collection) failures() error {
	var errs []error
	for _, d := range k.dumps {
		if d.Failed != nil && !errors.Is(d.Failed, errSkipped) {
			errs = append(errs, d.Failed)
		}
	}
	errs = append(errs, k.logFailures()...)
	return errors.Join(append(errs, k.failed...)...)
}

// errSkipped is why something was not copied after the collection had come to an end.
var errSkipped = errors.New("the collection ended before its turn came")

// interrupted adds the way on to the error of a collection that stopped.
func (k *collection) interrupted(ctx context.Context, failed error) error {
	err := cmp.Or(failed, ctx.Err())
	if hints := k.partlyHints(failed); len(hints) > 0 {
		return ui.Hint(err, hints...)
	}
	return err
}

// partlyHints says how much is kept of a copy that stopped, and where to look.
func (k *collection) partlyHints(failed error) []string {
	var hints []string
	kept, ok := errors.AsType[*collect.KeptError](failed)
	switch {
	case ok:
		hints = append(hints, fmt.Sprintf("%s of %s are kept: the same command with --resume goes on there", ui.FormatSize(kept.Done), ui.FormatSize(kept.Size)))
	case k.unfinished && k.cameOut():
		hints = append(hints, "the same command with --resume goes on")
	}
	if errors.Is(failed, collect.ErrTargetFull) {
		hints = slices.Insert(hints, 0, "make room on the target first, or name a folder on a disk with more: -o")
	}
	if k.manifest != "" {
		hints = append(hints, "what did come out is listed in "+k.manifest)
	}
	return hints
}

// finish ends the bundle. The journals go last: as long as the bundle counts as
// unfinished they say which dumps are done.
func (k *collection) finish() error {
	if err := k.bundle.Finish(); err != nil {
		k.completed = nil // the manifest must not say so
		return errors.Join(err, k.writeManifest())
	}
	return collect.Forget(k.path(collect.DumpsFolder))
}

// takeTexts writes what the collection has to say for itself.
func (k *collection) takeTexts(ctx context.Context) {
	write := []func(context.Context) error{k.writeRegistry, k.writeReport}
	if k.what == whatDumps {
		write = write[1:]
	}
	for _, w := range write {
		if ctx.Err() != nil {
			return
		}
		if err := w(ctx); err != nil {
			k.fail(err)
		}
	}
}

// write writes one file of the collection's own into the bundle, such as
// "report.html"; it is encrypted where the collection is.
func (k *collection) write(ctx context.Context, name string, text []byte) error {
	file, err := k.bundle.Write(ctx, name, bytes.NewReader(text))
	if err != nil {
		return err
	}
	k.files = append(k.files, file)
	return nil
}
