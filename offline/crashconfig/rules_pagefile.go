package crashconfig

import (
	"fmt"
	"slices"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// dumpPageFile returns the entry of PagingFiles that a dump would be written through: one on the system volume, or one
// whose drive Windows chooses.
func dumpPageFile(f *windows.Facts) (windows.PageFileEntry, bool) {
	if f.WinPE {
		return pePageFile(f)
	}
	for _, e := range f.PageFiles {
		if e.Err == nil && (e.Drive == f.SystemLetter.Value || e.Drive == windows.AnyDrive) {
			return e, true
		}
	}
	return windows.PageFileEntry{}, false
}

// judgedPageFile is dumpPageFile unless a dedicated file makes the page file irrelevant.
func judgedPageFile(f *windows.Facts) (windows.PageFileEntry, bool) {
	if hasDedicated(f) {
		return windows.PageFileEntry{}, false
	}
	return dumpPageFile(f)
}

// pageFileMB is the page file's size that is sure to be there when the crash comes: the initial one, or that of the file
// Windows manages, as it is now; 0 if there is none.
func pageFileMB(f *windows.Facts) int64 {
	e, ok := dumpPageFile(f)
	switch {
	case !ok:
		return 0
	case e.Managed():
		return f.Files.PageFile.Size / mib
	}
	return e.Initial
}

// pageFileEnough reports whether the page file is known to hold any dump of the type judged by.
func pageFileEnough(f *windows.Facts) bool {
	n, known := dumpNeed(f, judgedType(f))
	return known && pageFileMB(f) >= n.OK
}

// room is what the page file can take on the system volume, in MB: free space and the present page file together.
func room(f *windows.Facts) int64 { return (f.Free.Value + f.Files.PageFile.Size) / mib }

func ruleNoPageFile(f *windows.Facts) (Finding, bool) {
	if len(f.PageFiles) > 0 || hasDedicated(f) {
		return nothing()
	}
	if val, ok := f.Memory.Value(windows.PagingFiles); ok && val.Type != hive.MultiSZ {
		return say(Block, "The page file setting has the wrong data type",
			fmt.Sprintf("PagingFiles is a %s; Windows reads a REG_MULTI_SZ.", val.Type), fixArm)
	}
	return say(Block, "There is no page file", "PagingFiles is empty: a crash has nowhere to write the dump.", fixArm)
}

func rulePageFileElsewhere(f *windows.Facts) (Finding, bool) {
	if len(f.PageFiles) == 0 || hasDedicated(f) || wellFormed(f) == 0 {
		return nothing()
	}
	if e, ok := dumpPageFile(f); ok {
		return chosenElsewhere(f, e)
	}
	if f.WinPE {
		return say(Block, "No page file on a disk",
			fmt.Sprintf("PagingFiles is %s; Windows PE runs from memory, and a dump there is lost with it.", entriesText(f)), fixArm)
	}
	return say(Block, "No page file on the Windows volume",
		fmt.Sprintf("PagingFiles is %s; by Microsoft's documentation the dump needs a page file on %s, where Windows is.", entriesText(f), f.Letter()), fixArm)
}

// chosenElsewhere: of a page file whose drive Windows chooses, the last boot tells where it came to lie.
func chosenElsewhere(f *windows.Facts, e windows.PageFileEntry) (Finding, bool) {
	if e.Drive != windows.AnyDrive || f.Files.PageFile.Present || !existsElsewhere(f) {
		return nothing()
	}
	size := "SIZE"
	if n, known := dumpNeed(f, judgedType(f)); known {
		size = fmt.Sprintf("%dM", n.OK)
	}
	existing, _ := f.Memory.Strings(windows.ExistingPageFiles)
	return say(Risk, "Windows put its page file on another volume",
		fmt.Sprintf("PagingFiles leaves it the choice, and the last boot had %q only; by Microsoft's documentation the dump needs one on %s.", existing, f.Letter()),
		fixArm+" --pagefile "+size)
}

func wellFormed(f *windows.Facts) int {
	n := 0
	for _, e := range f.PageFiles {
		if e.Err == nil {
			n++
		}
	}
	return n
}

func entriesText(f *windows.Facts) string {
	var list []string
	for _, e := range f.PageFiles {
		list = append(list, `"`+e.Raw+`"`)
	}
	return strings.Join(list, ", ")
}

// fixedSize is the fixed page file that a dump must fit into; what Windows manages is P06 and P07.
func fixedSize(f *windows.Facts) (windows.PageFileEntry, bool) {
	e, ok := judgedPageFile(f)
	return e, ok && !e.Managed()
}

func entrySize(e windows.PageFileEntry) string {
	return fmt.Sprintf("%c:%s is set to %s", e.Drive, e.Path, mbText(e.Initial))
}

// rulePageFileFarTooSmall judges by what no dump can do without. For a complete dump of a known memory C27 speaks instead.
func rulePageFileFarTooSmall(f *windows.Facts) (Finding, bool) {
	e, ok := fixedSize(f)
	t := judgedType(f)
	n, _ := dumpNeed(f, t)
	if !ok || t == Complete && f.RAM.Known || e.Initial >= n.Min {
		return nothing()
	}
	return say(Block, "The page file is too small for any dump",
		fmt.Sprintf("%s; %s dump takes at least %s.", entrySize(e), t.article(), mbText(n.Min)), fixArm)
}

// rulePageFileSize judges a fixed size between what a dump cannot do without and what it can need at most.
func rulePageFileSize(f *windows.Facts) (Finding, bool) {
	e, ok := fixedSize(f)
	t := judgedType(f)
	n, known := dumpNeed(f, t)
	switch what := entrySize(e); {
	case !ok || !known || e.Initial < n.Min: // P17, P03, C27
		return nothing()
	case t == Complete && !f.Is64Bit() && n.OK > maxPageFile32 && e.Initial >= maxPageFile32: // P18
		return nothing()
	case e.Initial >= n.OK:
		return say(OK, "The page file holds the dump", fmt.Sprintf("%s; %s dump needs at most %s.", what, t.article(), mbText(n.OK)), "")
	case t == Complete:
		return say(Loss, "The page file is a little small for a complete dump",
			fmt.Sprintf("%s; memory, header and the drivers' own data take %s.", what, mbText(n.OK)), pageFileFix(f))
	case e.Initial < dumpSize(f, t):
		return say(Loss, "The page file is probably too small",
			fmt.Sprintf("%s; with %s of memory %s dump is usually about %s.", what, mbText(ramMB(f)), t.article(), mbText(dumpSize(f, t))), pageFileFix(f))
	default:
		return say(Risk, "The page file may be too small",
			fmt.Sprintf("%s; %s dump of %s of memory can need up to %s, typically a third of memory.", what, t.article(), mbText(ramMB(f)), mbText(n.OK)), pageFileFix(f))
	}
}

func ruleInitialSize(f *windows.Facts) (Finding, bool) {
	e, ok := judgedPageFile(f)
	n, known := dumpNeed(f, judgedType(f))
	if !ok || !known || e.Managed() || e.Initial >= n.OK || e.Maximum < n.OK {
		return nothing()
	}
	return say(Risk, "The page file starts too small",
		fmt.Sprintf("Only its initial %s are sure to be there when the crash comes, not the maximum of %s.", mbText(e.Initial), mbText(e.Maximum)), pageFileFix(f))
}

func ruleManagedAutomatic(f *windows.Facts) (Finding, bool) {
	e, ok := judgedPageFile(f)
	if !ok || !e.Managed() {
		return nothing()
	}
	n, known := dumpNeed(f, judgedType(f))
	have := f.Files.PageFile.Size / mib
	switch {
	case configuredType(f) != Automatic:
		return say(OK, "Windows sizes the page file for the dump", fmt.Sprintf("PagingFiles is %q.", e.Raw), "")
	case known && f.Files.PageFile.Present && have >= n.OK:
		return say(OK, "The page file is large enough at present", fmt.Sprintf("%s has %s; Windows manages its size.", f.Files.PageFile.Path, mbText(have)), "")
	}
	detail := "With automatic dumps Windows keeps the page file well below memory size, and the first dump can be lost."
	if f.Files.PageFile.Present {
		detail = fmt.Sprintf("%s has %s now. ", f.Files.PageFile.Path, mbText(have)) + detail
	}
	return say(Risk, "The page file may be too small for the first dump", detail, pageFileFix(f))
}

// pageFileFix is how arm can make the page file large enough: by itself, or with what it cannot find out.
func pageFileFix(f *windows.Facts) string {
	t := judgedType(f)
	n, known := dumpNeed(f, t)
	switch {
	case pageFileEnough(f):
		return fixArm
	case !known:
		return fixArm + " --ram SIZE"
	case !f.Free.Known:
		return fmt.Sprintf("%s --pagefile %dM", fixArm, n.OK)
	case room(f) < n.OK+dumpSize(f, t)+spareMB:
		return "free space on " + f.Letter() + ", or " + dedicatedOn(f, "")
	}
	return fixArm
}

func ruleManagedRoom(f *windows.Facts) (Finding, bool) {
	e, ok := judgedPageFile(f)
	n, known := dumpNeed(f, judgedType(f))
	if !ok || !known || !e.Managed() || !f.Free.Known || room(f) >= n.OK {
		return nothing()
	}
	detail := fmt.Sprintf("The dump can need %s; page file and free space on %s are %s.", mbText(n.OK), f.Letter(), mbText(room(f)))
	fix := "free space on " + f.Letter()
	switch t := judgedType(f); {
	case room(f) < n.Min:
		return say(Block, "The volume is too full for a dump", detail, fix)
	case room(f) < dumpSize(f, t):
		return say(Loss, "The volume is probably too full for the dump", detail, fix)
	}
	return say(Risk, "The volume may be too full for the page file", detail, fix)
}

func rulePageFileRoom(f *windows.Facts) (Finding, bool) {
	e, ok := judgedPageFile(f)
	if !ok || e.Managed() || !f.Free.Known || room(f) >= e.Initial {
		return nothing()
	}
	return say(Block, "The page file cannot be created",
		fmt.Sprintf("%s are wanted; page file and free space on %s are %s.", mbText(e.Initial), f.Letter(), mbText(room(f))),
		"free space on "+f.Letter()+", or "+fixArm+" --pagefile SIZE")
}

func rulePageFileMissing(f *windows.Facts) (Finding, bool) {
	e, ok := judgedPageFile(f)
	if !ok || !f.HasVolume || f.Files.PageFile.Present || (e.Drive == windows.AnyDrive && existsElsewhere(f)) {
		return nothing()
	}
	return say(Risk, "The page file is configured, but not there",
		fmt.Sprintf("%s does not exist: the last start did not create it, or this is a fresh installation.", f.Files.PageFile.Path), "")
}

// existsElsewhere reports whether the last boot had its page files on other volumes only.
func existsElsewhere(f *windows.Facts) bool {
	existing, _ := f.Memory.Strings(windows.ExistingPageFiles)
	return len(existing) > 0 && !strings.Contains(strings.ToUpper(strings.Join(existing, " ")), f.Letter())
}

func ruleTempPageFile(f *windows.Facts) (Finding, bool) {
	if f.Memory.Or("TempPageFile", 0) == 0 {
		return nothing()
	}
	return say(Risk, "Windows ran with a temporary page file", "TempPageFile is set: the configured page file could not be used.", "see that its drive exists and has room")
}

func rulePageFileMalformed(f *windows.Facts) (Finding, bool) {
	for _, e := range f.PageFiles {
		if e.Err == nil {
			continue
		}
		v := Risk
		if _, ok := judgedPageFile(f); !ok && !hasDedicated(f) {
			v = Block
		}
		return say(v, "A page file entry is malformed", sentence(e.Err.Error())+"Windows ignores it.", fixArm)
	}
	return nothing()
}

// elsewhereEntries are the page files on other drives than that of Windows.
func elsewhereEntries(f *windows.Facts) []windows.PageFileEntry {
	return slices.DeleteFunc(slices.Clone(f.PageFiles), func(e windows.PageFileEntry) bool {
		return e.Err != nil || e.Drive == windows.AnyDrive || e.Drive == f.SystemLetter.Value
	})
}

func rulePageFileLetter(f *windows.Facts) (Finding, bool) {
	if len(f.Drives) == 0 {
		return nothing()
	}
	for _, e := range elsewhereEntries(f) {
		if _, ok := f.Drive(e.Drive); !ok {
			return say(Risk, "A page file is set on a drive that does not exist",
				fmt.Sprintf("%q: this Windows has no drive %c:.", e.Raw, e.Drive), "")
		}
	}
	return nothing()
}

// azureTemporary is the letter that Azure gives the disk it wipes when it moves a machine.
const azureTemporary = 'D'

func azureTemporaryDisk(f *windows.Facts, letter byte) bool {
	return f.Platform.ID == windows.Azure && letter == azureTemporary
}

// dedicatedOn is how arm puts the dedicated dump file on a plain drive of this Windows; what follows the path may be its
// size. Drives to avoid are those found wanting.
func dedicatedOn(f *windows.Facts, size string, avoid ...byte) string {
	for _, d := range f.Drives {
		plain := !d.Removable() && (d.FileSystem == "" || d.FileSystem == ntfsVolume)
		if plain && d.Letter != f.SystemLetter.Value && !azureTemporaryDisk(f, d.Letter) && !slices.Contains(avoid, d.Letter) {
			return fmt.Sprintf(`%s --dedicated-dump "%c:\hangkit.dmp%s"`, fixArm, d.Letter, size)
		}
	}
	return "add a disk for a dedicated dump file"
}

func rulePageFileVanishes(f *windows.Facts) (Finding, bool) {
	for _, e := range elsewhereEntries(f) {
		d, ok := f.Drive(e.Drive)
		switch {
		case ok && d.Removable():
			return say(Risk, "A page file is set on a removable drive",
				fmt.Sprintf("%q: the drive may be gone when the crash comes.", e.Raw), "move it to a fixed disk")
		case azureTemporaryDisk(f, e.Drive):
			return say(Risk, "A page file is set on Azure's temporary disk",
				fmt.Sprintf("%q: what is on that disk is lost when Azure moves the machine, and a dump with it.", e.Raw),
				fixArm+" --pagefile SIZE")
		}
	}
	return nothing()
}

func ruleClearAtShutdown(f *windows.Facts) (Finding, bool) {
	if f.Memory.Or(windows.ClearPageFileAtShutdown, 0) == 0 {
		return nothing()
	}
	return say(Note, "The page file is cleared at shutdown", "It makes a clean shutdown slow; a crash is not affected.", "")
}

func ruleEncryptedPageFile(f *windows.Facts) (Finding, bool) {
	if f.FileSystem.Or("NtfsEncryptPagingFile", 0) == 0 {
		return nothing()
	}
	return say(Risk, "The page file is encrypted by EFS", "NtfsEncryptPagingFile is 1.", "set it to 0 by hand if the dump cannot be read")
}

// maxPageFiles is how many page files Windows takes.
const maxPageFiles = 16

func ruleManyPageFiles(f *windows.Facts) (Finding, bool) {
	if len(f.PageFiles) <= maxPageFiles {
		return nothing()
	}
	return say(Risk, "Too many page files", fmt.Sprintf("PagingFiles has %d entries; Windows takes 16.", len(f.PageFiles)), "")
}

func ruleRAMKnown(f *windows.Facts) (Finding, bool) {
	if f.RAM.Known {
		return nothing()
	}
	return say(Unknown, "The memory size is unknown",
		"Whether the page file is large enough cannot be judged: the registry does not say how much memory the machine has.", fixRAM)
}

func ruleComplete32(f *windows.Facts) (Finding, bool) {
	n, known := dumpNeed(f, Complete)
	if f.Is64Bit() || configuredType(f) != Complete || !known || n.OK <= maxPageFile32 {
		return nothing()
	}
	return say(Risk, "A complete dump of so much memory is doubtful on 32-bit Windows",
		fmt.Sprintf("%s of memory need a page file of %s; without PAE one ends at %d MB.", mbText(ramMB(f)), mbText(n.OK), maxPageFile32), fixArm+" --dump kernel")
}

// Disk speeds for estimates, MB/s: a hard disk and a solid-state one.
const (
	slowDisk = 100
	fastDisk = 500
)

// longDump is when writing the dump takes long enough to be told, in minutes.
const longDump = 30

func ruleSlowDump(f *windows.Facts) (Finding, bool) {
	mb := dumpSize(f, judgedType(f))
	if mb/slowDisk/60 < longDump {
		return nothing()
	}
	return say(Note, "Writing the dump takes a while",
		fmt.Sprintf("About %s: %s. Do not switch off.", mbText(mb), writingTime(mb)), "")
}

// writingTime estimates how long a dump takes to write.
func writingTime(mb int64) string {
	return fmt.Sprintf("%s on a hard disk, %s on an SSD", minutesText(mb/slowDisk), minutesText(mb/fastDisk))
}

func minutesText(seconds int64) string {
	if seconds <= 60 {
		return "a minute"
	}
	return fmt.Sprintf("%d minutes", (seconds+59)/60)
}

func ruleIgnorePageFileSize(f *windows.Facts) (Finding, bool) {
	e, ok := judgedPageFile(f)
	if !ok || !f.CrashControl.Is(windows.IgnorePagefileSize, 1) || e.Managed() || !f.RAM.Known || e.Initial >= ramMB(f) {
		return nothing()
	}
	return say(Loss, "The dump would be attempted into too small a page file",
		fmt.Sprintf("IgnorePagefileSize is 1, the page file has %s, memory %s: the dump may be cut short.", mbText(e.Initial), mbText(ramMB(f))), pageFileFix(f))
}

func ruleCompleteNeedsRAM(f *windows.Facts) (Finding, bool) {
	e, ok := judgedPageFile(f)
	if !ok || configuredType(f) != Complete || e.Managed() || !f.RAM.Known || f.CrashControl.Is(windows.IgnorePagefileSize, 1) {
		return nothing()
	}
	if e.Initial > ramMB(f) {
		return nothing()
	}
	return say(Block, "The page file is smaller than memory",
		fmt.Sprintf("A complete dump needs more than %s; the page file has %s. Windows then prepares no dump (event 49).", mbText(ramMB(f)), mbText(e.Initial)), fixArm)
}

func ruleWasTooSmall(f *windows.Facts) (Finding, bool) {
	if !f.CrashControl.Has(windows.PageFileTooSmall) {
		return nothing()
	}
	return say(Risk, "The last dump did not fit", "Windows recorded PageFileTooSmall.", pageFileFix(f))
}
