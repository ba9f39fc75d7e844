package collect_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// hidden is what a page file begins with.
type hidden struct {
	name  string
	build func(tb testing.TB) []byte
	boot  uint32 // the boot counter of the registry; 0 where it is not known
}

// kernels are the machines and the types of dump that exist on them.
var kernels = []struct {
	name string
	spec dumptest.Spec
}{
	{"x64 full", dumptest.Spec{Type: dumpfile.TypeFull}},
	{"x64 summary", dumptest.Spec{Type: dumpfile.TypeSummary}},
	{"x64 triage", dumptest.Spec{Type: dumpfile.TypeTriage}},
	{"x64 bitmap full", dumptest.Spec{Type: dumpfile.TypeBitmapFull, FullMark: true}},
	{"x64 active", dumptest.Spec{Type: dumpfile.TypeBitmapFull, Attributes: uint32(dumpfile.AttrFiltered)}},
	{"x64 kernel", dumptest.Spec{Type: dumpfile.TypeBitmapKernel}},
	{"x64 5 levels full", dumptest.Spec{Type: dumpfile.TypeFull, Levels: 5}},
	{"x64 5 levels kernel", dumptest.Spec{Type: dumpfile.TypeBitmapKernel, Levels: 5}},
	{"x64 debugger kernel", dumptest.Spec{Type: dumpfile.TypeDebugKernel}},
	{"x64 debugger active", dumptest.Spec{Type: dumpfile.TypeDebugKernelA}},
	{"x64 debugger full", dumptest.Spec{Type: dumpfile.TypeDebugFull}},
	{"ARM64 full", dumptest.Spec{Machine: dumpfile.MachineARM64, Type: dumpfile.TypeFull}},
	{"ARM64 triage", dumptest.Spec{Machine: dumpfile.MachineARM64, Type: dumpfile.TypeTriage}},
	{"ARM64 bitmap full", dumptest.Spec{Machine: dumpfile.MachineARM64, Type: dumpfile.TypeBitmapFull}},
	{"ARM64 kernel", dumptest.Spec{Machine: dumpfile.MachineARM64, Type: dumpfile.TypeBitmapKernel}},
	{"x86 full", dumptest.Spec{Bits: 32, Type: dumpfile.TypeFull}},
	{"x86 summary", dumptest.Spec{Bits: 32, Type: dumpfile.TypeSummary}},
	{"x86 triage", dumptest.Spec{Bits: 32, Type: dumpfile.TypeTriage}},
	{"x86 bitmap full", dumptest.Spec{Bits: 32, Type: dumpfile.TypeBitmapFull}},
	{"x86 no PAE full", dumptest.Spec{Bits: 32, NoPAE: true, Type: dumpfile.TypeFull}},
	{"x86 no PAE bitmap full", dumptest.Spec{Bits: 32, NoPAE: true, Type: dumpfile.TypeBitmapFull}},
}

// A dump of so many pages leaves room in the page file, nearly fills it, does not fit.
const (
	fewPages      = 240
	fittingPages  = 2500
	tooManyPages  = 3000
	bootOfTheDump = 7
)

// fates are what becomes of a dump before somebody looks for it.
var fates = []struct {
	name string
	spec func(*dumptest.Spec)
	boot uint32
}{
	{"whole", func(s *dumptest.Spec) { s.Pages = fittingPages }, bootOfTheDump},
	{"secondary data", func(s *dumptest.Spec) { s.Blobs = []int{100, 4000} }, 0},
	{"size not written", func(s *dumptest.Spec) { s.Space = dumptest.SpaceFill }, 0},
	{"size not written, secondary data", func(s *dumptest.Spec) { s.Space, s.Blobs = dumptest.SpaceFill, []int{77} }, 0},
	{"size absurd", func(s *dumptest.Spec) { s.Space = dumptest.SpaceAbsurd }, 0},
	{"size absurd, secondary data", func(s *dumptest.Spec) { s.Space, s.Blobs = dumptest.SpaceAbsurd, []int{8, 24} }, 0},
	{"size 2^63", func(s *dumptest.Spec) { s.SpaceBytes = 1 << 63 }, 0},
	{"page file too small", func(s *dumptest.Spec) { s.Pages = tooManyPages }, 0},
	{"noted as too small", func(s *dumptest.Spec) { s.Attributes |= uint32(dumpfile.AttrInsufficientFile) }, 0},
	{"header wiped", func(s *dumptest.Spec) { s.WipeFirst = true }, 0},
	{"encrypted", func(s *dumptest.Spec) { s.Attributes |= uint32(dumpfile.AttrEncrypted) }, 0},
	{"two boots ago", func(*dumptest.Spec) {}, bootOfTheDump + 2},
}

