package hive

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// peerFailure is something another registry tool was measured to do wrong, or its users ran into,
// and a test that shows what happens here instead.
type peerFailure struct {
	who, what string
	here      func(t peerTest)
}

type peerTest struct{ *testing.T }

var peerFailures = []peerFailure{
	{"hivex", "dirty hive, new logs: ignores logs, 2472 keys and 3944 values that were only in the logs are lost for good", peerTest.editKeepsWhatLogsHeld},
	{"reged", "dirty hive, new logs: edits the page that the log overwrites, the value list is unreadable after replay, 11 cells leaked", peerTest.editSurvivesReplay},
	{"hivex", "NewDirtyHive1: 3/2 becomes 4/4, log content lost", peerTest.newDirtyHiveKeepsLog},
	{"reged", "NewDirtyHive1: after replay the new key is gone", peerTest.newDirtyHiveKeepsKey},
	{"hivex and reged", "OldDirtyHive (DIRT): log content lost, or after replay the new key is gone", peerTest.oldDirtyHiveKeepsBoth},
	{"hivex", "header sequence: first sequence + 1, below stale log entries", peerTest.sequenceAboveAllLogs},
	{"reged", "header sequence: never changed", peerTest.sequenceMoves},
	{"hivex and reged", "checksum: no rule for 0 and 0xFFFFFFFF", peerTest.checksumSpecialCases},
	{"reged", "a wrong checksum is warned about and then made right (BadBaseBlockHive, GarbageHive)", peerTest.wrongChecksumRefused},
	{"hivex and reged", "header and key timestamps not changed", peerTest.timesMove},
	{"hivex", "free cells never reused, a bin more at every commit, adjacent free cells left", peerTest.freeCellsReused},
	{"reged", "longest name and data fields not updated", peerTest.longestFieldsGrow},
	{"reged", "references of the security descriptor not incremented for a new key", peerTest.referencesExact},
	{"hivexregedit", "new key below a missing parent fails (hyperkbd on 7, kbdhid on XP)", peerTest.missingParentsCreated},
	{"reged", "lookup case: Services fails on Windows 7, which has services", peerTest.lookupIgnoresCase},
	{"hivex", "non-ASCII key name: lh hash wrong, lf hint wrong", peerTest.hashAndHintBeyondASCII},
	{"reged", "non-ASCII key name: sorted to the front, order broken", peerTest.orderBeyondASCII},
	{"reged", "growth refused: leaves an empty unreadable value, or segfaults", peerTest.refusedGrowthLeavesNothing},
	{"reged", "value of 16344 bytes: writes db for a size readers treat as plain", peerTest.segmentsBySize},
	{"hivex", "value of more than 16344 bytes: one plain cell", peerTest.segmentsBySize},
	{"hivex", "one DWORD added to a key with a big value rewrites that value as one plain cell", peerTest.bigValueUntouched},
	{"hivexsh", "setval replaces all values of the key", peerTest.otherValuesStay},
	{"hivex and reged", "truncated hive: accepted and edited, or abort", peerTest.truncatedRefused},
	{"reged", "corrupted_system_hive: abort", peerTest.corruptedRefused},
	{"all readers", "accept wrong reference counts: acceptance proves little", peerTest.wrongReferencesFound},

	{"regparser", "RecoverHive stops at the first entry: result equals the dirty primary", peerTest.recoveryChanges},
	{"regparser", "no hash check of log entries", peerTest.tornEntryEnds},
	{"regparser", "no dirty check: a clean hive's logs are replayed", peerTest.cleanIgnoresLogs},
	{"regparser", "a sector that is no log entry is an error", peerTest.strayLogSectors},
	{"regparser", "DIRT logs skipped", peerTest.dirtLogApplied},
	{"regparser", "inline values of 0 to 3 bytes have 4", peerTest.inlineLengths},
	{"regparser", "db chosen by signature, not by size", peerTest.plainValueBeginsWithDB},
	{"regparser", "OpenKey of / gives nil, Values of that panics", peerTest.rootByAnySpelling},
	{"regparser", "paths split at both slashes", peerTest.slashInName},
	{"regparser", "looks keys up by walking all lists, without their hashes", peerTest.lookupReadsLittle},
	{"regparser", "corrupted_system_hive walked without an error", peerTest.corruptedRefused},
	{"yarp", "final sequence is that of the last entry, Windows has one more", peerTest.sequenceIsLastPlusOne},
	{"yarp", "does not check references, hashes, order", peerTest.structureChecked},
	{"regipy", "applies every entry, even stale ones or out of sequence", peerTest.staleEntriesStay},
	{"regipy", "LOG2 then LOG1, always", peerTest.logsInOrderOfSequence},
	{"regipy", "header checksum not updated after recovery", peerTest.recoveredChecksumRight},
	{"regipy and Manticore", "DIRT sectors read from offset 1024 whatever the size", peerTest.dirtSectorsBehindBitmap},
	{"rla", "drops a log below the hive's second sequence, even where the base block is wrong", peerTest.badBaseBlockTakesAnyLog},
	{"Manticore", "demands sequences contiguous from the second sequence", peerTest.gapBeforeFirstEntry},

	{"hivex thread", "key missing in regedit after an edit: order of subkeys", peerTest.orderBeyondASCII},
	{"nt-hive thread", "reader refuses 1746 != 1745", peerTest.differByOne},
	{"regview thread", "log without entries", peerTest.logWithoutEntries},
	{"libregf thread", "zero bytes behind the last bin", peerTest.anythingBehindLastBin},
	{"rescatux thread", "no way back from an edit", peerTest.oldBytesBringBack},
	{"repair-script thread", "written although nothing had to change", peerTest.nothingToWrite},
	{"dism thread", "logs deleted", peerTest.logsStay},
	{"regf", "XP and 2003 have garbage where newer base blocks have flags", peerTest.garbageFlagsIgnored},
}

