package offline

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"hangkit/collect"
	"hangkit/offline/internal/ui"
)

var errNoLog = errors.New("no log found")

// logFile is a file of the disk that tells what happened before a crash.
type logFile struct {
	Place    *collect.Place
	Path     string // slash path inside the volume
	Kind     string // what it is, for people
	Size     int64
	Modified time.Time
}

// takenLog is a log that was wanted, and what came of it.
type takenLog struct {
	File   logFile
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
		if !ended && ctx.Err() == nil {
			l.Copy, l.Failed = k.takeLog(ctx, &l.File)
		}
		if l.Failed != nil && !errors.Is(l.Failed, collect.ErrUnreadable) {
			ended, k.unfinished = true, true
		}
		done += l.File.Size
		update(done, total)
	}
}

func (k *collection) takeLog(ctx context.Context, f *logFile) (*collect.BundleFile, error) {
	r, err := f.Place.Volume.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", f.Path, collect.ErrUnreadable, err)
	}
	defer r.Close()
	file, err := k.bundle.Write(ctx, path.Join(collect.LogsFolder, f.Path), r)
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", f.Path, err)
	}
	return file, nil
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
	j := collectedFile{Path: l.File.Path, Kind: l.File.Kind, Size: l.File.Size}
	if l.Copy != nil {
		j.File, j.Size = k.path(l.Copy.Name), l.Copy.Size
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
	f.Volume, f.Path, f.Kind = l.File.Place.Label, l.File.Path, l.File.Kind
	if !l.File.Modified.IsZero() {
		modified := l.File.Modified.UTC()
		f.Modified = &modified
	}
	if l.Failed != nil {
		f.Problem = l.Failed.Error()
	}
	return f
}