// others are what else a page file can begin with.
var others = []struct{ name, begin, goOn string }{
	{"nothing", "", "\x00"},
	{"what was paged out", "", "memory of a program "},
	{"dump of the firmware", "Raw_Dmp!", "sections"},
	{"encrypted dump of the firmware", "Enc_Dmp!", "secrets!"},
	{"dump of a program", "MDMP", "\x93\xa7\x00\x00"},
	{"header without fields", "PAGEDU64", "PAGE"},
}

// hiddens are every kernel with every fate, and what is no kernel's dump.
func hiddens() []hidden {
	var all []hidden
	for i, k := range kernels {
		for _, f := range fates {
			spec := k.spec
			spec.Seed, spec.Pages = uint64(i+1), fewPages
			f.spec(&spec)
			all = append(all, hidden{k.name + ", " + f.name, func(tb testing.TB) []byte { tb.Helper(); return build(tb, spec) }, f.boot})
		}
	}
	for _, o := range others {
		all = append(all, hidden{o.name, func(testing.TB) []byte { return []byte(o.begin + strings.Repeat(o.goOn, 1<<16)) }, 0})
	}
	return all
}

// The page files of the table lie on volumes with the smallest clusters there are, so
// that many pieces take few bytes.
const (
	pageFileSize    = 21_000 * pageFileCluster
	pageFileCluster = 512
	pageFileVolume  = 20 << 20            // for a page file in one piece
	pageFileGap     = 8 * pageFileCluster // what lies between two pieces at most
)

var pageFilePieces = []int{1, 100, 20_000}

// hidingPlace is a volume in memory with a page file.
type hidingPlace struct {
	device  memoryDevice
	volume  *ntfs.Volume
	record  int64 // number of the page file's MFT record
	pieces  int
	extents []ntfs.Extent
	noise   []byte // what was in the page file before
	used    int    // how much of it a dump was written over
}

type memoryDevice []byte

func (d memoryDevice) Size() int64 { return int64(len(d)) }

func (d memoryDevice) ReadAt(b []byte, off int64) (int, error) {
	return bytes.NewReader(d).ReadAt(b, off)
}

func (d memoryDevice) WriteAt(b []byte, off int64) (int, error) { return copy(d[off:], b), nil }

// newHidingPlace makes a volume whose page file has so many pieces. NTFS believes that
// all of it was written, or nothing.
func newHidingPlace(tb testing.TB, pieces int, written bool) *hidingPlace {
	tb.Helper()
	p := &hidingPlace{device: make(memoryDevice, pageFileVolume+pieces*pageFileGap), pieces: pieces, noise: make([]byte, pageFileSize)}
	if _, err := io.ReadFull(rand.NewChaCha8([32]byte{1}), p.noise); err != nil {
		tb.Fatal(err)
	}
	file := format.PageFile(pageFileSize, pieces, bytes.NewReader(p.noise))
	if written {
		file.InitializedSize = nil
	}
	layout, err := format.Build(p.device, format.Options{Seed: uint64(pieces), ClusterSize: pageFileCluster, Root: []format.Entry{file}})
	if err != nil {
		tb.Fatal(err)
	}
	if f := layout.Files[file.Name]; len(f.Extents) != pieces || (f.Extensions > 0) != (pieces == 20_000) {
		tb.Fatalf("%d pieces, %d extension records", len(f.Extents), f.Extensions)
	}
	p.record = layout.Files[file.Name].Record
	if p.volume, err = ntfs.Open(p.device); err != nil {
		tb.Fatal(err)
	}
	if p.extents, err = p.volume.Extents(file.Name); err != nil {
		tb.Fatal(err)
	}
	return p
}

