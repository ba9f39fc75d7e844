//go:build linux

// Bootmatrix boots the live medium in QEMU: the very file that hangkit image live makes.
// When to run: after changing the medium, process 1 or what they start (just boot-matrix);
// it takes about an hour without hardware acceleration. Usage:
//
//	bootmatrix [-hangkit FILE] [-medium FILE] [-stick FILE] [LANE…]
//
// The lanes are arm, collect, secureboot, powercut, menu and arm64; all but the last if none
// is named. What is not given is made first, which downloads Debian's packages once.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"hangkit/image/live/boottest"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1:], os.Stdout); err != nil {
		log.Fatal("bootmatrix: ", err)
	}
}

// matrix runs lanes and remembers what failed.
type matrix struct {
	lab    *boottest.Lab
	out    io.Writer
	seed   uint64
	cuts   int
	image  string // where the screendump goes
	talk   io.Writer
	bus    string
	failed []string
}

// lane is one part of the matrix.
type lane struct {
	name string
	run  func(*matrix, context.Context)
}

// lanes are run in this order.
var lanes = []lane{
	{"arm", (*matrix).arm}, {"collect", (*matrix).collect}, {"secureboot", (*matrix).secureBoot},
	{"powercut", (*matrix).powerCut}, {"menu", (*matrix).menu}, {"arm64", (*matrix).arm64},
}

func run(args []string, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m := &matrix{out: out, lab: &boottest.Lab{Kit: &boottest.Kit{}}}
	flags := flag.NewFlagSet("bootmatrix", flag.ContinueOnError)
	flags.StringVar(&m.lab.Kit.Program, "hangkit", "", "binary that makes media and disks, and judges them")
	flags.StringVar(&m.lab.Medium, "medium", "", "hybrid file without a data partition")
	flags.StringVar(&m.lab.Stick, "stick", "", "the same with one")
	flags.Uint64Var(&m.seed, "seed", 1, "chooses the moments of the power cuts")
	flags.IntVar(&m.cuts, "cuts", 20, "how often the power is cut")
	flags.StringVar(&m.image, "screendump", "menu.png", "file for the picture of the screen")
	flags.StringVar(&m.bus, "bus", "", "only disks on this bus: nvme, ahci, virtio or usb")
	verbose := flags.Bool("v", false, "show the consoles")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *verbose {
		m.talk = os.Stderr
	}
	dir, err := os.MkdirTemp("", "bootmatrix")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := m.prepare(ctx, dir, flags.Args()); err != nil {
		return err
	}
	return m.all(ctx, flags.Args())
}

// prepare builds hangkit, and the media that were not given.
func (m *matrix) prepare(ctx context.Context, dir string, names []string) error {
	needed := boottest.Needed()
	if slices.Contains(names, "arm64") {
		needed = append(needed, boottest.NeededARM64()...)
	}
	if missing := boottest.Missing(needed...); len(missing) > 0 {
		return fmt.Errorf("missing: %s", strings.Join(missing, ", "))
	}
	kit := m.lab.Kit
	kit.Dir = dir
	if kit.Program == "" {
		if err := kit.Build(ctx); err != nil {
			return err
		}
	}
	if m.lab.Medium == "" {
		m.lab.Medium = filepath.Join(dir, "hangkit.iso")
		if err := kit.MakeMedium(ctx, m.lab.Medium); err != nil {
			return err
		}
	}
	if m.lab.Stick == "" {
		m.lab.Stick = filepath.Join(dir, "stick.img")
		return kit.MakeMedium(ctx, m.lab.Stick, "--data", "1G")
	}
	return nil
}

func (m *matrix) all(ctx context.Context, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(lanes, func(l lane) bool { return l.name == name }) {
			return fmt.Errorf("no lane %q", name)
		}
	}
	for _, l := range lanes {
		if ctx.Err() == nil && (slices.Contains(names, l.name) || len(names) == 0 && l.name != "arm64") {
			l.run(m, ctx)
		}
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if len(m.failed) > 0 {
		return fmt.Errorf("%d failed: %s", len(m.failed), strings.Join(m.failed, "; "))
	}
	return nil
}
