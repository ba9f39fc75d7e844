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

// sysRq reports Print Screen with Alt held. QEMU's keyboard lets go of Alt around it, so that it cannot send this.
func (c Combination) sysRq() bool { return c.Press == keyPrint && c.Hold&(LeftAlt|RightAlt) != 0 }

// pressed is the key to press, which depends on what is held.
func (c Combination) pressed() keyEvent {
	if c.sysRq() {
		return keyEvent{code: []byte{sysRqCode}}
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
func (c Combination) ScanCodes() []byte { return scanCodesOf(c.events()) }

// qemuQueue is how many bytes QEMU's PS/2 keyboard keeps until they are fetched; further ones are lost.
const qemuQueue = 16

// QMP are the commands that make QEMU's keyboard send a usable combination; mostly it is one, and none where it cannot.
func (c Combination) QMP() []string {
	if c.sysRq() {
		return nil
	}
	var out []string
	for _, chunk := range chunks(c.events(), qemuQueue) {
		var events []string
		for _, e := range chunk {
			events = append(events, e.qmp())
		}
		out = append(out, `{"execute":"input-send-event","arguments":{"events":[`+strings.Join(events, ",")+`]}}`)
	}
	return out
}

// chunks cuts events into parts of no more than so many bytes of scan codes.
func chunks(events []keyEvent, limit int) [][]keyEvent {
	var out [][]keyEvent
	size := limit
	for _, e := range events {
		n := len(e.code)
		if size+n > limit {
			out, size = append(out, nil), 0
		}
		out[len(out)-1] = append(out[len(out)-1], e)
		size += n
	}
	return out
}

func scanCodesOf(events []keyEvent) []byte {
	var b []byte
	for _, e := range events {
		b = append(b, e.scanCodes()...)
	}
	return b
}
