package offline

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"hangkit/hive"
	"hangkit/hive/regtext"
	"hangkit/offline/internal/ui"
	"hangkit/offline/windows"
)

// hiveRoot is a place in the registry where Windows mounts a hive, and the key of the
// hive that is seen there.
type hiveRoot struct {
	name string   // HKEY_LOCAL_MACHINE\SYSTEM
	key  []string // below the hive's root; none for the root itself
}

const (
	localMachine = "HKEY_LOCAL_MACHINE"
	currentUser  = "HKEY_CURRENT_USER"
	classesRoot  = "HKEY_CLASSES_ROOT"
	users        = "HKEY_USERS"
)

// systemKind is the hive whose control sets have a second name.
const systemKind = "SYSTEM"

// wellKnown are the hives that Windows always mounts at the same place, by file name.
// The first root of each is the one that texts are written with.
var wellKnown = map[string][]hiveRoot{
	systemKind:     {{name: localMachine + `\SYSTEM`}},
	"SOFTWARE":     {{name: localMachine + `\SOFTWARE`}, {classesRoot, []string{"Classes"}}},
	"SAM":          {{name: localMachine + `\SAM`}},
	"SECURITY":     {{name: localMachine + `\SECURITY`}},
	"COMPONENTS":   {{name: localMachine + `\COMPONENTS`}},
	"DRIVERS":      {{name: localMachine + `\DRIVERS`}},
	"BCD":          {{name: localMachine + `\BCD00000000`}},
	"DEFAULT":      {{name: users + `\.DEFAULT`}, {name: users + `\S-1-5-18`}},
	"NTUSER.DAT":   {{name: currentUser}},
	"USRCLASS.DAT": {{name: currentUser + `\Software\Classes`}, {name: classesRoot}},
}

// names translates between the names of keys as people and .reg files write them and
// the paths of a hive.
type names struct {
	hive  *hive.Hive
	kind  string // of wellKnown; empty for a hive that Windows mounts nowhere in particular
	roots []hiveRoot
	given bool // by the user

	controlSet string // what CurrentControlSet was taken for; empty if nobody asked
}

// errOtherHive means that a key's full name leads to another hive.
var errOtherHive = errors.New("the key lies in another hive")

