package offline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"hangkit/hive"
	"hangkit/hive/regtext"
)

// changes are what a text does to a hive: what it names, as that is before and after.
type changes struct {
	keys   []*keyChange
	values []*valueChange
	byName map[string]struct{}
}

type keyChange struct {
	path, full   string
	was, is      bool // there
	deleted      bool // by the text, whatever comes afterwards
	keys, values int  // at it and below it, before
}

type valueChange struct {
	path, full, name string
	old, now         *hive.Value
}

// noteChanges looks at everything a text names, before it is applied.
func noteChanges(h *hive.Hive, text *regtext.File, resolve regtext.Resolve) (*changes, error) {
	c := &changes{byName: map[string]struct{}{}}
	for _, k := range text.Keys {
		path, err := resolve(k.Path)
		if err != nil {
			return nil, err
		}
		if err := c.note(h, path, k); err != nil {
			return nil, fmt.Errorf("key %s: %w", printable(k.Path), err)
		}
	}
	return c, nil
}

func (c *changes) note(h *hive.Hive, path string, k regtext.Key) error {
	key, err := h.Key(path)
	if err != nil && !errors.Is(err, hive.ErrNotExist) {
		return err
	}
	if c.once(path, fmt.Sprint(k.Delete)) {
		change := &keyChange{path: path, full: k.Path, was: err == nil, deleted: k.Delete}
		if change.was && change.deleted {
			change.keys, change.values = countBelow(key)
		}
		c.keys = append(c.keys, change)
	}
	for _, v := range k.Values {
		if !c.once(path, "value", v.Name) {
			continue
		}
		change := &valueChange{path: path, full: k.Path, name: v.Name}
		if change.old, err = valueOf(key, v.Name); err != nil {
			return err
		}
		c.values = append(c.values, change)
	}
	return nil
}

// once tells whether something is named for the first time, by the registry's own rule
// for the case of names. They may hold any character, so their lengths keep them apart.
func (c *changes) once(name ...string) bool {
	var b strings.Builder
	for _, part := range name {
		folded := hive.FoldName(part)
		fmt.Fprintf(&b, "%d %s", len(folded), folded)
	}
	id := b.String()
	_, again := c.byName[id]
	c.byName[id] = struct{}{}
	return !again
}

// valueOf is a key's value; nil where it or the key is missing.
func valueOf(k *hive.Key, name string) (*hive.Value, error) {
	if k == nil {
		return nil, nil
	}
	v, err := k.Value(name)
	if errors.Is(err, hive.ErrNotExist) {
		return nil, nil
	}
	return &v, err
}

// compare looks again after the text was applied, and drops what stayed the same.
func (c *changes) compare(h *hive.Hive) error {
	for _, k := range c.keys {
		_, err := h.Key(k.path)
		if err != nil && !errors.Is(err, hive.ErrNotExist) {
			return err
		}
		k.is = err == nil
	}
	for _, v := range c.values {
		key, err := h.Key(v.path)
		if err != nil && !errors.Is(err, hive.ErrNotExist) {
			return err
		}
		if v.now, err = valueOf(key, v.name); err != nil {
			return err
		}
	}
	c.keys = slices.DeleteFunc(c.keys, (*keyChange).nothing)
	c.values = slices.DeleteFunc(c.values, (*valueChange).nothing)
	return nil
}

func (k *keyChange) nothing() bool {
	if k.deleted {
		return !k.was
	}
	return k.was || !k.is
}

func (v *valueChange) nothing() bool {
	if v.old == nil || v.now == nil {
		return v.old == v.now
	}
	return v.old.Equal(*v.now)
}

// maxChecks bounds how many values the second registry reader is asked for: it looks at
// every key of a list in turn. Every byte is compared anyway.
const maxChecks = 200

// checks are what the second reader must find in the written hive.
func (c *changes) checks() []hive.ValueCheck {
	step := len(c.values)/maxChecks + 1
	var list []hive.ValueCheck
	for i := 0; i < len(c.values); i += step {
		v := c.values[i]
		list = append(list, hive.ValueCheck{Path: v.path, Name: v.name, Want: v.now})
	}
	return list
}

