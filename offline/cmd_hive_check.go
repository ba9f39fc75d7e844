package offline

import (
	"context"
	"fmt"
	"strings"

	"hangkit/hive"
	"hangkit/offline/internal/ui"
)

// HiveCheckCmd tells whether a hive is whole.
type HiveCheckCmd struct {
	HiveFlags
}

// Help is the command's long help.
func (*HiveCheckCmd) Help() string {
	return `Tests every rule of the hive's structure, after completing it from its logs in
memory, and lists what is wrong with its offset in the file. Harmless findings occur
in hives that Windows itself wrote. Changes nothing.

    hangkit hive check SYSTEM
    hangkit hive check server.img --hive SOFTWARE
    hangkit hive check server.img --hive Users/bob/NTUSER.DAT --json

EXIT STATUS: 0 valid; 1 failed; 4 Windows would refuse it: unfinished, and no log
that completes it; 5 not a hive, or too damaged to be opened; 6 not found; 7 not
valid; 80 wrong usage.`
}

type hiveCheckDocument struct {
	Schema   string        `json:"schema"`
	Target   string        `json:"target"`
	Hive     hiveJSON      `json:"hive"`
	Name     string        `json:"name,omitempty"` // as the hive knows itself
	Escaped  bool          `json:"name_escaped,omitempty"`
	FileSize int64         `json:"file_size"`
	HiveSize int64         `json:"hive_size"` // base block and bins
	Sequence uint32        `json:"sequence"`  // once completed
	Dirty    bool          `json:"dirty"`
	Recovery *recoveryJSON `json:"recovery,omitempty"`
	Keys     int           `json:"keys"`
	Values   int           `json:"values"`
	Valid    bool          `json:"valid"`
	Findings []faultJSON   `json:"findings"`
}

type recoveryJSON struct {
	Protocol      string   `json:"protocol"`
	BadBaseBlock  bool     `json:"bad_base_block,omitempty"`
	Applied       []string `json:"logs_applied"`
	Entries       int      `json:"entries,omitempty"`
	FirstSequence uint32   `json:"first_sequence,omitempty"`
	LastSequence  uint32   `json:"last_sequence,omitempty"`
	Pages         int      `json:"runs_of_pages"`
	Notes         []string `json:"notes,omitempty"`
}

type faultJSON struct {
	Offset   int64  `json:"offset"`
	Text     string `json:"text"`
	Harmless bool   `json:"harmless,omitempty"`
}

// Run checks the hive.
func (c *HiveCheckCmd) Run(ctx context.Context, talk *ui.UI) error {
	o, err := c.open(ctx, "")
	if err != nil {
		return err
	}
	defer o.Close()
	doc := checkHive(o)
	if talk.JSON {
		err = talk.Document(doc)
	} else {
		printHiveCheck(talk, o, doc)
	}
	if err == nil && !doc.Valid {
		return ui.ErrVerdict
	}
	return err
}

func checkHive(o *openedHive) *hiveCheckDocument {
	doc := &hiveCheckDocument{
		Schema: "hangkit/hive-check/1", Target: o.volume.Target.Name, Hive: o.describe(), FileSize: o.set.Primary.Size(), HiveSize: o.hive.Size(),
		Sequence: o.hive.Sequence(), Valid: true, Findings: []faultJSON{},
	}
	doc.Name, doc.Escaped = carry(o.hive.Name())
	if r := o.hive.Recovery(); r.Dirty {
		doc.Dirty, doc.Recovery = true, describeRecovery(r)
	}
	for _, f := range o.hive.Findings() {
		doc.Valid = doc.Valid && f.Harmless
		doc.Findings = append(doc.Findings, faultJSON{f.Off, carried(f.String()), f.Harmless})
	}
	doc.Keys, doc.Values = countHive(o.hive)
	return doc
}

