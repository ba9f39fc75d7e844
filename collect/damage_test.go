package collect_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

func put32(b []byte, v uint32) { binary.LittleEndian.PutUint32(b, v) }
func put64(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }

// damages are what a header can claim that is not so, each with the state that says so,
// the state where RequiredDumpSpace is of no use either, and the words that name the field.
var damages = []struct {
	name   string
	spec   dumptest.Spec
	damage func(b []byte)
	state  collect.State
	alone  collect.State
	names  string
}{
	{"no runs", fullDump, func(b []byte) { put32(b[0x88:], 0) }, collect.StateDamaged, collect.StateDamaged, "NumberOfRuns 0"},
	{"43 runs", fullDump, func(b []byte) { put32(b[0x88:], 43) }, collect.StateDamaged, collect.StateDamaged, "NumberOfRuns 43"},
	{"4294967295 runs", fullDump, func(b []byte) { put32(b[0x88:], 1<<32-1) }, collect.StateDamaged, collect.StateDamaged, "NumberOfRuns 4294967295"},
	{"4294967295 runs, 32 bits", fullDump32, func(b []byte) { put32(b[0x64:], 1<<32-1) }, collect.StateDamaged, collect.StateDamaged, "NumberOfRuns 4294967295"},
	{"overlapping runs", fullDump, func(b []byte) { copy(b[0xA8:0xB0], b[0x98:]) }, collect.StateDamaged, collect.StateDamaged, "ascending runs"},
	{"overlapping runs, 32 bits", fullDump32, func(b []byte) { copy(b[0x74:0x78], b[0x6C:]) }, collect.StateDamaged, collect.StateDamaged, "ascending runs"},
	{"descending runs", fullDump, func(b []byte) { put64(b[0x98:], 1<<30) }, collect.StateDamaged, collect.StateDamaged, "ascending runs"},
	{"a run of 2^63 pages", fullDump, func(b []byte) { put64(b[0xA0:], 1<<63) }, collect.StateDamaged, collect.StateDamaged, "ascending runs"},
	{"a run of 2^52 pages", fullDump, func(b []byte) { put64(b[0xA0:], 1<<52) }, collect.StateDamaged, collect.StateDamaged, "ascending runs"},
	{"an empty run", fullDump, func(b []byte) { put64(b[0xA0:], 0) }, collect.StateDamaged, collect.StateDamaged, "ascending runs"},
	{"runs of fewer pages than said", fullDump, func(b []byte) { put64(b[0x90:], 1<<40) }, collect.StateDamaged, collect.StatePartial, "NumberOfPages 1099511627776"},
	{"runs never written", fullDump, func(b []byte) { copy(b[0x88:0x344], strings.Repeat("PAGE", 175)) }, collect.StateDamaged, collect.StatePartial, "NumberOfRuns 0"},
	{"bitmap larger than the file", kernelDump, func(b []byte) { put64(b[0x2030:], 1<<33) }, collect.StateDamaged, collect.StatePartial, "behind the bitmap"},
	{"bitmap larger than the file, 32 bits", bitmapDump32, func(b []byte) { put64(b[0x1030:], 1<<33) }, collect.StateDamaged, collect.StatePartial, "behind the bitmap"},
	{"bitmap of 2^63 bits", kernelDump, func(b []byte) { put64(b[0x2030:], 1<<63) }, collect.StateDamaged, collect.StatePartial, "BitmapSize"},
	{"bitmap of no bits", kernelDump, func(b []byte) { put64(b[0x2030:], 0) }, collect.StateDamaged, collect.StatePartial, "BitmapSize"},
	{"more pages than bits", kernelDump, func(b []byte) { put64(b[0x2028:], 1<<40) }, collect.StateDamaged, collect.StatePartial, "Pages at 0x2000"},
	{"2^64-1 pages", kernelDump, func(b []byte) { put64(b[0x2028:], 1<<64-1) }, collect.StateDamaged, collect.StatePartial, "Pages at 0x2000"},
	{"first page within the bitmap", kernelDump, func(b []byte) { put64(b[0x2020:], 0x2040) }, collect.StateDamaged, collect.StatePartial, "HeaderSize"},
	{"first page behind the file", kernelDump, func(b []byte) { put64(b[0x2020:], 1<<50) }, collect.StateDamaged, collect.StatePartial, "HeaderSize"},
	{"first page at 2^64-4096", kernelDump, func(b []byte) { put64(b[0x2020:], 1<<64-4096) }, collect.StateDamaged, collect.StatePartial, "HeaderSize"},
	{"no bit set", kernelDump, func(b []byte) { clear(b[0x2038:0x3000]) }, collect.StateDamaged, collect.StateDamaged, "0 bits set"},
	{"no mark of a bitmap", kernelDump, func(b []byte) { clear(b[0x2000:0x2008]) }, collect.StateDamaged, collect.StatePartial, "'SDMP'"},
	{"unknown type", kernelDump, func(b []byte) { put32(b[0xF98:], 77) }, collect.StateDamaged, collect.StatePartial, "DumpType"},
	{"summary of 4294967295 pages", summaryDump, func(b []byte) { put32(b[0x2014:], 1<<32-1) }, collect.StateDamaged, collect.StatePartial, "Pages at 0x2000"},
	{"summary with its first page nowhere", summaryDump, func(b []byte) { put32(b[0x200C:], 1<<32-1) }, collect.StateDamaged, collect.StatePartial, "HeaderSize"},
	{"ranges of 2^63 pages", debugDump, func(b []byte) { put64(b[0x2028:], 1<<63) }, collect.StateDamaged, collect.StatePartial, "number of pages"},
	{"a range of 2^63 pages", debugDump, func(b []byte) { put64(b[0x2038:], 1<<63) }, collect.StateDamaged, collect.StatePartial, "page range"},
	{"ranges with the first page nowhere", debugDump, func(b []byte) { put64(b[0x2018:], 1<<63) }, collect.StateDamaged, collect.StatePartial, "offset of the first page"},
	{"small dump of 4 GiB", triageDump, func(b []byte) { put32(b[0x2004:], 1<<32-1) }, collect.StateDamaged, collect.StatePartial, "SizeOfDump"},
	{"small dump of no bytes", triageDump, func(b []byte) { put32(b[0x2004:], 0) }, collect.StateDamaged, collect.StatePartial, "SizeOfDump"},
	{"small dump of 4 GiB, 32 bits", triageDump32, func(b []byte) { put32(b[0x1004:], 1<<32-1) }, collect.StateDamaged, collect.StatePartial, "SizeOfDump"},
	{"small dump that ends elsewhere", triageDump, func(b []byte) { put32(b[0x2008:], 1<<32-1) }, collect.StateDamaged, collect.StatePartial, "ValidOffset"},
	// Where the bitmap claims more pages than there is room for, more is taken: rather
	// too much than too little.
	{"every bit set", kernelDump, func(b []byte) { copy(b[0x2038:0x3000], strings.Repeat("\xFF", 0xFC8)) }, collect.StatePartial, collect.StatePartial, "bits set in the bitmap"},
	// These say nothing about where the dump ends; that no debugger loads it is for verify.
	{"unknown machine", kernelDump, func(b []byte) { put32(b[0x30:], 0x1234) }, collect.StateComplete, collect.StateComplete, ""},
	{"overlapping ranges", debugDump, func(b []byte) { copy(b[0x2040:0x2048], b[0x2030:]) }, collect.StateComplete, collect.StateComplete, ""},
	{"4294967295 drivers", triageDump, func(b []byte) { put32(b[0x2034:], 1<<32-1) }, collect.StateComplete, collect.StateComplete, ""},
	{"4294967295 data blocks", triageDump, func(b []byte) { put32(b[0x207C:], 1<<32-1) }, collect.StateComplete, collect.StateComplete, ""},
	{"page directory nowhere", kernelDump, func(b []byte) { put64(b[0x10:], 1<<62) }, collect.StateComplete, collect.StateComplete, ""},
}

