package offline

import (
	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/seekable"
	"hangkit/hive"
	"hangkit/hive/regtext"
	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/image/fat"
	"hangkit/image/wim"
	"hangkit/ntfs"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// damagedHive is the way on from a hive of which nothing more is known.
const damagedHive = "the registry hive is damaged: 'hangkit hive check' lists the faults"

// mountInstead is the way on from a file that hangkit will not write.
var mountInstead = []string{"a file system can write what hangkit will not: mount the volume (one under BitLocker by way of dislocker, or unlocked in Windows PE) and name the mounted folder"}

// resetJournalHints lead on where a file must be replaced on a volume that was not left
// clean, and say what that costs.
var resetJournalHints = []string{
	"let Windows start once and shut it down (Restart, or shutdown /s /t 0); then its journal is clean",
	"or add --reset-journal: the journal is emptied, what Windows had begun there stays unfinished, and it checks the volume (autochk) at its next start",
}

// rules say what the errors of the rooms mean to the user: the exit status and the
// way out. The first that fits counts, so the special ones stand before the general.
var rules = []ui.Rule{
	{Is: errNoDump, Status: ui.NotFound},

	{Is: bitlocker.ErrLocked, Status: ui.Refused, Hints: []string{keyHint}},
	{Is: target.ErrDriveLocked, Status: ui.Refused, Hints: []string{"unlock it: manage-bde -unlock C: -recoverypassword PASSWORD, with the letter it has here", "or leave the letter out: hangkit opens locked volumes of a disk itself, and 'hangkit list' names their keys"}},
	{Is: bitlocker.ErrKey, Status: ui.Usage, Hints: []string{keyHint}},
	{Is: bitlocker.ErrConverting, Status: ui.Refused, Hints: []string{"let Windows finish it ('manage-bde -status' shows how far it is), then try again; reading goes on"}},
	{Is: ntfs.ErrBitLocker, Status: ui.Refused, Hints: []string{"Windows may open it: 'manage-bde -unlock' in WinPE; 'repair-bde' rescues files from a damaged one"}},

	{Is: target.ErrUnknown, Status: ui.Damaged},
	{Is: target.ErrNoImage, Status: ui.Usage},
	// What refuses to change an archive is wrapped in a refusal.
	{Is: wim.ErrInProgress, Status: ui.Refused, Hints: []string{"if no program is at it, it was cut off: 'wimlib-imagex verify' tells whether the archive is whole"}},
	{Is: wim.ErrReadOnly, Status: ui.Refused, Hints: []string{"export its images to a new archive: wimlib-imagex export"}},
	{Is: wim.ErrShared, Status: ui.Refused},
	{Is: wim.ErrChanged, Status: ui.Refused, Hints: []string{"something else is writing to this archive: stop it and try again"}},

	{Is: target.ErrNeighbourLocked, Status: ui.Refused, Hints: []string{keyHint, "or add --accept-locked where no Windows was suspended on this disk: the locked volume holds data only, or was shut down for good"}},
	{Is: target.ErrOwnSystem, Status: ui.Refused, Hints: []string{"its letter may be any: 'hangkit list' shows the disks; or name a drive such as C:"}},
	{Is: target.ErrRefused, Status: ui.Refused},
	{Is: crashconfig.ErrRefused, Status: ui.Refused},
	{Is: crashconfig.ErrOtherTarget, Status: ui.Refused, Hints: []string{"check that this is the right disk; --accept-other-machine goes on regardless"}},
	{Is: crashconfig.ErrNoControlSet, Status: ui.Damaged},
	{Is: crashconfig.ErrNoRecord, Status: ui.NotFound},
	{Is: crashconfig.ErrRecord, Status: ui.Damaged},

	{Is: image.ErrBusy, Status: ui.Refused, Hints: []string{"unmount it, or shut the virtual machine down, and try again"}},
	{Is: image.ErrReadOnly, Status: ui.Refused, Hints: []string{"--dry-run works on a read-only disk"}},
	{Is: image.ErrRefused, Status: ui.Refused},
	{Is: image.ErrUnsupported, Status: ui.Damaged},
	{Is: image.ErrTruncated, Status: ui.Damaged, Hints: []string{"the image is shorter than its partition table says: was it copied whole?"}},
	{Is: image.ErrNoTable, Status: ui.Damaged, Hints: []string{"a disk image begins with a partition table or an NTFS volume"}},
	{Is: image.ErrFormat, Status: ui.Damaged},

	{Is: ntfs.ErrJournal, Status: ui.Refused, Hints: resetJournalHints},
	{Is: ntfs.ErrVolumeDirty, Status: ui.Refused, Hints: resetJournalHints},
	{Is: ntfs.ErrHibernated, Status: ui.Refused},
	{Is: ntfs.ErrVolumeFlags, Status: ui.Refused, Hints: []string{"let Windows or chkdsk finish what it began on the volume"}},
	{Is: ntfs.ErrMirror, Status: ui.Refused, Hints: []string{"let chkdsk repair it, best on a copy"}},
	{Is: ntfs.ErrVersion, Status: ui.Refused},
	{Is: ntfs.ErrProtected, Status: ui.Refused},
	{Is: ntfs.ErrNoSpace, Status: ui.Refused, Hints: []string{"the old and the new file have to fit on the volume together: make room there first"}},
	{Is: ntfs.ErrNotReplaceable, Status: ui.Refused, Hints: mountInstead},
	{Is: ntfs.ErrRecordFull, Status: ui.Refused, Hints: mountInstead},
	{Is: ntfs.ErrNotSingleSector, Status: ui.Refused, Hints: mountInstead},
	{Is: ntfs.ErrChanged, Status: ui.Refused, Hints: []string{"something else is writing to this disk: stop it and try again"}},
	{Is: ntfs.ErrReadBack, Status: ui.Failed, Hints: []string{"the disk does not keep what is written to it: copy it as a whole before anything else"}},
	{Is: errNewFindings, Status: ui.Failed},

	{Is: ntfs.ErrNotInPlace, Status: ui.Refused, Hints: mountInstead},
	{Is: ntfs.ErrReadOnly, Status: ui.Refused},
	{Is: ntfs.ErrNotNTFS, Status: ui.Damaged},
	{Is: ntfs.ErrTruncated, Status: ui.Damaged, Hints: []string{"was the image copied whole?"}},
	{Is: ntfs.ErrFormat, Status: ui.Damaged, Hints: []string{"the volume is damaged: 'chkdsk' from WinPE may repair it, best on a copy"}},
	{Is: ntfs.ErrUnsupported, Status: ui.Damaged},

	{Is: hive.ErrDirtyNoLog, Status: ui.Refused, Hints: []string{"Windows itself would refuse this hive; copy its .LOG1 and .LOG2 too if they were left behind", tornHint}},
	{Is: hive.ErrLogsNotApplicable, Status: ui.Refused, Hints: []string{"Windows itself would refuse this hive with these logs", tornHint}},
	{Is: hive.ErrStale, Status: ui.Refused, Hints: []string{"something else is writing to this disk: stop it and try again"}},
	{Is: errNotInterrupted, Status: ui.Refused},
	{Is: hive.ErrNoRoom, Status: ui.Refused, Hints: []string{"the file would have to grow, which hangkit does on NTFS that it opens itself, and leaves to the system that has it mounted"}},
	{Is: hive.ErrUnsupported, Status: ui.Refused},
	{Is: windows.ErrNotBCD, Status: ui.Damaged, Hints: []string{"name the file BCD, or what it lies on"}},
	{Is: fat.ErrNotInPlace, Status: ui.Refused, Hints: mountInstead},
	{Is: fat.ErrReadOnly, Status: ui.Refused},
	{Is: fat.ErrFormat, Status: ui.Damaged, Hints: []string{"the volume is damaged: 'chkdsk' from WinPE may repair it, best on a copy"}},
	{Is: regtext.ErrSyntax, Status: ui.Damaged},
	{Is: regtext.ErrForeignKey, Status: ui.Refused},
	{Is: regtext.ErrLeftOut, Status: ui.Partly},
	{Is: hive.ErrFormat, Status: ui.Damaged, Hints: []string{damagedHive}},

	{Is: dumpfile.ErrUserDump, Status: ui.Damaged, Hints: []string{"open it with a debugger for programs; hangkit looks at dumps of the kernel"}},
	{Is: dumpfile.ErrNotDump, Status: ui.Damaged},
	{Is: dumpfile.ErrFirmwareDump, Status: ui.Damaged},
	{Is: dumpfile.ErrHeaderWiped, Status: ui.Damaged},
	{Is: dumpfile.ErrTruncated, Status: ui.Damaged},
	{Is: dumpfile.ErrFormat, Status: ui.Damaged},
	{Is: collect.ErrFileTooBig, Status: ui.Failed, Hints: []string{"cut the copy: --split 4000M", "or use a stick with NTFS, exFAT or ext4"}},
	{Is: collect.ErrTooManyParts, Status: ui.Usage},
	{Is: collect.ErrTargetGone, Status: ui.Failed, Hints: []string{"was the stick taken away? What had been written before is still good"}},
	{Is: collect.ErrReadOnly, Status: ui.Failed, Hints: []string{"name a folder that can be written: -o; a stick may have a switch, and Linux mounts a damaged file system read-only"}},
	{Is: collect.ErrSourceGone, Status: ui.Failed},
	{Is: collect.ErrOtherMachine, Status: ui.Refused, Hints: []string{"name another folder: -o"}},
	{Is: collect.ErrBundleBusy, Status: ui.Refused, Hints: []string{"let it end first; without --resume a new collection begins beside it"}},
	{Is: collect.ErrFinished, Status: ui.Refused},
	{Is: collect.ErrEncrypted, Status: ui.Refused},
	{Is: collect.ErrParts, Status: ui.Damaged, Hints: []string{"were all parts copied, and whole?"}},
	{Is: collect.ErrMapfile, Status: ui.Damaged, Hints: []string{"take the .map file away to read the dump without it; what could not be read is zeros then"}},
	{Is: seekable.ErrFormat, Status: ui.Damaged},
	{Is: seekable.ErrNoTable, Status: ui.Damaged, Hints: []string{"the archive was cut short, or another program made it: unpack it with zstd -d"}},
	{Is: seekable.ErrTooLarge, Status: ui.Damaged, Hints: []string{"the archive is damaged, or another program made it: unpack it with zstd -d"}},
	{Is: crashconfig.ErrPlatform, Status: ui.Usage},
	{Is: collect.ErrTargetFull, Status: ui.Failed, Hints: []string{"name a folder on a disk with more room: -o"}},
}
