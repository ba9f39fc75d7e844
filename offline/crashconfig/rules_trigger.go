package crashconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

func ruleAnyTrigger(f *windows.Facts) (Finding, bool) {
	nmi, keys := NMIArmed(f), len(ArmedKeyboards(f)) > 0
	switch {
	case len(UsableKeyboards(f)) > 0 || UsableButton(f) || (nmi && f.Platform.HasNMI()):
		return nothing()
	case PowerButtonArmed(f):
		return say(Risk, "The power button is the only trigger", "PowerButtonBugcheck is 1, but few machines of this kind hand their button to Windows.", fixArm)
	case nmi && f.Platform.ID == windows.UnknownPlace:
		return say(Risk, "An NMI is the only trigger", "Windows would crash on an NMI, but nothing says that this machine can send one.", fixArm)
	case nmi || keys:
		return say(Block, "Nothing can start the crash on this machine", whyNoTrigger(f, nmi, keys), triggerFix(f))
	}
	return say(Block, "Nothing can start the crash", "No trigger is armed: no NMI, no key combination, no power button.", triggerFix(f))
}

// whyNoTrigger says why what is armed is of no use on this machine.
func whyNoTrigger(f *windows.Facts, nmi, keys bool) string {
	why := "No key combination and no power button is armed"
	if keys {
		why = "The key combination is of no use: " + noKeyboard(f)
	}
	switch {
	case nmi:
		return why + "; and this kind of machine has no usual way to send an NMI."
	case f.IsARM64():
		return why + "; and there is no NMI on ARM64."
	}
	return why + "; and an NMI would not crash this Windows."
}

// triggerFix is no arm where that has nothing left to arm.
func triggerFix(f *windows.Facts) string {
	if (NMIArmed(f) || f.IsARM64()) && noKeyboard(f) != "" {
		return "see hangkit trigger"
	}
	return fixArm
}

func ruleNMIOff(f *windows.Facts) (Finding, bool) {
	if !f.Before(windows.Build8) || f.IsARM64() || f.CrashControl.Is(windows.NMICrashDump, 1) {
		return nothing()
	}
	return say(Risk, "An NMI does not crash this Windows",
		fmt.Sprintf("NMICrashDump is %s; %s needs it to be 1.", valueText(f.CrashControl, windows.NMICrashDump), f.Version.Product), fixArm)
}

// valueText writes a value for people, or that it is absent.
func valueText(v windows.Values, name string) string {
	val, ok := v.Value(name)
	if !ok {
		return "absent"
	}
	if n, ok := val.Uint32(); ok && val.Type == hive.DWORD {
		return fmt.Sprint(n)
	}
	return "a " + val.Type.String()
}

func ruleNMIOn(f *windows.Facts) (Finding, bool) {
	switch {
	case !NMIArmed(f):
		return nothing()
	case f.Platform.HasNMI() || f.Platform.ID == windows.UnknownPlace:
		return say(OK, "An NMI crashes Windows", "Stop code 0x80. Send it once: a second one spoils the dump.", "")
	}
	return say(Note, "An NMI would crash Windows", "But this kind of machine has no usual way to send one, unless its board has a jumper.", "")
}

func ruleNMIOnARM(f *windows.Facts) (Finding, bool) {
	if !f.IsARM64() {
		return nothing()
	}
	return say(Note, "There is no NMI on ARM64", "Use the keyboard or the power button.", "")
}

func ruleKeyboard(f *windows.Facts) (Finding, bool) {
	armed := ArmedKeyboards(f)
	if len(armed) == 0 {
		return say(Risk, "The keyboard does not crash Windows", "No installed keyboard driver has a working combination set.", fixArm)
	}
	if why := noKeyboard(f); why != "" {
		return say(Note, "The keyboard would crash Windows", "A combination is set, but "+why+".", "")
	}
	return say(OK, "The keyboard crashes Windows", sentence(combinationsText(armed))+"Stop code 0xE2.", "")
}

