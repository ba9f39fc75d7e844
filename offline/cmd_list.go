package offline

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/ntfs"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// ListCmd shows what is in reach.
type ListCmd struct {
	Targets []string `arg:"" optional:"" name:"target" help:"Disk images, devices, directories, WIM archives or hives. Default: all disks of this machine."`
	ImageFlags
	VerifyFlag
}

// Help is the command's long help.
func (*ListCmd) Help() string {
	return `Shows every volume, every Windows installation with the number that --install
takes, and every crash dump with its story in a sentence, without changing anything.
Live dumps and dumps of programs are called so. What is unusual about a volume's last
use is said in words; --verbose says the rest too.

    hangkit list
    hangkit list server.img
    hangkit list server.img --verify-volume

A volume locked by BitLocker is listed with its protectors by their key IDs. Give the
recovery password, the password or the .BEK in a file with --bitlocker-key, or a
password in HANGKIT_BITLOCKER_KEY; other commands ask for it on a terminal.

    hangkit list locked.img --bitlocker-key key.txt

With --verify-volume the structure of every NTFS volume is checked as well: all of
its metadata is read once and compared with itself. Findings are notes, leaks (space
that nobody uses stays taken), inconsistent or dangerous.

EXIT STATUS: 0 done, and nothing found but notes; 1 failed; 3 done in part; 4 refused;
5 damaged or unknown format; 6 not found; 7 --verify-volume found something;
80 wrong usage; 130 interrupted.`
}

type listDocument struct {
	Schema   string       `json:"schema"`
	Targets  []targetJSON `json:"targets"`
	Problems []string     `json:"problems,omitempty"`
	Stick    []string     `json:"stick,omitempty"` // disks of the rescue stick, which are left out
}

type targetJSON struct {
	Name       string       `json:"name"`
	Kind       target.Kind  `json:"kind"`
	Format     string       `json:"format,omitempty"` // of an image that is not raw
	Below      []string     `json:"below,omitempty"`  // images that this one lies on
	Model      string       `json:"model,omitempty"`  // of a disk of this machine
	Size       int64        `json:"size,omitempty"`
	SectorSize int          `json:"sector_size,omitempty"`
	Scheme     string       `json:"partition_table,omitempty"`
	Volumes    []volumeJSON `json:"volumes"`
	Warnings   []string     `json:"warnings,omitempty"`
}

type volumeJSON struct {
	Partition  int           `json:"partition,omitempty"`
	Offset     int64         `json:"offset"`
	Size       int64         `json:"size,omitempty"`
	Type       string        `json:"type,omitempty"`
	FileSystem string        `json:"file_system"`
	Label      string        `json:"label,omitempty"`
	State      []string      `json:"state,omitempty"` // what is unusual about its last use
	Error      string        `json:"error,omitempty"`
	Windows    []windowsJSON `json:"windows,omitempty"`
	Dumps      []dumpJSON    `json:"dumps,omitempty"`

	BitLocker *bitLockerJSON `json:"bitlocker,omitempty"`
	Condition *conditionJSON `json:"condition,omitempty"`
	Structure *structureJSON `json:"structure,omitempty"`
}

