package hive

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// goldenSample is a set of sample files that belong together. Logs whose primary is not known are
// judged alone.
type goldenSample struct {
	primary    string
	log1, log2 string
	why        string // what is to be said of a line that surprises
}

func withBothLogs(primary, why string) goldenSample {
	return goldenSample{primary, primary + ".LOG1", primary + ".LOG2", why}
}

func alone(primary string) goldenSample { return goldenSample{primary: primary} }

func odd(primary, why string) goldenSample { return goldenSample{primary: primary, why: why} }

const (
	whyNoLogs      = "published without its logs; Windows refuses a dirty hive that nothing can complete"
	whyBadChecksum = "with a wrong checksum the sequence numbers count for nothing: only a log could tell what the base block was"
)

// goldenSamples names every file below samples/hives.
var goldenSamples = []goldenSample{
	alone("real/BCD"),
	alone("real/SOFTWARE_winxpsp3_x86"),
	odd("real/SYSTEM_2", whyNoLogs),
	withBothLogs("real/SYSTEM_B/SYSTEM_B", "the primary's second sequence is 1621: everything from there to 2106 was written to the primary, but not its header"),
	alone("real/SYSTEM_B/SYSTEM_B.expected"),
	odd("real/SYSTEM_WIN_10_1709", whyNoLogs),
	alone("real/SYSTEM_win10_10240_small"),
	odd("real/SYSTEM_win2003dc_x86", "one key's field for the longest class name below it is too small: Windows 2003 wrote it so"),
	alone("real/SYSTEM_win7sp1_x86"),
	alone("real/SYSTEM_winxp_regsave_v1.3"),
	odd("real/SYSTEM_winxpsp3_x86_m57", "24 keys' fields for the longest name below them are too small: Windows XP wrote them so"),
	odd("real/corrupted_system_hive", "opened, for only its base block is read by then; a bin's signature is overwritten, and the pages behind it"),
	withBothLogs("real/ntuser_logs/NTUSER.DAT", "LOG2 starts before the primary's second sequence; LOG1 makes the hive longer"),

	withBothLogs("yarp/BadBaseBlockHive/BadBaseBlockHive", "without a base block the first bin's time must be the log's, and is not"),
	odd("yarp/BadListHive", "two keys share one list"),
	withBothLogs("yarp/BadLogHive1/BadLogHive", "the log's own base block has a wrong checksum"),
	withBothLogs("yarp/BadLogHive2/BadLogHive", "the tag DIRT is overwritten: Windows takes no sectors from such a log, and goes on with the primary"),
	withBothLogs("yarp/BadLogHive3/BadLogHive", "both logs' base blocks have wrong checksums"),
	odd("yarp/BadSubkeyHive", "two lists lead to one key"),
	alone("yarp/BigDataHive"),
	alone("yarp/BogusKeyNamesHive"),
	odd("yarp/CompHive", "the hint in a list is not the name it stands for, U+009F"),
	alone("yarp/DupNameHive"),
	odd("yarp/DuplicateSubkeysHive", "a subkey's name stands twice"),
	odd("yarp/EffectiveSizeHive", whyBadChecksum),
	alone("yarp/EmptyHive"),
	alone("yarp/ExtendedASCIIHive"),
	odd("yarp/GarbageHive", whyBadChecksum),
	odd("yarp/HealedHive", "Windows took a damaged key out of its list, and left its cells and the count of references as they were"),
	odd("yarp/InvalidParentHive", "one key names another parent than the key that lists it"),
	alone("yarp/ManySubkeysHive"),
	alone("yarp/MultiSzHive"),
	withBothLogs("yarp/NewDirtyHive1/NewDirtyHive", "the lost cells are in what Windows 10 made of this set too"),
	alone("yarp/NewDirtyHive1/RecoveredHive_Windows10"),
	withBothLogs("yarp/NewDirtyHive2/NewDirtyHive", "the primary's second sequence is 3: LOG1 is in it already"),
	alone("yarp/NewFlagsHive"),
	alone("yarp/OffHive"),
	withBothLogs("yarp/OldDirtyHive/OldDirtyHive", "LOG2 is empty, as found"),
	alone("yarp/OldDirtyHive/RecoveredHive_Windows7"),
	alone("yarp/ReallocValueHive"),
	alone("yarp/RemnantsHive"),
	alone("yarp/SlackHive"),
	alone("yarp/StringValuesHive"),
	odd("yarp/System_Delta", "a differencing hive means nothing without the one below it"),
	odd("yarp/TruncatedDirtyHive", whyNoLogs),
	alone("yarp/TruncatedHive"),
	odd("yarp/TruncatedNameHive", "the name's length was damaged: it reaches beyond the cell"),
	alone("yarp/TwoOwnersHive"),
	alone("yarp/UnicodeHive"),
	alone("yarp/UpcaseHive"),
	alone("yarp/ValuesOrderHive"),
	odd("yarp/WrongOrderHive", "two names out of order, which hides a key from a binary search"),

	alone("misc/EZ_NotAHive"),
	odd("misc/EZ_SAMBadHBinHeader", "the second bin's signature is overwritten"),
	alone("misc/EZ_SAM_DUPENAME"),
	alone("misc/EZ_SAM_hasBigEndianDWord"),
	odd("misc/EZ_SAN_OTHER", whyBadChecksum),
	odd("misc/EZ_SECURITYNoRoot", "the root key is not marked as one, which Windows does not mind"),
	alone("misc/hivex_minimal"),
	alone("misc/hivex_rlenvalue_test_hive"),
	odd("misc/nt-hive_testhive", "made by the offline registry library, which does not mark the root key"),
	{log1: "misc/pyreg_new_log_1_SYSTEM.LOG1", log2: "misc/pyreg_new_log_1_SYSTEM.LOG2"},
	{log1: "misc/pyreg_new_log_2_SYSTEM.LOG1", log2: "misc/pyreg_new_log_2_SYSTEM.LOG2", why: "LOG2 ends at 196 and LOG1 starts at 206: of these two only LOG1 would be applied"},
}

