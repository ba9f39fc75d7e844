package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Severity is what a finding means for somebody about to write to the volume.
type Severity int

// The severities, the worst last.
const (
	Note         Severity = iota // out of date in a way Windows itself leaves behind
	Leak                         // space or a record that nobody uses stays taken; nothing is lost by it
	Inconsistent                 // structures contradict each other: some file is not what it seems
	Dangerous                    // a write may destroy what belongs to something else, or be undone
)

// String names the severity.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Leak:
		return "leak"
	case Inconsistent:
		return "inconsistent"
	default:
		return "dangerous"
	}
}

// Kind is the sort of a finding.
type Kind int

// The kinds of findings.
const (
	BootSector       Kind = iota // geometry nothing can be read with, or fields drivers refuse
	BackupBoot                   // the copy of the boot sector differs or is missing
	Mirror                       // a record of $MFT differs from its copy in $MFTMirr
	Version                      // another version than 3.0 or 3.1
	VolumeFlags                  // marked dirty, or chkdsk, an upgrade or a resize is under way
	LogFile                      // the journal is to be replayed, or is none
	UpCase                       // the case table is damaged
	AttrDef                      // the table of attribute types is damaged
	Security                     // $SII, $SDH and $SDS disagree
	SecurityID                   // a file has a security id that $Secure does not know
	BadClusters                  // $BadClus has no run of the volume's length, or bad clusters elsewhere than where they are
	BadRecord                    // an MFT record in use cannot be read: torn, or no record at all
	AbandonedRecord              // an unreadable MFT record that nothing refers to
	RecordHeader                 // a field of a record's header is wrong
	Attribute                    // an attribute is malformed
	AttributeOrder               // attributes are out of order, or one is there twice
	Instance                     // two attributes have one instance number, or one that is still to come
	Residency                    // an attribute is resident that must not be, or the other way round
	RunList                      // mapping pairs that cannot be decoded, or that miss the VCNs they should have
	OutsideRun                   // clusters beyond the end of the volume
	Sizes                        // initialized, data and allocated size contradict each other or the run list
	CrossLink                    // a cluster has two owners
	UnmarkedCluster              // a cluster in use is free in $Bitmap
	LeakedCluster                // a cluster in use in $Bitmap has no owner
	BitmapSize                   // $Bitmap or $MFT's $BITMAP is too short, or ends in clear bits
	UnmarkedRecord               // a record in use is free in $MFT's $BITMAP
	LeakedRecord                 // a record in use in $MFT's $BITMAP is free
	AttributeList                // a list and the records it names disagree
	OrphanExtension              // an extension record no list names
	StandardInfo                 // $STANDARD_INFORMATION is missing or malformed
	LinkCount                    // another number of names than the header says
	Orphan                       // a file that no directory has
	NameMismatch                 // a file's names and the directories' entries for it differ
	Circle                       // directories that lie in each other, and not below the root
	Index                        // the root or a node of an index is malformed
	IndexBlock                   // an INDX block is torn or is not the one it should be
	IndexBitmap                  // a block of the tree is free in the index's $BITMAP
	LeakedIndexBlock             // a block in use in the index's $BITMAP is not in the tree
	IndexOrder                   // keys are out of order: a search misses some
	DanglingEntry                // an entry names a record that is free or another file by now
	Catalog                      // a reparse point or object id and the index of these below $Extend disagree
	StaleSizes                   // an entry shows sizes the file does not have
	kinds
)

// kindInfo is what is known of a kind: how it is called and what it means.
var kindInfo = [kinds]struct {
	name     string
	severity Severity
}{
	BootSector:       {"boot sector", Dangerous},
	BackupBoot:       {"backup boot sector", Inconsistent},
	Mirror:           {"$MFTMirr", Dangerous},
	Version:          {"NTFS version", Dangerous},
	VolumeFlags:      {"volume flags", Dangerous},
	LogFile:          {"journal", Dangerous},
	UpCase:           {"$UpCase", Dangerous},
	AttrDef:          {"$AttrDef", Inconsistent},
	Security:         {"$Secure", Inconsistent},
	SecurityID:       {"security id", Inconsistent},
	BadClusters:      {"$BadClus", Inconsistent},
	BadRecord:        {"unreadable record", Inconsistent},
	AbandonedRecord:  {"abandoned record", Leak},
	RecordHeader:     {"record header", Inconsistent},
	Attribute:        {"attribute", Inconsistent},
	AttributeOrder:   {"attribute order", Inconsistent},
	Instance:         {"attribute instance", Inconsistent},
	Residency:        {"attribute residency", Inconsistent},
	RunList:          {"run list", Inconsistent},
	OutsideRun:       {"run outside the volume", Inconsistent},
	Sizes:            {"attribute sizes", Inconsistent},
	CrossLink:        {"cross-linked clusters", Dangerous},
	UnmarkedCluster:  {"unmarked clusters", Dangerous},
	LeakedCluster:    {"leaked clusters", Leak},
	BitmapSize:       {"bitmap size", Inconsistent},
	UnmarkedRecord:   {"unmarked record", Dangerous},
	LeakedRecord:     {"leaked record", Leak},
	AttributeList:    {"attribute list", Inconsistent},
	OrphanExtension:  {"orphan extension record", Leak},
	StandardInfo:     {"$STANDARD_INFORMATION", Inconsistent},
	LinkCount:        {"link count", Inconsistent},
	Orphan:           {"orphan record", Leak},
	NameMismatch:     {"names", Inconsistent},
	Circle:           {"circle of directories", Inconsistent},
	Index:            {"index", Inconsistent},
	IndexBlock:       {"index block", Inconsistent},
	IndexBitmap:      {"index bitmap", Dangerous},
	LeakedIndexBlock: {"leaked index block", Leak},
	IndexOrder:       {"index order", Inconsistent},
	DanglingEntry:    {"dangling index entry", Inconsistent},
	Catalog:          {"reparse points and object ids", Inconsistent},
	StaleSizes:       {"stale sizes", Note},
}

