package crashconfig

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
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

// modifiers are the keys to hold. Codes are of set 1.
var modifiers = []ModifierKey{
	{RightShift, "rshift", "right Shift", []byte{0x36}},
	{RightCtrl, "rctrl", "right Ctrl", []byte{0xE0, 0x1D}},
	{RightAlt, "ralt", "right Alt", []byte{0xE0, 0x38}},
	{LeftShift, "lshift", "left Shift", []byte{0x2A}},
	{LeftCtrl, "lctrl", "left Ctrl", []byte{0x1D}},
	{LeftAlt, "lalt", "left Alt", []byte{0x38}},
}

// ModifierKey is a key to hold.
type ModifierKey struct {
	Bit      Modifiers
	Token    string // as typed
	Name     string // as printed on the key
	ScanCode []byte // make code of set 1
}

// ModifierKeys lists the keys to hold.
func ModifierKeys() []ModifierKey { return slices.Clone(modifiers) }

// Key is a position in IBM's key numbering, as the value Dump2Key has it: an index into [keyTable].
type Key uint32

// Keys with a meaning of their own.
const (
	keySpace      Key = 61
	keyPrint      Key = 124 // scan code 0 in the table, but handled by the drivers on its own
	keyScrollLock Key = 125
	keyPause      Key = 126
)

// Valid reports whether the drivers accept the mask.
func (m Modifiers) Valid() bool { return m != 0 && m&^allModifiers == 0 }

// problem says why a mask cannot be held; empty for a valid one.
func (m Modifiers) problem() string {
	switch undefined := m &^ allModifiers; {
	case m == 0:
		return "a mask of 0 switches the combination off"
	case undefined != 0:
		return fmt.Sprintf("the bits %#x of the mask %#x are undefined", uint32(undefined), uint32(m))
	}
	return ""
}

// String names the keys to hold: "left Ctrl + left Alt".
func (m Modifiers) String() string {
	var names []string
	for _, mod := range modifiers {
		if m&mod.Bit != 0 {
			names = append(names, mod.Name)
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
		if c.Hold&mod.Bit != 0 {
			parts = append(parts, mod.Token)
		}
	}
	token := fmt.Sprintf("%#02x", uint32(c.Press))
	if n, ok := keyNames[c.Press]; ok {
		token = n.token
	}
	return strings.Join(append(parts, token), "+")
}

// ParseCombination reads "off", "default", or modifiers and a key joined by plus signs: "rctrl+scroll", "lctrl+lalt+f12".
// The numbers of the registry will do as well, in hexadecimal: "0x02+0x3D". What the drivers cannot recognise is refused.
func ParseCombination(s string) (Combination, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	switch s {
	case "off", "none":
		return Combination{}, nil
	case "default":
		return DefaultCombination, nil
	}
	tokens := strings.Split(s, "+")
	last := strings.TrimSpace(tokens[len(tokens)-1])
	var c Combination
	for _, t := range tokens[:len(tokens)-1] {
		bits, err := parseModifier(strings.TrimSpace(t))
		if err != nil {
			return Combination{}, err
		}
		c.Hold |= bits
	}
	var err error
	if c.Press, err = parseKey(last); err != nil {
		return Combination{}, err
	}
	if len(tokens) == 1 {
		return Combination{}, fmt.Errorf("%w: name a key to hold, for example rctrl+%s", ErrKeys, last)
	}
	return c, nil
}

// parseNumber reads a number of the registry; false where there is none.
func parseNumber(token string) (uint32, bool) {
	digits, hex := strings.CutPrefix(token, "0x")
	n, err := strconv.ParseUint(digits, 16, 32)
	return uint32(n), hex && err == nil
}

func parseModifier(token string) (Modifiers, error) {
	for _, mod := range modifiers {
		if token == mod.Token {
			return mod.Bit, nil
		}
	}
	if n, ok := parseNumber(token); ok {
		if why := Modifiers(n).problem(); why != "" {
			return 0, fmt.Errorf("%w: %s", ErrKeys, why)
		}
		return Modifiers(n), nil
	}
	switch token {
	case "ctrl", "shift", "alt":
		return 0, fmt.Errorf("%w: say which %s: l%s or r%s", ErrKeys, token, token, token)
	case "altgr":
		return 0, fmt.Errorf("%w: AltGr presses left Ctrl and right Alt: say lctrl+ralt", ErrKeys)
	}
	return 0, fmt.Errorf("%w: %q is no key to hold (lctrl, rctrl, lshift, rshift, lalt, ralt, or a mask such as 0x22)", ErrKeys, token)
}

func parseKey(token string) (Key, error) {
	if k, ok := keyTokens[token]; ok {
		return k, nil
	}
	if n, ok := parseNumber(token); ok {
		if why := Key(n).problem(); why != "" {
			return 0, fmt.Errorf("%w: %#02x cannot be pressed: %s", ErrKeys, n, why)
		}
		return Key(n), nil
	}
	why := "is no key the keyboard drivers know; --keyboard list prints them"
	switch {
	case slices.ContainsFunc(modifiers, func(m ModifierKey) bool { return m.Token == token }):
		why = "is a key to hold, and cannot be the one to press"
	case token == "pause" || token == "break":
		why = "cannot be pressed: " + keyPause.problem()
	}
	return 0, fmt.Errorf("%w: %q %s", ErrKeys, token, why)
}

// Warnings say what may go wrong with a combination that can work.
func (c Combination) Warnings() []string {
	var list []string
	warn := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	warn(c.Hold == RightAlt, "Right Alt alone fails on layouts where it is AltGr, which presses left Ctrl as well: hold another key, or both with lctrl+%s.", c.Flag())
	warn(c.accident(), "%s is easy to hit by accident.", c.Flag())
	warn(bits.OnesCount32(uint32(c.Hold)) > 1, "All of %s must be held together: Microsoft's text could mean any of them, its sample driver wants them all.", c.Hold)
	warn(c.Press.onLayout(), "%s is the key that has it on a US keyboard, wherever other layouts have it.", c.Press)
	warn(c.Press.foreign(), "%s is on Japanese and Brazilian keyboards only.", c.Press)
	warn(c == DefaultCombination, "Many laptops and remote consoles have no Scroll Lock: then take another key, such as rctrl+space.")
	return list
}

// accident reports a combination that everyday typing is likely to hit: Ctrl or Shift with the keys one moves about with,
// and a single key to hold with anything, unless it is right Ctrl.
func (c Combination) accident() bool {
	const alt = LeftAlt | RightAlt
	if c.Press == keyScrollLock || !c.Usable() {
		return false
	}
	return c.Press.moves() && c.Hold&alt == 0 || bits.OnesCount32(uint32(c.Hold)) == 1 && c.Hold != RightCtrl
}