func (s goldenSample) name() string {
	if s.primary == "" {
		return strings.TrimSuffix(s.log1, ".LOG1")
	}
	return s.primary
}

func (s goldenSample) files(tb testing.TB) (f files) {
	tb.Helper()
	for i, name := range []string{s.primary, s.log1, s.log2} {
		if name != "" {
			f[i] = sample(tb, name)
		}
	}
	return f
}

// The outcome of every sample: read each line before accepting a change of the table.
func TestGoldenSamples(t *testing.T) {
	t.Parallel()
	sampleFiles(t)
	blocks := make([]goldenBlock, len(goldenSamples))
	t.Run("each", func(t *testing.T) {
		for i, s := range goldenSamples {
			t.Run(s.name(), func(t *testing.T) {
				t.Parallel()
				blocks[i] = judge(t, s)
			})
		}
	})
	golden(t, filepath.Join("testdata", "samples.golden"), goldenTable(blocks))
}

// Every file of the samples stands in the table, and nothing else does.
func TestGoldenNamesEverySample(t *testing.T) {
	t.Parallel()
	var named []string
	for _, s := range goldenSamples {
		for _, name := range []string{s.primary, s.log1, s.log2} {
			if name != "" {
				named = append(named, name)
			}
		}
	}
	slices.Sort(named)
	if diff := cmp.Diff(sampleFiles(t), named); diff != "" {
		t.Errorf("files (-found +in the table):\n%s", diff)
	}
}

// sampleFiles lists the files below samples/hives as [sample] takes them.
func sampleFiles(tb testing.TB) []string {
	tb.Helper()
	dir := filepath.Join(samplesDir(tb), "hives")
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "README.md" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		list = append(list, strings.TrimSuffix(filepath.ToSlash(name), ".xz"))
		return err
	})
	if err != nil {
		skipOrFail(tb, "samples: %v", err)
	}
	slices.Sort(list)
	return list
}

