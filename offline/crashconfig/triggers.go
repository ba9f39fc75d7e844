package crashconfig

import (
	"slices"
	"strings"

	"hangkit/offline/windows"
)

// hidServer2003 reports the one Windows before Vista SP1 whose USB keyboards can crash it: Server 2003 with SP2. XP x64
// has the same build.
func hidServer2003(f *windows.Facts) bool {
	return f.Version.Build.Value == windows.Build2003 && f.IsServer() && strings.EqualFold(f.Version.Pack, "Service Pack 2")
}

// honours reports whether this Windows' driver looks at the crash settings at all; an unknown build is trusted.
func honours(f *windows.Facts, service string) bool {
	b := f.Version.Build
	if !b.Known {
		return true
	}
	switch service {
	case windows.HIDKeyboard:
		return b.Value >= windows.BuildVista1 || hidServer2003(f)
	case windows.HyperVKeyboard:
		return b.Value >= windows.Build1903
	}
	return b.Value >= windows.Build2000
}

// works reports whether a driver can load and honours the settings.
func works(f *windows.Facts, k windows.KeyboardDriver) bool {
	return k.Installed && !k.Disabled() && honours(f, k.Service)
}

// armedKeys is the combination a driver will recognise as its settings stand; the zero Combination if none. Windows looks
// at the custom keys only while CrashOnCtrlScroll is not set.
func armedKeys(k windows.KeyboardDriver) Combination {
	if k.Parameters.Or(windows.CrashOnCtrlScroll, 0) != 0 {
		return DefaultCombination
	}
	c := Combination{Hold: Modifiers(k.Dump.Or(windows.Dump1Keys, 0)), Press: Key(k.Dump.Or(windows.Dump2Key, 0))}
	if !c.Usable() {
		return Combination{}
	}
	return c
}

// hasCustom reports whether a driver has custom keys set, sound or not.
func hasCustom(k windows.KeyboardDriver) bool {
	return k.Dump.Has(windows.Dump1Keys) || k.Dump.Has(windows.Dump2Key)
}

// ArmedKeyboard is a keyboard driver and the combination that crashes Windows through it.
type ArmedKeyboard struct {
	Service string
	Kind    string
	Keys    Combination
}

// ArmedKeyboards lists the drivers that will honour a combination at the next boot. Windows brings the driver of the
// Hyper-V keyboard along everywhere; where there can be no such keyboard it does not count.
func ArmedKeyboards(f *windows.Facts) []ArmedKeyboard {
	var out []ArmedKeyboard
	for _, k := range f.Keyboards {
		if k.Service == windows.HyperVKeyboard && !mayBeHyperV(f) {
			continue
		}
		if c := armedKeys(k); !c.Off() && works(f, k) {
			out = append(out, ArmedKeyboard{Service: k.Service, Kind: k.Kind, Keys: c})
		}
	}
	return out
}

// UsableKeyboards are the armed ones, unless no key can be pressed that they would see.
func UsableKeyboards(f *windows.Facts) []ArmedKeyboard {
	if noKeyboard(f) != "" {
		return nil
	}
	return ArmedKeyboards(f)
}

// noKeyboard says why no keyboard of this machine can crash its Windows; empty where one may.
func noKeyboard(f *windows.Facts) string {
	if slices.Contains(noConsole, f.Platform.ID) {
		return "no console with a keyboard is known in this cloud"
	}
	connected := false
	for _, k := range f.Keyboards {
		if k.InUse.Value && works(f, k) {
			return ""
		}
		connected = connected || k.InUse.Value
	}
	if connected {
		return "the keyboards connected so far are none that can crash this Windows"
	}
	return ""
}

func mayBeHyperV(f *windows.Facts) bool {
	return slices.Contains([]string{windows.HyperV, windows.Azure, windows.UnknownPlace}, f.Platform.ID)
}

// NMIArmed reports whether an NMI will crash Windows with a dump at the next boot.
func NMIArmed(f *windows.Facts) bool {
	switch {
	case f.IsARM64():
		return false
	case f.AtLeast(windows.Build8):
		return true
	}
	return f.CrashControl.Is(windows.NMICrashDump, 1)
}

// PowerButtonArmed reports whether holding the power button will crash Windows; an unknown build is not trusted.
func PowerButtonArmed(f *windows.Facts) bool {
	return f.Power.Is(windows.PowerButtonBugcheck, 1) && f.AtLeast(windows.Build1809) && !f.Platform.Virtual()
}

// UsableButton reports whether an armed power button can be expected to reach Windows: on a portable, or on a machine
// that nobody knows.
func UsableButton(f *windows.Facts) bool {
	return PowerButtonArmed(f) && (f.Platform.Portable() || f.Platform.ID == windows.UnknownPlace)
}
