package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"hangkit/ntfs"
	"hangkit/ntfs/verify"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// VerifyFlag asks for a look at a volume's whole structure.
type VerifyFlag struct {
	Verify bool `name:"verify-volume" help:"Check the structure of the NTFS volume too: reads all of its metadata, changes nothing."`
}

// structureJSON is what the check of a volume's structure found.
type structureJSON struct {
	Clean        bool                 `json:"clean"` // everything was checked, and nothing found but notes
	Unchecked    string               `json:"not_checked,omitempty"`
	Incomplete   string               `json:"incomplete,omitempty"`
	Records      int64                `json:"mft_records"`
	RecordsInUse int64                `json:"mft_records_in_use"`
	Clusters     int64                `json:"clusters"`
	Owned        int64                `json:"clusters_owned"`
	Findings     []structureGroupJSON `json:"findings"`
	Omitted      int64                `json:"omitted,omitempty"` // findings that are counted and not listed

	onlyLeft bool // what was found is how the last use left the volume, no contradiction
}

// structureGroupJSON are all findings of a kind.
type structureGroupJSON struct {
	Severity string                 `json:"severity"`
	Kind     string                 `json:"kind"`
	Count    int64                  `json:"count"`
	Findings []structureFindingJSON `json:"findings"`

	meaning string
}

type structureFindingJSON struct {
	Record *int64 `json:"record,omitempty"`
	Offset *int64 `json:"offset,omitempty"` // in the volume
	What   string `json:"what"`
	Want   string `json:"want"`
	Got    string `json:"got"`
}

// severityWords say what findings mean for the volume.
var severityWords = map[verify.Severity]string{
	verify.Note:         "out of date in a way that Windows itself leaves behind",
	verify.Leak:         "space stays taken that nobody uses; nothing is lost by it",
	verify.Inconsistent: "structures contradict each other: some file may not be what it seems",
	verify.Dangerous:    "a write may destroy what belongs to something else, or be undone",
}

// verifyVolume checks the structure of a volume, as far as there is one in reach.
func verifyVolume(ctx context.Context, talk *ui.UI, v *target.Volume) (*structureJSON, error) {
	if v.Image() > 0 {
		return &structureJSON{Unchecked: "only NTFS is checked; 'wimlib-imagex verify' checks WIM archives", Findings: []structureGroupJSON{}}, nil
	}
	if v.Device == nil {
		return &structureJSON{Unchecked: "the operating system has the volume mounted: name its disk or image instead", Findings: []structureGroupJSON{}}, nil
	}
	if v.Kind != ntfs.NTFS {
		return &structureJSON{Unchecked: "only NTFS is checked, this is " + v.FileSystem(), Findings: []structureGroupJSON{}}, nil
	}
	report, err := checkStructure(ctx, talk, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Label(), err)
	}
	return describeStructure(report), nil
}

func checkStructure(ctx context.Context, talk *ui.UI, v *target.Volume) (*verify.Report, error) {
	show, finish := talk.Progress("checking " + v.Label())
	defer finish()
	size := max(v.Info.RecordSize, 1) // the bar counts bytes, of $MFT here
	return verify.Check(ctx, v.Device, v.Device.Size(), verify.Options{
		Progress: func(done, total int64) { show(done*size, total*size) },
	})
}

// describeStructure groups the findings by their kind, the worst first.
func describeStructure(r *verify.Report) *structureJSON {
	j := &structureJSON{
		Clean: r.Clean(), Incomplete: r.Incomplete, Omitted: r.Omitted, Findings: []structureGroupJSON{},
		Records: r.Records, RecordsInUse: r.RecordsInUse, Clusters: r.Clusters, Owned: r.Owned,
	}
	rest, _ := r.Worst(verify.VolumeFlags, verify.LogFile)
	j.onlyLeft = rest == verify.Note
	kinds := slices.SortedFunc(maps.Keys(r.Counts), func(a, b verify.Kind) int {
		return cmp.Or(cmp.Compare(b.Severity(), a.Severity()), cmp.Compare(a, b))
	})
	for _, k := range kinds {
		j.Findings = append(j.Findings, describeKind(r, k))
	}
	return j
}

func describeKind(r *verify.Report, k verify.Kind) structureGroupJSON {
	g := structureGroupJSON{
		Severity: k.Severity().String(), Kind: k.String(), Count: r.Counts[k],
		Findings: []structureFindingJSON{}, meaning: severityWords[k.Severity()],
	}
	for _, f := range r.Findings {
		if f.Kind == k {
			g.Findings = append(g.Findings, structureFindingJSON{known(f.Record), known(f.Off), f.What, f.Want, f.Got})
		}
	}
	return g
}

// known is nil for the number that stands for none.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// shownOfKind is how many findings of a kind are shown unless asked for all.
const shownOfKind = 3

func printStructure(talk *ui.UI, s *structureJSON, indent string) {
	talk.Printf("%sstructure: %s\n", indent, s.words())
	severity := ""
	for _, g := range s.Findings {
		if g.Severity != severity {
			severity = g.Severity
			talk.Printf("%s  %s: %s\n", indent, severity, g.meaning)
		}
		talk.Printf("%s    %s (%d)\n", indent, g.Kind, g.Count)
		for i, f := range g.Findings {
			if i == shownOfKind && !talk.Verbose {
				break
			}
			talk.Printf("%s      %s\n", indent, f.words())
		}
		if hidden := g.Count - shownOfKind; hidden > 0 && !talk.Verbose {
			talk.Printf("%s      … and %d more: --verbose shows them\n", indent, hidden)
		}
	}
}

// words sum the check up in a line.
func (s *structureJSON) words() string {
	if s.Unchecked != "" {
		return "not checked: " + s.Unchecked
	}
	seen := fmt.Sprintf("%d of %d MFT records and %d of %d clusters in use", s.RecordsInUse, s.Records, s.Owned, s.Clusters)
	switch {
	case s.Incomplete != "":
		return "not everything could be checked: " + s.Incomplete
	case s.Clean && len(s.Findings) == 0:
		return "sound; " + seen
	case s.Clean:
		return "sound but for notes; " + seen
	case s.onlyLeft:
		return "nothing contradicts itself, but the volume was not left clean; " + seen
	}
	return "FAULTY; " + seen
}

func (f *structureFindingJSON) words() string {
	text := f.What + ": want " + f.Want + ", got " + f.Got
	if f.Record != nil {
		text = fmt.Sprintf("record %d: %s", *f.Record, text)
	}
	if f.Offset != nil {
		text += fmt.Sprintf(" (at 0x%x)", *f.Offset)
	}
	return text
}

// errNothingVerified means that no volume in reach has a structure that can be checked.
var errNothingVerified = errors.New("there is no NTFS volume whose structure could be checked")
