// When to run: to release (just release), and in CI.
//
// Makes everything that a release has, into one folder: the static binary for each
// platform, archives and Debian packages with its manual pages, completions and the
// licences of what is linked in, the live media, a bill of materials, and checksums. The
// same source gives the same bytes, wherever it lies and whenever it is built.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil {
		log.Fatal("release: ", err)
	}
}

// release is what is being made.
type release struct {
	source
	platforms  []platform
	out        string // folder of what is released
	work       string // folder of what goes into archives
	maintainer string
	talk       io.Writer
	host       string // hangkit for this machine
	libraries  []library
	media      []medium
}

// run makes a release, of all platforms if no others are meant.
func run(ctx context.Context, args []string, talk io.Writer, only ...platform) (err error) {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	out := flags.String("o", "dist", "folder to release into")
	version := flags.String("version", "", "version; default: the commit's tag, or 0.0.0+commit")
	noISO := flags.Bool("no-iso", false, "leave out the live media, which need Debian's packages from the network")
	maintainer := flags.String("maintainer", "The hangkit authors <hangkit@localhost>", "who the Debian packages are by")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r := &release{platforms: platforms, maintainer: *maintainer, talk: talk}
	if len(only) > 0 {
		r.platforms = only
	}
	if r.source, err = findSource(ctx, *version); err != nil {
		return err
	}
	if r.out, err = filepath.Abs(*out); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "hangkit-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	return r.take(ctx, r.steps(!*noISO))
}

func (r *release) steps(media bool) []step {
	steps := []step{
		{"binaries", r.buildAll}, {"licences", r.writeNotices}, {"manual pages, completions", r.writeManual},
		{"archives", r.writeArchives}, {"Debian packages", r.writeDebs},
	}
	if media {
		steps = append(steps, step{"live media", r.writeMedia})
	}
	return append(steps, step{"bill of materials", r.writeBill}, step{"checksums", r.writeSums})
}

type step struct {
	name string
	do   func(context.Context) error
}

func (r *release) take(ctx context.Context, steps []step) error {
	if err := clearRelease(r.out); err != nil {
		return err
	}
	fmt.Fprintf(r.talk, "hangkit %s, %s, into %s\n", r.version, r.date.Format(time.RFC3339), r.out)
	for _, s := range steps {
		start := time.Now()
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(r.talk, "  %-30s %5.1f s\n", s.name, time.Since(start).Seconds())
	}
	return nil
}