// hiveEditDocument is what the editing commands print.
type hiveEditDocument struct {
	Schema      string           `json:"schema"`
	Target      string           `json:"target"`
	Hive        hiveJSON         `json:"hive"`
	Outcome     string           `json:"outcome"` // planned, written, nothing_to_do
	CreatedKeys []string         `json:"created_keys,omitempty"`
	DeletedKeys []deletedKeyJSON `json:"deleted_keys,omitempty"`
	Changes     []hiveChangeJSON `json:"changes"`
	Lost        []string         `json:"undo_cannot_restore,omitempty"`
	Notes       []string         `json:"notes,omitempty"`
	Dirty       bool             `json:"dirty,omitempty"` // before
	Recovery    *recoveryJSON    `json:"recovery,omitempty"`
	Generation  string           `json:"generation,omitempty"`
	Why         string           `json:"generation_why,omitempty"`
	Protocol    string           `json:"protocol,omitempty"`
	Writes      []writeJSON      `json:"writes,omitempty"`
	Replace     *replaceJSON     `json:"replace,omitempty"`
	Append      *appendJSON      `json:"append,omitempty"`
	DiskRanges  []rangeJSON      `json:"disk_ranges,omitempty"`
	Undo        string           `json:"undo,omitempty"`
	Backup      string           `json:"backup,omitempty"`
	OldBytes    string           `json:"undo_bytes,omitempty"` // way back, byte for byte, from a replaced file
}

type deletedKeyJSON struct {
	Path   string `json:"path"`
	Keys   int    `json:"keys"` // itself and those below
	Values int    `json:"values"`
}

type hiveChangeJSON struct {
	Key string         `json:"key"`
	Old *hiveValueJSON `json:"old"`
	New *hiveValueJSON `json:"new"`
}

func (e *hiveEdit) describe(schema string) *hiveEditDocument {
	d := &hiveEditDocument{
		Schema: schema, Target: e.volume.Target.Name, Outcome: outcomeNothing, Changes: []hiveChangeJSON{}, Notes: e.names.notes(),
		Hive: hiveJSON{Path: e.path, Root: carried(e.names.root()), Version: fmt.Sprintf("1.%d", e.hive.Minor())},
	}
	if r := e.hive.Recovery(); r.Dirty {
		d.Dirty, d.Recovery = true, describeRecovery(r)
	}
	for _, k := range e.changes.keys {
		if k.deleted {
			d.DeletedKeys = append(d.DeletedKeys, deletedKeyJSON{carried(k.full), k.keys, k.values})
		}
		if k.is && !k.deleted {
			d.CreatedKeys = append(d.CreatedKeys, carried(k.full))
		}
	}
	for _, v := range e.changes.values {
		d.Changes = append(d.Changes, hiveChangeJSON{carried(v.full), describeOptional(v.old), describeOptional(v.now)})
	}
	if e.commit != nil {
		e.describeCommit(d)
	}
	return d
}

func describeOptional(v *hive.Value) *hiveValueJSON {
	if v == nil {
		return nil
	}
	j := describeHiveValue(*v)
	return &j
}

func (e *hiveEdit) describeCommit(d *hiveEditDocument) {
	d.Outcome = outcomePlanned
	for _, l := range e.lost {
		d.Lost = append(d.Lost, carried(l))
	}
	d.Generation, d.Why = e.generationWords(), e.why
	protocol, notes := e.manner()
	d.Protocol, d.Notes = protocol, append(d.Notes, notes...)
	d.Writes, d.Replace, d.Append = e.describeWrites(), e.describeReplacement(), e.describeAppend()
	if e.unboots {
		d.Notes = append(d.Notes, "this Windows will not start: the change takes away the control set that Select names")
	}
	if e.unprotected() && e.generation == hive.Auto && (e.set.Log1 != nil || e.set.Log2 != nil) {
		d.Notes = append(d.Notes, "say with --generation which Windows it belongs to, and a log can protect the change")
	}
}

