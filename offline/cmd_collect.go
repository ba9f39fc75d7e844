package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// CollectCmd gets the dumps out.
type CollectCmd struct {
	TargetFlags
	Output   string `short:"o" placeholder:"DIR" help:"Folder for the dumps and the manifest; made if missing."`
	DryRun   bool   `short:"n" help:"Say what would be collected and stop."`
	Resume   bool   `help:"Go on with a collection into the same folder that was interrupted."`
	NoHash   bool   `help:"Do not compute SHA-256."`
	NoVerify bool   `help:"Do not verify what was copied."`

	Compress  bool            `help:"Pack each dump with zstd."`
	EncryptTo []recipientFlag `placeholder:"age1..." help:"Encrypt each dump to this age key; may be repeated."`
	Split     partFlag        `placeholder:"SIZE" help:"Cut what could be longer into parts of this size. On FAT it happens by itself."`
}

// Help is the command's long help.
func (*CollectCmd) Help() string {
	return `Takes every crash dump of the installation: MEMORY.DMP, DUMP*.tmp, minidumps,
live kernel dumps, and what the last crash left in the page file or the dedicated
dump file when no later boot got far enough to save it. The disk is only read.

    hangkit collect server.img -o /media/stick/case-4711
    hangkit collect server.img -o /media/stick/case-4711 --resume
    hangkit collect server.img -o case-4711 --compress --encrypt-to age1...

A dump that lacks something comes out with .partial in its name; what is missing
stands in the manifest. Places of the disk that cannot be read become zeros, and
are listed in a .map file (a mapfile of ddrescue) beside the dump. Dumps hold
passwords and keys: files are readable by their owner only.

What is interrupted, even by a power cut, goes on with --resume: what is there is
proven by its digest first. An encrypted dump begins anew, because its key was
never on the disk.

--compress makes zstd archives that 'zstd -d' unpacks and 'hangkit dump' reads as
they are. --encrypt-to makes age files ('age -d' decrypts them) and leaves nothing
of the dump in the clear; the manifest stays readable. A dump in parts is a folder:
'hangkit dump join', or its join.sh or join.cmd, puts it together.`
}

type collectDocument struct {
	Schema   string          `json:"schema"`
	Target   string          `json:"target"`
	Output   string          `json:"output"`
	Manifest string          `json:"manifest,omitempty"`
	Dumps    []collectedJSON `json:"dumps"`
	Left     []dumpJSON      `json:"left,omitempty"`
}

type collectedJSON struct {
	dumpJSON
	File     string   `json:"file,omitempty"`
	Size     int64    `json:"size,omitempty"`
	SHA256   string   `json:"sha256,omitempty"`
	FileSize int64    `json:"file_size,omitempty"`
	Parts    int      `json:"parts,omitempty"`
	BadBytes int64    `json:"bad_bytes,omitempty"`
	Map      string   `json:"map,omitempty"`
	Partial  bool     `json:"partial"`
	Verdict  string   `json:"verdict,omitempty"`
	Problems []string `json:"problems,omitempty"`
}

var errNoDump = errors.New("no crash dump found")

// Run collects the dumps.
func (c *CollectCmd) Run(ctx context.Context, talk *ui.UI) error {
	if c.Output == "" && !c.DryRun {
		return ui.Fail(ui.Usage, errors.New("where to? missing flag --output=DIR"), "run 'hangkit collect --help'")
	}
	s, err := openScan(ctx, c.names())
	if err != nil {
		return err
	}
	defer s.Close()
	places, err := c.places(s)
	if err != nil {
		return err
	}
	candidates, err := collect.Find(ctx, places)
	if err != nil {
		return fmt.Errorf("looking for dumps: %w", err)
	}
	doc := &collectDocument{Schema: "hangkit/collect/1", Target: c.Target, Output: c.Output, Dumps: []collectedJSON{}}
	wanted, left := split(candidates)
	for _, l := range left {
		doc.Left = append(doc.Left, describeCandidate(l))
	}
	if len(wanted) == 0 {
		return ui.Fail(ui.NotFound, errNoDump, c.leftHints(doc.Left)...)
	}
	if c.DryRun {
		return c.preview(talk, wanted, doc)
	}
	if err := s.refuseOutput(c.Output); err != nil {
		return err
	}
	return c.take(ctx, talk, wanted, left, doc)
}

// refuseOutput keeps the dumps off the disk they come from: it may hold what is left
// of the very thing that is looked for, and there is room on it only by accident.
func (s *scan) refuseOutput(dir string) error {
	for _, t := range s.targets {
		on, err := t.Holds(dir)
		if err != nil {
			return fmt.Errorf("output folder: %w", err)
		}
		if on {
			return ui.Fail(ui.Refused, fmt.Errorf("the output folder %s lies on %s itself", dir, t.Name), "name a folder on another disk: -o")
		}
	}
	return nil
}

