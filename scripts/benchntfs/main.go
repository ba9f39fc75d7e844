//go:build linux

// Benchntfs compares how fast a file comes off an NTFS volume: hangkit, dd of the
// same clusters, go-ntfs, icat, ntfscat, ntfs-3g and 7zz, each reading 2 GiB to
// nowhere, in one piece and in 20,000, out of the page cache and past it; then how
// little opening a volume reads, and how long making one takes.
//
// When to run: just bench-ntfs, on an idle machine and as root (ntfs-3g mounts). It
// takes 9 GiB in BENCH_DIR, else in the folder for temporary files. A program that
// is not installed has no row. Each reads RUNS times (default 5), by turns; printed
// are medians. A reader that gives other bytes than the file's is named with what it
// gave.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"strconv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		log.Fatal("benchntfs: ", err)
	}
}

// run is the benchmark or, where it has started itself, one of the readers.
func run(ctx context.Context, args []string) error {
	if len(args) == 3 {
		return readAs(args[0], args[1], args[2])
	}
	runs, err := numberOfRuns()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(os.Getenv("BENCH_DIR"), "hangkit-benchntfs.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, measure := range []func() error{
		func() error { return compareReaders(ctx, dir, runs) },
		measureOpening,
		func() error { return measureMaking(dir, runs) },
	} {
		if err := measure(); err != nil {
			return err
		}
	}
	return nil
}

func numberOfRuns() (int, error) {
	text := os.Getenv("RUNS")
	if text == "" {
		return 5, nil
	}
	runs, err := strconv.Atoi(text)
	if err != nil || runs < 1 {
		return 0, errors.New("RUNS is a number from 1")
	}
	return runs, nil
}
