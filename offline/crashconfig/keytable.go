package crashconfig

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// keyTable is the keyboard drivers' table keyToScanTbl, which Dump2Key indexes: positions in IBM's key numbering, with
// scan codes of set 1. From 0x80 on the code is E0 and the low seven bits; 0 is a position without a usable key.
// Source: "Forcing a system crash from the keyboard", Microsoft.
var keyTable = [...]byte{
	0x00, 0x29, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, // 0
	0x0A, 0x0B, 0x0C, 0x0D, 0x7D, 0x0E, 0x0F, 0x10, 0x11, 0x12, // 10
	0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x00, // 20
	0x3A, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, // 30
	0x27, 0x28, 0x2B, 0x1C, 0x2A, 0x00, 0x2C, 0x2D, 0x2E, 0x2F, // 40
	0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x73, 0x36, 0x1D, 0x00, // 50
	0x38, 0x39, 0xB8, 0x00, 0x9D, 0x00, 0x00, 0x00, 0x00, 0x00, // 60
	0x00, 0x00, 0x00, 0x00, 0x00, 0xD2, 0xD3, 0x00, 0x00, 0xCB, // 70
	0xC7, 0xCF, 0x00, 0xC8, 0xD0, 0xC9, 0xD1, 0x00, 0x00, 0xCD, // 80
	0x45, 0x47, 0x4B, 0x4F, 0x00, 0xB5, 0x48, 0x4C, 0x50, 0x52, // 90
	0x37, 0x49, 0x4D, 0x51, 0x53, 0x4A, 0x4E, 0x00, 0x9C, 0x00, // 100
	0x01, 0x00, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F, 0x40, 0x41, 0x42, // 110
	0x43, 0x44, 0x57, 0x58, 0x00, 0x46, 0x00, 0x00, 0x00, 0x00, // 120
	0x00, 0x7B, 0x79, 0x70, // 130
}

// extendedKey is the bit of an entry that stands for the prefix E0.
const extendedKey, extendedPrefix = 0x80, 0xE0

// ScanCode is the make code of set 1 that the drivers look for; nil where there is none. Print Screen has one that its
// entry does not tell.
func (k Key) ScanCode() []byte {
	switch {
	case k == keyPrint:
		return []byte{extendedPrefix, 0x37}
	case int64(k) >= int64(len(keyTable)) || keyTable[k] == 0:
		return nil
	case keyTable[k]&extendedKey != 0:
		return []byte{extendedPrefix, keyTable[k] &^ extendedKey}
	}
	return []byte{keyTable[k]}
}

// modifier returns the key to hold that the position is.
func (k Key) modifier() (ModifierKey, bool) {
	i := slices.IndexFunc(modifiers, func(m ModifierKey) bool { return bytes.Equal(m.ScanCode, k.ScanCode()) })
	if i < 0 {
		return ModifierKey{}, false
	}
	return modifiers[i], true
}

// emptyPositions are positions without a key that one would look for there, and what to take instead.
var emptyPositions = map[Key]string{
	29:       `that of \ on US keyboards; take 42, backslash`,
	45:       "that of < > on European keyboards, which cannot be had",
	keyPause: "that of Pause, which cannot be had",
}

// problem says why a key cannot be pressed; empty for a usable one.
func (k Key) problem() string {
	switch mod, isModifier := k.modifier(); {
	case int64(k) >= int64(len(keyTable)):
		return fmt.Sprintf("the drivers' table ends at %d (%#x)", len(keyTable)-1, len(keyTable)-1)
	case isModifier:
		return mod.Name + " is a key to hold"
	case k.ScanCode() == nil && emptyPositions[k] != "":
		return "the drivers' table has no key there: " + emptyPositions[k]
	case k.ScanCode() == nil:
		return "the drivers' table has no key there"
	}
	return ""
}

// Usable reports whether the drivers can recognise the key: it has a scan code of its own and is no modifier.
func (k Key) Usable() bool { return k.problem() == "" }

// String names the key as it is engraved on a US keyboard.
func (k Key) String() string {
	if n, ok := keyNames[k]; ok {
		return n.name
	}
	return fmt.Sprintf("key %d", uint32(k))
}

