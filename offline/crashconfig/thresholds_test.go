package crashconfig

import (
	"fmt"
	"testing"

	"hangkit/offline/windows"
)

// mute is the verdict of a rule that says nothing.
const mute Verdict = -1

func x86(f *windows.Facts) { f.Arch = known("x86") }

func dumpType(n uint32) change { return crash(dword("CrashDumpEnabled", n)) }

func active(f *windows.Facts) { crash(dword("CrashDumpEnabled", 1), dword("FilterPages", 1))(f) }

// fixedMB is a fixed page file of so many MB.
func fixedMB(mb int64) change { return pages(fmt.Sprintf(`C:\pagefile.sys %d %d`, mb, mb)) }

// managedMB is a page file that Windows manages, of so many MB at present, with nothing free beside it.
func managedMB(mb int64) change {
	return func(f *windows.Facts) {
		pages(`?:\pagefile.sys`)(f)
		f.Free, f.Files.PageFile.Size = known(int64(0)), mb*mib
	}
}

// dedicatedMB is a dedicated dump file of so many MB.
func dedicatedMB(mb int64) change {
	return crash(sz("DedicatedDumpFile", `E:\x.sys`), dword("DumpFileSize", uint32(mb)))
}

func freeMB(mb int64) change    { return free(mb * mib) }
func ramOfMB(mb int64) change   { return ram(mb * mib) }
func maximumMB(mb int64) change { return pages(fmt.Sprintf(`C:\pagefile.sys 4000 %d`, mb)) }
func pageFiles(n int64) change  { return pages(make([]string, n)...) }
func freeBytes(n int64) change  { return free(n) }
func emptyVolume(mb int64) change {
	return func(f *windows.Facts) {
		pages(`C:\pagefile.sys 8192 8192`)(f)
		f.Free, f.Files.PageFile.Size = known(mb*mib), 0
	}
}