func golden(tb testing.TB, name string, got []byte) {
	tb.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		tb.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// goldenBlock is one sample's row and the lines below it.
type goldenBlock struct {
	row   []string
	notes []string
}

var goldenHead = []string{"sample", "opens", "1.x", "sequence", "keys", "values", "data", "lists", "db", "faults", "harmless", "edit"}

func goldenTable(blocks []goldenBlock) []byte {
	var rows, out bytes.Buffer
	w := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(goldenHead, "\t"))
	for _, b := range blocks {
		for len(b.row) < len(goldenHead) {
			b.row = append(b.row, "-")
		}
		fmt.Fprintln(w, strings.Join(b.row, "\t"))
	}
	w.Flush()
	for i, line := range strings.Split(strings.TrimSuffix(rows.String(), "\n"), "\n") {
		out.WriteString(strings.TrimRight(line, " ") + "\n")
		if i == 0 {
			continue
		}
		for _, note := range blocks[i-1].notes {
			out.WriteString("    " + note + "\n")
		}
	}
	return out.Bytes()
}

func (b *goldenBlock) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

func judge(tb testing.TB, s goldenSample) goldenBlock {
	tb.Helper()
	b := goldenBlock{row: []string{s.name()}}
	f := s.files(tb)
	for _, id := range []FileID{Log1, Log2} {
		if f[id] != nil {
			b.note("%s: %s", id, judgeLog(id, f[id]))
		}
	}
	if f[Primary] == nil {
		b.row = append(b.row, "logs only")
	} else {
		b.judgeHive(tb, f)
	}
	if s.why != "" {
		b.note("why: %s", s.why)
	}
	return b
}

// judgeLog says what a log file would bring to a recovery.
func judgeLog(id FileID, p []byte) string {
	l := readLog(id, newMemFile(p))
	switch {
	case len(p) == 0:
		return "empty"
	case l == nil:
		return "no usable log"
	case l.counts():
		return fmt.Sprintf("HvLE, entries %d to %d, %d stale behind them", l.firstSequence(), l.lastSequence(), staleEntries(p[l.end:]))
	}
	pages, err := l.dirtPages()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("DIRT, %d sectors", len(pages))
}

func staleEntries(p []byte) (n int) {
	for ; len(p) >= sectorSize; p = p[sectorSize:] {
		if logEntry(p[:logEntryHeader]).headerOK() {
			n++
		}
	}
	return n
}

func (b *goldenBlock) judgeHive(tb testing.TB, f files) {
	tb.Helper()
	h, err := Open(f.source())
	if err != nil {
		b.row = append(b.row, "refused")
		b.note("%s: %v", sentinel(err), err)
		return
	}
	opens := "clean"
	if r := h.Recovery(); r.Dirty {
		opens = fmt.Sprintf("%s %v", r.Protocol, r.Applied)
	}
	c := census{kinds: map[string]bool{}}
	c.count(h, h.base.rootCell(), map[uint32]bool{})
	b.row = append(b.row, opens, fmt.Sprint(h.Minor()), fmt.Sprint(h.Sequence()),
		fmt.Sprint(c.keys), fmt.Sprint(c.values), fmt.Sprint(c.data), c.lists(), fmt.Sprint(c.big))
	b.judgeFindings(h.Findings())
	if c.stopped != nil {
		b.note("a walk meets: %v", c.stopped)
	}
	b.row = append(b.row, judgeEdit(tb, f, c))
}

// sentinel names the error that a caller branches on.
func sentinel(err error) string {
	for name, want := range map[string]error{
		"ErrDirtyNoLog": ErrDirtyNoLog, "ErrLogsNotApplicable": ErrLogsNotApplicable, "ErrFormat": ErrFormat, "ErrUnsupported": ErrUnsupported,
	} {
		if errors.Is(err, want) {
			return name
		}
	}
	return err.Error()
}

