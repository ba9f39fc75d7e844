package crashconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// breakBit is what scan code set 1 adds to a key's last code when it is let go ("Keyboard scan code specification",
// Microsoft).
const breakBit = 0x80

// sysRqCode is what Print Screen sends while Alt is held, where it is SysRq.
const sysRqCode = 0x54

// qemuModifiers and qemuKeys are QEMU's names of keys (QKeyCode, QEMU QMP reference) that are not our own tokens.
var (
	qemuModifiers = map[Modifiers]string{
		RightShift: "shift_r", RightCtrl: "ctrl_r", RightAlt: "alt_r", LeftShift: "shift", LeftCtrl: "ctrl", LeftAlt: "alt",
	}
	qemuKeys = map[string]string{
		"grave": "grave_accent", "equals": "equal", "lbracket": "bracket_left", "rbracket": "bracket_right", "caps": "caps_lock",
		"quote": "apostrophe", "enter": "ret", "period": "dot", "space": "spc", "pageup": "pgup", "pagedown": "pgdn",
		"numlock": "num_lock", "numslash": "kp_divide", "nummul": "kp_multiply", "numperiod": "kp_decimal",
		"numminus": "kp_subtract", "numplus": "kp_add", "numenter": "kp_enter", "scroll": "scroll_lock",
		"katakana": "katakanahiragana", "num0": "kp_0", "num1": "kp_1", "num2": "kp_2", "num3": "kp_3", "num4": "kp_4",
		"num5": "kp_5", "num6": "kp_6", "num7": "kp_7", "num8": "kp_8", "num9": "kp_9",
	}
)

// keyEvent is a key that goes down or up, as a virtual machine's console takes it.
type keyEvent struct {
	code []byte // of set 1, when pressed
	qemu string // QKeyCode
	down bool
}

// pressed is the key to press, which depends on what is held.
func (c Combination) pressed() keyEvent {
	if c.Press == keyPrint && c.Hold&(LeftAlt|RightAlt) != 0 {
		return keyEvent{code: []byte{sysRqCode}, qemu: "sysrq"}
	}
	token := keyNames[c.Press].token
	return keyEvent{code: c.Press.ScanCode(), qemu: cmp.Or(qemuKeys[token], token)}
}

// events is the combination as a keyboard sends it: what is held goes down, the key goes down and up twice, and what was
// held comes up again, last one first.
func (c Combination) events() []keyEvent {
	var out, up []keyEvent
	for _, mod := range modifiers {
		if c.Hold&mod.Bit != 0 {
			out = append(out, keyEvent{mod.ScanCode, qemuModifiers[mod.Bit], true})
			up = append(up, keyEvent{mod.ScanCode, qemuModifiers[mod.Bit], false})
		}
	}
	key := c.pressed()
	for range 2 {
		out = append(out, keyEvent{key.code, key.qemu, true}, keyEvent{key.code, key.qemu, false})
	}
	slices.Reverse(up)
	return append(out, up...)
}

// scanCodes are the bytes of an event in scan code set 1.
func (e keyEvent) scanCodes() []byte {
	b := slices.Clone(e.code)
	if !e.down {
		b[len(b)-1] |= breakBit
	}
	return b
}

// qmp is an event as QEMU's command input-send-event takes it.
func (e keyEvent) qmp() string {
	return fmt.Sprintf(`{"type":"key","data":{"down":%t,"key":{"type":"qcode","data":"%s"}}}`, e.down, e.qemu)
}

// ScanCodes are the bytes that a keyboard sends for a usable combination, in scan code set 1.
func (c Combination) ScanCodes() []byte {
	var b []byte
	for _, e := range c.events() {
		b = append(b, e.scanCodes()...)
	}
	return b
}

// QMP is the command that makes QEMU's keyboard send a usable combination.
func (c Combination) QMP() string {
	var events []string
	for _, e := range c.events() {
		events = append(events, e.qmp())
	}
	return `{"execute":"input-send-event","arguments":{"events":[` + strings.Join(events, ",") + `]}}`
}
