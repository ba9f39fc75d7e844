package kernel

import "strconv"

// ContextLayout is how one architecture lays out a CONTEXT record (winnt.h).
type ContextLayout struct {
	flags  int    // where ContextFlags stands
	mark   uint32 // the bit of ContextFlags that names the architecture
	length int    // as far as the registers that are read stand
	record int    // the whole record
	pc, sp int
	word   int
	fields []contextField
}

// contextField is one register: where it stands, its bytes, and the bit of
// ContextFlags that says whether it was saved.
type contextField struct {
	name     string
	at, size int
	group    uint32
}

// The parts of a record that ContextFlags counts.
const (
	contextControl  = 1
	contextInteger  = 2
	contextSegments = 4
)

// The layouts of CONTEXT. Registers are in the order in which debuggers show
// them.
var (
	ContextX64 = &ContextLayout{
		flags: 0x30, mark: 0x100000, length: 0x100, record: 0x4D0, pc: 0xF8, sp: 0x98, word: 8,
		fields: []contextField{
			integer("rax", 0x78, 8), integer("rbx", 0x90, 8), integer("rcx", 0x80, 8), integer("rdx", 0x88, 8),
			integer("rsi", 0xA8, 8), integer("rdi", 0xB0, 8), control("rip", 0xF8, 8), control("rsp", 0x98, 8),
			integer("rbp", 0xA0, 8), integer("r8", 0xB8, 8), integer("r9", 0xC0, 8), integer("r10", 0xC8, 8),
			integer("r11", 0xD0, 8), integer("r12", 0xD8, 8), integer("r13", 0xE0, 8), integer("r14", 0xE8, 8),
			integer("r15", 0xF0, 8), control("cs", 0x38, 2), control("ss", 0x42, 2), segment("ds", 0x3A, 2),
			segment("es", 0x3C, 2), segment("fs", 0x3E, 2), segment("gs", 0x40, 2), control("efl", 0x44, 4),
		},
	}
	ContextX86 = &ContextLayout{
		flags: 0x00, mark: 0x10000, length: 0xCC, record: 0x2CC, pc: 0xB8, sp: 0xC4, word: 4,
		fields: []contextField{
			integer("eax", 0xB0, 4), integer("ebx", 0xA4, 4), integer("ecx", 0xAC, 4), integer("edx", 0xA8, 4),
			integer("esi", 0xA0, 4), integer("edi", 0x9C, 4), control("eip", 0xB8, 4), control("esp", 0xC4, 4),
			control("ebp", 0xB4, 4), control("cs", 0xBC, 4), control("ss", 0xC8, 4), segment("ds", 0x98, 4),
			segment("es", 0x94, 4), segment("fs", 0x90, 4), segment("gs", 0x8C, 4), control("efl", 0xC0, 4),
		},
	}
	ContextARM64 = &ContextLayout{
		flags: 0x00, mark: 0x400000, length: 0x110, record: 0x390, pc: 0x108, sp: 0x100, word: 8,
		fields: append(armIntegers(),
			control("fp", 0xF0, 8), control("lr", 0xF8, 8), control("sp", 0x100, 8), control("pc", 0x108, 8),
			control("psr", 0x04, 4)),
	}
)

func control(name string, at, size int) contextField {
	return contextField{name, at, size, contextControl}
}

func integer(name string, at, size int) contextField {
	return contextField{name, at, size, contextInteger}
}

func segment(name string, at, size int) contextField {
	return contextField{name, at, size, contextSegments}
}

func armIntegers() []contextField {
	const first, count = 0x08, 29
	var list []contextField
	for i := range count {
		list = append(list, integer("x"+strconv.Itoa(i), first+8*i, 8))
	}
	return list
}

// Register is one register of a Context.
type Register struct {
	Name  string
	Value uint64
	Size  int // in bytes
}

// Context is what a CONTEXT record saved of a processor's registers.
type Context struct {
	Flags     uint32
	PC, SP    uint64 // 0 where ContextFlags says that they were not saved
	Registers []Register
}

// Length is how many bytes Parse needs.
func (l *ContextLayout) Length() int { return l.length }

// Parse reads the record in b. What ContextFlags says was not saved is left
// out; a record of another architecture, or one never written, gives nil.
func (l *ContextLayout) Parse(b []byte) *Context {
	if len(b) < l.length {
		return nil
	}
	c := &Context{Flags: le.Uint32(b[l.flags:])}
	const marks = 0x7F0000 // of all architectures
	if c.Flags&marks != l.mark {
		return nil
	}
	for _, f := range l.fields {
		if c.Flags&f.group == 0 {
			continue
		}
		c.Registers = append(c.Registers, Register{f.name, number(b[f.at:], f.size), f.size})
	}
	if c.Flags&contextControl != 0 {
		c.PC, c.SP = number(b[l.pc:], l.word), number(b[l.sp:], l.word)
	}
	return c
}

// number reads the number in the first size bytes of b.
func number(b []byte, size int) uint64 {
	switch size {
	case 2:
		return uint64(le.Uint16(b))
	case 4:
		return uint64(le.Uint32(b))
	default:
		return le.Uint64(b)
	}
}