func describeRecovery(r hive.Recovery) *recoveryJSON {
	j := &recoveryJSON{
		Protocol: r.Protocol.String(), BadBaseBlock: r.BadBaseBlock, Applied: []string{}, Entries: r.Entries,
		FirstSequence: r.FirstSequence, LastSequence: r.LastSequence, Pages: r.Pages, Notes: r.Notes,
	}
	for _, id := range r.Applied {
		j.Applied = append(j.Applied, id.String())
	}
	return j
}

// countHive counts what can be reached.
func countHive(h *hive.Hive) (keys, values int) {
	root, err := h.Key("")
	if err != nil {
		return 0, 0
	}
	return countBelow(root)
}

// countBelow counts a key with all below it. A damaged hive may go in circles.
func countBelow(top *hive.Key) (keys, values int) {
	seen := map[int64]struct{}{top.Offset(): {}}
	for list := []*hive.Key{top}; len(list) > 0; {
		k := list[len(list)-1]
		list = list[:len(list)-1]
		keys, values = keys+1, values+k.NumValues()
		for sub, err := range k.Subkeys() {
			if err != nil {
				break
			}
			if _, again := seen[sub.Offset()]; !again {
				seen[sub.Offset()] = struct{}{}
				list = append(list, sub)
			}
		}
	}
	return keys, values
}

func printHiveCheck(talk *ui.UI, o *openedHive, doc *hiveCheckDocument) {
	talk.Printf("%s\n", printable(o.where()))
	talk.Printf("  hive      %s, version %s", printable(o.names.root()), doc.Hive.Version)
	if name := o.hive.Name(); name != "" {
		talk.Printf(", names itself %s", printable(name))
	}
	talk.Printf("\n  size      %s of a file of %s\n", ui.FormatSize(doc.HiveSize), ui.FormatSize(doc.FileSize))
	talk.Printf("  holds     %d keys, %d values\n", doc.Keys, doc.Values)
	talk.Printf("  state     %s\n", stateWords(o.hive))
	for _, n := range o.hive.Recovery().Notes {
		talk.Printf("            %s\n", n)
	}
	if len(doc.Findings) > 0 {
		talk.Printf("\n")
	}
	for _, f := range doc.Findings {
		talk.Printf("  0x%08x  %-9s %s\n", f.Offset, f.weight(), printable(f.Text))
	}
	talk.Printf("\n%s\n", hiveVerdict(doc))
}

func (f faultJSON) weight() string {
	if f.Harmless {
		return "harmless"
	}
	return "FAULT"
}

// stateWords tells what Windows left, and what was made of it.
func stateWords(h *hive.Hive) string {
	r := h.Recovery()
	if !r.Dirty {
		return fmt.Sprintf("clean, sequence %d", h.Sequence())
	}
	text := "dirty: completed from " + appliedWords(r)
	if r.BadBaseBlock {
		text += "; the base block was damaged and comes from there"
	}
	return fmt.Sprintf("%s; sequence %d", text, h.Sequence())
}

// appliedWords names the logs that completed a hive.
func appliedWords(r hive.Recovery) string {
	var logs []string
	for _, id := range r.Applied {
		logs = append(logs, id.String())
	}
	text := strings.Join(logs, ", then ")
	if r.Protocol == hive.ProtocolHvLE {
		return fmt.Sprintf("%s, %s entries %d to %d", text, r.Protocol, r.FirstSequence, r.LastSequence)
	}
	return fmt.Sprintf("%s, %s, %d sectors", text, r.Protocol, r.Pages)
}

func hiveVerdict(doc *hiveCheckDocument) string {
	faults := 0
	for _, f := range doc.Findings {
		if !f.Harmless {
			faults++
		}
	}
	harmless := len(doc.Findings) - faults
	switch {
	case faults > 0:
		return fmt.Sprintf("NOT VALID: %s, %s.", count(faults, "fault"), count(harmless, "harmless finding"))
	case harmless > 0:
		return fmt.Sprintf("VALID, with %s.", count(harmless, "harmless finding"))
	}
	return "VALID."
}

// count puts a number before its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