// split parts the candidates into those to take and those to tell about.
func split(candidates []*collect.Candidate) (wanted, left []*collect.Candidate) {
	for _, c := range candidates {
		if c.Wanted() {
			wanted = append(wanted, c)
		} else {
			left = append(left, c)
		}
	}
	return wanted, left
}

// leftHints says what was found instead, and what to do for the next time.
func (c *CollectCmd) leftHints(left []dumpJSON) []string {
	var hints []string
	for _, l := range left {
		hints = append(hints, fmt.Sprintf("%s: %s", l.Path, l.Story))
	}
	where := ""
	if c.Target != "" {
		where = " " + quoteArg(c.Target)
	}
	return append(hints, "would the next hang leave one? hangkit check"+where, "to make sure: hangkit arm"+where)
}

func (c *CollectCmd) preview(talk *ui.UI, wanted []*collect.Candidate, doc *collectDocument) error {
	for _, w := range wanted {
		doc.Dumps = append(doc.Dumps, collectedJSON{dumpJSON: describeCandidate(w), Size: w.Have, Partial: w.State == collect.StatePartial})
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	for _, d := range doc.Dumps {
		talk.Printf("would collect %s: %s (%s)\n", d.Path, d.Story, ui.FormatSize(d.Size))
	}
	printLeft(talk, doc)
	return nil
}

// take extracts what is wanted and writes the manifest. A dump that cannot be
// extracted does not keep the others back.
func (c *CollectCmd) take(ctx context.Context, talk *ui.UI, wanted, left []*collect.Candidate, doc *collectDocument) error {
	if err := os.MkdirAll(c.Output, 0o700); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	options, err := c.options(talk)
	if err != nil {
		return err
	}
	c.tellUnfinished(talk, wanted)
	manifest := collect.NewManifest("hangkit "+version().Version, time.Now())
	failed := c.extractAll(ctx, talk, options, wanted, manifest, doc)
	if len(doc.Dumps) == 0 {
		return failed
	}
	for _, l := range left {
		manifest.Add(l, nil)
	}
	name, err := collect.WriteManifest(c.Output, manifest)
	if err != nil {
		return errors.Join(failed, err)
	}
	doc.Manifest = filepath.Join(c.Output, name)
	if err := c.show(talk, doc); err != nil {
		return err
	}
	return c.outcome(ctx, doc, failed)
}

// options says how to copy. The parts fit into what the target's file system holds.
func (c *CollectCmd) options(talk *ui.UI) (collect.Options, error) {
	o := collect.Options{
		Dir: c.Output, NoHash: c.NoHash, Compress: c.Compress, PartSize: int64(c.Split),
		Journal: true, Resume: c.Resume, FreeSpace: target.FreeSpace,
		Notice: func(text string) { talk.Talkf("%s\n", text) },
	}
	for _, r := range c.EncryptTo {
		o.Recipients = append(o.Recipients, r.Recipient)
	}
	limit, err := target.FileLimit(c.Output)
	if err != nil {
		return o, fmt.Errorf("output folder: %w", err)
	}
	if limit > 0 && (o.PartSize == 0 || o.PartSize > limit) {
		o.PartSize = limit &^ (minPart - 1)
	}
	return o, nil
}

// tellUnfinished says what an interrupted collection left that is not gone on with. Of
// a dump that is wanted Extract says it.
func (c *CollectCmd) tellUnfinished(talk *ui.UI, wanted []*collect.Candidate) {
	left, err := collect.Unfinished(c.Output)
	if err != nil || len(left) == 0 {
		return // the collection itself will meet the fault
	}
	var paths []string
	for _, l := range left {
		paths = append(paths, l.Path)
		isWanted := slices.ContainsFunc(wanted, func(w *collect.Candidate) bool { return path.Clean(w.Path) == l.Path })
		if c.Resume && !isWanted {
			talk.Talkf("%s is what an interrupted collection left of %s, which is not collected here: delete it, or name the disk it was of\n",
				filepath.Join(c.Output, l.Journal), l.Path)
		}
	}
	if !c.Resume {
		talk.Talkf("%s holds what an interrupted collection left of %s; --resume goes on with it\n", c.Output, strings.Join(paths, ", "))
	}
}

func (c *CollectCmd) extractAll(ctx context.Context, talk *ui.UI, o collect.Options, wanted []*collect.Candidate, m *collect.Manifest, doc *collectDocument) error {
	var failed []error
	for _, w := range wanted {
		got, err := c.extract(ctx, talk, o, w, m)
		if err == nil {
			doc.Dumps = append(doc.Dumps, got)
			continue
		}
		m.Add(w, nil)
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(failed) == 0 {
		return collect.Forget(c.Output)
	}
	return errors.Join(failed...)
}

// outcome says whether everything is out and whole.
func (c *CollectCmd) outcome(ctx context.Context, doc *collectDocument, failed error) error {
	switch {
	case ctx.Err() != nil:
		return cmp.Or(failed, ctx.Err())
	case failed != nil:
		return ui.Fail(ui.Partly, failed, "what did come out is listed in "+doc.Manifest)
	}
	for _, d := range doc.Dumps {
		if d.Partial || d.Verdict == dumpfile.Unusable.String() {
			return ui.Fail(ui.Partly, errors.New("collected, but not everything is whole"), "the manifest says what is missing: "+doc.Manifest)
		}
	}
	return nil
}

func (c *CollectCmd) extract(ctx context.Context, talk *ui.UI, o collect.Options, w *collect.Candidate, m *collect.Manifest) (collectedJSON, error) {
	talk.Talkf("%s: %s\n", w.Name(), story(w))
	update, finish := talk.Progress(filepath.Base(w.Path))
	o.Progress = update
	start := time.Now()
	result, err := collect.Extract(ctx, w, o)
	finish()
	if err != nil {
		return collectedJSON{}, keptHint(err) // names the candidate
	}
	talk.Verbosef("%s in %s, %s\n", ui.FormatSize(result.Size), time.Since(start).Round(time.Millisecond), rate(result.Size, time.Since(start)))
	got := collectedJSON{
		dumpJSON: describeCandidate(w), File: result.Path, Size: result.Size, SHA256: result.SHA256,
		Parts: result.Parts, BadBytes: result.BadBytes, Map: result.Map, Partial: result.Partial,
	}
	if result.FileSize != result.Size {
		got.FileSize = result.FileSize
	}
	if !c.NoVerify {
		if result.Verified, err = verifyCopy(w, result); err != nil {
			return got, err
		}
		got.Verdict, got.Problems = result.Verified.Verdict.String(), result.Verified.Reasons
	}
	m.Add(w, result)
	return got, nil
}

// keptHint says how much of a copy that stopped is kept.
func keptHint(err error) error {
	kept, ok := errors.AsType[*collect.KeptError](err)
	if !ok {
		return err
	}
	return ui.Hint(err, fmt.Sprintf("%s of %s are kept: the same command with --resume goes on there", ui.FormatSize(kept.Done), ui.FormatSize(kept.Size)))
}

// rate is bytes in a second, for people.
func rate(n int64, took time.Duration) string {
	return ui.FormatSize(int64(float64(n)/max(took.Seconds(), 1e-3))) + "/s"
}

// verifyCopy verifies what was copied. What only its recipients can read is read from
// the disk again.
func verifyCopy(w *collect.Candidate, result *collect.Result) (*dumpfile.Report, error) {
	f, err := result.Reread(w)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return dumpfile.Verify(f, f.Size()), nil
}

func (c *CollectCmd) show(talk *ui.UI, doc *collectDocument) error {
	if talk.JSON {
		return talk.Document(doc)
	}
	for _, d := range doc.Dumps {
		talk.Printf("%s  %s%s%s\n", d.File, ui.FormatSize(d.Size), formWords(d), verdictWords(d))
		if d.SHA256 != "" {
			talk.Printf("  sha256 %s\n", d.SHA256)
		}
		if d.BadBytes > 0 {
			talk.Printf("  %s could not be read and are zeros: %s lists them\n", ui.FormatSize(d.BadBytes), d.Map)
		}
		for _, p := range d.Problems {
			talk.Printf("  %s\n", p)
		}
	}
	printLeft(talk, doc)
	talk.Printf("%s  says what was taken, from where, and the commands to start the analysis with\n", doc.Manifest)
	talk.Talkf("The disk was only read; nothing was changed.\n")
	return nil
}

// formWords says what became of the dump on its way.
func formWords(d collectedJSON) string {
	words := ""
	if d.FileSize > 0 {
		words = " in " + ui.FormatSize(d.FileSize)
	}
	if d.Parts > 0 {
		words += fmt.Sprintf(", %d parts", d.Parts)
	}
	return words
}

func verdictWords(d collectedJSON) string {
	if d.Verdict == "" {
		return ""
	}
	return ", verified: " + d.Verdict
}

func printLeft(talk *ui.UI, doc *collectDocument) {
	for _, l := range doc.Left {
		talk.Printf("left alone: %s: %s\n", l.Path, l.Story)
	}
}