// hide writes a dump beneath the file system, as the kernel does, and returns what of
// it there was room for.
func (p *hidingPlace) hide(dump []byte) []byte {
	dump = dump[:min(len(dump), len(p.noise))]
	for _, e := range p.extents {
		place := p.device[e.DeviceOffset : e.DeviceOffset+e.Length]
		if e.FileOffset < int64(max(p.used, len(dump))) {
			copy(place, p.noise[e.FileOffset:])
		}
		if e.FileOffset < int64(len(dump)) {
			copy(place, dump[e.FileOffset:])
		}
	}
	p.used = len(dump)
	return dump
}

// recovered is a row of the table.
type recovered struct {
	name    string
	pieces  int
	state   collect.State
	rebuilt bool // its first page
	stale   bool
	verdict string
	length  int // of the copy
	equal   string
}

func (r recovered) key() string { return fmt.Sprintf("%-56s %6d", r.name, r.pieces) }

func (r recovered) String() string {
	state := r.state.String()
	if r.rebuilt {
		state += ", rebuilt"
	}
	if r.stale {
		state += ", stale"
	}
	return fmt.Sprintf("%s  %-21s  %-18s %9d  %s", r.key(), state, r.verdict, r.length, r.equal)
}

var recoveredHead = fmt.Sprintf("%-56s %s  %-21s  %-18s %9s  %s\n", "hidden", "pieces", "state", "verdict", "bytes", "equal")

// recover hides a dump, finds it again, copies and verifies it, and compares the copy
// with what was hidden.
func (p *hidingPlace) recover(tb testing.TB, h hidden, dump []byte, dir string) recovered {
	tb.Helper()
	there := p.hide(dump)
	place := windows(p.volume)
	place.BootID = h.boot
	c := findOne(tb, place)
	if err := collect.Rebuild(tb.Context(), []*collect.Candidate{c}, nil); err != nil {
		tb.Fatal(err)
	}
	r := recovered{name: h.name, pieces: p.pieces, state: c.State, rebuilt: c.Rebuilt != nil, stale: c.Stale != "", verdict: "-", equal: "-"}
	if !c.Extractable() {
		return r
	}
	res, err := collect.Extract(tb.Context(), c, collect.Options{Dir: dir})
	if err != nil {
		tb.Fatalf("%s: %v", h.name, err)
	}
	b, err := os.ReadFile(res.Path)
	if err := errors.Join(err, os.Remove(res.Path)); err != nil {
		tb.Fatal(err)
	}
	r.length, r.equal = len(b), equality(b, there, p.noise)
	r.verdict = dumpfile.Verify(bytes.NewReader(b), int64(len(b))).Verdict.String()
	return r
}

// equality tells how a copy compares with the dump that was hidden. A first page may have
// been made anew, and where nothing says how long exactly the dump is, what was in the
// page file before follows it.
func equality(got, want, noise []byte) string {
	first := min(dumpfile.PageSize, len(want))
	if len(got) < len(want) || !bytes.Equal(got[first:len(want)], want[first:]) || !bytes.Equal(got[len(want):], noise[len(want):len(got)]) {
		return "no"
	}
	words := "yes"
	if !bytes.Equal(got[:first], want[:first]) {
		words = "behind the first page"
	}
	if len(got) > len(want) {
		words += ", and what lies behind it"
	}
	return words
}