func TestPeerFailures(t *testing.T) {
	t.Parallel()
	for _, p := range peerFailures {
		t.Run(p.who+": "+p.what, func(t *testing.T) {
			t.Parallel()
			p.here(peerTest{t})
		})
	}
}

const crashControl = `ControlSet001\Control\CrashControl`

func systemB(tb testing.TB) files {
	tb.Helper()
	return withBothLogs("real/SYSTEM_B/SYSTEM_B", "").files(tb)
}

func newDirtyHive(tb testing.TB) files {
	tb.Helper()
	return withBothLogs("yarp/NewDirtyHive1/NewDirtyHive", "").files(tb)
}

func oldDirtyHive(tb testing.TB) files {
	tb.Helper()
	return withBothLogs("yarp/OldDirtyHive/OldDirtyHive", "").files(tb)
}

// cleanly makes a dirty primary look clean without its logs.
func cleanly(primary []byte) []byte {
	b := baseBlock(primary)
	b.setSequences(b.seq1(), b.seq1())
	b.seal()
	return primary
}

// withBlankLogs is a clean hive with room to commit.
func withBlankLogs(primary []byte) files {
	return files{primary, make([]byte, 512<<10), make([]byte, 512<<10)}
}

// committed carries out what an edit changes. stop is how many of the last writes a power cut takes.
func committed(tb testing.TB, f files, g Generation, stop int, edit func(h *Hive)) (files, *Commit) {
	tb.Helper()
	h := mustOpen(tb, f)
	edit(h)
	c, err := h.Commit(CommitOptions{Generation: g, Now: testTime, MaxLogSize: 1 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	d := disk(f)
	after := d.clone()
	done := *c
	done.Writes = c.Writes[:len(c.Writes)-stop]
	if err := done.Run(after.targets(nil)); err != nil {
		tb.Fatal(err)
	}
	return after.files(), c
}

// addDWORDs adds n values to a key.
func addDWORDs(tb testing.TB, path string, n int) func(h *Hive) {
	tb.Helper()
	return func(h *Hive) {
		for i := range n {
			setValue(tb, h, path, Value{fmt.Sprint("hangkit ", i), DWORD, EncodeDWORD(uint32(i))})
		}
	}
}

// wantDWORDs reads them again from a hive that must be valid, and gives it.
func wantDWORDs(tb testing.TB, f files, path string, n int) *Hive {
	tb.Helper()
	h := mustOpen(tb, f)
	if err := h.Validate(); err != nil {
		tb.Error(err)
	}
	k := mustKey(tb, h, path)
	for i := range n {
		v, err := k.Value(fmt.Sprint("hangkit ", i))
		if got, ok := v.Uint32(); err != nil || !ok || got != uint32(i) {
			tb.Errorf("value %d: %v, %v", i, v, err)
		}
	}
	return h
}

func wantCount(tb testing.TB, h *Hive, keys, values int) {
	tb.Helper()
	if k, v := countTree(tb, mustKey(tb, h, "")); k != keys || v != values {
		tb.Errorf("%d keys and %d values, want %d and %d", k, v, keys, values)
	}
}

func (t peerTest) editKeepsWhatLogsHeld() {
	f := systemB(t)
	after, _ := committed(t, f, GenerationHvLE, 0, addDWORDs(t, crashControl, 6))
	h := wantDWORDs(t, after, crashControl, 6)
	keys, values := countTree(t, mustKey(t, mustOpen(t, files{cleanly(slices.Clone(f[Primary]))}), ""))
	wantCount(t, h, keys+2472, values+3944+6)
}

// Without its last two writes the hive is still dirty, and Windows replays: our entry comes last.
func (t peerTest) editSurvivesReplay() {
	after, _ := committed(t, systemB(t), GenerationHvLE, 2, addDWORDs(t, crashControl, 6))
	h := wantDWORDs(t, after, crashControl, 6)
	if !h.Recovery().Dirty {
		t.Fatal("nothing was replayed")
	}
	noFindings(t, h)
	wantCount(t, h, 35595, 78901+6)
}

func (t peerTest) newDirtyHiveKeepsLog() {
	after, _ := committed(t, newDirtyHive(t), GenerationHvLE, 0, addDWORDs(t, "new key", 1))
	h := wantDWORDs(t, after, "new key", 1)
	windows := mustOpen(t, files{sample(t, "yarp/NewDirtyHive1/RecoveredHive_Windows10")})
	if err := h.DeleteKey("new key"); err != nil {
		t.Fatal(err)
	}
	keys, values := countTree(t, mustKey(t, windows, ""))
	wantCount(t, h, keys, values)
}

func (t peerTest) newDirtyHiveKeepsKey() {
	after, _ := committed(t, newDirtyHive(t), GenerationHvLE, 1, addDWORDs(t, "new key", 1))
	if h := wantDWORDs(t, after, "new key", 1); !h.Recovery().Dirty {
		t.Error("nothing was replayed")
	}
}

func (t peerTest) oldDirtyHiveKeepsBoth() {
	for stop := range 2 {
		after, _ := committed(t, oldDirtyHive(t), GenerationDIRT, stop, addDWORDs(t, "new key", 1))
		h := wantDWORDs(t, after, "new key", 1)
		if h.Recovery().Dirty != (stop > 0) {
			t.Errorf("recovery %+v", h.Recovery())
		}
		wantCount(t, h, 5003+1, 1+1)
	}
}

func (t peerTest) sequenceAboveAllLogs() {
	f := systemB(t)
	latest, err := scanSequences(newMemFile(f[Log1]), 0)
	if err == nil {
		latest, err = scanSequences(newMemFile(f[Log2]), latest)
	}
	if err != nil || latest != 2130 {
		t.Fatalf("latest %d, %v", latest, err)
	}
	after, c := committed(t, f, GenerationHvLE, 0, addDWORDs(t, crashControl, 1))
	if b := baseBlock(after[Primary]); b.seq1() != c.Sequence || b.seq2() != c.Sequence || !before(latest, b.seq2()) {
		t.Errorf("sequences %d and %d", b.seq1(), b.seq2())
	}
}

func (t peerTest) sequenceMoves() {
	for _, g := range []Generation{GenerationHvLE, GenerationDIRT} {
		f := smallHive(t, 5)
		was := baseBlock(f[Primary]).seq2()
		after, _ := committed(t, f, g, 0, addDWORDs(t, crashControl, 1))
		if b := baseBlock(after[Primary]); !before(was, b.seq2()) || b.seq1() != b.seq2() {
			t.Errorf("%v: sequences %d and %d, was %d", g, b.seq1(), b.seq2(), was)
		}
	}
}

// The name's last four bytes bring the sum to where it must not be.
func (t peerTest) checksumSpecialCases() {
	for sum, want := range map[uint32]uint32{0: 1, 0xFFFFFFFF: 0xFFFFFFFE, 5: 5} {
		p := smallHive(t, 5)[Primary]
		var rest uint32
		le.PutUint32(p[108:], 0)
		for off := 0; off < checksumOffset; off += 4 {
			rest ^= le.Uint32(p[off:])
		}
		le.PutUint32(p[108:], rest^sum)
		le.PutUint32(p[checksumOffset:], want)
		if h, err := Open(files{p}.source()); err != nil || h.Recovery().Dirty {
			t.Errorf("sum %#x stored as %#x: %v", sum, want, err)
		}
		le.PutUint32(p[checksumOffset:], ^want)
		if _, err := Open(files{p}.source()); !errors.Is(err, ErrDirtyNoLog) {
			t.Errorf("sum %#x stored as %#x: %v", sum, ^want, err)
		}
		if baseBlock(p).seal(); baseBlock(p).storedChecksum() != want {
			t.Errorf("sum %#x sealed as %#x", sum, baseBlock(p).storedChecksum())
		}
	}
}

func (t peerTest) wrongChecksumRefused() {
	for _, c := range []struct {
		s    goldenSample
		want error
	}{
		{withBothLogs("yarp/BadBaseBlockHive/BadBaseBlockHive", ""), ErrLogsNotApplicable},
		{alone("yarp/GarbageHive"), ErrDirtyNoLog},
		{alone("yarp/EffectiveSizeHive"), ErrDirtyNoLog},
		{alone("misc/EZ_SAN_OTHER"), ErrDirtyNoLog},
	} {
		if _, err := Open(c.s.files(t).source()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.s.name(), err, c.want)
		}
	}
}

func (t peerTest) timesMove() {
	for _, g := range []Generation{GenerationHvLE, GenerationDIRT} {
		f := withBlankLogs(sample(t, "real/SYSTEM_win2003dc_x86"))
		old := baseBlock(f[Primary]).fileTime()
		after, _ := committed(t, f, g, 0, addDWORDs(t, crashControl, 1))
		h := mustOpen(t, after)
		if got := mustKey(t, h, crashControl).LastWritten(); !got.Equal(testTime) {
			t.Errorf("%v: key written %v", g, got)
		}
		if got := mustKey(t, h, "Select").LastWritten(); got.Equal(testTime) {
			t.Errorf("%v: another key's time changed", g)
		}
		now := baseBlock(after[Primary]).fileTime()
		if g == GenerationDIRT && (now <= old || binHeader(after[Primary][baseBlockSize:]).fileTime() != now) {
			t.Errorf("base block written %v, was %v", timeOf(now), timeOf(old))
		}
	}
}

// A value that changes its size at every commit soon needs no more room.
func (t peerTest) freeCellsReused() {
	f := smallHive(t, 5)
	var sizes []uint32
	for i := range 20 {
		f, _ = committed(t, f, GenerationHvLE, 0, func(h *Hive) {
			setValue(t, h, crashControl, Value{"value", Binary, pattern(5000 + 100*(i%5))})
			setValue(t, h, fmt.Sprint("Key ", i%3), Value{"value", Binary, pattern(10 * i)})
			if err := h.DeleteKey(fmt.Sprint("Key ", i%3)); err != nil {
				t.Fatal(err)
			}
		})
		h := mustOpen(t, f)
		noFindings(t, h)
		h.freeCells(t)
		sizes = append(sizes, h.base.binsSize())
	}
	if sizes[19] != sizes[2] {
		t.Errorf("size of the bins after each commit: %#x", sizes)
	}
}

func (t peerTest) longestFieldsGrow() {
	h := New(NewOptions{})
	setValue(t, h, `Parent\A longer name`, Value{"long name", Binary, pattern(100)})
	setValue(t, h, `Parent\Short`, Value{"ключ", Binary, pattern(3)})
	if n := mustKey(t, h, "Parent").node; n.maxName() != 2*13 {
		t.Errorf("longest subkey name %d", n.maxName())
	}
	for path, want := range map[string][2]uint32{`Parent\A longer name`: {2 * 9, 100}, `Parent\Short`: {2 * 4, 3}} {
		if n := mustKey(t, h, path).node; n.maxValueName() != want[0] || n.maxValueData() != want[1] {
			t.Errorf("%s: longest value name %d, data %d, want %d", path, n.maxValueName(), n.maxValueData(), want)
		}
	}
}

func (t peerTest) referencesExact() {
	h := mustOpen(t, files{sample(t, "real/SYSTEM_win10_10240_small")})
	security := mustKey(t, h, "").node.security()
	s, err := h.bins.keySecurity(security)
	if err != nil {
		t.Fatal(err)
	}
	was := s.refs()
	for i := range 7 {
		setValue(t, h, fmt.Sprintf(`ControlSet001\new %d\below`, i), Value{"v", DWORD, EncodeDWORD(1)})
	}
	noFindings(t, h)
	if s, err = h.bins.keySecurity(security); err != nil || s.refs() != was+14 {
		t.Errorf("%d references, were %d, %v", s.refs(), was, err)
	}
}

func (t peerTest) missingParentsCreated() {
	for sampleName, service := range map[string]string{"real/SYSTEM_win7sp1_x86": "hyperkbd", "real/SYSTEM_winxpsp3_x86_m57": "kbdhid"} {
		f := withBlankLogs(sample(t, sampleName))
		path := `ControlSet001\Services\` + service + `\Parameters`
		after, _ := committed(t, f, GenerationDIRT, 0, func(h *Hive) {
			h.AllowGrowth(int64(len(f[Primary])) + pageSize)
			addDWORDs(t, path, 1)(h)
		})
		wantDWORDs(t, after, path, 1)
	}
}

func (t peerTest) lookupIgnoresCase() {
	f := withBlankLogs(sample(t, "real/SYSTEM_win7sp1_x86"))
	if name := mustKey(t, mustOpen(t, f), `CONTROLSET001\SERVICES`).Name(); name != "services" {
		t.Fatalf("the key's name is %q", name)
	}
	const path = `ControlSet001\Services\KBDHID\parameters`
	after, _ := committed(t, f, GenerationDIRT, 0, addDWORDs(t, path, 2))
	h := wantDWORDs(t, after, path, 2)
	wantCount(t, h, 30756, 73456+2)
}

// The hashes are worked out from the format's definition by hand.
func (t peerTest) hashAndHintBeyondASCII() {
	for _, c := range []struct {
		minor uint32
		name  string
		entry string
	}{
		{5, "Größe", "\x87\x64\x32\x08"},
		{5, "ключ", "\xa2\x1f\x42\x03"},
		{5, "services", "\x30\xf7\x7a\x22"},
		{3, "Größe", "Gr\xf6\xdf"},
		{3, "ключ", "\x00\x00\x00\x00"},
		{3, "ab", "ab\x00\x00"},
	} {
		h := New(NewOptions{Minor: c.minor})
		if _, err := h.CreateKey(`Parent\` + c.name); err != nil {
			t.Fatal(err)
		}
		l, err := h.bins.subkeyList(mustKey(t, h, "Parent").node.subkeyList())
		if err != nil || string(l.entry(0)[4:]) != c.entry {
			t.Errorf("1.%d %s: %v, entry %q, want %q", c.minor, c.name, err, l.entry(0)[4:], c.entry)
		}
		noFindings(t, h)
	}
}

// Keys stand by their names in upper case: before "_", so do small letters.
func (t peerTest) orderBeyondASCII() {
	want := []string{"0", "a b", "B", "c", "Z", "_", "~", "ä", "Öl", "ß", "ÿ", "Ω", "ключ", "日本"}
	for _, minor := range []uint32{3, 5} {
		h := New(NewOptions{Minor: minor})
		for _, i := range []int{7, 3, 11, 0, 13, 5, 9, 1, 8, 2, 12, 4, 10, 6} {
			if _, err := h.CreateKey(`Parent\` + want[i]); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for k, err := range mustKey(t, h, "Parent").Subkeys() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, k.Name())
		}
		if !slices.Equal(got, want) {
			t.Errorf("1.%d: order %q, want %q", minor, got, want)
		}
		noFindings(t, h)
	}
}

// This file ends with its last bin.
func (t peerTest) refusedGrowthLeavesNothing() {
	f := withBlankLogs(sample(t, "real/SYSTEM_win7sp1_x86"))
	h := mustOpen(t, f)
	for _, size := range []int{8000, 16344, 60000} {
		if err := h.SetValue(crashControl, Value{"large", Binary, pattern(size)}); !errors.Is(err, ErrNoRoom) {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
	if h.Changed() || !bytes.Equal(mustBytes(t, h), f[Primary]) {
		t.Error("refused edits left traces")
	}
	after, _ := committed(t, f, GenerationDIRT, 0, func(h *Hive) {
		h.AllowGrowth(int64(len(f[Primary])) + 256<<10)
		setValue(t, h, crashControl, Value{"large", Binary, pattern(60000)})
	})
	v, err := mustKey(t, mustOpen(t, after), crashControl).Value("large")
	if err != nil || !bytes.Equal(v.Data, pattern(60000)) {
		t.Errorf("%d bytes, %v", len(v.Data), err)
	}
}

// A value goes into segments when it is longer than one, and not before; in version 1.3 never.
func (t peerTest) segmentsBySize() {
	for _, c := range []struct {
		minor uint32
		size  int
		tag   string
	}{{5, 16344, "plain"}, {5, 16345, "db"}, {5, 60480, "db"}, {3, 16345, "plain"}} {
		h := New(NewOptions{Minor: c.minor})
		setValue(t, h, "Key", Value{"v", Binary, bytes.Repeat([]byte("plain"), c.size)[:c.size]})
		list, err := h.bins.valueList(mustKey(t, h, "Key").node)
		if err != nil {
			t.Fatal(err)
		}
		v, err := h.bins.keyValue(list.offset(0))
		if err != nil {
			t.Fatal(err)
		}
		p, err := h.bins.cell(v.dataOffset())
		if err != nil || !bytes.HasPrefix(p, []byte(c.tag)) {
			t.Errorf("1.%d, %d bytes: cell begins with %q, %v", c.minor, c.size, p[:2], err)
		}
		noFindings(t, h)
	}
}

const productOptions = `ControlSet001\Control\ProductOptions`

// bigCells gives the contents of all cells of one big value, by offset.
func bigCells(tb testing.TB, h *Hive, path, name string) map[uint32]string {
	tb.Helper()
	off, err := h.bins.findValue(mustKey(tb, h, path).node, storeName(name))
	if err != nil {
		tb.Fatal(err)
	}
	v, err := h.bins.keyValue(off)
	if err != nil {
		tb.Fatal(err)
	}
	list, segments, err := h.bins.segments(v.dataOffset(), v.dataSize())
	if err != nil {
		tb.Fatal(err)
	}
	cells := map[uint32]string{}
	for _, off := range append(segments, list, off, v.dataOffset()) {
		p, err := h.bins.cell(off)
		if err != nil {
			tb.Fatal(err)
		}
		cells[off] = string(p)
	}
	return cells
}

func (t peerTest) bigValueUntouched() {
	f := withBlankLogs(cleanly(sample(t, "real/SYSTEM_WIN_10_1709")))
	before := bigCells(t, mustOpen(t, f), productOptions, "ProductPolicy")
	if len(before) != 4+3 {
		t.Fatalf("%d cells", len(before))
	}
	after, _ := committed(t, f, GenerationHvLE, 0, addDWORDs(t, productOptions, 1))
	h := wantDWORDs(t, after, productOptions, 1)
	for off, p := range bigCells(t, h, productOptions, "ProductPolicy") {
		if before[off] != p {
			t.Errorf("cell %#x differs", off)
		}
	}
	noFindings(t, h)
}

func (t peerTest) otherValuesStay() {
	f := withBlankLogs(sample(t, "real/SYSTEM_win10_10240_small"))
	was := slices.Collect(valuesOf(t, mustKey(t, mustOpen(t, f), crashControl)))
	after, _ := committed(t, f, GenerationHvLE, 0, addDWORDs(t, crashControl, 1))
	now := slices.Collect(valuesOf(t, mustKey(t, mustOpen(t, after), crashControl)))
	if !slices.Equal(now, append(was, "hangkit 0")) {
		t.Errorf("values %q, were %q", now, was)
	}
}

func (t peerTest) truncatedRefused() {
	p := sample(t, "yarp/TruncatedHive")
	if _, err := Open(files{p}.source()); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
	if _, err := Open(files{sample(t, "yarp/TruncatedDirtyHive")}.source()); !errors.Is(err, ErrDirtyNoLog) {
		t.Errorf("dirty: %v", err)
	}
	whole := smallHive(t, 5)[Primary]
	for cut := range slices.Values([]int{0, 1, sectorSize, baseBlockSize, baseBlockSize + 100, baseBlockSize + pageSize, baseBlockSize + int(baseBlock(whole).binsSize()) - 1}) {
		if _, err := Open(files{whole[:cut]}.source()); !errors.Is(err, ErrFormat) {
			t.Errorf("cut at %#x: %v", cut, err)
		}
	}
}

func (t peerTest) corruptedRefused() {
	h := mustOpen(t, withBlankLogs(sample(t, "real/corrupted_system_hive")))
	if err := h.SetValue(crashControl, Value{"v", DWORD, EncodeDWORD(1)}); !errors.Is(err, ErrFormat) {
		t.Errorf("edit: %v", err)
	}
	if err := h.Validate(); !errors.Is(err, ErrFormat) {
		t.Errorf("check: %v", err)
	}
	if _, err := h.Commit(CommitOptions{}); !errors.Is(err, ErrFormat) {
		t.Errorf("commit: %v", err)
	}
}

func (t peerTest) wrongReferencesFound() {
	h := New(NewOptions{})
	setValue(t, h, "Key", Value{"v", DWORD, EncodeDWORD(1)})
	s, err := h.bins.editKeySecurity(mustKey(t, h, "Key").node.security())
	if err != nil {
		t.Fatal(err)
	}
	s.setRefs(s.refs() - 1)
	if found := h.Findings(); len(found) != 1 || !strings.Contains(found[0].String(), "references") {
		t.Errorf("findings %v", found)
	}
}

func (t peerTest) recoveryChanges() {
	for _, f := range []files{systemB(t), newDirtyHive(t), withBothLogs("real/ntuser_logs/NTUSER.DAT", "").files(t)} {
		h := mustOpen(t, f)
		if bytes.Equal(mustBytes(t, h)[baseBlockSize:], f[Primary][baseBlockSize:]) || h.Recovery().Entries == 0 {
			t.Errorf("recovery %+v", h.Recovery())
		}
	}
}

func (t peerTest) tornEntryEnds() {
	f := systemB(t)
	l := readLog(Log2, newMemFile(f[Log2]))
	for n, at := 0, logEntriesStart; n < len(l.entries); n++ {
		if n%7 == 3 {
			torn := files{f[Primary], f[Log1], slices.Clone(f[Log2])}
			torn[Log2][at+len(l.entries[n])-sectorSize] ^= 1
			if r := mustOpen(t, torn).Recovery(); r.LastSequence != l.firstSequence()+uint32(n)-1 {
				t.Errorf("entry %d torn: %+v", n, r)
			}
		}
		at += len(l.entries[n])
	}
}

func (t peerTest) cleanIgnoresLogs() {
	f := newDirtyHive(t)
	want := contents(t, files{cleanly(f[Primary])})
	if h := mustOpen(t, f); h.Recovery().Dirty || !bytes.Equal(contents(t, f), want) {
		t.Errorf("recovery %+v", h.Recovery())
	}
}

func (t peerTest) strayLogSectors() {
	f := newDirtyHive(t)
	want := contents(t, f)
	l := readLog(Log2, newMemFile(f[Log2]))
	copy(f[Log2][l.end:], bytes.Repeat([]byte("stray"), len(f[Log2])))
	if !bytes.Equal(contents(t, f), want) {
		t.Error("what follows the last entry changed the recovery")
	}
}

func (t peerTest) dirtLogApplied() {
	h := mustOpen(t, oldDirtyHive(t))
	if r := h.Recovery(); r.Protocol != ProtocolDIRT || r.Pages != 64 {
		t.Errorf("recovery %+v", r)
	}
	wantCount(t, h, 5003, 1)
}

func (t peerTest) inlineLengths() {
	h := New(NewOptions{})
	for n := range 5 {
		setValue(t, h, "Key", Value{fmt.Sprint(n), Binary, []byte("abcd")[:n]})
	}
	k := mustKey(t, mustOpen(t, files{mustBytes(t, h)}), "Key")
	for n := range 5 {
		if v, err := k.Value(fmt.Sprint(n)); err != nil || string(v.Data) != "abcd"[:n] {
			t.Errorf("%d bytes: %q, %v", n, v.Data, err)
		}
	}
}

func (t peerTest) plainValueBeginsWithDB() {
	h := New(NewOptions{})
	data := []byte("db\x02\x00\x20\x00\x00\x00 is what big data begin with")
	setValue(t, h, "Key", Value{"v", Binary, data})
	v, err := mustKey(t, mustOpen(t, files{mustBytes(t, h)}), "Key").Value("v")
	if err != nil || !bytes.Equal(v.Data, data) {
		t.Errorf("%q, %v", v.Data, err)
	}
	noFindings(t, h)
}

func (t peerTest) rootByAnySpelling() {
	h := mustOpen(t, smallHive(t, 5))
	for _, path := range []string{"", "/", `\`, `\\`} {
		if k := mustKey(t, h, path); k.off != h.base.rootCell() {
			t.Errorf("%q is %q", path, k.Name())
		}
	}
	if k, err := h.Key("missing"); !errors.Is(err, ErrNotExist) || k != nil {
		t.Errorf("missing key: %v, %v", k, err)
	}
}

func (t peerTest) slashInName() {
	h := New(NewOptions{})
	setValue(t, h, `Types\text/html`, Value{"v", DWORD, EncodeDWORD(1)})
	if mustKey(t, h, `Types\text/html`).Name() != "text/html" {
		t.Error("a slash in a name is not kept")
	}
	if n := mustKey(t, h, "Types").NumSubkeys(); n != 1 {
		t.Errorf("%d subkeys", n)
	}
}

func (t peerTest) lookupReadsLittle() {
	p := cleanly(sample(t, "real/SYSTEM_WIN_10_1709"))
	h := mustOpen(t, files{p})
	for _, path := range []string{crashControl, `ControlSet001\Services\kbdhid`, `ControlSet001\Services\zzz`} {
		if k, err := h.Key(path); (k == nil) != strings.HasSuffix(path, "zzz") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if read := h.BytesRead(); read > int64(len(p)/8) {
		t.Errorf("%d of %d bytes read", read, len(p))
	}
}

func (t peerTest) sequenceIsLastPlusOne() {
	h := mustOpen(t, newDirtyHive(t))
	windows := baseBlock(sample(t, "yarp/NewDirtyHive1/RecoveredHive_Windows10"))
	if h.Sequence() != windows.seq2() || h.Recovery().LastSequence+1 != windows.seq2() {
		t.Errorf("sequence %d, Windows 10 wrote %d", h.Sequence(), windows.seq2())
	}
}

func (t peerTest) structureChecked() {
	for name, damage := range map[string]func(l subkeyList){
		"hash":  func(l subkeyList) { l.entry(1)[4] ^= 1 },
		"order": func(l subkeyList) { swapEntries(l, 0, 1) },
	} {
		h := New(NewOptions{})
		for _, key := range []string{"a", "b", "c"} {
			setValue(t, h, key, Value{"v", DWORD, EncodeDWORD(1)})
		}
		l, err := h.bins.editSubkeyList(mustKey(t, h, "").node.subkeyList())
		if err != nil {
			t.Fatal(err)
		}
		damage(l)
		if err := h.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func swapEntries(l subkeyList, i, j int) {
	a, b := slices.Clone(l.entry(i)), slices.Clone(l.entry(j))
	copy(l.entry(i), b)
	copy(l.entry(j), a)
}

// 30 entries of 1586 and later lie behind the live ones of LOG1.
func (t peerTest) staleEntriesStay() {
	f := systemB(t)
	l := readLog(Log1, newMemFile(f[Log1]))
	if n := staleEntries(f[Log1][l.end:]); n != 30 {
		t.Fatalf("%d stale entries", n)
	}
	want := contents(t, f)
	clear(f[Log1][l.end:])
	if !bytes.Equal(contents(t, f), want) {
		t.Error("stale entries changed the recovery")
	}
}

func (t peerTest) logsInOrderOfSequence() {
	f := systemB(t)
	h := mustOpen(t, files{f[Primary], f[Log2], f[Log1]})
	if r := h.Recovery(); !slices.Equal(r.Applied, []FileID{Log2, Log1}) || r.FirstSequence != 2107 || r.LastSequence != 2130 {
		t.Errorf("recovery %+v", r)
	}
}

func (t peerTest) recoveredChecksumRight() {
	for _, f := range []files{newDirtyHive(t), oldDirtyHive(t)} {
		if b := baseBlock(mustBytes(t, mustOpen(t, f))); b.dirty() {
			t.Errorf("sequences %d and %d, checksum %#x, want %#x", b.seq1(), b.seq2(), b.storedChecksum(), b.checksum())
		}
	}
}

// A bitmap for more than 508 pages leaves no room for sectors at 1024.
func (t peerTest) dirtSectorsBehindBitmap() {
	f := withBlankLogs(sample(t, "real/SYSTEM_win2003dc_x86"))
	if at := dirtSectorsStart(baseBlock(f[Primary]).binsSize()); at <= 1024 {
		t.Fatalf("sectors start at %d: the sample proves nothing", at)
	}
	after, c := committed(t, f, GenerationDIRT, 1, addDWORDs(t, crashControl, 6))
	h := wantDWORDs(t, after, crashControl, 6)
	if r := h.Recovery(); !r.Dirty || r.Protocol != ProtocolDIRT || c.Protocol != ProtocolDIRT {
		t.Errorf("recovery %+v", r)
	}
}

func (t peerTest) badBaseBlockTakesAnyLog() {
	f := files{ruleHive(t, 100, 99)}
	f[Log1] = ruleLog(f[Primary], 9, 9, 10)
	if _, err := Open(f.source()); !errors.Is(err, ErrLogsNotApplicable) {
		t.Errorf("base block right: %v", err)
	}
	f[Primary][checksumOffset] ^= 0xFF
	if h := mustOpen(t, f); h.Recovery().Entries != 2 || !h.Recovery().BadBaseBlock {
		t.Errorf("recovery %+v", h.Recovery())
	}
}

func (t peerTest) gapBeforeFirstEntry() {
	f := systemB(t)
	if second := baseBlock(f[Primary]).seq2(); second != 1621 {
		t.Fatalf("second sequence %d", second)
	}
	if r := mustOpen(t, f).Recovery(); r.FirstSequence != 2107 || r.Entries != 24 {
		t.Errorf("recovery %+v", r)
	}
}

func (t peerTest) differByOne() {
	f := files{ruleHive(t, 1746, 1745)}
	if _, err := Open(f.source()); !errors.Is(err, ErrDirtyNoLog) {
		t.Errorf("no log: %v", err)
	}
	f[Log2] = ruleLog(f[Primary], 1745, 1745)
	if h := mustOpen(t, f); h.Sequence() != 1746 {
		t.Errorf("sequence %d", h.Sequence())
	}
}

func (t peerTest) logWithoutEntries() {
	f := files{ruleHive(t, 10, 9)}
	f[Log1], f[Log2] = ruleLog(f[Primary], 10), ruleLog(f[Primary], 9, 9)
	if r := mustOpen(t, f).Recovery(); !slices.Equal(r.Applied, []FileID{Log2}) {
		t.Errorf("recovery %+v", r)
	}
	f[Log2] = []byte{}
	if _, err := Open(f.source()); !errors.Is(err, ErrLogsNotApplicable) {
		t.Errorf("no entry anywhere: %v", err)
	}
}

func (t peerTest) anythingBehindLastBin() {
	for _, tail := range [][]byte{nil, make([]byte, 7), make([]byte, 256<<10), bytes.Repeat([]byte("hbin"), 10000)} {
		p := smallHive(t, 5)[Primary]
		end := baseBlockSize + int(baseBlock(p).binsSize())
		f := withBlankLogs(append(slices.Clone(p[:end]), tail...))
		h := mustOpen(t, f)
		noFindings(t, h)
		if got := mustBytes(t, h); !bytes.Equal(got, p[:end]) {
			t.Errorf("%d bytes behind the last bin: the hive is %d bytes", len(tail), len(got))
		}
	}
}

func (t peerTest) oldBytesBringBack() {
	f := systemB(t)
	after, c := committed(t, f, GenerationHvLE, 0, addDWORDs(t, crashControl, 6))
	d := disk(after)
	for _, w := range slices.Backward(c.Writes) {
		d.apply(Write{File: w.File, Off: w.Off, Data: w.Old}, len(w.Old))
	}
	for id := range f {
		if !bytes.Equal(d[id][:len(f[id])], f[id]) {
			t.Errorf("%v differs", FileID(id))
		}
	}
}

func (t peerTest) nothingToWrite() {
	f := withBlankLogs(sample(t, "real/SYSTEM_win10_10240_small"))
	h := mustOpen(t, f)
	for v, err := range mustKey(t, h, crashControl).Values() {
		if err != nil {
			t.Fatal(err)
		}
		setValue(t, h, strings.ToUpper(crashControl), Value{strings.ToUpper(v.Name), v.Type, v.Data})
	}
	c, err := h.Commit(CommitOptions{Generation: GenerationHvLE, Now: testTime})
	if err != nil || len(c.Writes) != 0 || h.Changed() {
		t.Errorf("%d writes, %v", len(c.Writes), err)
	}
}

func (t peerTest) logsStay() {
	f := systemB(t)
	after, _ := committed(t, f, GenerationHvLE, 0, addDWORDs(t, crashControl, 6))
	for _, id := range []FileID{Log1, Log2} {
		if len(after[id]) < len(f[id]) || !baseBlock(after[id]).intact() {
			t.Errorf("%v has %d bytes, had %d", id, len(after[id]), len(f[id]))
		}
	}
}

func (t peerTest) garbageFlagsIgnored() {
	p := sample(t, "real/SYSTEM_win2003dc_x86")
	if b := baseBlock(p); b.flags()&0x2 == 0 && b.flags() == 0 {
		t.Fatalf("flags %#x: the sample proves nothing", b.flags())
	}
	for _, flags := range []uint32{0x6060, 0xFFFFFF, 0x2} {
		baseBlock(p).setFlags(flags)
		baseBlock(p).seal()
		after, _ := committed(t, withBlankLogs(slices.Clone(p)), GenerationXP, 0, addDWORDs(t, crashControl, 1))
		wantDWORDs(t, after, crashControl, 1)
		if got := baseBlock(after[Primary]).flags(); got != flags {
			t.Errorf("flags %#x, were %#x", got, flags)
		}
	}
}
