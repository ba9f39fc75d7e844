package live

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"

	"hangkit/image"
)

// Options say what a medium is made of.
type Options struct {
	Arch    string
	Version string   // of the program, for its description
	Program []byte   // the program for Linux: it is the medium's init
	Run     string   // commands to run without a person, as hangkit.run= on the kernel's command line
	Append  []string // more words for it
	Lock    *Lock    // nil is the one that this program carries
	Store   *Store

	Kernel, Modules string // files of a kernel in place of the packaged one: see ownKernel
}

// ErrProgram is a program that cannot be a medium's init.
var ErrProgram = errors.New("no static program for Linux on this processor")

// ErrCommands is a list of commands that a kernel's command line cannot carry.
var ErrCommands = errors.New("commands that a kernel's command line cannot carry")

// maxRun leaves room for the other words: x86 kernels take 2048 bytes, isolinux no more than that.
const maxRun = 1024

// check refuses what would only fail when the medium is booted.
func (o *Options) check() error {
	if err := checkProgram(o.Arch, o.Program); err != nil {
		return err
	}
	for _, r := range o.Run {
		if r < ' ' || r > '~' || r == '"' {
			return fmt.Errorf("%w: %q: letters of ASCII without double quotes only", ErrCommands, o.Run)
		}
	}
	if len(o.Run) > maxRun {
		return fmt.Errorf("%w: %d letters, at most %d", ErrCommands, len(o.Run), maxRun)
	}
	return nil
}

// checkProgram looks at the program's ELF header: of its processor, and without an interpreter,
// for there is no C library on the medium.
func checkProgram(arch string, program []byte) error {
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("%w (%s): %w", ErrProgram, arch, err)
	}
	if file.Machine != want {
		return fmt.Errorf("%w (%s): it is for %s", ErrProgram, arch, file.Machine)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%w (%s): it is linked dynamically", ErrProgram, arch)
		}
	}
	return nil
}

// Medium is a finished one.
type Medium struct {
	Disk       *image.Memory // its bytes: a disk of sectors of 512 bytes that is an ISO too
	Build      string        // what hangkit.medium= says
	Kernel     string        // release
	Modules    int
	Provenance []Provenance
}

// Build makes a medium.
func Build(ctx context.Context, o Options) (*Medium, error) {
	a, ok := archs[o.Arch]
	if !ok {
		return nil, fmt.Errorf("medium for %q: %w", o.Arch, errors.ErrUnsupported)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Lock == nil {
		lock, err := LockFor(o.Arch)
		if err != nil {
			return nil, err
		}
		o.Lock = lock
	}
	p, err := unpackParts(ctx, a, o)
	if err != nil {
		return nil, err
	}
	m := &medium{o: o, arch: a, build: buildID(o, o.Program, p), date: o.Lock.Date, parts: p, program: o.Program}
	disk, err := m.assemble()
	if err != nil {
		return nil, err
	}
	return &Medium{disk, m.build, p.modules.release, len(p.modules.byName), p.provenance}, nil
}