var (
	fullDump     = dumptest.Spec{Type: dumpfile.TypeFull, Pages: 300}
	fullDump32   = dumptest.Spec{Type: dumpfile.TypeFull, Pages: 300, Bits: 32}
	kernelDump   = dumptest.Spec{Type: dumpfile.TypeBitmapKernel, Pages: 300}
	summaryDump  = dumptest.Spec{Type: dumpfile.TypeSummary, Pages: 300}
	debugDump    = dumptest.Spec{Type: dumpfile.TypeDebugFull, Pages: 300}
	triageDump   = dumptest.Spec{Type: dumpfile.TypeTriage}
	triageDump32 = dumptest.Spec{Type: dumpfile.TypeTriage, Bits: 32}
	bitmapDump32 = dumptest.Spec{Type: dumpfile.TypeBitmapFull, Pages: 300, Bits: 32}
)

// TestDamagedHeaders: whatever a header claims, a state says so, no debugger is promised
// a dump, nothing is copied that is not there, and the copy has all of the dump. Where
// RequiredDumpSpace is of no use either, that is the whole page file.
func TestDamagedHeaders(t *testing.T) {
	t.Parallel()
	dir := memoryDir(t)
	for _, c := range damages {
		for _, space := range []uint64{0, 1 << 63} {
			c.spec.SpaceBytes = space
			d := build(t, c.spec)
			c.damage(d)
			file := pad(d, 1<<20)
			found := findOne(t, windows(files(map[string][]byte{"pagefile.sys": file})))
			state := map[bool]collect.State{true: c.alone, false: c.state}[space != 0]
			problems := fmt.Sprint(found.Problems)
			if found.State != state || !strings.Contains(problems, c.names) {
				t.Errorf("%s, space %#x: %s, %s; want %s for %q", c.name, space, found.State, problems, state, c.names)
			}
			res, err := collect.Extract(t.Context(), found, collect.Options{Dir: dir})
			if err != nil {
				t.Errorf("%s, space %#x: %v", c.name, space, err)
				continue
			}
			b, err := os.ReadFile(res.Path)
			if err != nil || !bytes.HasPrefix(file, b) || len(b) < len(d) {
				t.Errorf("%s, space %#x: %d bytes, which are not the dump's %d; %v", c.name, space, len(b), len(d), err)
			}
			// That of a small dump is larger than the dump.
			if space == 0 && state == collect.StateDamaged && c.spec.Type != dumpfile.TypeTriage && len(b) != len(d) {
				t.Errorf("%s: %d bytes, want the %d of RequiredDumpSpace", c.name, len(b), len(d))
			}
			if v := dumpfile.Verify(bytes.NewReader(b), int64(len(b))).Verdict; v == dumpfile.Usable {
				t.Errorf("%s, space %#x: %s", c.name, space, v)
			}
		}
	}
}