type windowsJSON struct {
	Install      int    `json:"install"`
	Root         string `json:"root"`
	Product      string `json:"product,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	Machine      string `json:"machine,omitempty"`
	ControlSet   string `json:"control_set,omitempty"`
	Old          bool   `json:"old,omitempty"`
	Error        string `json:"error,omitempty"`
	// OutOfReach is what the settings name on volumes that are not there.
	OutOfReach []string `json:"out_of_reach,omitempty"`
}

type dumpJSON struct {
	Path     string     `json:"path"`
	Source   string     `json:"source"`
	State    string     `json:"state"`
	Story    string     `json:"story"`
	Bytes    int64      `json:"bytes"`
	BugCheck string     `json:"bug_check,omitempty"`
	Time     *time.Time `json:"crash_time,omitempty"`

	Live        bool   `json:"live,omitempty"` // no crash: the machine went on running
	Stale       string `json:"stale,omitempty"`
	DuplicateOf string `json:"duplicate_of,omitempty"`
	Rebuilt     bool   `json:"rebuilt,omitempty"` // its header is made anew
}

// Run lists the targets.
func (c *ListCmd) Run(ctx context.Context, talk *ui.UI) error {
	s, err := openScan(ctx, c.Targets)
	if err != nil {
		return err
	}
	defer s.Close()
	doc, err := describeScan(ctx, s)
	if err != nil {
		return err
	}
	if c.Verify {
		if err := verifyScan(ctx, talk, s, doc); err != nil {
			return err
		}
	}
	if talk.JSON {
		err = talk.Document(doc)
	} else {
		printList(talk, doc)
	}
	return errors.Join(err, c.outcome(s, doc))
}

// verifyScan checks the structure of every volume in reach.
func verifyScan(ctx context.Context, talk *ui.UI, s *scan, doc *listDocument) error {
	for i, t := range s.targets {
		for k, v := range t.Volumes {
			if v.Kind != ntfs.NTFS && v.Part.Number != 0 {
				continue // nobody expects NTFS there
			}
			found, err := verifyVolume(ctx, talk, v)
			if err != nil {
				return err
			}
			doc.Targets[i].Volumes[k].Structure = found
		}
	}
	return nil
}

// outcome is an error where something that was named, or everything, is missing.
func (c *ListCmd) outcome(s *scan, doc *listDocument) error {
	verified, sound := doc.structures()
	switch {
	case len(s.targets) == 0 && len(s.sticks) > 0 && len(s.problems) == 0:
		return ui.Fail(ui.NotFound, errors.New("no disk but this stick is in reach"), "a disk that the firmware shows and this system does not needs a driver that is not here")
	case len(s.targets) == 0:
		return ui.Fail(ui.NotFound, errors.Join(append(s.problems, errors.New("no disk could be looked at"))...),
			"name a disk image or a device", ui.AdminHint)
	case len(c.Targets) > 0 && len(s.problems) > 0:
		return ui.Fail(ui.Partly, errors.Join(s.problems...))
	case c.Verify && !verified:
		return ui.Fail(ui.NotFound, errNothingVerified)
	case !sound:
		return ui.ErrVerdict
	}
	return nil
}

// structures tells whether the structure of any volume was checked, and whether all
// that were are sound.
func (d *listDocument) structures() (verified, sound bool) {
	sound = true
	for _, t := range d.Targets {
		for _, v := range t.Volumes {
			if v.Structure != nil && v.Structure.Unchecked == "" {
				verified, sound = true, sound && v.Structure.Clean
			}
		}
	}
	return verified, sound
}

func describeScan(ctx context.Context, s *scan) (*listDocument, error) {
	doc := &listDocument{Schema: "hangkit/list/1", Targets: []targetJSON{}, Stick: s.sticks}
	for _, p := range s.problems {
		doc.Problems = append(doc.Problems, p.Error())
	}
	dumps, err := s.dumps(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range s.targets {
		doc.Targets = append(doc.Targets, describeTarget(s, t, dumps))
	}
	return doc, nil
}

func describeTarget(s *scan, t *target.Target, dumps map[string][]*collect.Candidate) targetJSON {
	j := targetJSON{
		Name: t.Name, Kind: t.Kind, Format: t.Format, Below: t.Below, Model: s.model(t.Name), Size: t.Size, SectorSize: t.SectorSize,
		Scheme: t.Scheme, Warnings: t.Warnings, Volumes: []volumeJSON{},
	}
	for _, v := range t.Volumes {
		j.Volumes = append(j.Volumes, s.describeVolume(v, dumps[v.Label()]))
	}
	return j
}

func (s *scan) describeVolume(v *target.Volume, dumps []*collect.Candidate) volumeJSON {
	j := volumeJSON{
		Partition: v.Part.Number, Offset: v.Part.Start, Size: v.Part.Size,
		Type: v.Part.TypeName, FileSystem: v.FileSystem(), Label: v.Info.Label,
		State: v.Condition().Unusual(), Condition: describeCondition(v), BitLocker: describeBitLocker(v),
	}
	if v.Err != nil && worthTelling(v) {
		j.Error = v.Err.Error()
	}
	for _, f := range s.installs {
		if f.Volume == v {
			j.Windows = append(j.Windows, f.describe(readable(s)))
		}
	}
	for _, c := range dumps {
		j.Dumps = append(j.Dumps, describeCandidate(c))
	}
	return j
}

// worthTelling tells a volume that should have been readable from the many
// partitions that nobody expects Windows on.
func worthTelling(v *target.Volume) bool {
	return v.Kind == ntfs.NTFS || v.Kind == ntfs.BitLocker || v.Part.Number == 0
}

func (f *found) describe(volumes []*target.Volume) windowsJSON {
	j := windowsJSON{Install: f.N, Root: f.Root, Old: f.Old}
	install, err := f.open()
	if err != nil {
		j.Error = err.Error()
		return j
	}
	defer install.Close()
	facts, err := install.Facts(f.live(unknownMemory))
	if err != nil {
		j.Error = err.Error()
		return j
	}
	j.Product, j.Architecture = facts.Version.String(), facts.Arch.Value
	j.Machine, j.ControlSet = facts.Name.Value, facts.ControlSet.Name
	if f.Root != "" {
		j.OutOfReach = outOfReach(facts, f.Volume, volumes)
	}
	return j
}

func describeCandidate(c *collect.Candidate) dumpJSON {
	j := dumpJSON{
		Path: c.Path, Source: c.Source.String(), State: c.State.String(), Story: c.Story(), Bytes: c.Have,
		Live: c.Live(), Stale: c.Stale, Rebuilt: c.Rebuilt != nil,
	}
	if c.DuplicateOf != nil {
		j.DuplicateOf = c.DuplicateOf.Name()
	}
	if h := c.Header; h != nil {
		if h.BugCheck.Code.Known {
			j.BugCheck = dumpfile.BugCheckName(h.BugCheck.Code.Value)
		}
		if h.SystemTime.Known {
			j.Time = &h.SystemTime.Value
		}
	}
	return j
}

func printList(talk *ui.UI, doc *listDocument) {
	for _, p := range doc.Problems {
		talk.Warnf("%s\n", p)
	}
	for _, name := range doc.Stick {
		talk.Printf("%s  this stick, left alone\n", name)
	}
	for _, t := range doc.Targets {
		talk.Printf("%s  %s\n", t.Name, targetWords(t))
		for _, w := range t.Warnings {
			talk.Printf("  note: %s\n", w)
		}
		for _, v := range t.Volumes {
			printVolume(talk, v)
		}
	}
}

func targetWords(t targetJSON) string {
	if t.Kind == target.Archive {
		return "WIM archive, " + ui.FormatSize(t.Size)
	}
	if t.Size == 0 {
		return string(t.Kind)
	}
	kind := string(t.Kind)
	if t.Format != "" {
		kind = t.Format + " " + kind
	}
	for _, below := range t.Below {
		kind += " on " + strconv.Quote(below)
	}
	if t.Model != "" {
		kind += ", " + printable(t.Model)
	}
	return fmt.Sprintf("%s, %s, %s, %d-byte sectors", kind, ui.FormatSize(t.Size), t.Scheme, t.SectorSize)
}

func printVolume(talk *ui.UI, v volumeJSON) {
	if v.Partition != 0 || v.Size != 0 {
		talk.Printf("  %2d  %-9s %10s  %s\n", v.Partition, v.FileSystem, ui.FormatSize(v.Size), volumeWords(v))
	}
	for _, s := range v.conditionWords(talk.Verbose) {
		talk.Printf("      %s\n", s)
	}
	if v.BitLocker != nil {
		printBitLocker(talk, v.BitLocker)
	}
	if v.Error != "" && (v.BitLocker == nil || v.BitLocker.lookFor == "") {
		talk.Printf("      not readable: %s\n", v.Error)
	}
	if v.Structure != nil {
		printStructure(talk, v.Structure, "      ")
	}
	for _, w := range v.Windows {
		talk.Printf("      [%d] %s\n", w.Install, windowsWords(w))
		for _, name := range w.OutOfReach {
			talk.Printf("          %s\n", outOfReachWords(name))
		}
	}
	for _, d := range v.Dumps {
		talk.Printf("      dump: %s\n", d.Story)
	}
}

func outOfReachWords(name string) string {
	return "its settings name " + printable(name) + ", whose volume is not in reach: a dump may lie there"
}

func (v *volumeJSON) conditionWords(all bool) []string {
	if all && v.Condition != nil {
		return v.Condition.Words
	}
	return v.State
}

func windowsWords(w windowsJSON) string {
	name := w.Root
	if name == "" {
		name = "SYSTEM hive"
	}
	if w.Error != "" {
		return fmt.Sprintf("%s: cannot be used: %s", name, w.Error)
	}
	text := name + ": " + w.Product
	if w.Architecture != "" {
		text += ", " + w.Architecture
	}
	if w.Machine != "" {
		text += ", machine " + w.Machine
	}
	return text
}

func volumeWords(v volumeJSON) string {
	if v.Label == "" {
		return v.Type
	}
	return fmt.Sprintf("%s %q", v.Type, v.Label)
}
