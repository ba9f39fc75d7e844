package crashconfig

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestCombinationCodes: the codes of a keyboard, with E0 before and the high bit after, and the key named in QEMU's way.
func TestCombinationCodes(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"rctrl+scroll":        "e0 1d 46 c6 46 c6 e0 9d",
		"rctrl+space":         "e0 1d 39 b9 39 b9 e0 9d",
		"lctrl+lalt+f12":      "1d 38 58 d8 58 d8 b8 9d",
		"lctrl+delete":        "1d e0 53 e0 d3 e0 53 e0 d3 9d",
		"rctrl+print":         "e0 1d e0 37 e0 b7 e0 37 e0 b7 e0 9d",
		"lctrl+lalt+print":    "1d 38 54 d4 54 d4 b8 9d",
		"lshift+rshift+q":     "36 2a 10 90 10 90 aa b6",
		"rctrl+ralt+numenter": "e0 1d e0 38 e0 1c e0 9c e0 1c e0 9c e0 b8 e0 9d",
	} {
		c, err := ParseCombination(keys)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("% x", c.ScanCodes()); got != want {
			t.Errorf("%s: %s, want %s", keys, got, want)
		}
	}
}

// Every usable key has codes, and a name of its own in QEMU.
func TestEveryKeyOnTheWire(t *testing.T) {
	t.Parallel()
	seen := map[string]Key{}
	for k := range Key(len(keyTable)) {
		if !k.Usable() {
			continue
		}
		e := Combination{Hold: RightCtrl, Press: k}.pressed()
		if other, twice := seen[e.qemu]; len(e.code) == 0 || e.qemu == "" || twice {
			t.Errorf("key %d (%s): code % x, name %q, also key %d's", k, k, e.code, e.qemu, other)
		}
		seen[e.qemu] = k
	}
}

// What QEMU's keyboard cannot send is told, not printed as a command.
func TestQEMUAndSysRq(t *testing.T) {
	t.Parallel()
	c := Combination{Hold: LeftCtrl | LeftAlt, Press: keyPrint}
	if c.QMP() != nil {
		t.Errorf("QMP = %q", c.QMP())
	}
	for _, s := range consoleKeys("kvm", c) {
		if s.Command != "" || !strings.Contains(s.Text, "NMI") {
			t.Errorf("step %+v", s)
		}
	}
}

// TestQMP: every combination of keys to hold becomes JSON in which each key that goes down comes up again, in commands that
// QEMU's keyboard can keep.
func TestQMP(t *testing.T) {
	t.Parallel()
	for hold := range allModifiers + 1 {
		c := Combination{Hold: hold, Press: keyScrollLock}
		if !c.Usable() {
			continue
		}
		down, strokes := map[string]bool{}, 0
		for _, command := range c.QMP() {
			for _, e := range qmpEvents(t, command) {
				key := e.Data.Key.Data
				if e.Type != "key" || e.Data.Key.Type != "qcode" || down[key] == e.Data.Down {
					t.Errorf("%s: unexpected event %+v", c.Flag(), e)
				}
				down[key] = e.Data.Down
				if key == "scroll_lock" && !e.Data.Down {
					strokes++
				}
			}
		}
		for key, still := range down {
			if still {
				t.Errorf("%s: %s stays down", c.Flag(), key)
			}
		}
		if strokes != 2 {
			t.Errorf("%s: %d strokes", c.Flag(), strokes)
		}
	}
}

type qmpEvent struct {
	Type string
	Data struct {
		Down bool
		Key  struct{ Type, Data string }
	}
}

func qmpEvents(t *testing.T, text string) []qmpEvent {
	t.Helper()
	var command struct {
		Execute   string
		Arguments struct{ Events []qmpEvent }
	}
	if err := json.Unmarshal([]byte(text), &command); err != nil || command.Execute != "input-send-event" {
		t.Fatalf("%s: %v, %q", text, err, command.Execute)
	}
	return command.Arguments.Events
}

// Commands that hold a bounded number of codes are cut between keys only, and lose none.
func TestChunks(t *testing.T) {
	t.Parallel()
	c := Combination{Hold: allModifiers, Press: 76} // Delete
	for _, limit := range []int{2, 3, codesPerCommand, qemuQueue, 100} {
		var joined []byte
		for _, events := range chunks(c.events(), limit) {
			codes := scanCodesOf(events)
			if len(codes) > limit || codes[len(codes)-1] == extendedPrefix {
				t.Errorf("codes % x", codes)
			}
			joined = append(joined, codes...)
		}
		if string(joined) != string(c.ScanCodes()) {
			t.Errorf("% x, want % x", joined, c.ScanCodes())
		}
	}
}
