package kernel

import "fmt"

// UnloadedDriver is a driver that was loaded once and is not any more. Its
// leftovers are what a crash in no module at all points at.
type UnloadedDriver struct {
	Name       string
	Start, End uint64
	Time       uint64 // FILETIME of the unloading; 0 in small dumps, which leave it out
}

// MaxUnloaded is how many drivers Windows remembers.
const MaxUnloaded = 50

// UnloadedDrivers reads MmUnloadedDrivers. Empty places are skipped; with an
// error come those that could be read.
func (k *Kernel) UnloadedDrivers(d *DebuggerData) ([]UnloadedDriver, error) {
	array, err := k.pointerTo(d.UnloadedDrivers)
	if err != nil {
		return nil, fmt.Errorf("MmUnloadedDrivers: %w", err)
	}
	if array == 0 {
		return nil, nil // nothing was unloaded since the start
	}
	entry := 4*k.o.word + 8 // a UNICODE_STRING, two addresses and a time
	b := k.readSome(array, MaxUnloaded*entry)
	if len(b) < entry {
		return nil, fmt.Errorf("MmUnloadedDrivers at %#x: %w", array, ErrNotStored)
	}
	var list []UnloadedDriver
	for ; len(b) >= entry; b = b[entry:] {
		name, err := k.unicodeString(b)
		if err != nil {
			name = "" // paged out: the addresses are what matters
		}
		u := UnloadedDriver{name, k.pointer(b[2*k.o.word:]), k.pointer(b[3*k.o.word:]), le.Uint64(b[4*k.o.word:])}
		if k.isKernel(u.Start) && u.End > u.Start {
			list = append(list, u)
		}
	}
	return list, nil
}

func (k *Kernel) pointerTo(va uint64) (uint64, error) {
	b, err := k.read(va, k.o.word)
	if err != nil {
		return 0, err
	}
	return k.pointer(b), nil
}

// SmallUnloadedSize is the size of an entry of ParseUnloaded's list: a
// UNICODE_STRING whose text follows it, and two addresses.
const SmallUnloadedSize = smallEnd + 8

// The parts of such an entry, as the bytes of real 64-bit dumps have them.
const (
	smallName  = 0x10
	smallStart = 0x28
	smallEnd   = 0x30
)

// ParseUnloaded reads the entries of a 64-bit small dump's list of unloaded
// drivers.
func ParseUnloaded(b []byte) []UnloadedDriver {
	var list []UnloadedDriver
	for ; len(b) >= SmallUnloadedSize; b = b[SmallUnloadedSize:] {
		n := min(int(le.Uint16(b))&^1, smallStart-smallName)
		list = append(list, UnloadedDriver{
			Name:  DecodeUTF16(b[smallName : smallName+n]),
			Start: le.Uint64(b[smallStart:]),
			End:   le.Uint64(b[smallEnd:]),
		})
	}
	return list
}
