package collect

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"hangkit/collect/dumpfile"
)

// Story tells the candidate in one sentence: what crashed, when and how, how far the
// boots behind it came, and what there is of the dump now. Names from the disk stand
// in it without anything that moves a cursor or hides.
func (c *Candidate) Story() string { return plain(c.story()) }

func (c *Candidate) story() string {
	switch c.State {
	case StateEmpty, StateNotDump:
		return fmt.Sprintf("no dump in %s: %s", c.Path, c.Why)
	case StateUnreadable:
		return fmt.Sprintf("%s cannot be looked at%s", c.Path, c.firstProblem())
	case StateUserDump:
		return fmt.Sprintf("a dump of a program (user-mode), not of Windows: %s, %s", c.Path, sizeText(c.Have))
	case StateFirmware:
		return fmt.Sprintf("%s: %s, %s", c.firmwarePath(), c.Why, c.amount())
	default:
	}
	if c.Live() {
		return c.liveStory()
	}
	return c.crashed() + "; " + c.fate() + ", " + c.amount() + c.aside()
}

// liveStory must never read like a crash.
func (c *Candidate) liveStory() string {
	when := ""
	if t := c.Header.SystemTime; t.Known {
		when = " of " + t.Value.UTC().Format(timeFormat)
	}
	return fmt.Sprintf("a live dump%s%s: no crash, the machine went on running; it is %s, %s%s",
		when, c.stopCode(), c.Path, c.amount(), c.lesser())
}

// timeFormat is how times are told: the minute is what people remember.
const timeFormat = "2006-01-02 15:04 UTC"

// crashed tells when and how. Of a header that was zeroed the boot counter is left.
func (c *Candidate) crashed() string {
	h := c.Header
	switch {
	case h == nil:
		return "a crash of unknown time"
	case !h.SystemTime.Known && c.DuplicateOf != nil:
		return c.DuplicateOf.crashed() // the better copy knows
	case h.SystemTime.Known:
		return "crashed " + h.SystemTime.Value.UTC().Format(timeFormat) + c.stopCode()
	case h.BootID.Known:
		return fmt.Sprintf("crashed in boot %d, at a time that is not known%s", h.BootID.Value, c.stopCode())
	}
	return "crashed at a time that is not known" + c.stopCode()
}

// madeBy names the hand behind the stop codes of crashes that are made on purpose.
var madeBy = map[uint32]string{
	0xE2:       "by keyboard (made on purpose)",
	0xDEADDEAD: "by a tool or driver (made on purpose)",
	0x80:       "by NMI (made on purpose if somebody sent it, else failing hardware)",
	0x1C8:      "by holding the power button (made on purpose)",
}

func (c *Candidate) stopCode() string {
	code := c.Header.BugCheck.Code
	if !code.Known {
		return ""
	}
	text := fmt.Sprintf(", 0x%X", code.Value)
	if by := madeBy[code.Value]; by != "" {
		return text + " " + by
	}
	info, ok := dumpfile.LookupBugCheck(code.Value)
	if ok {
		text += " " + info.Name
	}
	if info.Hang && info.Note != "" {
		text += " (" + info.Note + ")"
	}
	return text
}

// fate tells how far a later boot came with the dump, and where that left it.
func (c *Candidate) fate() string {
	switch {
	case c.State == StateHeaderWiped:
		return c.wipedFate()
	case c.DuplicateOf != nil:
		return "this is " + c.Path
	}
	switch c.Source {
	case SourcePageFile, SourceDedicated:
		return c.pageFileFate()
	case SourceTemp:
		return "a later boot reached the session manager, but hung or stopped before WerFault made MEMORY.DMP of it (a hang at boot or logon): the dump is " + c.Path
	case SourceHardware:
		return "the kernel put a dump aside: it is " + c.Path
	case SourceDumpFile:
		if c.State == StatePartial {
			return "a later boot saved a part of it: that is " + c.Path
		}
		return "a later boot saved it: the dump is " + c.Path
	case SourceMinidump:
		return "a later boot saved it: the dump, a small one, is " + c.Path
	default:
		return "the dump is " + c.Path
	}
}

