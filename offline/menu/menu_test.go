package menu

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fake answers for hangkit.
type fake struct {
	out    map[string]string // by command
	status map[string]int
	errOut map[string]string
	ran    []string
}

func (f *fake) Output(_ context.Context, args, _ []string) (out, errOut []byte, status int, err error) {
	f.ran = append(f.ran, strings.Join(args, " "))
	return []byte(f.out[args[0]]), []byte(f.errOut[args[0]]), f.status[args[0]], nil
}

func (f *fake) Run(_ context.Context, args, secrets []string) (int, error) {
	f.ran = append(f.ran, strings.Join(append(slices.Clone(args), secrets...), " "))
	return f.status[args[0]], nil
}

// screen is a terminal that has room for so many lines; 0 is for all.
type screen struct {
	strings.Builder
	room, used, turned int
}

func (s *screen) Write(b []byte) (int, error) {
	s.used += strings.Count(string(b), "\n")
	return s.Builder.Write(b)
}

func (s *screen) Again() { s.used = 0 }

func (s *screen) Reserve(lines int) {
	if s.room > 0 && s.used+lines > s.room {
		s.turned++
	}
	s.Again()
}

// shown runs a menu whose person types lines, to the end of the input.
func shown(t *testing.T, f *fake, typed string, set func(*Menu)) (Leave, string) {
	t.Helper()
	var out screen
	m := &Menu{
		Hangkit: f, In: strings.NewReader(typed), Out: &out, Interrupts: make(chan os.Signal), Title: "hangkit",
		Quote: func(s string) string { return "'" + s + "'" }, Stick: func() StickState { return StickState{} },
		DropTyped: func() error { return nil },
		Hide:      func(context.Context) (func(), error) { return func() {}, nil },
	}
	if set != nil {
		set(m)
	}
	leave, err := m.Show(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(strings.TrimRight(line, "\n")) > leastColumns && !strings.HasPrefix(line, "$ ") {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
		if line != plain(strings.TrimRight(line, "\n"))+"\n" && strings.HasSuffix(line, "\n") {
			t.Errorf("not plain: %q", line)
		}
	}
	return leave, out.String()
}

const oneWindows = `{"targets":[{"name":"d","kind":"image","size":1,"volumes":[{"partition":3,"windows":[{"product":"Windows 11"}]}]}]}`

// TestHostile: what a disk says of itself never reaches the terminal as it is, and never
// becomes a flag or another word of a command.
func TestHostile(t *testing.T) {
	t.Parallel()
	evil := "\x1b]0;owned\a\u202e$(reboot)\r\nWhat now? p"
	list, err := json.Marshal(map[string]any{
		"problems": []string{evil},
		"targets": []any{map[string]any{"name": evil, "kind": "device", "size": 1, "model": evil, "volumes": []any{map[string]any{
			"partition": 1, "windows": []any{map[string]any{"product": evil, "machine": evil, "root": evil, "old": true}},
			"dumps": []any{map[string]any{"story": evil}},
		}, map[string]any{"bitlocker": map[string]any{"description": evil, "protectors": []any{map[string]any{"kind": evil, "key_id": evil}}}}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{out: map[string]string{"list": string(list)}, status: map[string]int{"check": 5}, errOut: map[string]string{"check": `{"error":"\u001b[2J"}`}}
	_, screen := shown(t, f, "1\n\nf\n\nq\n", nil)
	if strings.ContainsAny(screen, "\x1b\a\r\u202e") {
		t.Errorf("%q", screen)
	}
	if !slices.Contains(f.ran, "check "+evil) {
		t.Errorf("ran %q", f.ran)
	}
}

func TestLeave(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]Leave{
		"": Quit, "p\ny\n": PowerOff, "power off\nyes\n": PowerOff, "P\nn\n": Quit, "r\ny\n": Restart, "s\n": Shell, "q\n": Quit,
	} {
		if got, _ := shown(t, &fake{}, typed, func(m *Menu) { m.Live = true }); got != want {
			t.Errorf("%q: %d, want %d", typed, got, want)
		}
	}
	if got, screen := shown(t, &fake{}, "p\ny\nq\n", nil); got != Quit || strings.Contains(screen, "power off") {
		t.Errorf("%d: a menu that is not on a live medium switches nothing off:\n%s", got, screen)
	}
}

// TestNoRoom: the menu does not push away what was not read.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	for room, want := range map[int]int{40: 0, 14: 1} {
		out := &screen{room: room}
		shown(t, &fake{out: map[string]string{"list": oneWindows}}, "nonsense\nq\n", func(m *Menu) { m.Out = out })
		if out.turned != want {
			t.Errorf("%d lines: turned %d times, want %d:\n%s", room, out.turned, want, out)
		}
	}
}

const oneLocked = `{"targets":[{"name":"d","kind":"image","size":1,"volumes":[{"partition":3,"bitlocker":{"unlocked":false}}]}]}`

// TestKey: the locked volumes are shown, and what is typed hidden, before the key is asked for;
// a file that is not there is no password; the shell costs the key, which is said.
func TestKey(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"k\nE:\\a.BEK\ns\n", "k\npass\ns\n"} {
		hidden := ""
		f := &fake{out: map[string]string{"list": oneLocked}}
		_, screen := shown(t, f, typed, func(m *Menu) {
			m.Live = true
			out := m.Out.(*screen)
			m.Hide = func(context.Context) (func(), error) { hidden = out.String(); return func() {}, nil }
		})
		if strings.Contains(hidden, "Type the recovery password") || !strings.Contains(screen, "Type the recovery password") {
			t.Errorf("%q: shown before it was hidden:\n%s", typed, hidden)
		}
		if lists := len(f.ran); lists != 1+strings.Count(typed, "pass") {
			t.Errorf("%q: %q", typed, f.ran)
		}
	}
	for typed, want := range map[string]Leave{"s\nn\nq\n": Quit, "s\ny\n": Shell} {
		got, _ := shown(t, &fake{}, typed, func(m *Menu) { m.Live, m.keys.secrets = true, []string{"a"} })
		if got != want {
			t.Errorf("%q: %d, want %d", typed, got, want)
		}
	}
}

// TestCollectTo: what does not fit is not begun by Enter; the stick is the first choice.
func TestCollectTo(t *testing.T) {
	t.Parallel()
	stick := func(m *Menu) { m.Stick = func() StickState { return StickState{Folder: "/s", Free: 5} } }
	for name, c := range map[string]struct {
		collect, typed string
		set            func(*Menu)
		want           string
	}{
		"enough room":    {`{"dumps":[{"size":10}],"free":10}`, "4\n\n\n", stick, "collect d -o stick:"},
		"too little":     {`{"dumps":[{"size":11}],"free":10}`, "4\n\n", stick, ""},
		"packed":         {`{"dumps":[{"size":11}],"free":10}`, "4\nz\n\n", stick, "collect d -o stick: --compress"},
		"elsewhere":      {`{"free":10}`, "4\no\n/x\n\n\n", stick, "collect d -o /x"},
		"going on":       {`{"free":10,"unfinished":["/s/a"]}`, "4\ng\n\n", stick, "collect d -o stick: --resume"},
		"nothing begun":  {`{"free":10}`, "4\ng\n\n", stick, ""},
		"no stick":       {`{"free":10}`, "4\n/x\n\n\n", nil, "collect d -o /x"},
		"no folder":      {`{"free":10}`, "4\n\n", nil, ""},
		"back":           {`{"free":10}`, "4\nq\n", stick, ""},
		"unknown room":   {`{"dumps":[{"size":10}]}`, "4\n\n\n", stick, "collect d -o stick:"},
		"another answer": {`{"free":10}`, "4\nwhat\n", stick, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{out: map[string]string{"list": oneWindows, "collect": c.collect}}
			shown(t, f, c.typed, c.set)
			var got string
			for _, r := range f.ran {
				if strings.HasPrefix(r, "collect") && !strings.Contains(r, " -n") {
					got = r
				}
			}
			if got != c.want {
				t.Errorf("ran %q, want %q", got, c.want)
			}
		})
	}
}

// TestUndoChange: of several changes the one that is chosen is taken back.
func TestUndoChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ changes, typed, want string }{
		{`{"changes":[]}`, "5\n\n", ""},
		{`{"changes":[{"id":"A"}]}`, "5\n\n", "undo d"},
		{`{"changes":[{"id":"A"},{"id":"B"}]}`, "5\n2\n\n", "undo d --change B"},
		{`{"changes":[{"id":"A"},{"id":"B"}]}`, "5\n\n\n", "undo d"},
		{`{"changes":[{"id":"A"},{"id":"B"}]}`, "5\nq\n", ""},
	} {
		f := &fake{out: map[string]string{"list": oneWindows, "undo": c.changes}}
		shown(t, f, c.typed, nil)
		got := ""
		for _, r := range f.ran {
			if strings.HasPrefix(r, "undo") && !strings.Contains(r, "--list") {
				got = r
			}
		}
		if got != c.want {
			t.Errorf("%s, %q: ran %q, want %q", c.changes, c.typed, got, c.want)
		}
	}
}

// TestChoice: which Windows is meant is said as list --install and --index take it.
func TestChoice(t *testing.T) {
	t.Parallel()
	windows := func(n int) []listWindows { return make([]listWindows, n) }
	f := &found{}
	f.take(&listDocument{Targets: []listTarget{
		{Name: "one", Kind: "image", Volumes: []listVolume{{Partition: 1}, {Partition: 3, Windows: windows(1)}}},
		{Name: "three", Kind: "image", Volumes: []listVolume{{Partition: 1, Windows: windows(2)}, {Partition: 2, Windows: windows(1)}}},
		{Name: "wim", Kind: "WIM archive", Volumes: []listVolume{{Partition: 1, Windows: windows(1)}, {Partition: 4, Windows: windows(1)}}},
	}})
	var got []string
	for _, w := range f.windows {
		got = append(got, strings.Join(append([]string{w.target}, w.choice...), " ")+"; "+w.place)
	}
	want := []string{
		"one; one, partition 3", "three --install 1; three, partition 1", "three --install 2; three, partition 1",
		"three --install 3; three, partition 2", "wim --index 1; wim, image 1", "wim --index 4; wim, image 4",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
