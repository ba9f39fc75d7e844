package live

import (
	"path"
	"slices"
	"strings"
)

// Tables are kmod's lists of the modules of one kernel, as depmod(8) writes them.
type Tables struct {
	modules map[string]module   // by name
	aliases map[string][]alias  // by what they begin with, up to the first wildcard
	before  map[string][]string // softdep: wanted before
	after   map[string][]string // softdep: wanted after
	builtin map[string]bool
	longest int // of the beginnings of aliases
}

type module struct {
	file string   // below lib/modules/RELEASE
	deps []string // names of modules whose symbols it uses
}

type alias struct{ pattern, module string }

// ParseTables reads modules.dep, modules.alias, modules.softdep and modules.builtin.
// Lines that are not understood name nothing.
func ParseTables(dep, aliases, softdep, builtin string) *Tables {
	t := &Tables{
		modules: map[string]module{}, aliases: map[string][]alias{},
		before: map[string][]string{}, after: map[string][]string{}, builtin: map[string]bool{},
	}
	eachLine(dep, t.addModule)
	eachLine(aliases, t.addAlias)
	eachLine(softdep, t.addSoftdep)
	eachLine(builtin, func(line string) { t.builtin[moduleName(line)] = true })
	return t
}

func eachLine(text string, each func(line string)) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			each(line)
		}
	}
}

// moduleName is the name of a module's file: without folders and endings, and with
// underscores, as the kernel has it.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return underscores(name)
}

func underscores(s string) string { return strings.ReplaceAll(s, "-", "_") }

// addModule takes "kernel/a.ko.xz: kernel/b.ko.xz kernel/c.ko.xz".
func (t *Tables) addModule(line string) {
	file, deps, ok := strings.Cut(line, ":")
	if !ok {
		return
	}
	m := module{file: file}
	for dep := range strings.FieldsSeq(deps) {
		m.deps = append(m.deps, moduleName(dep))
	}
	t.modules[moduleName(file)] = m
}

// addAlias takes "alias PATTERN NAME". Patterns may hold blanks.
func (t *Tables) addAlias(line string) {
	words := strings.Fields(line)
	if len(words) < 3 || words[0] != "alias" {
		return
	}
	pattern := underscores(strings.Join(words[1:len(words)-1], " "))
	begin := literal(pattern)
	t.longest = max(t.longest, len(begin))
	t.aliases[begin] = append(t.aliases[begin], alias{pattern: pattern, module: underscores(words[len(words)-1])})
}

// addSoftdep takes "softdep NAME pre: A B post: C".
func (t *Tables) addSoftdep(line string) {
	words := strings.Fields(line)
	if len(words) < 3 || words[0] != "softdep" {
		return
	}
	name := underscores(words[1])
	var list map[string][]string
	for _, w := range words[2:] {
		switch {
		case w == "pre:":
			list = t.before
		case w == "post:":
			list = t.after
		case list != nil:
			list[name] = append(list[name], underscores(w))
		}
	}
}

// Match lists the modules that serve an alias, such as a device's MODALIAS, or a name.
func (t *Tables) Match(name string) []string {
	name = underscores(name)
	if _, ok := t.modules[name]; ok {
		return []string{name}
	}
	var found []string
	for n := range min(len(name), t.longest) + 1 {
		for _, a := range t.aliases[name[:n]] {
			if glob(a.pattern, name) && !slices.Contains(found, a.module) {
				found = append(found, a.module)
			}
		}
	}
	return found
}

// Builtin tells whether a module is part of the kernel itself.
func (t *Tables) Builtin(name string) bool { return t.builtin[underscores(name)] }

// Order lists what must be loaded for a module, in the order in which it works, the
// module among it. What has no file is left out: it may be built in.
func (t *Tables) Order(name string) []string {
	o := order{tables: t, seen: map[string]bool{}}
	o.add(underscores(name))
	return o.list
}

type order struct {
	tables *Tables
	seen   map[string]bool // soft dependencies may go in a circle
	list   []string
}

func (o *order) add(name string) {
	m, ok := o.tables.modules[name]
	if !ok || o.seen[name] {
		return
	}
	o.seen[name] = true
	for _, list := range [][]string{o.tables.before[name], m.deps} {
		for _, dep := range list {
			o.add(dep)
		}
	}
	o.list = append(o.list, name)
	for _, dep := range o.tables.after[name] {
		o.add(dep)
	}
}
