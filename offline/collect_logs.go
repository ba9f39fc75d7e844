package offline

import (
	"context"
	"errors"
	"fmt"
	"path"

	"hangkit/collect"
	"hangkit/collect/logs"
	"hangkit/offline/internal/ui"
)

var errNoLog = errors.New("no log found")

// takenLog is a log that was wanted, and what came of it.
type takenLog struct {
	File   logs.File
	Copy   *collect.BundleFile // nil where it could not be copied
	Failed error
}

// takeLogs copies the logs. One that cannot be read does not keep the others back; a
// target that takes no more ends it.
func (k *collection) takeLogs(ctx context.Context, talk *ui.UI) {
	update, finish := talk.Progress("logs")
	defer finish()
	total, done := k.logSize(), int64(0)
	ended := false
	for i := range k.logs {
		l := &k.logs[i]
		l.Failed = errSkipped
		if !ended {
			l.Copy, l.Failed = k.takeLog(ctx, &l.File)
		}
		if l.Failed != nil && !isUnreadable(l.Failed) {
			ended, k.unfinished = true, true
		}
		done += l.File.Size
		update(done, total)
	}
}

// isUnreadable tells an error that is about one log alone.
func isUnreadable(err error) bool {
	return errors.Is(err, collect.ErrUnreadable) && !errors.Is(err, collect.ErrSourceGone)
}

func (k *collection) takeLog(ctx context.Context, f *logs.File) (*collect.BundleFile, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("copy %s: %w", f.Path, err)
	}
	file, err := k.bundle.Copy(ctx, path.Join(collect.LogsFolder, f.Path), f.Place.Volume, f.Path)
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", f.Path, err)
	}
	return file, nil
}

// findLogs lists the logs of all places.
func (k *collection) findLogs(ctx context.Context, places []collect.Place) error {
	found, err := logs.Find(ctx, places, logs.DefaultLimits)
	if err != nil {
		return err
	}
	for _, f := range found.Files {
		k.logs = append(k.logs, takenLog{File: f})
	}
	k.logsLeft, k.moreLogsLeft = found.Left, found.MoreLeft
	return nil
}

// maxLogErrors is how many logs that could not be copied are told one by one.
const maxLogErrors = 3

// logFailures says which logs could not be copied. What ended the copying comes before
// logs that cannot be read: the exit status and the hints hang on it.
func (k *collection) logFailures() []error {
	var errs, unreadable []error
	for _, l := range k.logs {
		switch {
		case l.Failed == nil || errors.Is(l.Failed, errSkipped):
		case isUnreadable(l.Failed):
			unreadable = append(unreadable, l.Failed)
		default:
			errs = append(errs, l.Failed)
		}
	}
	errs = append(errs, unreadable...)
	if more := len(errs) - maxLogErrors; more > 0 {
		errs = append(errs[:maxLogErrors], fmt.Errorf("%s could not be copied either", counted(more, "more log")))
	}
	return errs
}

func (k *collection) logSize() (size int64) {
	for _, l := range k.logs {
		size += l.File.Size
	}
	return size
}

// copiedLogs is how many logs are in the bundle, and their size.
func (k *collection) copiedLogs() (n int, size int64) {
	for _, l := range k.logs {
		if l.Copy != nil {
			n, size = n+1, size+l.Copy.Size
		}
	}
	return n, size
}

func (k *collection) describeLog(l *takenLog) collectedFile {
	j := collectedFile{Path: l.File.Path, Kind: string(l.File.Kind), Size: l.File.Size}
	if l.Copy != nil {
		j.File, j.Size, j.BadBytes = k.path(l.Copy.Name), l.Copy.Size, l.Copy.BadBytes
	}
	if l.Failed != nil {
		j.Problem = l.Failed.Error()
	}
	return j
}

func manifestLog(l *takenLog) collect.ManifestFile {
	f := collect.ManifestFile{Size: l.File.Size}
	if l.Copy != nil {
		f = collect.NewManifestFile(l.Copy)
	}
	f.Volume, f.Path, f.Kind = l.File.Place.Label, l.File.Path, string(l.File.Kind)
	f.Modified = collect.ManifestTime(l.File.Modified)
	if l.Failed != nil {
		f.Problem = l.Failed.Error()
	}
	return f
}

func manifestLogLeft(l *logs.Left) collect.ManifestFile {
	return collect.ManifestFile{Volume: l.Place.Label, Path: l.Path, Size: l.Size, Problem: l.Err.Error()}
}

// describeLogLeft is a log that is not taken, with the reason.
func describeLogLeft(l *logs.Left) collectedFile {
	return collectedFile{Path: l.Path, Size: l.Size, Problem: l.Err.Error()}
}

// shownLogsLeft is how many of the logs that are not taken are named on a terminal.
const shownLogsLeft = 5

func (k *collection) printLogsLeft(talk *ui.UI) {
	for i, l := range k.logsLeft {
		if i == shownLogsLeft {
			talk.Printf("not taken: %s; the manifest lists them\n", counted(len(k.logsLeft)-i+k.moreLogsLeft, "more log"))
			return
		}
		talk.Printf("not taken: %s: %s\n", printable(l.Path), printable(l.Err.Error()))
	}
}
