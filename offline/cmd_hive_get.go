package offline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hangkit/collect"
	"hangkit/hive"
	"hangkit/offline/internal/ui"
)

// HiveGetCmd shows a key or a value.
type HiveGetCmd struct {
	HiveFlags
	PrefixFlag
	Key       string  `arg:"" help:"Key below the hive's root, or its full name. The root itself is a single backslash."`
	Value     *string `arg:"" optional:"" help:"Value of the key. The default value is @, one that is really named so is \\@."`
	Raw       bool    `xor:"form" help:"Write the value's bytes, and nothing else."`
	Recursive bool    `short:"r" xor:"form" help:"Show the keys below, too."`
}

// Help is the command's long help.
func (*HiveGetCmd) Help() string {
	return `Shows a key's class, time, subkeys and values, or the data of one value.

    hangkit hive get SYSTEM Select
    hangkit hive get SYSTEM Select Default
    hangkit hive get server.img 'HKLM\SYSTEM\CurrentControlSet\Control\CrashControl'
    hangkit hive get SOFTWARE 'Microsoft\Windows NT\CurrentVersion' DigitalProductId --raw
    hangkit hive get NTUSER.DAT 'Control Panel' --recursive

EXIT STATUS: 0 done; 1 failed; 4 Windows would refuse the hive; 5 damaged; 6 no such
key or value; 80 wrong usage.`
}

// Validate checks flags that depend on arguments.
func (c *HiveGetCmd) Validate() error {
	switch {
	case c.Raw && c.Value == nil:
		return errors.New("--raw needs a value")
	case c.Recursive && c.Value != nil:
		return errors.New("--recursive shows keys, not a value")
	}
	return nil
}

type hiveGetDocument struct {
	Schema string         `json:"schema"`
	Target string         `json:"target"`
	Hive   hiveJSON       `json:"hive"`
	Notes  []string       `json:"notes,omitempty"`
	Keys   []keyJSON      `json:"keys,omitempty"`
	Key    string         `json:"key,omitempty"`
	Value  *hiveValueJSON `json:"value,omitempty"`
}

// keyJSON is one key. Paths begin at the hive's root.
type keyJSON struct {
	Path    string          `json:"path"`
	Escaped bool            `json:"path_escaped,omitempty"`
	Class   string          `json:"class,omitempty"`
	Link    bool            `json:"link,omitempty"`
	Written *time.Time      `json:"written,omitempty"` // none where JSON cannot name it: damaged hives hold years behind 9999
	Subkeys []string        `json:"subkeys"`
	Values  []hiveValueJSON `json:"values"`
}

