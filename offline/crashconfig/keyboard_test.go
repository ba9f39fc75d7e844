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
		"0x02+0x3D":        {0x02, 0x3D},
		"0x60 + f12":       {0x60, 0x7B},
		"lctrl+0x40+0x7b":  {0x60, 0x7B},
		"rctrl+0x7c":       {0x02, 124},
		"ralt+f12":         {0x04, 0x7B},
	} {
		got, err := ParseCombination(in)
		if err != nil || got != want {
			t.Errorf("ParseCombination(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "+", "scroll", "f12", "ctrl+scroll", "rctrl+rctrl", "rctrl+pause", "rctrl+lshift", "0x3d", "0x02+", "0x00+0x3d", "0x08+0x3d", "0x82+0x3d", "0x102+0x3d", "0x02+0x00", "0x02+0x1d",
		"0x02+0x86", "0x02+0x2c", "0x02+0x40", "0x02+0x1ffffffff", "2+0x3d", "altgr+d", "rctrl+", "+scroll", "rctrl+scroll+d", "rctrl+124", "win+d", "rctrl++"} {
		if got, err := ParseCombination(in); !errors.Is(err, ErrKeys) {
			t.Errorf("ParseCombination(%q) = %+v, %v; want ErrKeys", in, got, err)
		}
	}
}

// Every key a name is given to has a scan code in the drivers' table, none is a modifier, and every other position is
// unusable: the table and the names cannot drift apart.
func TestKeyTable(t *testing.T) {
	t.Parallel()
	modifierCodes := map[string]bool{"2a": true, "36": true, "1d": true, "e01d": true, "38": true, "e038": true}
	usable := 0
	for k := range Key(300) {
		code := fmt.Sprintf("%x", k.ScanCode())
		want := code != "" && !modifierCodes[code]
		if k.Usable() != want {
			t.Errorf("key %d (%s, code %q): usable %v, want %v", k, k, code, k.Usable(), want)
		}
		if _, named := keyNames[k]; named != want {
			t.Errorf("key %d: named %v, usable %v", k, named, want)
		}
		if k.Usable() {
			usable++
		}
	}
	if len(keyTable) != 134 || usable != 99 {
		t.Errorf("%d entries, %d usable; want 134 and 99", len(keyTable), usable)
	}
	for k, code := range map[Key]string{61: "39", 108: "e01c", 95: "e035", 83: "e048", 125: "46", 42: "2b", 133: "70"} {
		if got := fmt.Sprintf("%x", k.ScanCode()); got != code {
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
	for flag, want := range map[string]bool{
		"lctrl+d": true, "rctrl+d": false, "lctrl+f5": true, "lctrl+lalt+d": false, "rctrl+left": true, "lctrl+lshift+right": true,
		"lalt+tab": true, "ralt+lctrl+left": false, "lshift+scroll": false,
	} {
		if c, _ := ParseCombination(flag); c.accident() != want {
			t.Errorf("%s: accident %v", flag, !want)
		}
	}
}

// Every refusal says in words what is wrong.
func TestRefusedKeysWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0x02+0x86":    "table ends at 133",
		"0x02+0x00":    "no key there",
		"0x02+0x1d":    "take 42",
		"rctrl+pause":  "Pause",
		"0x02+0x2c":    "left Shift is a key to hold",
		"rctrl+lshift": "is a key to hold",
		"0x00+0x3d":    "switches the combination off",
		"0x88+0x3d":    "bits 0x88",
		"altgr+d":      "lctrl+ralt",
		"ctrl+d":       "lctrl or rctrl",
		"rctrl+124":    "--keyboard list",
	} {
		if _, err := ParseCombination(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ralt+f12": "AltGr", "lctrl+d": "by accident", "lctrl+lalt+f12": "held together", "rctrl+q": "US keyboard", "rctrl+henkan": "Japanese",
		"rctrl+scroll": "no Scroll Lock", "rctrl+slash": "US keyboard", "rctrl+grave": "US keyboard",
	} {
		c, err := ParseCombination(in)
		if got := strings.Join(c.Warnings(), " "); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"rctrl+space", "rctrl+f12", "rctrl+enter", "rctrl+esc", "rctrl+5", "off"} {
		c, err := ParseCombination(in)
		if got := c.Warnings(); err != nil || len(got) > 0 && in != "rctrl+enter" {
			t.Errorf("%s: %q, %v; want none", in, got, err)
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
	for _, s := range []string{"off", "rctrl+scroll", "lctrl+lalt+f12", "rctrl+/", "+", "ctrl+d", "rctrl+Ω", "0x02+0x3D"} {
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
