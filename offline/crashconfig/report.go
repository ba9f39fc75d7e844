// Package crashconfig is the knowledge about Windows crash settings: which of them make a hang leave a dump ([Check]),
// what to write so that the next boot is ready ([PlanArm]), how to take that back exactly ([PlanUndo]), and how to crash
// the machine on purpose ([Guide]).
//
// The settings, below the control set that boots (SYSTEM hive):
//
//	Control\CrashControl                                CrashDumpEnabled, FilterPages, DumpFile, NMICrashDump, …
//	Control\Session Manager\Memory Management           PagingFiles: a dump is written into the page file first
//	Control\Session Manager\Power                       HiberbootEnabled: Fast Startup keeps the old kernel
//	Control\Power                                       PowerButtonBugcheck
//	Services\{i8042prt,kbdhid,hyperkbd}\Parameters      CrashOnCtrlScroll: right Ctrl + Scroll Lock twice
//	Services\{i8042prt,kbdhid,hyperkbd}\crashdump       Dump1Keys, Dump2Key: another combination
//	hangkit (root of the hive)                          what hangkit changed, for undo
package crashconfig

import (
	"fmt"
	"slices"

	"hangkit/offline/windows"
)

// Verdict is how bad a finding is.
type Verdict int

// Verdicts, mildest first.
const (
	OK      Verdict = iota
	Note            // worth knowing
	Unknown         // cannot be told without more information
	Risk            // depends on something that cannot be seen from here
	Loss            // a dump is likely, but truncated, tiny or deleted
	Block           // no dump will result, or nothing can be changed
)

var verdictNames = [...]string{"ok", "note", "unknown", "risk", "loss", "block"}

// String is the verdict in one word.
func (v Verdict) String() string {
	if v < 0 || int(v) >= len(verdictNames) {
		return fmt.Sprintf("verdict %d", int(v))
	}
	return verdictNames[v]
}

// MarshalText writes the verdict as its word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Group is the part of the way to a dump that a finding is about.
type Group string

// Groups, in the order they are shown.
const (
	Access   Group = "access"
	Dump     Group = "dump"
	PageFile Group = "page file"
	Trigger  Group = "trigger"
	Keeping  Group = "keeping it"
)

// groupIDs are ids that differ from the words.
var groupIDs = map[Group]string{PageFile: "page_file", Keeping: "keeping"}

// ID names the group for programs: access, dump, page_file, trigger, keeping. The group itself is for people.
func (g Group) ID() string {
	if id, ok := groupIDs[g]; ok {
		return id
	}
	return string(g)
}

// Groups lists the groups in display order.
func Groups() []Group { return []Group{Access, Dump, PageFile, Trigger, Keeping} }

// Finding is what one rule has to say.
type Finding struct {
	ID      string  // the rule, "C01"
	Group   Group   // set by Check
	Verdict Verdict //
	Title   string  // one line
	Detail  string  // one or two sentences with the actual values
	Fix     string  // a hangkit command when arm can fix it, otherwise what to do; may be empty
}

// Report answers whether the next hang will leave a dump.
type Report struct {
	Ready    bool // no finding blocks or loses the dump
	Findings []Finding
}

// Check judges the installation by every rule. Findings come in the order of [Groups], and by rule inside a group.
func Check(f *windows.Facts) *Report {
	r := &Report{Ready: true}
	for _, g := range Groups() {
		for _, rule := range rules {
			if rule.group != g {
				continue
			}
			if finding, ok := rule.find(f, r); ok {
				finding.ID, finding.Group = rule.id, g
				r.add(finding)
			}
		}
	}
	return r
}

// find is what the rule has to say, behind what others said before it.
func (r *rule) find(f *windows.Facts, before *Report) (Finding, bool) {
	if r.weigh != nil {
		return r.weigh(before)
	}
	return r.judge(f)
}

func (r *Report) add(f Finding) {
	r.Findings = append(r.Findings, f)
	if f.Verdict >= Loss {
		r.Ready = false
	}
}

// Find returns the finding of a rule.
func (r *Report) Find(id string) (Finding, bool) {
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		return Finding{}, false
	}
	return r.Findings[i], true
}