// Every limit that a page file, a dump or a disk is judged by: one below it, at it, and one above it. Memory is 8192 MB
// unless said otherwise, so that a third of it is 2730.
func TestThresholds(t *testing.T) {
	t.Parallel()
	complete := dumpType(1)
	for _, tt := range []struct {
		name             string
		machine          []change
		size             func(int64) change
		id               string
		limit            int64
		below, at, above Verdict
	}{
		{"small: 2 MB", []change{dumpType(3)}, fixedMB, "P03", 2, Block, mute, mute},
		{"small: enough", []change{dumpType(3)}, fixedMB, "P04", 2, mute, OK, OK},
		{"kernel: the least", []change{dumpType(2)}, fixedMB, "P03", 512, Block, mute, mute},
		{"kernel: the least, then probably too small", []change{dumpType(2)}, fixedMB, "P04", 512, mute, Loss, Loss},
		{"kernel: a third of memory", []change{dumpType(2)}, fixedMB, "P04", 2730, Loss, Risk, Risk},
		{"kernel: memory and 128 MB", []change{dumpType(2)}, fixedMB, "P04", 8192 + 128, Risk, OK, OK},
		{"automatic: the least", nil, fixedMB, "P03", 512, Block, mute, mute},
		{"automatic: a third of memory", nil, fixedMB, "P04", 2730, Loss, Risk, Risk},
		{"automatic: memory and 128 MB", nil, fixedMB, "P04", 8192 + 128, Risk, OK, OK},
		{"dumps off are judged as kernel", []change{dumpType(0)}, fixedMB, "P03", 512, Block, mute, mute},
		{"kernel of 32 bits: 150 MB", []change{x86, dumpType(2)}, fixedMB, "P03", 150, Block, mute, mute},
		{"kernel of 32 bits: 2 GB and 16 MB", []change{x86, dumpType(2), ramOfMB(2048)}, fixedMB, "P04", 2064, Risk, OK, OK},
		{"kernel of 32 bits: one and a half times a small memory", []change{x86, dumpType(2), ramOfMB(1000)}, fixedMB, "P04", 1500, Risk, OK, OK},
		{"kernel of 32 bits: the memory from which 2064 MB count", []change{x86, dumpType(2), fixedMB(2060)}, ramOfMB, "P04", 1374, OK, Risk, Risk},
		{"complete: memory and 1 MB", []change{complete}, fixedMB, "C27", 8192 + 1, Block, mute, mute},
		{"complete: memory and 1 MB, then degraded", []change{complete}, fixedMB, "P04", 8192 + 1, mute, Loss, Loss},
		{"complete: memory and 257 MB are still short of 300", []change{complete}, fixedMB, "P04", 8192 + 257, Loss, Loss, Loss},
		{"complete: memory and 300 MB", []change{complete}, fixedMB, "P04", 8192 + 300, Loss, OK, OK},
		{"complete, size ignored: memory", []change{complete, crash(dword("IgnorePagefileSize", 1))}, fixedMB, "C26", 8192, Loss, mute, mute},
		{"active: a third of memory", []change{active}, fixedMB, "P03", 2730, Block, mute, mute},
		{"active: memory", []change{active}, fixedMB, "P04", 8192, Loss, Risk, Risk},
		{"active: memory and 300 MB", []change{active}, fixedMB, "P04", 8192 + 300, Risk, OK, OK},
		{"maximum: memory and 128 MB", nil, maximumMB, "P05", 8192 + 128, mute, Risk, Risk},

		{"managed, automatic: memory and 128 MB", nil, managedMB, "P06", 8192 + 128, Risk, OK, OK},
		{"managed, full disk: the least", []change{dumpType(2)}, managedMB, "P07", 512, Block, Loss, Loss},
		{"managed, full disk: a third of memory", []change{dumpType(2)}, managedMB, "P07", 2730, Loss, Risk, Risk},
		{"managed, full disk: memory and 128 MB", []change{dumpType(2)}, managedMB, "P07", 8192 + 128, Risk, mute, mute},
		{"room for a fixed page file", nil, emptyVolume, "P08", 8192, Block, mute, mute},
		{"room for the new page file", nil, freeMB, "C15", 9000, Loss, mute, mute},
		{"room for the dump elsewhere", []change{crash(sz("DumpFile", `E:\x.dmp`))}, func(mb int64) change { return driveFree('E', mb*mib) }, "C15", 2730, Loss, mute, mute},
		{"page files", nil, pageFiles, "P16", 17, mute, Risk, Risk},

		{"dedicated: the least", nil, dedicatedMB, "C25", 512, Block, Loss, Loss},
		{"dedicated: a third of memory", nil, dedicatedMB, "C25", 2730, Loss, mute, mute},
		{"dedicated, complete: memory and 1 MB", []change{complete}, dedicatedMB, "C25", 8192 + 1, Block, Loss, Loss},
		{"dedicated, complete: memory and 300 MB", []change{complete}, dedicatedMB, "C25", 8192 + 300, Loss, mute, mute},
		{"dedicated: room", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`))}, func(mb int64) change { return driveFree('E', mb*mib) }, "C23", 8192 + 128, Block, mute, mute},

		{"complete on 32 bits: its page file", []change{x86, complete}, ramOfMB, "P18", 4095 - completeExtra + 1, mute, Risk, Risk},
		{"half an hour to write", []change{complete}, ramOfMB, "P19", 100 * 60 * 30, mute, Note, Note},
		{"25 GB free", []change{without("AlwaysKeepMemoryDump")}, freeBytes, "C16", 25*gib + 1, Loss, mute, mute},
	} {
		for i, want := range []Verdict{tt.below, tt.at, tt.above} {
			f := ready()
			for _, c := range tt.machine {
				c(f)
			}
			size := tt.limit - 1 + int64(i)
			tt.size(size)(f)
			got := mute
			if finding, ok := Check(f).Find(tt.id); ok {
				got = finding.Verdict
			}
			if got != want {
				t.Errorf("%s: %s at %d: %v, want %v", tt.name, tt.id, size, got, want)
			}
		}
	}
}
