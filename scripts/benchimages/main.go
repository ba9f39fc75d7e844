//go:build linux

// Benchimages compares how fast disks in images and encrypted disks are read, whole
// programs against their peers:
//
//   - check of a disk with a real SYSTEM, as raw, qcow2 and VHDX, in the clear and
//     through BitLocker, with ntfscat, dislocker-fuse and hivexget, with guestfish and
//     with virt-win-reg;
//   - 1 GiB out of VHDX and qcow2, to nowhere and to a raw file, with qemu-img convert;
//   - what a second of a processor decrypts of a BitLocker volume, by each method, with
//     dislocker-file. Both stretch a key first; that is measured on a small volume of
//     the same kind and subtracted.
//
// When to run: just bench-images, on an idle machine. It takes 5 GiB in BENCH_DIR, else
// in the folder for temporary files. The hive is from HANGKIT_SAMPLES, or
// ../shared/samples; without those a made-up one. A program that is not installed has no
// row. Each runs RUNS times (default 5), by turns; printed are medians. MIB=128 RUNS=1
// shows soon that it works, and no more: so little is decrypted in no time at all.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		log.Fatal("benchimages: ", err)
	}
}

// bench is what all comparisons share.
type bench struct {
	dir      string   // for everything that is made
	self     string   // this program, which reads with our packages
	contents repeated // of disks: hangkit, a program that packs as programs do
	size     int64    // of the disks that are read as a whole
	runs     int
}

// run is the benchmark or, where it has started itself, one of the readers.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		return readAs(ctx, args)
	}
	b, err := newBench()
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.build(ctx); err != nil {
		return err
	}
	for _, compare := range []func(context.Context) error{b.compareCheck, b.compareContainers, b.compareDecryption} {
		if err := compare(ctx); err != nil {
			return err
		}
	}
	return nil
}

// The sizes of the disks that are read as a whole, in MiB, and of the runs.
const (
	defaultMiB  = 1024
	leastMiB    = 128
	defaultRuns = 5
	mib         = 1 << 20
)

func newBench() (*bench, error) {
	runs, err := number("RUNS", defaultRuns, 1)
	if err != nil {
		return nil, err
	}
	size, err := number("MIB", defaultMiB, leastMiB)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(os.Getenv("BENCH_DIR"), "hangkit-benchimages.")
	return &bench{dir: dir, self: self, size: int64(size) * mib, runs: runs}, err
}

func number(variable string, otherwise, least int) (int, error) {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		return 0, fmt.Errorf("%s is a number from %d", variable, least)
	}
	return n, nil
}

// build builds hangkit as it is released.
func (b *bench) build(ctx context.Context) (err error) {
	if err := do(ctx, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", b.path("hangkit"), "."); err != nil {
		return err
	}
	b.contents, err = os.ReadFile(b.path("hangkit"))
	return err
}

// path is that of a file in the benchmark's folder.
func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// do has a program do something that is not measured.
func do(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, out)
	}
	return nil
}

func installed(programs ...string) bool {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return false
		}
	}
	return true
}

// errUsage is never seen: this program alone starts itself with arguments.
var errUsage = errors.New("benchimages takes no arguments")