// namesOf finds out which hive this is: from the prefix the user gave, from the name
// the hive keeps of its own file, or from the file's present name.
func namesOf(h *hive.Hive, fileName, prefix string) *names {
	n := &names{hive: h, kind: hiveKind(baseName(h.Name()))}
	if n.kind == "" {
		n.kind = hiveKind(baseName(fileName))
	}
	switch {
	case prefix != "":
		n.roots, n.given = []hiveRoot{{name: strings.Join(splitName(prefix), `\`)}}, true
	case n.kind != "":
		n.roots = wellKnown[n.kind]
	default:
		n.roots = []hiveRoot{{name: localMachine + `\` + baseName(fileName)}}
	}
	return n
}

// hiveKind is the well-known hive that a file name stands for: SYSTEM, system.bak and
// SYSTEM_B are all copies of the same.
func hiveKind(file string) string {
	name := strings.ToUpper(file)
	if _, ok := wellKnown[name]; ok {
		return name
	}
	stem := name
	if end := strings.IndexAny(name, "._- "); end >= 0 {
		stem = name[:end]
	}
	if _, ok := wellKnown[stem]; ok {
		return stem
	}
	return ""
}

func baseName(file string) string { return path.Base(strings.ReplaceAll(file, `\`, "/")) }

// root is the name of the hive's root key.
func (n *names) root() string { return n.roots[0].name }

// full is the whole name of a key at a path from the hive's root, as a .reg file has it.
func (n *names) full(path string) string {
	if path == "" {
		return n.root()
	}
	return n.root() + `\` + strings.TrimPrefix(path, `\`)
}

// settle gives a text in which every key has its one full name in this hive.
func (n *names) settle(text *regtext.File) (*regtext.File, error) {
	settled := &regtext.File{Keys: slices.Clone(text.Keys)}
	for i := range settled.Keys {
		k := &settled.Keys[i]
		path, err := n.resolveIn(k)
		if err != nil {
			return nil, err
		}
		k.Path = n.full(path)
	}
	return settled, nil
}

// resolveIn gives the path that a key of a text stands for. One that comes from a file must
// begin with a root of this hive: without one it is a slip, not a key below the hive's root.
func (n *names) resolveIn(k *regtext.Key) (string, error) {
	if k.Line == 0 {
		return n.resolve(k.Path)
	}
	below, ok := n.below(splitName(k.Path))
	if !ok {
		return "", fmt.Errorf("line %d: %w", k.Line, n.foreign(k.Path))
	}
	path, err := n.joinReal(below)
	if err != nil {
		return "", fmt.Errorf("line %d: %w", k.Line, err)
	}
	return path, nil
}

// foreign refuses the name of a key that is not in this hive.
func (n *names) foreign(written string) error {
	return ui.Fail(ui.Refused, fmt.Errorf("%s: %w: this one is %s", printable(written), errOtherHive, printable(n.root())),
		"if the hive is mounted under another name there, say so: --prefix ROOT")
}

// resolve gives the path below the hive's root that a written name stands for.
func (n *names) resolve(written string) (string, error) {
	parts := splitName(written)
	if below, ok := n.below(parts); ok {
		return n.joinReal(below)
	}
	if len(parts) > 0 && strings.HasPrefix(strings.ToUpper(parts[0]), "HKEY_") {
		return "", n.foreign(written)
	}
	if strings.HasPrefix(written, `\`) { // nothing but what is in the hive is meant
		return joinKey(parts), nil
	}
	return n.joinReal(parts)
}

// below cuts a root of the hive off a full name.
func (n *names) below(parts []string) ([]string, bool) {
	for _, r := range n.roots {
		root := splitName(r.name)
		if len(parts) >= len(root) && slices.EqualFunc(parts[:len(root)], root, strings.EqualFold) {
			return slices.Concat(r.key, parts[len(root):]), true
		}
	}
	return nil, false
}

const currentControlSet = "CurrentControlSet"

// joinReal puts the control set that boots in the place of CurrentControlSet: that
// name exists in a running Windows only.
func (n *names) joinReal(parts []string) (string, error) {
	if n.kind != systemKind || len(parts) == 0 || !strings.EqualFold(parts[0], currentControlSet) {
		return joinKey(parts), nil
	}
	if _, err := n.hive.Key(currentControlSet); err == nil {
		return "", ui.Fail(ui.Usage, errors.New("this hive holds a key CurrentControlSet, which Windows would hide behind its control set"),
			`say ControlSet001 or whichever is meant, or \CurrentControlSet for that very key`)
	}
	if n.controlSet == "" {
		set := windows.ReadControlSet(n.hive)
		if set.Name == "" {
			return "", ui.Fail(ui.NotFound, fmt.Errorf("CurrentControlSet: %s", set.Problem), "name the control set itself, such as ControlSet001")
		}
		n.controlSet = set.Name
	}
	return joinKey(slices.Concat([]string{n.controlSet}, parts[1:])), nil
}

// notes say how names were understood.
func (n *names) notes() []string {
	if n.controlSet == "" {
		return nil
	}
	return []string{"CurrentControlSet is " + n.controlSet + " here"}
}

// splitName cuts a written name at its backslashes or, where it has none, at its
// slashes, and writes its root out in full.
func splitName(written string) []string {
	parts := splitKey(written)
	if len(parts) > 0 {
		parts[0] = regtext.LongRoot(parts[0])
	}
	return parts
}

func splitKey(key string) []string {
	sep := '\\'
	if !strings.ContainsRune(key, sep) {
		sep = '/'
	}
	return strings.FieldsFunc(key, func(r rune) bool { return r == sep })
}

// joinKey makes a path of the hive room. Names may hold slashes: then a backslash must
// be there to say that these do not divide.
func joinKey(parts []string) string {
	key := strings.Join(parts, `\`)
	if strings.Contains(key, "/") {
		return `\` + key
	}
	return key
}