// Run shows the key or value.
func (c *HiveGetCmd) Run(ctx context.Context, talk *ui.UI) error {
	o, err := c.open(ctx, c.Prefix)
	if err != nil {
		return err
	}
	defer o.Close()
	key, err := o.key(c.Key)
	if err != nil {
		return o.notFound(err)
	}
	for _, n := range o.names.notes() {
		talk.Talkf("%s\n", n)
	}
	if c.Value != nil {
		return c.value(talk, o, key)
	}
	doc := hiveGetDocument{Schema: "hangkit/hive-get/1", Target: o.volume.Target.Name, Hive: o.describe(), Notes: o.names.notes()}
	show := func(k *shownKey) { k.print(talk, o.names) }
	if talk.JSON {
		show = func(k *shownKey) { doc.Keys = append(doc.Keys, k.describe()) }
	}
	if err := c.walk(ctx, key, show); err != nil {
		return err
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	return nil
}

// notFound adds where to look for what is there.
func (o *openedHive) notFound(err error) error {
	if !errors.Is(err, hive.ErrNotExist) {
		return err
	}
	return ui.Hint(err, `to see what is there: hangkit hive get `+o.again(o.scan.again.reading())+` '\'`)
}

func (c *HiveGetCmd) value(talk *ui.UI, o *openedHive, key *hive.Key) error {
	v, err := key.Value(parseValueName(*c.Value))
	switch {
	case err != nil:
		return err
	case c.Raw:
		_, err := talk.Out().Write(v.Data)
		return err
	case talk.JSON:
		path, err := key.Path()
		if err != nil {
			return err
		}
		j := describeHiveValue(v)
		return talk.Document(hiveGetDocument{
			Schema: "hangkit/hive-get/1", Target: o.volume.Target.Name, Hive: o.describe(), Notes: o.names.notes(),
			Key: carried(path), Value: &j,
		})
	}
	talk.Printf("%s\n", plainData(v))
	return nil
}

// keyWalk shows keys, and knows those it has seen: the lists of a damaged hive may share
// keys, and a walk along every way to them would not end.
type keyWalk struct {
	show func(*shownKey)
	deep bool               // the keys below, too
	seen map[int64]struct{} // by offset
}

// shownKey is a key with all that is shown of it.
type shownKey struct {
	*hive.Key
	path    string // from the hive's root
	class   string
	subkeys []string
	values  []hive.Value
}

// walk shows a key, and with --recursive those below it.
func (c *HiveGetCmd) walk(ctx context.Context, key *hive.Key, show func(*shownKey)) error {
	path, err := key.Path()
	if err != nil {
		return err
	}
	w := &keyWalk{show: show, deep: c.Recursive, seen: map[int64]struct{}{}}
	return w.key(ctx, key, path, 0)
}

func (w *keyWalk) key(ctx context.Context, key *hive.Key, path string, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, again := w.seen[key.Offset()]; again || depth > hive.MaxDepth {
		return &hive.FormatError{Off: key.Offset(), What: "key", Want: fmt.Sprintf("one place in a tree of at most %d levels", hive.MaxDepth), Got: fmt.Sprintf("another at level %d", depth)}
	}
	w.seen[key.Offset()] = struct{}{}
	shown, err := readKey(key, path)
	if err != nil {
		return fmt.Errorf("key %s: %w", printable(path), err)
	}
	w.show(shown)
	if !w.deep {
		return nil
	}
	for sub, err := range key.Subkeys() {
		if err != nil {
			return fmt.Errorf("key %s: %w", printable(path), err)
		}
		if err := w.key(ctx, sub, path+`\`+sub.Name(), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func readKey(k *hive.Key, path string) (*shownKey, error) {
	s := &shownKey{Key: k, path: strings.TrimPrefix(path, `\`)}
	var err error
	if s.class, err = k.Class(); err != nil {
		return nil, err
	}
	for sub, err := range k.Subkeys() {
		if err != nil {
			return nil, err
		}
		s.subkeys = append(s.subkeys, sub.Name())
	}
	for v, err := range k.Values() {
		if err != nil {
			return nil, err
		}
		s.values = append(s.values, v)
	}
	return s, nil
}

func (s *shownKey) describe() keyJSON {
	j := keyJSON{Class: carried(s.class), Link: s.IsLink(), Written: collect.ManifestTime(s.LastWritten()), Subkeys: []string{}, Values: []hiveValueJSON{}}
	j.Path, j.Escaped = carry(s.path)
	for _, sub := range s.subkeys {
		j.Subkeys = append(j.Subkeys, carried(sub))
	}
	for _, v := range s.values {
		j.Values = append(j.Values, describeHiveValue(v))
	}
	return j
}

// nameColumn is how wide the column of value names gets at most.
const nameColumn = 32

// print shows the key in one piece: a hive has many.
func (s *shownKey) print(talk *ui.UI, n *names) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  written %s", printable(n.full(s.path)), s.LastWritten().Format("2006-01-02 15:04:05 UTC"))
	if s.class != "" {
		fmt.Fprintf(&b, ", class %s", printable(s.class))
	}
	if s.IsLink() {
		b.WriteString(", a link")
	}
	b.WriteString("\n")
	for _, sub := range s.subkeys {
		fmt.Fprintf(&b, "  %s\\\n", printable(sub))
	}
	width := 0
	for _, v := range s.values {
		width = max(width, min(len(valueName(v.Name)), nameColumn))
	}
	for _, v := range s.values {
		fmt.Fprintf(&b, "  %-*s  %-13s %s\n", width, valueName(v.Name), v.Type, dataWords(v))
	}
	talk.Printf("%s", b.String())
}
