package live

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// modules are those of a kernel, or those of them that a medium carries.
type modules struct {
	release string
	byName  map[string]*module
	builtin []byte // modules.builtin, as packaged
}

func newModules(release string) *modules {
	return &modules{release: release, byName: map[string]*module{}}
}

func (m *modules) add(file string, data []byte) {
	name := moduleName(file)
	m.byName[name] = &module{name: name, path: file, data: data}
}

// sorted are the modules by their paths.
func (m *modules) sorted() []*module {
	return slices.SortedFunc(maps.Values(m.byName), func(a, b *module) int { return strings.Compare(a.path, b.path) })
}

// kernelDir is where the modules of a release lie below its own folder.
const kernelDir = "kernel/"

// choose is the modules that are wanted with all that they need.
func (m *modules) choose(wanted func(file string) bool) (*modules, error) {
	some := newModules(m.release)
	some.builtin = m.builtin
	for _, mod := range m.sorted() {
		if !wanted(strings.TrimPrefix(mod.path, kernelDir)) {
			continue
		}
		if err := m.take(some, mod); err != nil {
			return nil, err
		}
	}
	return some, nil
}

// take adds a module and what it needs, hard or soft. What is not among the modules is built in,
// or is an alias whose bearer is carried for its own sake.
func (m *modules) take(some *modules, mod *module) error {
	if some.byName[mod.name] != nil {
		return nil
	}
	if err := mod.inspect(); err != nil {
		return err
	}
	some.byName[mod.name] = mod
	for _, name := range slices.Concat(mod.info.depends, mod.info.pre, mod.info.post) {
		if needed := m.byName[name]; needed != nil {
			if err := m.take(some, needed); err != nil {
				return err
			}
		}
	}
	return nil
}

// order is what a module depends on, directly or not: what must be loaded first comes last, as
// modules.dep has it.
func (m *modules) order(mod *module) []*module {
	var list []*module
	seen := map[string]bool{mod.name: true}
	var walk func(of *module)
	walk = func(of *module) { // depth is bounded: each module is entered once
		for _, name := range of.info.depends {
			if needed := m.byName[name]; needed != nil && !seen[name] {
				seen[name] = true
				walk(needed)
				list = append(list, needed)
			}
		}
	}
	walk(mod)
	slices.Reverse(list)
	return list
}

// lists are the files that a module loader reads (modules.dep(5)), by their names, in the text
// forms that depmod writes.
func (m *modules) lists() map[string][]byte {
	var dep, alias, soft bytes.Buffer
	alias.WriteString("# Aliases extracted from modules themselves.\n")
	soft.WriteString("# Soft dependencies extracted from modules themselves.\n")
	for _, mod := range m.sorted() {
		fmt.Fprintf(&dep, "%s:", mod.path)
		for _, needed := range m.order(mod) {
			fmt.Fprintf(&dep, " %s", needed.path)
		}
		dep.WriteByte('\n')
		for _, a := range mod.info.aliases {
			fmt.Fprintf(&alias, "alias %s %s\n", a, mod.name)
		}
		mod.info.writeSoft(&soft, mod.name)
	}
	return map[string][]byte{
		"modules.dep": dep.Bytes(), "modules.alias": alias.Bytes(), "modules.softdep": soft.Bytes(), "modules.builtin": m.builtin,
	}
}

func (i *modinfo) writeSoft(w *bytes.Buffer, name string) {
	if len(i.pre)+len(i.post) == 0 {
		return
	}
	fmt.Fprintf(w, "softdep %s", name)
	if len(i.pre) > 0 {
		fmt.Fprintf(w, " pre: %s", strings.Join(i.pre, " "))
	}
	if len(i.post) > 0 {
		fmt.Fprintf(w, " post: %s", strings.Join(i.post, " "))
	}
	w.WriteByte('\n')
}
