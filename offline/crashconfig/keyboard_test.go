package crashconfig

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseCombination(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Combination{
		"off":              {},
		"default":          DefaultCombination,
		"rctrl+scroll":     DefaultCombination,
		"RCtrl + Scroll":   DefaultCombination,
		"rctrl+space":      {RightCtrl, 0x3D},
		"rctrl+d":          {RightCtrl, 0x21},
		"lctrl+rctrl+d":    {LeftCtrl | RightCtrl, 0x21},
		"lctrl+lalt+f12":   {0x60, 0x7B},
		"lshift+rshift+5":  {0x11, 6},
		"rctrl+print":      {0x02, 0x7C},
		"rctrl+numslash":   {0x02, 95},
		"rctrl+/":          {0x02, 55},
		"lctrl+ralt+enter": {0x24, 43},
		"rctrl+f1":         {0x02, 112},
		"rctrl+0":          {0x02, 11},
		"rctrl+m":          {0x02, 52},
		"rctrl+esc":        {0x02, 110},
	} {
		got, err := ParseCombination(in)
		if err != nil || got != want {
			t.Errorf("ParseCombination(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "+", "scroll", "f12", "ctrl+scroll", "rctrl+rctrl", "rctrl+pause", "rctrl+lshift", "ralt+f12",
		"rctrl+", "+scroll", "rctrl+scroll+d", "rctrl+124", "win+d", "rctrl++"} {
		if got, err := ParseCombination(in); !errors.Is(err, ErrKeys) {
			t.Errorf("ParseCombination(%q) = %+v, %v; want ErrKeys", in, got, err)
		}
	}
}

// scanCodes is the keyboard drivers' table keyToScanTbl, which Dump2Key indexes: positions in IBM's key numbering, with
// scan codes of set 1. From 0x80 on the code is E0 and the low seven bits; 0 is a position without a usable key.
// Source: "Forcing a system crash from the keyboard", Microsoft.
var scanCodes = [...]byte{
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

// scanCode is a key's code in set 1 with its E0 prefix, nil if the table has none.
func scanCode(k Key) []byte {
	if int64(k) >= int64(len(scanCodes)) || scanCodes[k] == 0 {
		return nil
	}
	if c := scanCodes[k]; c >= 0x80 {
		return []byte{0xE0, c & 0x7F}
	}
	return []byte{scanCodes[k]}
}

// Every key a name is given to has a scan code in the drivers' table, none is a modifier, and every other position is
// unusable: the table and the names cannot drift apart.
func TestKeyTable(t *testing.T) {
	t.Parallel()
	modifierCodes := map[string]bool{"2a": true, "36": true, "1d": true, "e01d": true, "38": true, "e038": true}
	usable := 0
	for k := range Key(300) {
		code := fmt.Sprintf("%x", scanCode(k))
		want := code != "" && !modifierCodes[code] || k == keyPrint
		if k.Usable() != want {
			t.Errorf("key %d (%s, code %q): usable %v, want %v", k, k, code, k.Usable(), want)
		}
		if k.Usable() {
			usable++
		}
	}
	if len(scanCodes) != 134 || usable != 99 {
		t.Errorf("%d entries, %d usable; want 134 and 99", len(scanCodes), usable)
	}
	for k, code := range map[Key]string{61: "39", 108: "e01c", 95: "e035", 83: "e048", 125: "46", 42: "2b", 133: "70"} {
		if got := fmt.Sprintf("%x", scanCode(k)); got != code {
			t.Errorf("key %d: scan code %s, want %s", k, got, code)
		}
	}
}

func TestCombinationText(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"rctrl+scroll":   "hold right Ctrl, press Scroll Lock twice",
		"lctrl+lalt+f12": "hold left Ctrl + left Alt, press F12 twice",
		"off":            "off",
	} {
		c, err := ParseCombination(flag)
		if err != nil || c.String() != want || c.Flag() != flag {
			t.Errorf("%s: %q, flag %q, %v; want %q", flag, c, c.Flag(), err, want)
		}
	}
	for flag, want := range map[string]bool{"lctrl+d": true, "rctrl+d": false, "lctrl+f12": false, "lctrl+lalt+d": false} {
		if c, _ := ParseCombination(flag); c.accident() != want {
			t.Errorf("%s: accident %v", flag, !want)
		}
	}
}

func TestModifiersValid(t *testing.T) {
	t.Parallel()
	for m, want := range map[Modifiers]bool{0: false, 1: true, 0x77: true, 0x08: false, 0x80: false, 0x102: false, 0x88: false} {
		if m.Valid() != want {
			t.Errorf("%#x: valid %v", uint32(m), !want)
		}
	}
}

func FuzzParseCombination(f *testing.F) {
	for _, s := range []string{"off", "rctrl+scroll", "lctrl+lalt+f12", "rctrl+/", "+", "ctrl+d", "rctrl+Ω"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCombination(s)
		if err != nil {
			return
		}
		if !c.Off() && !c.Usable() {
			t.Errorf("%q: %+v cannot fire", s, c)
		}
		if again, err := ParseCombination(c.Flag()); err != nil || again != c {
			t.Errorf("%q: %+v written as %q reads as %+v, %v", s, c, c.Flag(), again, err)
		}
		if strings.TrimSpace(c.String()) == "" {
			t.Errorf("%q: no words for %+v", s, c)
		}
	})
}
