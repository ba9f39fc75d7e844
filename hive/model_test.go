package hive

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// model is what a hive should hold: its keys, by their path in upper case; "" is the root.
type model map[string]modelKey

type modelKey struct {
	name, class string
	values      map[string]Value // by their names in upper case
}

// spellings are names in two cases that mean the same key or value: beyond ASCII, beyond Latin-1 in
// one case or both, letters that have no other case for Windows, slashes, half of a surrogate pair.
var spellings = [][2]string{
	{"alpha", "ALPHA"}, {"Größe", "GRÖßE"}, {"имя", "ИМЯ"}, {"ÿ", "Ÿ"}, {"µm", "µM"}, {"a/b", "A/B"},
	{"\xed\xa0\x80x", "\xed\xa0\x80X"}, {"😀z", "😀Z"}, {"_", "_"}, {strings.Repeat("long", 60), strings.Repeat("LONG", 60)},
}

// canonical is a name in upper case by a table, not by the code under test.
func canonical(name string) string {
	for _, s := range spellings {
		if name == s[0] || name == s[1] {
			return s[1]
		}
	}
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, name)
}

func (m model) clone() model {
	c := make(model, len(m))
	for path, k := range m {
		k.values = maps.Clone(k.values)
		c[path] = k
	}
	return c
}

// modelOf reads a hive into a model.
func modelOf(tb testing.TB, h *Hive) model {
	tb.Helper()
	m := model{}
	m.read(tb, mustKey(tb, h, ""), "")
	return m
}

