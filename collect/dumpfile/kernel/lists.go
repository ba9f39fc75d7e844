package kernel

import (
	"bytes"
	"cmp"
	"fmt"
)

// ListError says where a doubly linked list of the kernel is broken.
type ListError struct {
	Node  uint64 // the LIST_ENTRY that leads on wrongly
	After int    // how many entries were read before
	What  string
	Err   error // what reading failed with, nil where the list itself is wrong
}

func (e *ListError) Error() string {
	s := fmt.Sprintf("the list breaks at %#x after %d of its entries: %s", e.Node, e.After, e.What)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ListError) Unwrap() error { return e.Err }

// walk follows the list from its head until it comes back to it, and calls
// visit with every entry on the way. most bounds the entries. Where the list
// is broken it gives a ListError, after the entries that could be reached.
func (k *Kernel) walk(head uint64, most int, visit func(node uint64)) error {
	at, n := head, 0
	seen := map[uint64]bool{head: true}
	var first error // a wrong way back does not end the walk
	for {
		links, err := k.read(at, 2*k.o.word)
		if err != nil {
			return &ListError{at, n, "the entry cannot be read", err}
		}
		next := k.pointer(links)
		switch {
		case next == head:
			return cmp.Or(first, k.backLink(head, at, n))
		case !k.isKernel(next):
			return &ListError{at, n, fmt.Sprintf("it leads to %#x", next), nil}
		case seen[next]:
			return &ListError{at, n, fmt.Sprintf("it leads back to %#x", next), nil}
		case n == most:
			return &ListError{at, n, "it does not end", nil}
		}
		seen[next] = true
		first = cmp.Or(first, k.backLink(next, at, n))
		visit(next)
		at, n = next, n+1
	}
}

// backLink checks that node leads back to before. What cannot be read is the
// walk's to find.
func (k *Kernel) backLink(node, before uint64, n int) error {
	links, err := k.read(node, 2*k.o.word)
	if err != nil {
		return nil //nolint:nilerr // the walk reads the same entry next and reports it
	}
	if back := k.pointer(links[k.o.word:]); back != before {
		return &ListError{node, n, fmt.Sprintf("it leads back to %#x instead of %#x", back, before), nil}
	}
	return nil
}

// Module is a loaded module: the kernel itself, or a driver. The names are as
// they stood in memory.
type Module struct {
	Name          string
	Path          string
	Base          uint64
	Size          uint32
	EntryPoint    uint64
	CheckSum      uint32
	TimeDateStamp uint32
	Problem       string // what could not be read of it
}

// End is the first address behind the module.
func (m *Module) End() uint64 { return m.Base + uint64(m.Size) }

// maxModules bounds the module list: a machine has a few hundred.
const maxModules = 4096

// Modules reads the list of loaded modules. With an error come the modules
// that could be reached.
func (k *Kernel) Modules(head uint64) ([]Module, error) {
	var list []Module
	err := k.walk(head, maxModules, func(node uint64) { list = append(list, k.module(node)) })
	if err != nil {
		err = fmt.Errorf("PsLoadedModuleList: %w", err)
	}
	return list, err
}

func (k *Kernel) module(node uint64) Module {
	b, err := k.read(node, k.o.kldrSize)
	if err != nil {
		return Module{Problem: err.Error()}
	}
	m := k.ParseModule(b)
	m.TimeDateStamp = le.Uint32(b[k.o.timeDateStamp:])
	if m.Name, err = k.unicodeString(b[k.o.baseName:]); err != nil {
		m.Problem = err.Error()
	}
	// The path may have been paged out: its loss is no fault of the dump.
	if path, err := k.unicodeString(b[k.o.fullName:]); err == nil {
		m.Path = path
	}
	return m
}

// ParseModule reads the numbers of a KLDR_DATA_TABLE_ENTRY that are at the
// same place in memory and in a small dump, whose copy ends with CheckSum.
func (k *Kernel) ParseModule(b []byte) Module {
	return Module{
		Base:       k.pointer(b[k.o.dllBase:]),
		EntryPoint: k.pointer(b[k.o.entryPoint:]),
		Size:       le.Uint32(b[k.o.sizeOfImage:]),
		CheckSum:   le.Uint32(b[k.o.checkSum:]),
	}
}

// Process is a process of the crashed machine.
type Process struct {
	Node uint64 // of EPROCESS.ActiveProcessLinks
	PID  uint64
	Name string // ImageFileName, at most 15 bytes; "" where it was not found
}

const (
	maxProcesses = 16384
	systemPID    = 4

	nameWithin = 0x400 // how far behind the links the name stands
	nameSize   = 15
)

// Processes reads the list of processes. With an error come those that could
// be reached.
func (k *Kernel) Processes(head uint64) ([]Process, error) {
	var list []Process
	err := k.walk(head, maxProcesses, func(node uint64) { list = append(list, k.process(node)) })
	if err != nil {
		err = fmt.Errorf("PsActiveProcessHead: %w", err)
	}
	k.nameProcesses(list)
	return list, err
}

// process reads the number of the process, which since Windows XP stands just
// before the links.
func (k *Kernel) process(node uint64) Process {
	p := Process{Node: node}
	if b, err := k.read(node-uint64(k.o.word), k.o.word); err == nil {
		p.PID = k.pointer(b)
	}
	return p
}

// nameProcesses finds out where a name stands, by that of the first process,
// which is always System, and reads it from all.
func (k *Kernel) nameProcesses(list []Process) {
	for i := range list {
		if list[i].PID != systemPID {
			continue
		}
		name := make([]byte, nameSize)
		copy(name, "System")
		at := bytes.Index(k.readSome(list[i].Node, nameWithin), name)
		if at < 0 {
			return
		}
		for j := range list {
			b := k.readSome(list[j].Node+uint64(at), nameSize)
			list[j].Name, _ = printable(b)
		}
		return
	}
}