// TestRecover hides every kind of dump in page files of one piece, of a hundred and of
// twenty thousand, which NTFS takes for written or for unwritten, and gets it out again.
// The golden file is the table of what comes out. Without the oracles a sample of it is
// made.
func TestRecover(t *testing.T) {
	t.Parallel()
	all := hiddens()
	rows := make([][]recovered, 2*len(pageFilePieces))
	t.Run("volumes", func(t *testing.T) {
		for i := range rows {
			t.Run(fmt.Sprintf("%d pieces, written %t", pageFilePieces[i/2], i%2 == 0), func(t *testing.T) {
				t.Parallel()
				place, dir := newHidingPlace(t, pageFilePieces[i/2], i%2 == 0), memoryDir(t)
				for _, h := range sampled(all, i/2) {
					rows[i] = append(rows[i], place.recover(t, h, h.build(t), dir))
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	compareRecovered(t, rows)
}

// sampled is all of the table, or a part of it that shifts from volume to volume.
func sampled(all []hidden, shift int) []hidden {
	if thorough() || *update {
		return all
	}
	const stride = 41 // apart from the number of fates
	var some []hidden
	for i := shift * 13; i < len(all); i += stride {
		some = append(some, all[i])
	}
	return some
}

// compareRecovered holds the rows of the volumes against each other and against the
// golden file. What NTFS takes for written changes nothing.
func compareRecovered(t *testing.T, rows [][]recovered) {
	t.Helper()
	golden := filepath.Join("testdata", "recover.golden")
	if *update {
		text := recoveredHead
		for i := range rows[0] {
			for v := 0; v < len(rows); v += 2 {
				text += rows[v][i].String() + "\n"
			}
		}
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	if n := len(hiddens())*len(pageFilePieces) + 2; len(lines) != n {
		t.Errorf("%d lines in the table, want %d: go test ./collect -run TestRecover -update", len(lines), n)
	}
	want := map[string]string{}
	for _, l := range lines[1 : len(lines)-1] {
		want[l[:len(recovered{}.key())]] = l
	}
	for _, volume := range rows {
		for _, r := range volume {
			if got := r.String(); got != want[r.key()] {
				t.Errorf("\n%s\nwant\n%s", got, want[r.key()])
			}
			if r.equal == "no" {
				t.Errorf("%s: the copy is not what was hidden", strconv.Quote(r.name))
			}
		}
	}
}

// TestOracleRecover asks other NTFS readers for the same bytes: icat, which reads past the
// initialized size when it is asked to, and ntfscat where NTFS takes the file for written.
func TestOracleRecover(t *testing.T) {
	t.Parallel()
	ntfscat, icat := oracle(t, "ntfscat"), oracle(t, "icat")
	all := hiddens()
	for i, pieces := range pageFilePieces {
		for j, written := range []bool{true, false} {
			if (pieces < 20_000 || written) && !thorough() {
				continue
			}
			h := all[(5*i+j)*len(fates)]
			t.Run(fmt.Sprintf("%d pieces, written %t, %s", pieces, written, h.name), func(t *testing.T) {
				t.Parallel()
				place, img := newHidingPlace(t, pieces, written), filepath.Join(t.TempDir(), "volume.img")
				place.hide(h.build(t))
				if err := os.WriteFile(img, place.device, 0o600); err != nil {
					t.Fatal(err)
				}
				ours := extractAll(t, findOne(t, windows(place.volume)))
				if theirs := run(t, icat, "-s", "-f", "ntfs", img, strconv.FormatInt(place.record, 10)); !bytes.HasPrefix(theirs, ours) {
					t.Errorf("%d bytes, which are not the first of icat's %d", len(ours), len(theirs))
				}
				if !written {
					return
				}
				if theirs := run(t, ntfscat, "-f", img, "pagefile.sys"); !bytes.HasPrefix(theirs, ours) {
					t.Errorf("%d bytes, which are not the first of ntfscat's %d", len(ours), len(theirs))
				}
			})
		}
	}
}
