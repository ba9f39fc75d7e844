package kernel

import "fmt"

// FrameRange is a range of page frames.
type FrameRange struct{ Base, Count uint64 }

const (
	maxRanges = 1024    // a large server has some dozens
	maxFrame  = 1 << 40 // no machine addresses more than 52 bits
)

// PhysicalMemory reads MmPhysicalMemoryBlock, a PHYSICAL_MEMORY_DESCRIPTOR: the
// memory of the machine, in order. What does not ascend or add up is no
// descriptor.
func (k *Kernel) PhysicalMemory(d *DebuggerData) ([]FrameRange, error) {
	const what = "MmPhysicalMemoryBlock"
	if d.PhysicalMemory == 0 {
		return nil, fmt.Errorf("%s: %w", what, errNoOffset)
	}
	at, err := k.pointerTo(d.PhysicalMemory)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	word := uint64(k.o.word)
	head, err := k.read(at, 2*k.o.word) // both counts are padded to a pointer
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	n, pages := le.Uint32(head), k.pointer(head[word:])
	if n == 0 || n > maxRanges {
		return nil, fmt.Errorf("%s of %d runs: %w", what, n, ErrNotThere)
	}
	b, err := k.read(at+2*word, int(n)*2*k.o.word)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	var list []FrameRange
	var end, sum uint64
	for ; len(b) > 0; b = b[2*word:] {
		r := FrameRange{k.pointer(b), k.pointer(b[word:])}
		if r.Base < end || r.Base > maxFrame || r.Count == 0 || r.Count > maxFrame {
			return nil, fmt.Errorf("%s does not ascend: %w", what, ErrNotThere)
		}
		end, sum = r.Base+r.Count, sum+r.Count
		list = append(list, r)
	}
	if sum != pages {
		return nil, fmt.Errorf("%s: its runs add up to %d, and it says %d: %w", what, sum, pages, ErrNotThere)
	}
	return list, nil
}
