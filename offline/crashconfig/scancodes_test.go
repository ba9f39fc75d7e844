package crashconfig

import (
	"encoding/json"
	"fmt"
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

// TestQMP: every combination of keys to hold becomes JSON in which each key that goes down comes up again.
func TestQMP(t *testing.T) {
	t.Parallel()
	for hold := range allModifiers + 1 {
		c := Combination{Hold: hold, Press: keyScrollLock}
		if !c.Usable() {
			continue
		}
		var command struct {
			Execute   string
			Arguments struct {
				Events []struct {
					Type string
					Data struct {
						Down bool
						Key  struct{ Type, Data string }
					}
				}
			}
		}
		if err := json.Unmarshal([]byte(c.QMP()), &command); err != nil || command.Execute != "input-send-event" {
			t.Fatalf("%s: %v, %q", c.Flag(), err, command.Execute)
		}
		down, strokes := map[string]bool{}, 0
		for _, e := range command.Arguments.Events {
			key := e.Data.Key.Data
			if e.Type != "key" || e.Data.Key.Type != "qcode" || down[key] == e.Data.Down {
				t.Errorf("%s: unexpected event %+v", c.Flag(), e)
			}
			down[key] = e.Data.Down
			if key == "scroll_lock" && !e.Data.Down {
				strokes++
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

// VBoxManage gets its codes in commands that fit a line, cut between keys only.
func TestChunks(t *testing.T) {
	t.Parallel()
	c := Combination{Hold: allModifiers, Press: 76} // Delete
	var joined []byte
	for _, codes := range chunks(c.events(), codesPerCommand) {
		if len(codes) > codesPerCommand || codes[len(codes)-1] == extendedPrefix {
			t.Errorf("codes % x", codes)
		}
		joined = append(joined, codes...)
	}
	if string(joined) != string(c.ScanCodes()) {
		t.Errorf("% x, want % x", joined, c.ScanCodes())
	}
}