// judgeFindings counts findings and notes the first of each kind.
func (b *goldenBlock) judgeFindings(list []Finding) {
	var faults, harmless int
	for _, f := range list {
		n, what := &faults, "fault"
		if f.Harmless {
			n, what = &harmless, "harmless"
		}
		if *n++; *n == 1 {
			b.note("%s at %#x: %v", what, f.Off, f)
		}
	}
	b.row = append(b.row, fmt.Sprint(faults), fmt.Sprint(harmless))
}

// census is what a walk over a whole hive meets, each key once.
type census struct {
	keys, values, data, big int
	kinds                   map[string]bool
	stopped                 error // the first error, if any
}

func (c *census) lists() string {
	if len(c.kinds) == 0 {
		return "-"
	}
	kinds := make([]string, 0, len(c.kinds))
	for k := range c.kinds {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return strings.Join(kinds, "+")
}

func (c *census) stop(err error) {
	if c.stopped == nil {
		c.stopped = err
	}
}

func (c *census) count(h *Hive, off uint32, seen map[uint32]bool) {
	if seen[off] {
		return
	}
	seen[off] = true
	k, err := h.keyAt(off)
	if err != nil {
		c.stop(err)
		return
	}
	c.keys++
	for v, err := range k.Values() {
		if err != nil {
			c.stop(err)
			break
		}
		c.values++
		c.data += len(v.Data)
		if big(uint32(len(v.Data)), h.Minor()) {
			c.big++
		}
	}
	leaves, err := h.bins.leaves(k.node)
	if err != nil {
		c.stop(err)
		return
	}
	for _, l := range leaves {
		c.kinds[l.list.kind()] = true
		if l.off != k.node.subkeyList() {
			c.kinds[indexRoot] = true
		}
		for i := range l.list.count() {
			c.count(h, l.list.offset(i), seen)
		}
	}
}

// judgeEdit sets one value of a new key, commits, and opens the hive again.
func judgeEdit(tb testing.TB, f files, was census) string {
	tb.Helper()
	o := CommitOptions{Now: testTime, MaxLogSize: 1 << 20}
	if f[Log1] == nil {
		f[Log1], o.Generation = []byte{}, GenerationHvLE
	}
	h := mustOpen(tb, f)
	h.AllowGrowth(int64(len(f[Primary])) + 1<<18)
	v := Value{"value", SZ, EncodeSZ("one more")}
	if err := h.SetValue("hangkit golden", v); err != nil {
		return sentinel(err)
	}
	commit, err := h.Commit(o)
	if err != nil {
		return sentinel(err)
	}
	d := disk(f)
	after := d.clone()
	if err := commit.Run(after.targets(nil)); err != nil {
		tb.Fatal(err)
	}
	checkEdited(tb, after.files(), was, []ValueCheck{{"hangkit golden", v.Name, &v}})
	return commit.Protocol.String()
}

// checkEdited wants a clean and valid hive with one key and one value more than there were.
func checkEdited(tb testing.TB, f files, was census, checks []ValueCheck) {
	tb.Helper()
	h := mustOpen(tb, f)
	if err := h.Validate(); err != nil || h.Recovery().Dirty {
		tb.Errorf("edited: %v, %+v", err, h.Recovery())
	}
	c := census{kinds: map[string]bool{}}
	c.count(h, h.base.rootCell(), map[uint32]bool{})
	if c.keys != was.keys+1 || c.values != was.values+1 || c.big != was.big || c.stopped != nil {
		tb.Errorf("edited: %d keys, %d values, was %d and %d, %v", c.keys, c.values, was.keys, was.values, c.stopped)
	}
	if err := CheckReadBack(newMemFile(f[Primary]), checks); err != nil {
		tb.Error(err)
	}
}
