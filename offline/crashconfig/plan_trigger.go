package crashconfig

import (
	"hangkit/offline/windows"
)

// unarmed reports that dumps are switched off: no trigger is then armed that nobody asked for.
func (d *draft) unarmed() bool { return configuredType(d.f) == NoDump }

func (d *draft) nmi() error {
	const flag, name = "--nmi", windows.NMICrashDump
	cc := &d.f.CrashControl
	switch {
	case d.f.IsARM64():
		if d.s.NMI == Yes {
			return refuse(flag, "ARM64 has no NMI; use the keyboard or the power button")
		}
	case d.f.AtLeast(windows.Build8):
		if d.s.NMI != ByDefault {
			d.note("%s crashes on every NMI; there is nothing to set, though some articles still say so.", d.f.Version.Product)
		}
	case d.s.NMI == No:
		if cc.Or(name, 0) != 0 {
			d.set(cc, dword(name, 0), "an NMI does not crash Windows")
		}
	case d.s.NMI == Yes || !d.unarmed():
		d.set(cc, dword(name, 1), d.nmiWords(), "T01", "T02")
	}
	return nil
}

// nmiWords say why the value is written though some say that it is there.
func (d *draft) nmiWords() string {
	if d.f.IsServer() && d.f.AtLeast(windows.BuildVista) {
		return "an NMI crashes Windows; documents differ on whether this server does without the value, so it is written"
	}
	return "an NMI crashes Windows"
}

func (d *draft) keyboard() error {
	if d.s.Keyboard == nil && d.unarmed() {
		return nil
	}
	changed := false
	for i := range d.f.Keyboards {
		k := &d.f.Keyboards[i]
		if !k.Installed {
			continue
		}
		d.removeMisplaced(k)
		switch {
		case !honours(d.f, k.Service):
			if k.InUse.Value || d.s.Keyboard != nil {
				d.noteDeaf(k)
			}
			continue
		case k.Disabled():
			d.note("%s (%s) never loads, its Start is 4; left alone.", k.Kind, k.Service)
			continue
		case d.s.Keyboard == nil:
			d.defaultKeys(k)
		default:
			d.setKeys(k, *d.s.Keyboard)
		}
		changed = true
	}
	if !changed && d.s.Keyboard != nil && !d.s.Keyboard.Off() {
		return refuse("--keyboard", "no keyboard driver installed here can crash Windows")
	}
	if d.s.Keyboard != nil {
		for _, w := range d.s.Keyboard.Warnings() {
			d.note("%s", w)
		}
	}
	return nil
}

// noteDeaf says that a keyboard's driver does not look at the settings.
func (d *draft) noteDeaf(k *windows.KeyboardDriver) {
	d.note("%s (%s) cannot crash %s; left alone.", k.Kind, k.Service, d.f.Version.Product)
	if k.Service == windows.HIDKeyboard && d.f.AtLeast(windows.Build2003) {
		d.note("Documents differ on when USB keyboards began to crash Windows; those that want Server 2003 SP2 or Vista SP1 are followed.")
	}
}

// defaultKeys keeps a working combination somebody chose, and sets Windows' own one otherwise.
func (d *draft) defaultKeys(k *windows.KeyboardDriver) {
	if c := armedKeys(*k); !c.Off() && c != DefaultCombination {
		d.note("%s keeps its combination: %s.", k.Service, c)
		return
	}
	d.setKeys(k, DefaultCombination)
}

// setKeys plans one driver's combination. The default one and custom ones exclude each other.
func (d *draft) setKeys(k *windows.KeyboardDriver, c Combination) {
	if c == DefaultCombination {
		d.set(&k.Parameters, dword(windows.CrashOnCtrlScroll, 1), DefaultCombination.String(), "T01", "T05", "T10")
		d.removeCustom(k, "custom keys would be ignored")
		return
	}
	if k.Parameters.Has(windows.CrashOnCtrlScroll) && !k.Parameters.Is(windows.CrashOnCtrlScroll, 0) {
		d.set(&k.Parameters, dword(windows.CrashOnCtrlScroll, 0), "would take precedence over other keys: recipes that set both do not work", "T06")
	}
	if c.Off() {
		d.removeCustom(k, "no keyboard crash")
		return
	}
	d.set(&k.Dump, dword(windows.Dump1Keys, uint32(c.Hold)), "hold "+c.Hold.String(), "T01", "T05", "T08", "T10")
	d.set(&k.Dump, dword(windows.Dump2Key, uint32(c.Press)), "press "+c.Press.String()+" twice", "T07")
}

// removeMisplaced takes away keys that were set where no driver looks, so that nobody relies on them.
func (d *draft) removeMisplaced(k *windows.KeyboardDriver) {
	for _, name := range []string{windows.Dump1Keys, windows.Dump2Key} {
		d.remove(&k.Misplaced, name, "Windows does not look here", "T09")
	}
}

func (d *draft) removeCustom(k *windows.KeyboardDriver, why string) {
	d.remove(&k.Dump, windows.Dump1Keys, why, "T06", "T08")
	d.remove(&k.Dump, windows.Dump2Key, why, "T06", "T07")
}

func (d *draft) powerButton() error {
	const flag, name = "--power-button", windows.PowerButtonBugcheck
	v := &d.f.Power
	wanted := d.s.PowerButton == Yes || (d.s.PowerButton == ByDefault && d.f.Platform.Portable() && !d.unarmed())
	switch {
	case d.s.PowerButton == No:
		if v.Or(name, 0) != 0 {
			d.set(v, dword(name, 0), "the power button does not crash Windows")
		}
	case !wanted:
	case d.s.PowerButton == Yes && !d.f.AtLeast(windows.Build1809):
		return refuse(flag, "needs Windows 10 1809 or Server 2019; this is %s", d.f.Version)
	case d.s.PowerButton == Yes && d.f.Platform.Virtual():
		return refuse(flag, "a virtual machine's power button does not reach Windows this way")
	case d.f.AtLeast(windows.Build1809):
		d.set(v, dword(name, 1), "holding the power button for 7 seconds crashes Windows", "T01")
	}
	return nil
}
