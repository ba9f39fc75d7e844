package windows

import (
	"fmt"
	"slices"
	"strings"

	"hangkit/hive"
)

// ControlSet says which control set the next boot uses, as the key Select of the SYSTEM hive has it.
type ControlSet struct {
	Name          string // "ControlSet001": what Select\Default names; empty when that is unusable, see Problem
	Default       uint32
	Current       uint32 // the one of the last boot
	LastKnownGood uint32
	Failed        uint32   // the one Windows gave up on; 0 normally
	All           []string // every ControlSetNNN of the hive, sorted
	Guessed       bool     // Default is missing and Current was taken instead
	Problem       string   // why Name is empty
}

// Key returns a path inside the control set of the next boot.
func (c ControlSet) Key(below string) string { return c.Name + `\` + below }

// maxControlSets bounds the search; Windows numbers them 001 to 999.
const maxControlSets = 999

// ReadControlSet reads which control set a SYSTEM hive boots next.
func ReadControlSet(h *hive.Hive) ControlSet {
	r := &reader{h: h}
	sel := r.values("Select")
	c := ControlSet{
		Default: sel.Or("Default", 0), Current: sel.Or("Current", 0),
		LastKnownGood: sel.Or("LastKnownGood", 0), Failed: sel.Or("Failed", 0),
	}
	c.All = controlSets(r)
	c.choose(sel)
	return c
}

// choose settles which set boots: Default, or Current where a hive has no Default.
func (c *ControlSet) choose(sel Values) {
	n, from := c.Default, "Default"
	if !sel.Has("Default") {
		n, from, c.Guessed = c.Current, "Current", true
	}
	name := fmt.Sprintf("ControlSet%03d", n)
	switch {
	case !sel.Present:
		c.Problem = "the key Select is missing"
	case n == 0 || n > maxControlSets:
		c.Problem = fmt.Sprintf(`Select\%s is %d`, from, n)
	case !slices.ContainsFunc(c.All, func(s string) bool { return strings.EqualFold(s, name) }):
		c.Problem = fmt.Sprintf(`Select\%s names %s, which is not in the hive`, from, name)
	default:
		c.Name = name
	}
}

func controlSets(r *reader) []string {
	root := r.key("")
	if root == nil {
		return nil
	}
	var names []string
	for k, err := range root.Subkeys() {
		if err != nil || len(names) == maxControlSets {
			break
		}
		if isControlSet(k.Name()) {
			names = append(names, k.Name())
		}
	}
	slices.Sort(names)
	return names
}

func isControlSet(name string) bool {
	const prefix = "ControlSet"
	if len(name) != len(prefix)+3 || !strings.EqualFold(name[:len(prefix)], prefix) {
		return false
	}
	return strings.Trim(name[len(prefix):], "0123456789") == ""
}
