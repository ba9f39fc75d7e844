package crashconfig

import (
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"strconv"
	"strings"
)

// ErrKeys is wrapped by every error of [ParseCombination].
var ErrKeys = errors.New("unusable key combination")

// Modifiers are the keys to hold, as the value Dump1Keys has them: all of them together.
type Modifiers uint32

// Bits of Dump1Keys.
const (
	RightShift Modifiers = 0x01
	RightCtrl  Modifiers = 0x02
	RightAlt   Modifiers = 0x04
	LeftShift  Modifiers = 0x10
	LeftCtrl   Modifiers = 0x20
	LeftAlt    Modifiers = 0x40

	allModifiers = RightShift | RightCtrl | RightAlt | LeftShift | LeftCtrl | LeftAlt
)

var modifiers = []struct {
	bit   Modifiers
	token string // as typed
	name  string // as printed on the key
}{
	{RightShift, "rshift", "right Shift"},
	{RightCtrl, "rctrl", "right Ctrl"},
	{RightAlt, "ralt", "right Alt"},
	{LeftShift, "lshift", "left Shift"},
	{LeftCtrl, "lctrl", "left Ctrl"},
	{LeftAlt, "lalt", "left Alt"},
}

// Key is a position in IBM's key numbering, as the value Dump2Key has it: an index into the drivers' table keyToScanTbl of
// 134 scan codes, some of which are empty. Source: "Forcing a system crash from the keyboard", Microsoft.
type Key uint32

// Keys with a meaning of their own.
const (
	keySpace      Key = 61
	keyPrint      Key = 124 // scan code 0 in the table, but handled by the drivers on its own
	keyScrollLock Key = 125
)

