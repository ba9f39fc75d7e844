package crashconfig

import (
	"fmt"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

func ruleBitLocker(f *windows.Facts) (Finding, bool) {
	switch {
	case f.Volume.Locked:
		return say(Block, "The Windows volume is locked by BitLocker",
			"Its registry can be read and changed once the volume is unlocked with the recovery key; it need not be decrypted.",
			"give the key: --bitlocker-key FILE")
	case f.Volume.Suspended:
		return say(Note, "The Windows volume is encrypted with BitLocker, and its protection is suspended",
			"It opens without a key until Windows switches the protection on again. A dump written to its page file is encrypted like the rest.", "")
	case f.Volume.BitLocker:
		return say(Note, "The Windows volume is encrypted with BitLocker",
			"It is unlocked here. A dump written to its page file is encrypted like the rest of the volume: keep the recovery key at hand.", "")
	}
	return nothing()
}

func ruleHibernated(f *windows.Facts) (Finding, bool) {
	if !f.Volume.Hibernated {
		return nothing()
	}
	return say(Block, "Windows is hibernated or was shut down with Fast Startup",
		sentence(f.Volume.HibernatedWhy)+"The next start resumes the saved session: changes made now would be lost and could damage the volume.",
		"let Windows restart once (Restart, not Shut down), or run: shutdown /s /t 0; if it hangs before that, as a last resort delete hiberfil.sys, which loses the saved session")
}

// sentence ends a reason with a full stop and a blank, so that more can follow.
func sentence(s string) string {
	s = strings.TrimRight(s, ". ")
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + ". "
}

func ruleDirtyVolume(f *windows.Facts) (Finding, bool) {
	if !f.Volume.Dirty {
		return nothing()
	}
	return say(Risk, "The Windows volume is marked dirty",
		sentence(f.Volume.DirtyWhy)+"Windows will check it at the next start; that is usual after a crash and does not stop a dump.",
		"if the machine can wait, run chkdsk from WinPE first")
}

func ruleJournal(f *windows.Facts) (Finding, bool) {
	switch {
	case f.Volume.Journal == "":
		return nothing()
	case f.Volume.JournalClean:
		return say(OK, "The volume's journal has nothing to replay", strings.TrimSpace(sentence(f.Volume.Journal)), "")
	}
	return say(Note, "The volume's journal is not clean",
		sentence(f.Volume.Journal)+"That is usual after a crash. Settings are written in place, which a journal does not mind; "+
			"a registry file that has to grow needs a clean journal or --reset-journal.", "")
}

func ruleMirror(f *windows.Facts) (Finding, bool) {
	switch {
	case f.Volume.Mirror == "":
		return nothing()
	case f.Volume.MirrorOK:
		return say(OK, "The volume's first records have a good copy", strings.TrimSpace(sentence(f.Volume.Mirror)), "")
	}
	return say(Risk, "The volume's first records and their copy differ",
		sentence(f.Volume.Mirror)+"A damaged record, or a change that was cut off.", "let chkdsk repair it, best on a copy")
}

func ruleBackupBoot(f *windows.Facts) (Finding, bool) {
	switch {
	case f.Volume.BackupBoot == "":
		return nothing()
	case f.Volume.BackupBootOK:
		return say(OK, "The boot sector has a good copy", strings.TrimSpace(sentence(f.Volume.BackupBoot)), "")
	}
	return say(Note, "The boot sector has no good copy",
		sentence(f.Volume.BackupBoot)+"Windows does not need it to start; an image that was cut short or made larger often lacks it.", "")
}

func ruleHiveRecovered(f *windows.Facts) (Finding, bool) {
	r := f.Recovery
	if !r.Dirty {
		return say(OK, "The registry was written out cleanly", "The SYSTEM hive needs nothing from its logs.", "")
	}
	return say(Note, "The registry was recovered from its logs",
		fmt.Sprintf("The SYSTEM hive was not written out before the machine stopped; %s from its logs were applied in memory, as Windows would.", recovered(r)), "")
}

// recovered counts what came from the logs: entries of the newer format, or the older one's pages.
func recovered(r hive.Recovery) string {
	if r.Entries > 0 {
		return fmt.Sprintf("%d entries", r.Entries)
	}
	return fmt.Sprintf("%d pages", r.Pages)
}

func ruleControlSet(f *windows.Facts) (Finding, bool) {
	c := f.ControlSet
	if c.Name == "" {
		return say(Block, "The control set of the next boot cannot be found",
			sentence(c.Problem)+"Without it nothing can be said or changed.", "")
	}
	if c.Guessed {
		return say(Risk, "The next boot probably uses "+c.Name, "Select has no value Default; Current was taken instead.", "")
	}
	return say(OK, "The next boot uses "+c.Name, fmt.Sprintf(`Select\Default is %d.`, c.Default), "")
}

func ruleFellBack(f *windows.Facts) (Finding, bool) {
	c := f.ControlSet
	if c.Name == "" || (c.Failed == 0 && c.Default == c.Current) {
		return nothing()
	}
	return say(Note, "Windows fell back to another control set",
		fmt.Sprintf("Select has Default %d, Current %d, Failed %d, LastKnownGood %d.", c.Default, c.Current, c.Failed, c.LastKnownGood),
		fixArm+" --all-control-sets")
}

func ruleOtherControlSets(f *windows.Facts) (Finding, bool) {
	var others []string
	for _, name := range f.ControlSet.All {
		if !strings.EqualFold(name, f.ControlSet.Name) {
			others = append(others, name)
		}
	}
	if f.ControlSet.Name == "" || len(others) == 0 {
		return nothing()
	}
	return say(Note, "There are other control sets",
		fmt.Sprintf("%s would come back with Last Known Good and its old crash settings.", strings.Join(others, ", ")),
		fixArm+" --all-control-sets")
}

func ruleSetupRunning(f *windows.Facts) (Finding, bool) {
	for _, name := range []string{"SystemSetupInProgress", "OOBEInProgress", "SetupType"} {
		if n := f.SetupState.Or(name, 0); n != 0 {
			return say(Risk, "Windows setup or an upgrade is unfinished",
				fmt.Sprintf(`Setup\%s is %d; setup may replace this registry.`, name, n), "let setup finish first")
		}
	}
	return nothing()
}

func ruleOtherInstallations(f *windows.Facts) (Finding, bool) {
	if f.Other == 0 {
		return nothing()
	}
	return say(Note, "There is more than one Windows in reach",
		fmt.Sprintf("%d more besides this one.", f.Other), "hangkit list, then --install N")
}

func ruleMoved(f *windows.Facts) (Finding, bool) {
	if !f.Machine.Moved() {
		return nothing()
	}
	return say(Risk, "This disk last booted in another machine",
		fmt.Sprintf("It knows machine %s; this one is %s. Memory size and hardware of this machine say nothing about it.",
			f.Machine.UUID, f.Machine.LiveUUID), fixRAM)
}

func ruleBuildKnown(f *windows.Facts) (Finding, bool) {
	b := f.Version.Build
	switch {
	case !b.Known:
		return say(Unknown, "The Windows version is unknown", "Advice that depends on the version is general.", "")
	case b.Guessed:
		return say(Unknown, "The exact Windows build is unknown",
			fmt.Sprintf("At least build %d (%s). Settings that came later are judged as if they had no effect.", b.Value, b.Source), "")
	}
	return nothing()
}

func ruleReadOnly(f *windows.Facts) (Finding, bool) {
	if !f.Volume.ReadOnly {
		return nothing()
	}
	return say(Risk, "Nothing can be written here", sentence(f.Volume.ReadOnlyWhy)+"The settings can be judged, not changed.", "")
}

func ruleUnreadableKeys(f *windows.Facts) (Finding, bool) {
	if len(f.Problems) == 0 {
		return nothing()
	}
	detail := f.Problems[0]
	if n := len(f.Problems) - 1; n > 0 {
		detail += fmt.Sprintf(" (and %d more)", n)
	}
	return say(Risk, "Part of the registry could not be read", sentence(detail)+"What lies there was left out of this report.", "")
}

func ruleBootStoreUnreadable(f *windows.Facts) (Finding, bool) {
	if !f.BootUnreadable {
		return nothing()
	}
	return say(Risk, "The boot store cannot be read",
		sentence(f.BootProblem)+"Where the boot manager cannot read it either, Windows does not start; nothing can be said or changed about how it starts.",
		"if hangkit was cut off while it wrote: hangkit undo --bytes FILE")
}

func bootUnreadableText(f *windows.Facts) string {
	if !f.BootUnreadable {
		return ""
	}
	return f.BootProblem
}