func (m model) read(tb testing.TB, k *Key, path string) {
	tb.Helper()
	class, err := k.Class()
	if err != nil {
		tb.Fatalf("class of %q: %v", path, err)
	}
	mk := modelKey{k.Name(), class, map[string]Value{}}
	if path == "" {
		mk.name = ""
	}
	for v, err := range k.Values() {
		if err != nil {
			tb.Fatalf("values of %q: %v", path, err)
		}
		mk.values[canonical(v.Name)] = v
	}
	if _, twice := m[path]; twice {
		tb.Fatalf("two keys %q", path)
	}
	m[path] = mk
	for sub, err := range k.Subkeys() {
		if err != nil {
			tb.Fatalf("subkeys of %q: %v", path, err)
		}
		m.read(tb, sub, path+`\`+canonical(sub.Name()))
	}
}

// difference names one key in which two models differ, or gives "".
func (m model) difference(n model) string {
	for path, a := range m {
		b, ok := n[path]
		same := maps.EqualFunc(a.values, b.values, func(v, w Value) bool { return v.Name == w.Name && v.Equal(w) })
		if !ok || a.name != b.name || a.class != b.class || !same {
			return fmt.Sprintf("key %q: %.300v, want %.300v (%v)", path, b, a, ok)
		}
	}
	for path := range n {
		if _, ok := m[path]; !ok {
			return fmt.Sprintf("key %q should not be there", path)
		}
	}
	return ""
}

// create adds a key and those above it.
func (m model) create(names []string) {
	path := ""
	for _, name := range names {
		path += `\` + canonical(name)
		if _, ok := m[path]; !ok {
			m[path] = modelKey{name: name, values: map[string]Value{}}
		}
	}
}

func (m model) deleteTree(path string) {
	for p := range m {
		if p == path || strings.HasPrefix(p, path+`\`) {
			delete(m, p)
		}
	}
}

func modelPath(names []string) (path string) {
	for _, name := range names {
		path += `\` + canonical(name)
	}
	return path
}

// editRun makes edits that a row of bytes stands for, in a hive and in a model at the same time.
type editRun struct {
	tb    testing.TB
	input []byte
	f     files
	h     *Hive
	now   model // with the edits
	disk  model // without those that are not committed
	clean bool  // the hive began without findings
	tally map[string]int
}

func newEditRun(tb testing.TB, f files, input []byte) *editRun {
	tb.Helper()
	r := &editRun{tb: tb, input: input, f: f, tally: map[string]int{}}
	r.open()
	r.clean = len(r.h.Findings()) == 0
	r.disk = modelOf(tb, r.h)
	r.now = r.disk.clone()
	return r
}

func (r *editRun) open() {
	r.h = mustOpen(r.tb, r.f)
	r.h.AllowGrowth(int64(len(r.f[Primary])) + 2<<20)
}

// pick takes a number below n from the input; 0 when there is no more.
func (r *editRun) pick(n int) int {
	if len(r.input) == 0 {
		return 0
	}
	b := int(r.input[0])
	if r.input = r.input[1:]; n > 256 && len(r.input) > 0 {
		b, r.input = b<<8|int(r.input[0]), r.input[1:]
	}
	return b % n
}

// keyName gives one of a few names in either case, or one of many plain ones.
func (r *editRun) keyName() string {
	if r.pick(2) == 0 {
		return fmt.Sprintf("Key%02d", r.pick(40))
	}
	return spellings[r.pick(len(spellings))][r.pick(2)]
}

func (r *editRun) path() []string {
	names := make([]string, 1+r.pick(3))
	for i := range names {
		names[i] = r.keyName()
	}
	return names
}

// dataSizes are around every limit of how data are kept.
var dataSizes = []int{0, 1, 3, 4, 5, 8, 12, 13, 100, 2000, 4060, 8000, 16343, 16344, 16345, 32688, 32689, 50_000}

func (r *editRun) value() Value {
	size := dataSizes[r.pick(len(dataSizes))]
	data := pattern(size + 16)[r.pick(16):][:size]
	return Value{r.valueName(), Type(r.pick(13)), data}
}

func (r *editRun) valueName() string {
	if r.pick(8) == 0 {
		return ""
	}
	return r.keyName()
}

// edits are all kinds of edits. Each gives what it did, for the tally.
var edits = []func(r *editRun) string{
	(*editRun).setValue, (*editRun).setValue, (*editRun).setValue, (*editRun).deleteValue, (*editRun).createKey,
	(*editRun).deleteKey, (*editRun).setClass, (*editRun).setAgain, (*editRun).crowd, (*editRun).commit, (*editRun).commit,
}

// run makes edits until the input ends, and commits.
func (r *editRun) run() {
	r.tb.Helper()
	for len(r.input) > 0 {
		r.tally[edits[r.pick(len(edits))](r)]++
	}
	r.tally[r.commit()]++
	r.check(r.now)
}

// expect compares an edit's outcome with the model's: a missing key or value is an error, and no room
// or a kind that is never edited may be.
func (r *editRun) expect(err error, exists bool, what string, change func()) string {
	r.tb.Helper()
	switch {
	case errors.Is(err, ErrNoRoom) || errors.Is(err, ErrUnsupported):
		return what + ", refused"
	case errors.Is(err, ErrNotExist) && !exists:
		return what + ", missing"
	case err != nil || !exists:
		r.tb.Fatalf("%s: error %v, exists %v", what, err, exists)
	}
	change()
	return what
}

func (r *editRun) setValue() string {
	names, v := r.path(), r.value()
	err := r.h.SetValue(`\`+strings.Join(names, `\`), v)
	return r.expect(err, true, "set value", func() {
		r.now.create(names)
		values := r.now[modelPath(names)].values
		if old, ok := values[canonical(v.Name)]; ok {
			v.Name = old.Name
		}
		values[canonical(v.Name)] = v
	})
}

// existing picks a key of the model, and one of its values.
func (r *editRun) existing() (path, value string) {
	paths := slices.Sorted(maps.Keys(r.now))
	if r.pick(2) == 0 {
		paths = slices.DeleteFunc(paths, func(p string) bool { return p != "" && len(r.now[p].values) == 0 })
	}
	path = paths[r.pick(len(paths))]
	values := slices.Sorted(maps.Keys(r.now[path].values))
	if len(values) == 0 {
		return path, r.valueName()
	}
	return path, values[r.pick(len(values))]
}

func (r *editRun) deleteValue() string {
	path, name := r.existing()
	_, ok := r.now[path].values[canonical(name)]
	err := r.h.DeleteValue(path, name)
	return r.expect(err, ok, "delete value", func() { delete(r.now[path].values, canonical(name)) })
}

func (r *editRun) createKey() string {
	names := r.path()
	before := len(r.now)
	created, err := r.h.CreateKey(`\` + strings.Join(names, `\`))
	return r.expect(err, true, "create key", func() {
		if r.now.create(names); len(r.now)-before != len(created) {
			r.tb.Fatalf("created %q, want %d keys", created, len(r.now)-before)
		}
	})
}

func (r *editRun) deleteKey() string {
	path, _ := r.existing()
	err := r.h.DeleteKey(path)
	if path == "" && !errors.Is(err, ErrUnsupported) {
		r.tb.Fatalf("deletion of the root: %v", err)
	}
	return r.expect(err, true, "delete key", func() { r.now.deleteTree(path) })
}

func (r *editRun) setClass() string {
	path, _ := r.existing()
	class := []string{"", "Class", "Класс", strings.Repeat("c", 300)}[r.pick(4)]
	err := r.h.SetClass(path, class)
	return r.expect(err, true, "set class", func() {
		k := r.now[path]
		k.class = class
		r.now[path] = k
	})
}

// setAgain sets what is there: no byte changes.
func (r *editRun) setAgain() string {
	path, name := r.existing()
	v, ok := r.now[path].values[name]
	if !ok {
		return "set again, missing"
	}
	before := bytes.Clone(r.h.mustBins(r.tb))
	err := r.h.SetValue(path, v)
	return r.expect(err, true, "set again", func() {
		if !bytes.Equal(before, r.h.bins.data) {
			r.tb.Fatalf("value %q of %q set to what it was: bytes changed", name, path)
		}
	})
}

// crowd makes many keys below one, in an order that lands in all parts of its leaves, or deletes those
// that are there: leaves split, empty and go.
func (r *editRun) crowd() string {
	what, count, stride := "crowd", r.pick(1300), []int{1, 7, 397}[r.pick(3)]
	if r.pick(3) == 0 {
		what = "thin out"
	}
	for i := range count {
		names := []string{"Crowd", fmt.Sprintf("member%04d", i*stride%1301)}
		path := modelPath(names)
		_, exists := r.now[path]
		var err error
		switch {
		case what == "crowd":
			if _, err = r.h.CreateKey(`\` + strings.Join(names, `\`)); err == nil {
				r.now.create(names)
			}
		case exists:
			if err = r.h.DeleteKey(path); err == nil {
				delete(r.now, path)
			}
		}
		if err != nil {
			return r.expect(err, true, what, func() {})
		}
	}
	return what
}

// commit writes the edits with some generation and log files, and perhaps the power fails on the way:
// then the hive is as before or as after.
func (r *editRun) commit() string {
	r.reshapeLogs()
	o := CommitOptions{Generation: Generation(r.pick(4)), Now: testTime, MaxLogSize: int64(r.pick(2)) << 20}
	c, err := r.h.Commit(o)
	if err != nil {
		r.tb.Fatalf("commit: %v", err)
	}
	d := disk(r.f)
	state := d.clone()
	writes, last := c.Writes, 0
	if r.pick(3) == 1 && len(writes) > 0 {
		writes = writes[:r.pick(len(writes))+1]
		last = r.pick(128) * sectorSize
	}
	for i, w := range writes {
		n := len(w.Data)
		if i == len(writes)-1 && last > 0 {
			n = min(n, last)
		}
		state.apply(w, n)
	}
	return r.reopen(c, state)
}

// reshapeLogs changes log files that no dirty primary needs.
func (r *editRun) reshapeLogs() {
	shape := r.pick(6)
	if shape == 0 || r.h.Recovery().Dirty || r.h.Changed() {
		return
	}
	sizes := [][2]int{{}, {0, 0}, {64 << 10, 0}, {0, 64 << 10}, {1024, 512}, {1 << 20, 1 << 20}}[shape]
	r.f[Log1], r.f[Log2] = make([]byte, sizes[0]), make([]byte, sizes[1])
	r.open()
}

func (r *editRun) reopen(c *Commit, state *disk) string {
	what := "commit " + c.Protocol.String()
	h, err := Open(state.files().source())
	if err != nil && c.Protocol == Direct {
		for _, w := range slices.Backward(c.Writes) {
			state.apply(Write{File: w.File, Off: w.Off, Data: w.Old}, len(w.Old))
		}
		what += ", undone"
		h, err = Open(state.files().source())
	}
	if err != nil {
		r.tb.Fatalf("%s: %v", what, err)
	}
	r.f = state.files()
	if got := modelOf(r.tb, h); r.now.difference(got) != "" && r.disk.difference(got) == "" {
		what += ", cut"
		r.now = r.disk.clone()
	}
	r.open()
	r.check(r.now)
	r.disk = r.now.clone()
	return what
}

// check compares the hive with a model, looks for anything wrong with it, and asks the second reader.
func (r *editRun) check(m model) {
	r.tb.Helper()
	if d := m.difference(modelOf(r.tb, r.h)); d != "" {
		r.tb.Fatal(d)
	}
	for _, f := range r.h.Findings() {
		if r.clean || !f.Harmless {
			r.tb.Fatalf("finding: %v", f)
		}
	}
	if r.clean {
		checkHints(r.tb, mustKey(r.tb, r.h, ""))
	}
	sameInSecondReader(r.tb, r.h)
}

// modelSeeds are hives to begin with.
func modelSeeds(tb testing.TB) map[string]files {
	tb.Helper()
	logs := func(p []byte) files { return files{p, make([]byte, 256<<10), make([]byte, 256<<10)} }
	return map[string]files{
		"new 1.5": logs(mustBytes(tb, New(NewOptions{Minor: 5, Now: testTime}))),
		"new 1.3": logs(mustBytes(tb, New(NewOptions{Minor: 3}))),
		"tail":    tinyHive(tb),
	}
}

// Random edits and commits leave in the hive what they leave in a map.
func TestModel(t *testing.T) {
	t.Parallel()
	seeds := modelSeeds(t)
	for _, name := range []string{"real/BCD", "misc/nt-hive_testhive", "yarp/StringValuesHive"} {
		seeds[name] = files{sample(t, name), make([]byte, 256<<10), make([]byte, 256<<10)}
	}
	runs := 2
	if requireOracles() {
		runs = 40
	}
	for name, f := range seeds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tally := map[string]int{}
			for seed := range runs {
				input := make([]byte, 400)
				random := rand.New(rand.NewPCG(uint64(seed), 7))
				for i := range input {
					input[i] = byte(random.Uint32())
				}
				d := disk(f)
				r := newEditRun(t, d.clone().files(), input)
				r.run()
				for what, n := range r.tally {
					tally[what] += n
				}
			}
			t.Log(tally)
		})
	}
}

// FuzzEditSequence is TestModel with the edits a fuzzer makes up.
func FuzzEditSequence(f *testing.F) {
	seeds := modelSeeds(f)
	names := slices.Sorted(maps.Keys(seeds))
	for i := range byte(len(names)) {
		f.Add(i, []byte{})
		for kind := range byte(len(edits)) {
			f.Add(i, []byte{4, 1, 0, 3, kind, 1, 2, 3, 4, 5, 6, 7, 8, 9, kind, 0, 1, 0, 1, 0, 1, 0, 1})
		}
	}
	f.Fuzz(func(t *testing.T, seed byte, input []byte) {
		d := disk(seeds[names[int(seed)%len(names)]])
		newEditRun(t, d.clone().files(), input[:min(len(input), 200)]).run()
	})
}