// KeyEntry is one entry of the drivers' table.
type KeyEntry struct {
	Index  Key
	Code   byte   // as the table has it
	Token  string // as typed, empty for what cannot be pressed
	Name   string // as engraved on a US keyboard
	WhyNot string // why it cannot be pressed
}

// KeyEntries lists the drivers' whole table.
func KeyEntries() []KeyEntry {
	var list []KeyEntry
	for i, code := range keyTable {
		k := Key(i)
		e := KeyEntry{Index: k, Code: code, WhyNot: k.problem()}
		if n, ok := keyNames[k]; ok {
			e.Token, e.Name = n.token, n.name
		}
		list = append(list, e)
	}
	return list
}

// keyName is what a key is called: as typed, and as printed on it.
type keyName struct{ token, name string }

// namedKeys are the keys whose names follow no pattern.
var namedKeys = map[Key]keyName{
	1: {"grave", "` (left of 1)"}, 12: {"minus", "-"}, 13: {"equals", "="}, keyYen: {"yen", "Yen"},
	keyBackspace: {"backspace", "Backspace"}, keyTab: {"tab", "Tab"}, 27: {"lbracket", "["}, 28: {"rbracket", "]"},
	30: {"caps", "Caps Lock"}, 40: {"semicolon", ";"}, 41: {"quote", "'"}, 42: {"backslash", `\`}, keyEnter: {"enter", "Enter"},
	53: {"comma", ","}, 54: {"period", "."}, 55: {"slash", "/"}, keyRo: {"ro", "Ro (ABNT C1)"}, keySpace: {"space", "Space"},
	keyInsert: {"insert", "Insert"}, 76: {"delete", "Delete"}, 79: {"left", "Left"}, 80: {"home", "Home"}, 81: {"end", "End"},
	83: {"up", "Up"}, 84: {"down", "Down"}, 85: {"pageup", "Page Up"}, 86: {"pagedown", "Page Down"}, keyRight: {"right", "Right"},
	90: {"numlock", "Num Lock"}, 91: {"num7", "Num 7"}, 92: {"num4", "Num 4"}, 93: {"num1", "Num 1"},
	95: {"numslash", "Num /"}, 96: {"num8", "Num 8"}, 97: {"num5", "Num 5"}, 98: {"num2", "Num 2"}, 99: {"num0", "Num 0"},
	100: {"nummul", "Num *"}, 101: {"num9", "Num 9"}, 102: {"num6", "Num 6"}, 103: {"num3", "Num 3"},
	104: {"numperiod", "Num ."}, 105: {"numminus", "Num -"}, 106: {"numplus", "Num +"}, 108: {"numenter", "Num Enter"},
	110: {"esc", "Esc"}, keyPrint: {"print", "Print Screen"}, keyScrollLock: {"scroll", "Scroll Lock"},
	keyMuhenkan: {"muhenkan", "Muhenkan"}, 132: {"henkan", "Henkan"}, 133: {"katakana", "Katakana/Hiragana"},
}

// Keys that bound a range, or stand for themselves in one.
const (
	keyFirst     Key = 1 // left of the digits
	keyYen       Key = 14
	keyBackspace Key = 15
	keyTab       Key = 16
	keyEnter     Key = 43
	keyRo        Key = 56
	keyInsert    Key = 75
	keyRight     Key = 89
	keyMuhenkan  Key = 131
)

// moves reports a key that one moves about with in a text.
func (k Key) moves() bool {
	return keyInsert <= k && k <= keyRight || k == keyBackspace || k == keyTab || k == keyEnter
}

// foreign reports a key that keyboards for other languages have.
func (k Key) foreign() bool { return k == keyYen || k == keyRo || k >= keyMuhenkan }

// onLayout reports a key that other layouts have something else on.
func (k Key) onLayout() bool {
	n := keyNames[k]
	letter := len(n.token) == 1 && n.token[0] >= 'a'
	return letter || k < keySpace && !k.foreign() && len(n.token) > 1 && len(n.name) == 1 || k == keyFirst
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