// String names the kind.
func (k Kind) String() string {
	if k < 0 || k >= kinds {
		return fmt.Sprintf("kind %d", int(k))
	}
	return kindInfo[k].name
}

// Severity says what findings of the kind mean.
func (k Kind) Severity() Severity { return kindInfo[k].severity }

// noRecord is the record number of a finding about the volume as a whole.
const noRecord = -1

// Finding is one contradiction.
type Finding struct {
	Kind   Kind
	Record int64  // the MFT record it is about, -1 if none
	Off    int64  // where the structure begins: bytes from the start of the volume, -1 if nowhere
	What   string // the structure and the field
	Want   string
	Got    string
}

// Severity says what the finding means.
func (f Finding) Severity() Severity { return f.Kind.Severity() }

// String shows the finding on one line.
func (f Finding) String() string {
	where := ""
	if f.Record != noRecord {
		where = fmt.Sprintf("record %d: ", f.Record)
	}
	at := ""
	if f.Off >= 0 {
		at = fmt.Sprintf(" (at 0x%x)", f.Off)
	}
	return fmt.Sprintf("%v: %s%s%s: want %s, got %s", f.Severity(), where, f.What, at, f.Want, f.Got)
}

// Report is what a check found.
type Report struct {
	Findings []Finding      // by record and offset, findings about the volume first
	Counts   map[Kind]int64 // of all findings, kept or not
	Omitted  int64          // findings counted but not kept

	Records, RecordsInUse int64
	Clusters, Owned       int64 // of the volume, and those that run lists own
	Indexes, Entries      int64 // trees walked, and keys in them
	// Incomplete says why not everything was checked, "" if it was: without a
	// boot sector or $MFT there is nothing to go by.
	Incomplete string
}

// Worst is the highest severity of all findings, and whether there is any.
// Kinds that the caller accounts for himself are left out: who writes to a
// volume that was left dirty asks without VolumeFlags and LogFile.
func (r *Report) Worst(except ...Kind) (worst Severity, found bool) {
	for k := range r.Counts {
		if !slices.Contains(except, k) {
			worst, found = max(worst, k.Severity()), true
		}
	}
	return worst, found
}

// Clean says whether everything was checked and nothing found but notes.
func (r *Report) Clean() bool {
	worst, _ := r.Worst()
	return r.Incomplete == "" && worst == Note
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Record, b.Record), cmp.Compare(a.Off, b.Off), cmp.Compare(a.Kind, b.Kind))
	})
}

// fault is a finding on its way up: the structure in question is of no use.
type fault struct {
	kind      Kind
	off       int64
	what      string
	want, got any
}

func (f *fault) Error() string { return fmt.Sprintf("%s: want %v, got %v", f.what, f.want, f.got) }

func bad(kind Kind, off int64, what string, want, got any) error {
	return &fault{kind, off, what, want, got}
}

// found records a fault and returns nil; other errors, those of the device,
// it returns.
func (c *checker) found(record int64, err error) error {
	f, ok := errors.AsType[*fault](err)
	if !ok {
		return err
	}
	c.add(record, f.kind, f.off, f.what, f.want, f.got)
	return nil
}

func (c *checker) add(record int64, kind Kind, off int64, what string, want, got any) {
	c.report.Counts[kind]++
	if c.full() {
		c.report.Omitted++
		return
	}
	c.report.Findings = append(c.report.Findings, Finding{
		Kind: kind, Record: record, Off: off, What: what, Want: fmt.Sprint(want), Got: fmt.Sprint(got),
	})
}

// full says that no more findings are kept.
func (c *checker) full() bool { return len(c.report.Findings) >= c.maxFindings }

// hex shows a number as offsets are usually read.
type hex uint64

func (h hex) String() string { return fmt.Sprintf("0x%x", uint64(h)) }
