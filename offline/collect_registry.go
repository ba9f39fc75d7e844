package offline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"hangkit/collect/report"
	"hangkit/hive"
	"hangkit/offline/windows"
)

// registryValue is one value of the registry that matters, or the lack of one. Its
// texts may come from the disk, as they are.
type registryValue struct {
	Key     string // with the hive in front
	Name    string
	Type    string // "REG_DWORD"; empty for a value that is absent
	Data    string // for people
	Meaning string
	Absent  bool
}

// registryData is the data of one value.
type registryData = hive.Value

// maxRegistryValues bounds what is listed of one key, and maxRegistryText what is shown
// of one value.
const (
	maxRegistryValues = 200
	maxRegistryText   = 2000
)

// registryValues reads the values of the table from an installation. What cannot be
// read is named in problems.
func registryValues(install *windows.Installation) (values []registryValue, problems []string) {
	r := &registryReader{install: install, keys: map[string]windows.Values{}}
	for i := range registryRules {
		r.rule(&registryRules[i])
	}
	return r.values, r.problems
}

type registryReader struct {
	install  *windows.Installation
	keys     map[string]windows.Values // by hive and key
	values   []registryValue
	problems []string
}

func (r *registryReader) rule(rule *registryRule) {
	path := rule.path(r.install.ControlSet)
	key := r.key(rule.hive, path)
	if rule.name == anyValue {
		r.others(rule, path, key)
		return
	}
	v, ok := key.Value(rule.name)
	switch {
	case ok:
		r.add(rule, path, v)
	case rule.absent != "":
		r.values = append(r.values, registryValue{Key: rule.hive + `\` + path, Name: rule.name, Meaning: rule.absent, Absent: true})
	}
}

// path is the key of a rule in its hive.
func (rule *registryRule) path(set windows.ControlSet) string {
	return strings.Replace(rule.key, "{Set}", set.Name, 1)
}

// others adds the values of a key that no rule names.
func (r *registryReader) others(rule *registryRule, path string, key windows.Values) {
	for i, v := range key.All() {
		if i == maxRegistryValues {
			r.problems = append(r.problems, fmt.Sprintf(`%s\%s has more than %d values`, rule.hive, path, i))
			return
		}
		if !isNamed(rule, v.Name) {
			r.add(rule, path, v)
		}
	}
}

func isNamed(other *registryRule, name string) bool {
	for i := range registryRules {
		if r := &registryRules[i]; r.hive == other.hive && r.key == other.key && strings.EqualFold(r.name, name) {
			return true
		}
	}
	return false
}

func (r *registryReader) add(rule *registryRule, path string, v hive.Value) {
	show := rule.show
	if show == nil {
		show = dataOf
	}
	r.values = append(r.values, registryValue{
		Key: rule.hive + `\` + path, Name: v.Name, Type: v.Type.String(), Data: cmp.Or(shorten(show(v)), "(empty)"), Meaning: rule.meaning,
	})
}

func shorten(s string) string {
	if len(s) > maxRegistryText {
		return s[:maxRegistryText] + "…"
	}
	return s
}

// key returns the values of a key; one that is not there has none.
func (r *registryReader) key(hiveName, path string) windows.Values {
	id := hiveName + `\` + path
	if v, ok := r.keys[id]; ok {
		return v
	}
	v, err := r.readKey(hiveName, path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.problems = append(r.problems, fmt.Sprintf("%s: %v", id, err))
	}
	r.keys[id] = v
	return v
}

func (r *registryReader) readKey(hiveName, path string) (windows.Values, error) {
	h := r.install.System
	if hiveName == "SOFTWARE" {
		var err error
		if h, err = r.install.Software(); err != nil {
			return windows.Values{}, err
		}
	}
	key, err := h.Key(path)
	if err != nil {
		return windows.Values{}, err
	}
	var list []hive.Value
	for v, err := range key.Values() {
		if err != nil {
			return windows.NewValues(path, list...), err
		}
		if list = append(list, v); len(list) > maxRegistryValues {
			break
		}
	}
	return windows.NewValues(path, list...), nil
}

// dataOf shows data by their type.
func dataOf(v registryData) string {
	switch v.Type {
	case hive.SZ, hive.ExpandSZ, hive.Link:
		return v.Text()
	case hive.MultiSZ:
		return strings.Join(v.Strings(), " | ")
	default:
	}
	if n, ok := v.Uint64(); ok {
		return fmt.Sprintf("0x%x (%d)", n, n)
	}
	return bytesOf(v.Data)
}

func bytesOf(b []byte) string {
	const shown = 32
	text := hex.EncodeToString(b[:min(len(b), shown)])
	if len(b) > shown {
		text += fmt.Sprintf("… (%d bytes)", len(b))
	}
	return text
}

// dateOf shows a FILETIME.
func dateOf(v registryData) string {
	t, ok := windows.FileTime(v)
	if !ok {
		return dataOf(v)
	}
	return t.Format(time.RFC3339)
}

// unixDateOf shows seconds since 1970.
func unixDateOf(v registryData) string {
	n, ok := v.Uint32()
	if !ok {
		return dataOf(v)
	}
	return time.Unix(int64(n), 0).UTC().Format(time.RFC3339)
}

// minutesOf shows a REG_DWORD that may be negative.
func minutesOf(v registryData) string {
	n, ok := v.Uint32()
	if !ok {
		return dataOf(v)
	}
	return strconv.Itoa(int(int32(n)))
}

// renamesOf counts files. Their names are of no use here, and may tell of people.
func renamesOf(v registryData) string {
	if v.Type != hive.MultiSZ {
		return dataOf(v)
	}
	// Pairs of names, where an empty second one deletes the first; and an empty one at
	// the end of all. So every name is counted by its terminator.
	ends := 0
	for i := 0; i+1 < len(v.Data); i += 2 {
		if v.Data[i] == 0 && v.Data[i+1] == 0 {
			ends++
		}
	}
	return counted(ends/2, "file")
}

// settings are the values as the report shows them.
func (k *collection) settings() []report.Setting {
	if k.windows == nil {
		return nil
	}
	values, _ := registryValues(k.windows)
	var list []report.Setting
	for _, v := range values {
		data := v.Data
		if v.Absent {
			data = "absent"
		}
		list = append(list, report.Setting{Key: v.Key, Name: v.Name, Value: data, Meaning: v.Meaning})
	}
	return list
}

// writeRegistry writes registry.txt, the registry values that matter, into the bundle.
// There is none where there is no registry.
func (k *collection) writeRegistry(ctx context.Context) error {
	if k.windows == nil {
		return nil
	}
	return k.write(ctx, "registry.txt", registryText(k.windows, k.begun))
}

// registryText is the values as a text that no registry editor takes for its own.
func registryText(install *windows.Installation, now time.Time) []byte {
	var b bytes.Buffer
	values, problems := registryValues(install)
	fmt.Fprintf(&b, "What the registry says about crashes, hangs and dumps.\n")
	fmt.Fprintf(&b, "Read by hangkit on %s from %s%s.\n", now.UTC().Format(time.RFC3339), printable(install.SystemPath), recoveredWords(install.System))
	fmt.Fprintf(&b, "This is not a .reg file. Keys, passwords and accounts are not in it.\n")
	last := ""
	for _, v := range values {
		if v.Key != last {
			fmt.Fprintf(&b, "\n[%s]\n", printable(v.Key))
			last = v.Key
		}
		v.print(&b)
	}
	for _, p := range problems {
		fmt.Fprintf(&b, "\nnot read: %s\n", printable(p))
	}
	return b.Bytes()
}

func recoveredWords(h *hive.Hive) string {
	if h.Recovery().Dirty {
		return ", with its logs replayed in memory"
	}
	return ""
}

func (v *registryValue) print(b *bytes.Buffer) {
	if v.Absent {
		fmt.Fprintf(b, "  %-30s absent: %s\n", printable(v.Name), v.Meaning)
		return
	}
	fmt.Fprintf(b, "  %-30s %-13s %s\n", printable(v.Name), v.Type, printable(v.Data))
	if v.Meaning != "" {
		fmt.Fprintf(b, "  %-30s   %s\n", "", v.Meaning)
	}
}