// pageFileFate is that of a dump which lies where the kernel wrote it. A session
// manager that sees it renames the page file, or zeroes its first page.
func (c *Candidate) pageFileFate() string {
	still := "the dump is still in " + c.Path
	switch {
	case c.savedPartly:
		return "a later boot began to save it and did not get through: " + still
	case c.Stale != "":
		return c.Stale + ", but nothing saved it: " + still
	case c.leftBehind:
		return "later boots left it there: " + still
	case c.Source == SourcePageFile && c.inUse():
		return "no later boot reached the session manager: " + still
	}
	return "no later boot saved it: " + still
}

// inUse reports whether the settings name the page file, so that every boot sees it.
func (c *Candidate) inUse() bool {
	return slices.ContainsFunc(c.Place.PageFiles, func(name string) bool { return strings.EqualFold(path.Clean(name), c.Path) })
}

// wipedFate is told by what creating a page file anew does to it. A session manager
// that copies a dump, instead of renaming the page file, zeroes it as well.
func (c *Candidate) wipedFate() string {
	if c.DuplicateOf != nil {
		return "a later boot saved it and zeroed the first page here: the rest is still in " + c.Path
	}
	return "a later boot reached the session manager, could not save the dump and zeroed its first page: the rest is still in " + c.Path
}

func (c *Candidate) firmwarePath() string {
	if c.Source == SourceFirmware {
		return "on a partition of its own"
	}
	return c.Path
}

// amount tells how much of the dump there is, and in what state.
func (c *Candidate) amount() string {
	text := sizeText(c.Have)
	if c.Missing.Bytes > 0 && c.State != StateComplete {
		text += " of " + sizeText(c.Length)
	}
	if words := c.stateWords(); words != "" {
		text += ", " + words
	}
	if h := c.Header; h != nil && h.Encrypted() {
		text += ", encrypted with " + c.certificate()
	}
	return text
}

func (c *Candidate) stateWords() string {
	switch c.State {
	case StateFirmware:
		return ""
	case StateEncrypted:
		return StateComplete.String() // as far as can be told without the key
	case StatePartial:
		return c.State.String() + ": " + cmp.Or(c.lacks(), c.Why)
	case StateDamaged:
		return c.State.String() + ": " + c.Why
	case StateHeaderWiped:
		words := c.State.String() + c.rebuiltWords()
		if lacks := c.lacks(); lacks != "" {
			words += "; " + lacks
		}
		return words
	default:
		return c.State.String()
	}
}

func (c *Candidate) rebuiltWords() string {
	switch {
	case c.Rebuilt != nil:
		return " and rebuilt from what follows it"
	case c.rebuildTried:
		return ", which could not be rebuilt: raw pages for an expert"
	case c.DuplicateOf != nil:
		return ""
	}
	return ", which collect tries to rebuild"
}

// lacks tells what is missing, and why as far as the place tells.
func (c *Candidate) lacks() string {
	switch {
	case c.Missing.Bytes == 0:
		return ""
	case c.Source.raw():
		return "the file was too small for the dump; missing: " + c.Missing.Words()
	}
	return "the file ends early; missing: " + c.Missing.Words()
}

// aside adds what makes the dump matter less, where it was not said yet.
func (c *Candidate) aside() string {
	told := c.Source.raw() && c.State != StateHeaderWiped && c.DuplicateOf == nil && !c.savedPartly
	if c.Stale == "" || told {
		return c.lesser()
	}
	return "; stale: " + c.Stale + c.lesser()
}

// lesser names the better copy.
func (c *Candidate) lesser() string {
	if c.DuplicateOf == nil {
		return ""
	}
	name := c.DuplicateOf.Path
	if c.DuplicateOf.Place.Label != c.Place.Label {
		name = c.DuplicateOf.Name()
	}
	return "; a duplicate: the better copy of the same crash is " + name
}

func (c *Candidate) firstProblem() string {
	if len(c.Problems) == 0 {
		return ""
	}
	return ": " + c.Problems[0].Error()
}

// plain shows everything in a text that moves a cursor, hides or turns text around by
// its number: names come from a disk that nobody vouches for.
func plain(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(Escaped(r))
		}
	}
	return b.String()
}

// Escaped is a character by its UTF-16 units, the form in which every text of hangkit
// shows what cannot be printed.
func Escaped(r rune) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune{r}) {
		fmt.Fprintf(&b, `\u%04x`, unit)
	}
	return b.String()
}

// sizeText writes a number of bytes for people: 512 bytes, 4.1 GiB.
func sizeText(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	f, i := float64(n)/unit, 0
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	for f >= unit && i < len(units)-1 {
		f, i = f/unit, i+1
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
