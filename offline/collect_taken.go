package offline

import (
	"bytes"
	"context"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
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
	bundle *collect.Bundle
	begun  time.Time
	target string // as the user named it, for people

	scan    *scan
	from    *found                // the Windows that is meant; nil where none is clear
	windows *windows.Installation // its registry; nil where that cannot be read
	facts   *windows.Facts        // what the registry says; nil likewise

	dumps []takenDump
	left  []*collect.Candidate // found, and not wanted

	files []*collect.BundleFile // what was written into the bundle beside dumps and logs
}

// write writes one file of the collection's own into the bundle, such as
// "report.html"; it is encrypted where the collection is.
func (c *collection) write(ctx context.Context, name string, text []byte) error {
	file, err := c.bundle.Write(ctx, name, bytes.NewReader(text))
	if err != nil {
		return err
	}
	c.files = append(c.files, file)
	return nil
}