// combinationsText names each combination once, with its drivers.
func combinationsText(armed []ArmedKeyboard) string {
	var parts []string
	for i, k := range armed {
		if slices.ContainsFunc(armed[:i], func(other ArmedKeyboard) bool { return other.Keys == k.Keys }) {
			continue
		}
		var services []string
		for _, other := range armed {
			if other.Keys == k.Keys {
				services = append(services, other.Service)
			}
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", k.Keys, strings.Join(services, ", ")))
	}
	return strings.Join(parts, "; ")
}

// eachKeyboard applies one judgement to every installed driver and returns the first finding.
func eachKeyboard(f *windows.Facts, judge func(windows.KeyboardDriver) (Finding, bool)) (Finding, bool) {
	for _, k := range f.Keyboards {
		if !k.Installed {
			continue
		}
		if finding, ok := judge(k); ok {
			return finding, true
		}
	}
	return nothing()
}

func ruleKeysIgnored(f *windows.Facts) (Finding, bool) {
	return eachKeyboard(f, func(k windows.KeyboardDriver) (Finding, bool) {
		if k.Parameters.Or(windows.CrashOnCtrlScroll, 0) == 0 || !hasCustom(k) {
			return nothing()
		}
		return say(Risk, "The custom keys are ignored",
			fmt.Sprintf("%s has CrashOnCtrlScroll and custom keys; only right Ctrl + Scroll Lock works.", k.Service), fixArm)
	})
}

func ruleDump2Key(f *windows.Facts) (Finding, bool) {
	return eachKeyboard(f, func(k windows.KeyboardDriver) (Finding, bool) {
		n, ok := k.Dump.DWORD(windows.Dump2Key)
		if (!ok && !k.Dump.Has(windows.Dump1Keys)) || Key(n).Usable() || k.Dump.Has(windows.Dump2Key) && !ok {
			return nothing()
		}
		return say(Risk, "The key to press cannot be recognised",
			fmt.Sprintf("%s: Dump2Key is %s, which stands for no usable key.", k.Service, valueText(k.Dump, windows.Dump2Key)), fixArm)
	})
}

func ruleDump1Keys(f *windows.Facts) (Finding, bool) {
	return eachKeyboard(f, func(k windows.KeyboardDriver) (Finding, bool) {
		n, ok := k.Dump.DWORD(windows.Dump1Keys)
		if (!ok && !k.Dump.Has(windows.Dump2Key)) || Modifiers(n).Valid() || k.Dump.Has(windows.Dump1Keys) && !ok {
			return nothing()
		}
		return say(Risk, "The keys to hold are invalid",
			fmt.Sprintf("%s: Dump1Keys is %s.", k.Service, valueText(k.Dump, windows.Dump1Keys)), fixArm)
	})
}

func ruleKeysMisplaced(f *windows.Facts) (Finding, bool) {
	return eachKeyboard(f, func(k windows.KeyboardDriver) (Finding, bool) {
		if !k.Misplaced.Has(windows.Dump1Keys) && !k.Misplaced.Has(windows.Dump2Key) {
			return nothing()
		}
		return say(Risk, "Custom keys are in the wrong place",
			fmt.Sprintf(`%s has them under Parameters\crashdump; Windows looks in crashdump beside Parameters.`, k.Service), fixArm)
	})
}

func ruleKeyTypes(f *windows.Facts) (Finding, bool) {
	return eachKeyboard(f, func(k windows.KeyboardDriver) (Finding, bool) {
		for _, at := range []struct {
			v    windows.Values
			name string
		}{{k.Parameters, windows.CrashOnCtrlScroll}, {k.Dump, windows.Dump1Keys}, {k.Dump, windows.Dump2Key}} {
			if val, ok := at.v.Value(at.name); ok && val.Type != hive.DWORD {
				return say(Risk, "A keyboard setting has the wrong data type",
					fmt.Sprintf("%s: %s is a %s; Windows reads a REG_DWORD only.", k.Service, at.name, val.Type), fixArm)
			}
		}
		return nothing()
	})
}

func ruleHIDTooEarly(f *windows.Facts) (Finding, bool) {
	k := f.Keyboard(windows.HIDKeyboard)
	if !k.Installed || honours(f, k.Service) {
		return nothing()
	}
	return say(Note, "USB keyboards cannot crash this Windows",
		fmt.Sprintf("%s honours the combination on PS/2 keyboards only.", f.Version.Product), "")
}

func ruleHyperVTooEarly(f *windows.Facts) (Finding, bool) {
	k := f.Keyboard(windows.HyperVKeyboard)
	if !k.InUse.Value || honours(f, k.Service) {
		return nothing()
	}
	return say(Note, "The Hyper-V keyboard cannot crash this Windows", "It does from Windows 10 1903 on. Use Debug-VM on the host.", "hangkit trigger --platform hyperv")
}

func ruleKeyboardDisabled(f *windows.Facts) (Finding, bool) {
	return eachKeyboard(f, func(k windows.KeyboardDriver) (Finding, bool) {
		if !k.Disabled() {
			return nothing()
		}
		return say(Risk, "A keyboard driver is disabled", fmt.Sprintf("%s has Start 4 and never loads.", k.Service), "set its Start to 3 if it is needed")
	})
}

func ruleKeyboardGap(f *windows.Facts) (Finding, bool) {
	armed := ArmedKeyboards(f)
	if len(armed) == 0 {
		return nothing()
	}
	return eachKeyboard(f, func(k windows.KeyboardDriver) (Finding, bool) {
		if !k.InUse.Value || !works(f, k) || !armedKeys(k).Off() {
			return nothing()
		}
		return say(Risk, "A keyboard in use is not armed", fmt.Sprintf("%s (%s) has been connected, but has no combination set.", k.Kind, k.Service), fixArm)
	})
}

func rulePowerButtonTooEarly(f *windows.Facts) (Finding, bool) {
	if !f.Power.Is(windows.PowerButtonBugcheck, 1) || !f.Before(windows.Build1809) {
		return nothing()
	}
	return say(Note, "The power button setting has no effect", fmt.Sprintf("PowerButtonBugcheck works from Windows 10 1809 on; this is %s.", f.Version), "")
}

func rulePowerButtonHardware(f *windows.Facts) (Finding, bool) {
	if !f.Power.Is(windows.PowerButtonBugcheck, 1) || f.Before(windows.Build1809) || f.Platform.Portable() {
		return nothing()
	}
	return say(Note, "The power button may not reach Windows", "PowerButtonBugcheck needs a button that the firmware hands to Windows: tablets and modern laptops.", "")
}

func rulePowerButtonTwice(f *windows.Facts) (Finding, bool) {
	if !f.Power.Is(windows.PowerButtonBugcheck, 1) || f.Power.Or("PowerButtonLiveDump", 0)&1 == 0 {
		return nothing()
	}
	return say(Note, "The power button has two dump settings", "PowerButtonBugcheck wins over PowerButtonLiveDump.", "")
}

func ruleWatchdogs(f *windows.Facts) (Finding, bool) {
	if len(f.Watchdogs) == 0 {
		return nothing()
	}
	return say(Risk, "A watchdog may reset the machine first",
		fmt.Sprintf("Installed: %s. It can reset a hung machine before or while the dump is written.", watchdogsText(f)),
		"switch the watchdog off in firmware setup or the BMC")
}

// watchdogsText names each vendor once, with its services.
func watchdogsText(f *windows.Facts) string {
	services := map[string][]string{}
	for _, w := range f.Watchdogs {
		services[w.Vendor] = append(services[w.Vendor], w.Service)
	}
	var parts []string
	for _, vendor := range slices.Sorted(maps.Keys(services)) {
		parts = append(parts, fmt.Sprintf("%s (%s)", vendor, strings.Join(services[vendor], ", ")))
	}
	return strings.Join(parts, ", ")
}

func ruleKVMHost(f *windows.Facts) (Finding, bool) {
	if f.Platform.ID != windows.KVM && f.Platform.ID != windows.OpenStack && f.Platform.ID != windows.KubeVirt {
		return nothing()
	}
	detail := "The host must not act on the crash itself: no hv-crash enlightenment, no watchdog device"
	if f.ServiceActive("pvpanic") {
		detail += ", and with the pvpanic device found here no <on_crash>destroy or restart"
	}
	return say(Risk, "The host may stop the virtual machine during the dump", detail+".", "check the domain's XML: <on_crash>preserve</on_crash>")
}

func ruleHAHost(f *windows.Facts) (Finding, bool) {
	if f.Platform.ID != windows.VMware && f.Platform.ID != windows.HyperV {
		return nothing()
	}
	return say(Note, "A cluster may restart the virtual machine", "If VM monitoring or heartbeat recovery is on, suspend it until the dump is written.", "")
}

func ruleCluster(f *windows.Facts) (Finding, bool) {
	if !f.ServiceActive("ClusSvc") {
		return nothing()
	}
	return say(Risk, "Cluster hang recovery may act first", "The cluster service is installed: it may fail over or crash the node (0x9E) by itself.", "look at the cluster property HangRecoveryAction")
}

func ruleHyperVHost(f *windows.Facts) (Finding, bool) {
	if !f.ServiceActive("vmms") || f.Platform.Virtual() {
		return nothing()
	}
	return say(Note, "This machine hosts virtual machines", "An NMI from its BMC takes them all down. To study a hung guest, inject the NMI into the guest.", "")
}

func ruleBootDebug(f *windows.Facts) (Finding, bool) {
	if f.Boot == nil || !f.Boot.Debug.Value {
		return nothing()
	}
	return say(Risk, "The kernel debugger is on",
		"The boot store says debug: a crash may wait for a debugger instead of writing its dump.",
		"in Windows: bcdedit /debug off (suspend BitLocker first, or it asks for the recovery key)")
}

func rulePlatformKnown(f *windows.Facts) (Finding, bool) {
	if f.Platform.ID != windows.UnknownPlace {
		return nothing()
	}
	return say(Note, "The kind of machine is unknown", "How to trigger the crash is described in general terms.", "hangkit trigger --platform NAME")
}
