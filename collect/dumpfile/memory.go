package dumpfile

// Run is a range of physical pages: Count pages from the page frame number
// Base.
type Run struct {
	Base, Count uint64
}

// End is the first page frame number behind the run.
func (r Run) End() uint64 { return r.Base + r.Count }

// MaxPFN bounds page frame numbers: x64 and ARM64 address at most 52 bits.
const MaxPFN = 1 << 40

// memoryDescriptorSize is the room the header has for the run list.
const memoryDescriptorSize = 700

// MemoryDescriptor is PHYSICAL_MEMORY_DESCRIPTOR: the memory of the crashed
// machine as runs of pages. Triage dumps leave it as fill; bitmap dumps of
// recent kernels leave it zero.
type MemoryDescriptor struct {
	NumberOfRuns  Field[uint32] // as written; more than the list holds is possible
	NumberOfPages Field[uint64] // as written
	MaxRuns       int           // how many runs the header has room for
	Runs          []Run         // the runs that are there and plausible, in order
	Plausible     bool          // every run counted is there, none overlaps, the pages add up
}

func (v headerView) memoryDescriptor() MemoryDescriptor {
	word := v.m.bits / 8
	first := 2 * word // runs and pages come first, both padded to a word
	d := MemoryDescriptor{
		NumberOfRuns:  v.u32(v.m.memory),
		NumberOfPages: v.word(v.m.memory + word),
		MaxRuns:       (memoryDescriptorSize - first) / (2 * word),
	}
	n := int(min(d.NumberOfRuns.Value, uint32(d.MaxRuns)))
	var sum, end uint64
	ordered := true
	for i := range n {
		at := v.m.memory + first + i*2*word
		run := Run{v.word(at).Value, v.word(at + word).Value}
		if run.Count == 0 || run.Base > MaxPFN || run.Count > MaxPFN-run.Base {
			break
		}
		ordered = ordered && run.Base >= end
		sum, end = sum+run.Count, run.End()
		d.Runs = append(d.Runs, run)
	}
	d.Plausible = n > 0 && len(d.Runs) == int(d.NumberOfRuns.Value) && ordered && sum == d.NumberOfPages.Value
	return d
}