// namedKeys are the keys whose names follow no pattern.
var namedKeys = map[Key]keyName{
	1: {"grave", "` (left of 1)"}, 12: {"minus", "-"}, 13: {"equals", "="}, 14: {"yen", "Yen"},
	15: {"backspace", "Backspace"}, 16: {"tab", "Tab"}, 27: {"lbracket", "["}, 28: {"rbracket", "]"},
	30: {"caps", "Caps Lock"}, 40: {"semicolon", ";"}, 41: {"quote", "'"}, 42: {"backslash", `\`}, 43: {"enter", "Enter"},
	53: {"comma", ","}, 54: {"period", "."}, 55: {"slash", "/"}, 56: {"ro", "Ro (ABNT C1)"}, keySpace: {"space", "Space"},
	75: {"insert", "Insert"}, 76: {"delete", "Delete"}, 79: {"left", "Left"}, 80: {"home", "Home"}, 81: {"end", "End"},
	83: {"up", "Up"}, 84: {"down", "Down"}, 85: {"pageup", "Page Up"}, 86: {"pagedown", "Page Down"}, 89: {"right", "Right"},
	90: {"numlock", "Num Lock"}, 91: {"num7", "Num 7"}, 92: {"num4", "Num 4"}, 93: {"num1", "Num 1"},
	95: {"numslash", "Num /"}, 96: {"num8", "Num 8"}, 97: {"num5", "Num 5"}, 98: {"num2", "Num 2"}, 99: {"num0", "Num 0"},
	100: {"nummul", "Num *"}, 101: {"num9", "Num 9"}, 102: {"num6", "Num 6"}, 103: {"num3", "Num 3"},
	104: {"numperiod", "Num ."}, 105: {"numminus", "Num -"}, 106: {"numplus", "Num +"}, 108: {"numenter", "Num Enter"},
	110: {"esc", "Esc"}, keyPrint: {"print", "Print Screen"}, keyScrollLock: {"scroll", "Scroll Lock"},
	131: {"muhenkan", "Muhenkan"}, 132: {"henkan", "Henkan"}, 133: {"katakana", "Katakana/Hiragana"},
}

// rows are the keys whose token is the character itself, from the index of the first on.
var rows = []struct {
	first Key
	keys  string
}{{2, "1234567890"}, {17, "qwertyuiop"}, {31, "asdfghjkl"}, {46, "zxcvbnm"}}

// functionKeys: F1 to F12 lie side by side in the table.
const (
	keyF1        Key = 112
	functionKeys Key = 12
)

// keyName is what a key is called: as typed, and as printed on it.
type keyName struct{ token, name string }

// keyNames gives every usable key its names, for a US layout; keyTokens leads back.
var (
	keyNames  = nameKeys()
	keyTokens = tokenKeys()
)

func nameKeys() map[Key]keyName {
	names := maps.Clone(namedKeys)
	for _, r := range rows {
		for i, c := range r.keys {
			names[r.first+Key(i)] = keyName{string(c), strings.ToUpper(string(c))}
		}
	}
	for i := range functionKeys {
		n := strconv.Itoa(int(i) + 1)
		names[keyF1+i] = keyName{"f" + n, "F" + n}
	}
	return names
}

func tokenKeys() map[string]Key {
	tokens := map[string]Key{}
	for k, n := range keyNames {
		tokens[n.token] = k
	}
	for alias, token := range keyAliases {
		tokens[alias] = tokens[token]
	}
	return tokens
}

var keyAliases = map[string]string{
	"scrolllock": "scroll", "scrlk": "scroll", "spacebar": "space", "escape": "esc", "return": "enter", "del": "delete",
	"ins": "insert", "pgup": "pageup", "pgdn": "pagedown", "printscreen": "print", "prtsc": "print", "sysrq": "print",
	"capslock": "caps", "`": "grave", "-": "minus", "=": "equals", "[": "lbracket", "]": "rbracket", ";": "semicolon",
	"'": "quote", `\`: "backslash", ",": "comma", ".": "period", "/": "slash",
}

// Usable reports whether the drivers can recognise the key: it has a scan code of its own and is no modifier.
func (k Key) Usable() bool {
	_, ok := keyNames[k]
	return ok
}

// String names the key as it is engraved on a US keyboard.
func (k Key) String() string {
	if n, ok := keyNames[k]; ok {
		return n.name
	}
	return fmt.Sprintf("key %d", uint32(k))
}

// Valid reports whether the drivers accept the mask.
func (m Modifiers) Valid() bool { return m != 0 && m&^allModifiers == 0 }

// String names the keys to hold: "left Ctrl + left Alt".
func (m Modifiers) String() string {
	var names []string
	for _, mod := range modifiers {
		if m&mod.bit != 0 {
			names = append(names, mod.name)
		}
	}
	return strings.Join(names, " + ")
}

// Combination is what to press: hold the modifiers, press the key twice. The zero Combination means no keyboard crash.
type Combination struct {
	Hold  Modifiers
	Press Key
}

// DefaultCombination is the one Windows has without further settings.
var DefaultCombination = Combination{Hold: RightCtrl, Press: keyScrollLock}

// Off reports the combination that switches the keyboard crash off.
func (c Combination) Off() bool { return c == Combination{} }

// Usable reports whether pressing the combination can crash Windows.
func (c Combination) Usable() bool { return c.Hold.Valid() && c.Press.Usable() }

// String says what to press: "hold right Ctrl, press Scroll Lock twice".
func (c Combination) String() string {
	if c.Off() {
		return "off"
	}
	return fmt.Sprintf("hold %s, press %s twice", c.Hold, c.Press)
}

// Flag is the combination in the form that [ParseCombination] reads: "rctrl+scroll".
func (c Combination) Flag() string {
	if c.Off() {
		return "off"
	}
	var parts []string
	for _, mod := range modifiers {
		if c.Hold&mod.bit != 0 {
			parts = append(parts, mod.token)
		}
	}
	if n, ok := keyNames[c.Press]; ok {
		return strings.Join(append(parts, n.token), "+")
	}
	return strings.Join(append(parts, strconv.FormatUint(uint64(c.Press), 10)), "+")
}

// ParseCombination reads "off" or modifiers and a key joined by plus signs: "rctrl+scroll", "lctrl+lalt+f12". What the
// drivers cannot recognise is refused.
func ParseCombination(s string) (Combination, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "off" || s == "none" {
		return Combination{}, nil
	}
	if s == "default" {
		return DefaultCombination, nil
	}
	tokens := strings.Split(s, "+")
	var c Combination
	for _, t := range tokens[:len(tokens)-1] {
		bit, err := parseModifier(strings.TrimSpace(t))
		if err != nil {
			return Combination{}, err
		}
		c.Hold |= bit
	}
	key, ok := keyTokens[strings.TrimSpace(tokens[len(tokens)-1])]
	switch last := tokens[len(tokens)-1]; {
	case !ok:
		return Combination{}, fmt.Errorf("%w: %q is no key the keyboard drivers know", ErrKeys, last)
	case c.Hold == 0:
		return Combination{}, fmt.Errorf("%w: name a key to hold, for example rctrl+%s", ErrKeys, last)
	}
	c.Press = key
	return c, c.checkAltGr()
}

func parseModifier(token string) (Modifiers, error) {
	for _, mod := range modifiers {
		if token == mod.token {
			return mod.bit, nil
		}
	}
	switch token {
	case "ctrl", "shift", "alt":
		return 0, fmt.Errorf("%w: say which %s: l%s or r%s", ErrKeys, token, token, token)
	}
	return 0, fmt.Errorf("%w: %q is no key to hold (lctrl, rctrl, lshift, rshift, lalt, ralt)", ErrKeys, token)
}

// checkAltGr refuses the right Alt key alone: on European layouts it is AltGr, which presses left Ctrl too, and then
// never matches.
func (c Combination) checkAltGr() error {
	if c.Hold == RightAlt {
		return fmt.Errorf("%w: right Alt alone does not work where it is AltGr; take another key to hold", ErrKeys)
	}
	return nil
}

// accident reports a combination that everyday typing is likely to hit.
func (c Combination) accident() bool {
	return bits.OnesCount32(uint32(c.Hold)) == 1 && c.Hold != RightCtrl && c.Press < keyF1 && c.Press.Usable()
}
