package kernel

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Processor is what one processor was doing when the machine stopped, as its
// KPRCB and the thread it ran tell it.
type Processor struct {
	Block       uint64 // address of the KPRCB
	Thread      uint64 // of the KTHREAD that ran; 0 where that is not known
	Idle        bool   // the thread is the processor's own, which runs when nothing else does
	Process     uint64 // of the EPROCESS in whose memory the thread ran; 0 likewise
	PID         uint64 // of Process, where it is in the list of processes
	ProcessName string
	Context     *Context // the registers; nil where they are not known
	ContextAt   uint64   // the address of their record
	Problem     string   // why something is not known
}

// MaxProcessors is more than Windows knows.
const MaxProcessors = 2048

// ProcessorBlocks reads KiProcessorBlock, the addresses of the KPRCBs, up to
// the first empty place.
func (k *Kernel) ProcessorBlocks(va uint64, count int) []uint64 {
	b := k.readSome(va, min(count, MaxProcessors)*k.o.word)
	var list []uint64
	for ; len(b) >= k.o.word; b = b[k.o.word:] {
		block := k.pointer(b)
		if block == 0 {
			break
		}
		list = append(list, block)
	}
	return list
}

// Processors tells what each of up to count processors was doing. processes
// are those that Processes found.
func (k *Kernel) Processors(d *DebuggerData, count int, l *ContextLayout, processes []Process) []Processor {
	var list []Processor
	for _, block := range k.ProcessorBlocks(d.ProcessorBlock, count) {
		p := Processor{Block: block}
		err := k.runningThread(&p, d)
		p.nameProcess(d, processes)
		if err := cmp.Or(err, k.readContext(&p, d, l)); err != nil {
			p.Problem = err.Error()
		}
		list = append(list, p)
	}
	return list
}

var errNoOffset = errors.New("KDDEBUGGER_DATA64 does not say where it stands")

// runningThread reads which thread ran, and in whose memory.
func (k *Kernel) runningThread(p *Processor, d *DebuggerData) error {
	thread, err := k.pointerAt(p.Block, d.layout.prcbThread)
	if err != nil {
		return fmt.Errorf("current thread: %w", err)
	}
	if !k.isKernel(thread) {
		return fmt.Errorf("current thread is %#x: %w", thread, ErrNotThere)
	}
	p.Thread = thread
	if idle, err := k.pointerAt(p.Block, k.idleOffset(d)); err == nil {
		p.Idle = idle == thread
	}
	if p.Idle {
		return nil // the process is the idle one
	}
	process, err := k.pointerAt(thread, d.layout.threadProcess)
	if err != nil {
		return fmt.Errorf("process of the thread: %w", err)
	}
	if k.isKernel(process) {
		p.Process = process
	}
	return nil
}

// idleOffset is where a KPRCB names its idle thread. Before Windows 10
// KDDEBUGGER_DATA64 does not say, but KPRCB has begun with the current, the
// next and the idle thread since Windows NT.
func (k *Kernel) idleOffset(d *DebuggerData) uint64 {
	return cmp.Or(d.layout.prcbIdle, d.layout.prcbThread+uint64(2*k.o.word))
}

// pointerAt reads the pointer that stands off bytes into a structure. 0 is no
// offset: what is looked for here never comes first.
func (k *Kernel) pointerAt(base, off uint64) (uint64, error) {
	if off == 0 {
		return 0, errNoOffset
	}
	b, err := k.read(base+off, k.o.word)
	if err != nil {
		return 0, err
	}
	return k.pointer(b), nil
}

// nameProcess finds the process in the list, whose entries are known by the
// links that stand somewhere within them. The idle process is in no list.
func (p *Processor) nameProcess(d *DebuggerData, processes []Process) {
	if p.Process == 0 {
		return
	}
	for _, other := range processes {
		if other.Node > p.Process && other.Node-p.Process < d.layout.sizeProcess {
			p.PID, p.ProcessName = other.PID, other.Name
			return
		}
	}
}

// readContext reads the registers that a processor saved when it was stopped:
// through a pointer in its KPRCB since Windows 7, within it before.
func (k *Kernel) readContext(p *Processor, d *DebuggerData, l *ContextLayout) error {
	if l == nil {
		return errors.New("registers: the layout of this machine's is not known")
	}
	at, err := k.pointerAt(p.Block, d.layout.prcbContext)
	if err != nil || !k.isKernel(at) {
		if d.layout.prcbState == 0 {
			return fmt.Errorf("registers: %w", cmp.Or(err, ErrNotThere))
		}
		at = p.Block + d.layout.prcbState
	}
	b, err := k.read(at, l.length)
	if err != nil {
		return fmt.Errorf("registers: %w", err)
	}
	c := l.Parse(b)
	if c == nil || c.PC == 0 {
		return fmt.Errorf("registers: no CONTEXT record of this machine at %#x: %w", at, ErrNotThere)
	}
	p.Context, p.ContextAt = c, at
	return nil
}

// ContextRecord is the record that the registers of a processor were read
// from, as far as it is there.
func (k *Kernel) ContextRecord(p *Processor, l *ContextLayout) []byte {
	if p.Context == nil {
		return nil
	}
	return k.readSome(p.ContextAt, l.record)
}

// CurrentThread is the thread that the KPRCB in b names, 0 where it names none.
func (k *Kernel) CurrentThread(b []byte, d *DebuggerData) uint64 {
	return k.kernelPointer(b, d.layout.prcbThread)
}

// ThreadProcess is the process that the KTHREAD in b names, 0 likewise.
func (k *Kernel) ThreadProcess(b []byte, d *DebuggerData) uint64 {
	return k.kernelPointer(b, d.layout.threadProcess)
}

func (k *Kernel) kernelPointer(b []byte, off uint64) uint64 {
	if off == 0 || off+uint64(k.o.word) > uint64(len(b)) {
		return 0
	}
	if p := k.pointer(b[off:]); k.isKernel(p) {
		return p
	}
	return 0
}

// ProcessNameByLooks finds the name in an EPROCESS whose layout is not known:
// the one text in it that stands where a name can, ends as one does and is
// padded with NULs. Where there are several it gives none.
func ProcessNameByLooks(b []byte) string {
	var name string
	for at := 4; at+nameSize <= len(b); at += 4 {
		text, ok := printable(b[at : at+nameSize])
		if !ok || !looksLikeProcess(text) || len(bytes.Trim(b[at+len(text):at+nameSize], "\x00")) > 0 {
			continue
		}
		if _, within := printable(b[at-1 : at]); within {
			continue // the end of a longer text
		}
		if name != "" && name != text {
			return ""
		}
		name = text
	}
	return name
}

// looksLikeProcess tells whether a text is one that processes are called:
// a program, cut to 15 letters or not, or one of the kernel's own.
func looksLikeProcess(text string) bool {
	switch text {
	case "System", "Idle", "Registry", "MemCompression", "Secure System", "vmmem":
		return true
	}
	return len(text) > len(".exe") && strings.EqualFold(text[len(text)-len(".exe"):], ".exe")
}
