package live

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRole: only the kernel's own way of starting us makes us init. A container in which
// hangkit is process 1 gets the command line.
func TestRole(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"hangkit", "list"}, {"/init"}, {sessionName}, {"./hangkit-live"}, nil} {
		if Role(args) != nil {
			t.Errorf("%q has a role in a process that init did not start", args)
		}
	}
	if Role([]string{"/sbin/modprobe", "-q", "--", "x"}) == nil {
		t.Error("modprobe has none")
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 128 + 9} {
		got, err := exitStatus(exec.Command("/bin/sh", "-c", script).Run())
		if err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", script, got, err, want)
		}
	}
	if _, err := exitStatus(exec.Command("/nowhere").Run()); err == nil {
		t.Error("what cannot be started has a status")
	}
}

func TestReadBounded(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), scriptName)
	if _, err := readBounded(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(name, make([]byte, 2*maxScript), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := readBounded(name)
	if err != nil || len(b) != maxScript+1 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, err := ParseScript(b); !errors.Is(err, ErrScript) {
		t.Errorf("a file that was cut is run: %v", err)
	}
}

func TestPowerButton(t *testing.T) {
	t.Parallel()
	event := func(kind, code uint16, value uint32) []byte {
		b := make([]byte, eventSize)
		binary.NativeEndian.PutUint16(b[eventType:], kind)
		binary.NativeEndian.PutUint16(b[eventCode:], code)
		binary.NativeEndian.PutUint32(b[eventVal:], value)
		return b
	}
	if !isPowerButton(event(eventKey, keyPower, keyDown)) {
		t.Error("the button is not seen")
	}
	for _, e := range [][]byte{event(eventKey, keyPower, 0), event(eventKey, 28, keyDown), event(0, keyPower, keyDown)} {
		if isPowerButton(e) {
			t.Errorf("% x is taken for the button", e)
		}
	}
}

// TestClaim: one person works at a time, and a run is called off by whoever comes before
// it starts.
func TestClaim(t *testing.T) {
	t.Parallel()
	s := &session{}
	first, second := &running{}, &running{}
	s.run.pending = true
	if other, stopped := s.claim(first); other != nil || !stopped || !s.used || s.run.pending {
		t.Errorf("first: %v, %v", other, stopped)
	}
	if other, stopped := s.claim(second); other != first || stopped {
		t.Errorf("second: %v, %v", other, stopped)
	}
	s.stopMenu(first)
	if err := s.startAt(first, exec.Command("/bin/true")); !errors.Is(err, errWanted) {
		t.Errorf("what is wanted elsewhere starts something: %v", err)
	}
	busy := &session{run: runState{on: true}}
	if other, stopped := busy.claim(first); other != nil || stopped || busy.menu != nil || busy.used {
		t.Error("a run under way is disturbed")
	}
}

// TestInventory: what the kernel tells of devices that are not there harms nothing.
func TestInventory(t *testing.T) {
	t.Parallel()
	v := newInventory(testBuild)
	for _, name := range []string{"no-such-disk", "", "../../etc/passwd", "loop0", "ram1", "dm-0"} {
		v.take(Uevent{Action: "add", Env: map[string]string{"DEVNAME": name}})
		v.take(Uevent{Action: "remove", Env: map[string]string{"DEVNAME": name}})
	}
	if list, _ := v.snapshot(); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
}

// TestLoader reads the tables of a kernel, and does not load what they do not name.
func TestLoader(t *testing.T) {
	t.Parallel()
	l := &loader{dir: t.TempDir(), tables: testTables(), done: map[string]*attempt{}}
	if err := l.load("no:such:device"); err != nil {
		t.Error(err)
	}
	err := l.load("fs-exfat") // its file is not there
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := l.load("fs-exfat"); err != nil {
		t.Errorf("told twice: %v", err)
	}
}

// TestPrompt: the prompt is shown once, below the disks; again where it is far up, or gone.
func TestPrompt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &console{queue: make(chan output, consoleQueue)}
		s := &session{consoles: &consoles{list: []*console{c}}, began: time.Now()}
		s.prompt = time.AfterFunc(promptTime, s.showPrompt)
		s.unprompted.Store(promptLines)
		said := func() string {
			time.Sleep(2 * promptTime)
			synctest.Wait()
			var text strings.Builder
			for len(c.queue) > 0 {
				text.Write((<-c.queue).text)
			}
			return text.String()
		}
		expect := func(want string) {
			t.Helper()
			if got := said(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		const prompt = promptWords + "\n"
		expect("")
		s.say("Disk sda")
		s.told.Store(true)
		expect("Disk sda\n" + prompt)
		s.say("Disk sdb")
		expect("Disk sdb\n")
		for range promptLines - 1 {
			s.say("")
		}
		expect(strings.Repeat("\n", promptLines-1))
		s.say("Disk sdc")
		expect("Disk sdc\n" + prompt)
		s.release(nil)
		expect(prompt)
	})
}

// TestPromptWithoutDisks: a person is not left alone where no disk comes.
func TestPromptWithoutDisks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &console{queue: make(chan output, consoleQueue)}
		s := &session{consoles: &consoles{list: []*console{c}}, began: time.Now()}
		s.prompt = time.AfterFunc(promptTime, s.showPrompt)
		time.Sleep(2 * answerTime)
		if len(c.queue) != 1 {
			t.Errorf("%d prompts", len(c.queue))
		}
	})
}

// TestNoCommands: a run without commands is not one that was done.
func TestNoCommands(t *testing.T) {
	t.Parallel()
	s := &session{options: Options{Run: " ; "}}
	if p, found := s.given(); !found || !errors.Is(p.problem, ErrScript) {
		t.Errorf("got %+v, %v", p, found)
	}
}