// unprotected tells a write in place that no log protects.
func (e *hiveEdit) unprotected() bool { return e.inPlace() && e.commit.Protocol == hive.Direct }

// generationWords say in whose way the hive is written. Where nobody knows, its logs
// tell; the commit's own notes say so of a hive without any.
func (e *hiveEdit) generationWords() string {
	if e.generation == hive.Auto && (e.unprotected() || !e.inPlace()) {
		return ""
	}
	return generationManner[e.generation]
}

// show prints the plan, where a person reads it; JSON waits for the outcome.
func (e *hiveEdit) show() {
	if e.talk.JSON {
		return
	}
	e.talk.Printf("%s: %s\n", printable(e.at.where()), printable(e.names.root()))
	e.showState()
	e.showKeys()
	e.showValues()
	e.showLost()
	e.showNotes()
	printWrites(e.talk, e.doc.Protocol, e.doc.Writes)
	printReplacement(e.talk, e.doc.Replace)
	printAppend(e.talk, e.doc.Append)
	e.talk.Printf("\n")
	if e.doc.Undo != "" {
		e.talk.Printf("undo text: %s\n", e.doc.Undo)
	}
	printWayBack(e.talk, e.doc.Backup, e.doc.OldBytes)
}

func (e *hiveEdit) showState() {
	if e.doc.Dirty {
		e.talk.Printf("%s\n", stateWords(e.hive))
	}
}

func (e *hiveEdit) showKeys() {
	for i, k := range e.changes.keys {
		if e.cut(i+1, len(e.changes.keys), "keys") {
			return
		}
		switch {
		case k.deleted && k.is:
			e.talk.Printf("\n%s\n  deleted (%s) and created anew\n", printable(k.full), belowWords(k))
		case k.deleted:
			e.talk.Printf("\n%s\n  deleted (%s)\n", printable(k.full), belowWords(k))
		default:
			e.talk.Printf("\n%s\n  new key\n", printable(k.full))
		}
	}
}

func belowWords(k *keyChange) string { return count(k.keys, "key") + ", " + count(k.values, "value") }

func (e *hiveEdit) showValues() {
	key := ""
	for i, v := range e.changes.values {
		if e.cut(i+1, len(e.changes.values), "values") {
			return
		}
		if v.full != key {
			key = v.full
			e.talk.Printf("\n%s\n", printable(key))
		}
		e.talk.Printf("  %s: %s -> %s\n", valueName(v.name), typedWords(v.old, "absent"), typedWords(v.now, "deleted"))
	}
}

func (e *hiveEdit) showLost() {
	if len(e.lost) > 0 {
		e.talk.Printf("\nthe undo text cannot put back:\n")
	}
	for i, l := range e.lost {
		if e.cut(i+1, len(e.lost), "such things") {
			return
		}
		e.talk.Printf("  %s\n", printable(l))
	}
}

// shownChanges is how many lines of a kind a plan shows unless asked for all.
const shownChanges = 100

// cut ends a long list, and says so.
func (e *hiveEdit) cut(n, total int, what string) bool {
	if e.talk.Verbose || n <= shownChanges {
		return false
	}
	e.talk.Printf("\n… and %d more %s: --verbose shows all\n", total-shownChanges, what)
	return true
}

func (e *hiveEdit) showNotes() {
	e.talk.Printf("\n")
	switch {
	case e.doc.Generation != "":
		e.talk.Notef("%s: %s", e.doc.Generation, e.doc.Why)
	case e.doc.Why != "":
		e.talk.Notef("%s", e.doc.Why)
	}
	for _, n := range e.doc.Notes {
		e.talk.Notef("%s", n)
	}
}

// finish prints the outcome.
func (e *hiveEdit) finish(words string) error {
	if e.talk.JSON {
		return e.talk.Document(e.doc)
	}
	if e.doc.Outcome == outcomeNothing {
		e.show()
		e.talk.Printf("%s\n", words)
		return nil
	}
	printRanges(e.talk, e.volume.Target.Name, e.doc.DiskRanges)
	e.talk.Printf("\n%s\n", words)
	return nil
}
