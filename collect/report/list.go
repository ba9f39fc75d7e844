package report

import (
	"cmp"
	"fmt"

	"hangkit/collect/dumpfile/kernel"
)

// How much of the lists is told. Beyond it the dump itself is the better place to look.
const (
	maxForeign = 500
	maxKnown   = 1500
	maxGroups  = 400
	maxPIDs    = 12
)

// remember lists what ran and what was loaded.
func (d *Dump) remember(t *Taken) {
	m := t.memory()
	switch {
	case t.Verified == nil:
		d.Modules.Problem = "not looked at: the dump was not verified"
	case m == nil:
		d.Modules.Problem = "the kernel's memory could not be followed"
	}
	if m == nil {
		d.Running.Problem = d.Modules.Problem
		return
	}
	d.Modules = newModules(m.Modules.Value)
	d.Running = newProcesses(m.Processes.Value)
	if err := m.Modules.Err; err != nil {
		d.Modules.Problem = err.Error()
	}
	if err := m.Processes.Err; err != nil {
		d.Running.Problem = err.Error()
	}
}

// newModules parts the modules by their names.
func newModules(all []kernel.Module) Modules {
	var out Modules
	for i := range all {
		m := newModule(&all[i])
		switch {
		case m.Why != "" && len(out.Foreign) < maxForeign:
			out.Foreign = append(out.Foreign, m)
		case m.Why == "" && len(out.Known) < maxKnown:
			out.Known = append(out.Known, m)
		default:
			out.More++
		}
	}
	return out
}

func newModule(m *kernel.Module) Module {
	return Module{
		Name: cmp.Or(m.Name, "?"), Path: m.Path, Base: fmt.Sprintf("0x%X", m.Base), Size: int64(m.Size),
		Linked: linked(m.TimeDateStamp), Why: foreign(m.Name, m.Path),
	}
}

// newProcesses puts processes of one name together, in the order of the first.
func newProcesses(all []kernel.Process) Processes {
	out := Processes{Total: len(all)}
	index := map[string]int{}
	for _, p := range all {
		i, ok := index[p.Name]
		if !ok {
			if len(out.Groups) == maxGroups {
				out.More++
				continue
			}
			i = len(out.Groups)
			index[p.Name] = i
			out.Groups = append(out.Groups, ProcessGroup{Name: cmp.Or(p.Name, "?")})
		}
		out.Groups[i].add(p.PID)
	}
	return out
}

func (g *ProcessGroup) add(pid uint64) {
	g.Count++
	switch {
	case g.Count == 1:
		g.PIDs = fmt.Sprint(pid)
	case g.Count <= maxPIDs:
		g.PIDs += fmt.Sprintf(", %d", pid)
	case g.Count == maxPIDs+1:
		g.PIDs += ", …"
	}
}
