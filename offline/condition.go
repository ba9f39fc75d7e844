package offline

import (
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// conditionJSON is what a volume's last use left behind.
type conditionJSON struct {
	Flags        string   `json:"flags"` // of $Volume, hexadecimal
	Dirty        bool     `json:"dirty"`
	Journal      string   `json:"journal"` // $LogFile
	JournalClean bool     `json:"journal_clean"`
	Hibernation  string   `json:"hibernation"`
	MirrorOK     bool     `json:"mirror_ok"`
	BackupBootOK bool     `json:"backup_boot_ok"`
	Words        []string `json:"words"`
}

func describeCondition(v *target.Volume) *conditionJSON {
	c := v.Condition()
	if c == nil {
		return nil
	}
	return &conditionJSON{
		Flags: c.FlagBits(), Dirty: v.State.Dirty, Journal: v.State.Log.State.String(), JournalClean: v.State.Log.Clean(),
		Hibernation: v.State.Hibernation.String(), MirrorOK: v.State.MirrorOK, BackupBootOK: c.BackupBootOK(), Words: c.Words(),
	}
}

// volumeState says for the readiness rules what is known about the volume.
func volumeState(v *target.Volume) windows.VolumeState {
	st := windows.VolumeState{ID: volumeID(v), Serial: v.Info.Serial, Dynamic: v.Part.Dynamic()}
	if c := v.Condition(); c != nil {
		st.Dirty, st.DirtyWhy = v.State.Dirty, c.Flags
		st.Journal, st.JournalClean = c.Journal, v.State.Log.Clean()
		st.BackupBoot, st.BackupBootOK = c.BackupBoot, c.BackupBootOK()
		st.Mirror, st.MirrorOK = c.Mirror, v.State.MirrorOK
	}
	st.BitLocker = v.BitLocker != nil
	st.Suspended = st.BitLocker && v.BitLocker.Suspended()
	if err := v.Hibernated(); err != nil {
		st.Hibernated, st.HibernatedWhy = true, err.Error()
	}
	return st
}
