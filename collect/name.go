package collect

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The lengths of names, in bytes.
const (
	maxFileName = 255 // what every file system takes
	maxName     = 200 // what is made here: the rest is for what an output's form, its number and its mapfile add
)

// DefaultName is a file name that tells one crash from another: source file,
// time of the crash in UTC, bugcheck. Of a long name the source file's part is cut.
func (c *Candidate) DefaultName() string {
	crash := ""
	if c.Header != nil {
		if t := c.Header.SystemTime; t.Known {
			crash += "-" + t.Value.Format("20060102T150405Z")
		}
		if b := c.Header.BugCheck.Code; b.Known {
			crash += fmt.Sprintf("-0x%X", b.Value)
		}
	}
	crash += ".dmp"
	base := strings.ToValidUTF8(path.Base(c.Path), "_")
	stem := strings.TrimSuffix(base, path.Ext(base))
	return SafeName(shorten(stem, maxName-len(reservedMark)-len(crash)) + crash)
}

// outputName is the name of the copy. What is not whole says so in its name:
// the file travels further than the manifest.
func (c *Candidate) outputName(wish string, partial bool) string {
	if wish == "" {
		wish = c.DefaultName()
	}
	name := SafeName(wish)
	switch {
	case c.Rebuilt != nil:
		return markName(name, ".rebuilt")
	case c.State == StateHeaderWiped:
		return markName(name, ".wiped")
	case partial:
		return markName(name, ".partial")
	}
	return name
}

func markName(name, mark string) string {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	if strings.HasSuffix(stem, mark) {
		return name
	}
	return stem + mark + ext
}

// numberedName is name for 0, and name-2, name-3 … after it.
func numberedName(name string, i int) string {
	if i == 0 {
		return name
	}
	ext := path.Ext(name)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), i+1, ext)
}

// SafeName turns any text into a plain file name that Windows and Unix both take, and
// that stays a name in double quotes on a command line of either: of letters, digits,
// spaces and harmless marks, and no reserved device name, with no leading dots, or
// trailing dots and spaces.
func SafeName(s string) string { return safeName(s, maxName) }

// isOutputName reports whether a name can be that of an output, which is safe and no
// longer than a file system takes.
func isOutputName(s string) bool { return safeName(s, maxFileName) == s }

func safeName(s string, limit int) string {
	s = trimmed(strings.Map(safeRune, strings.ToValidUTF8(s, "_")), limit)
	if s == "" {
		s = "dump"
	}
	if isReserved(s) {
		s = trimmed(reservedMark+s, limit)
	}
	return s
}

// trimmed cuts a name to so many bytes, and what no name begins or ends with.
func trimmed(s string, limit int) string {
	return strings.TrimRight(strings.TrimLeft(shorten(s, limit), ". "), ". ")
}

// safeMarks are the marks that mean nothing to a shell between double quotes, nor to a
// file system.
const safeMarks = " ._-+=@()[]{}#~,"

func safeRune(r rune) rune {
	if strings.ContainsRune(safeMarks, r) || isShown(r) && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)) {
		return r
	}
	return '_'
}

// isShown reports the letters and marks that can be seen: blank ones make a name look
// like another.
func isShown(r rune) bool {
	return !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// shorten cuts the end of the name, and keeps its extension.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	ext := path.Ext(s)
	if len(ext) > 16 {
		ext = ""
	}
	end := limit - len(ext)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ext
}

// reservedMark makes a name of one that stands for a device.
const reservedMark = "_"

// isReserved reports the device names of Windows, with any extension, but for those
// with a $ in them.
func isReserved(s string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(s), ".")
	stem = strings.TrimRight(stem, " ")
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	port := strings.TrimPrefix(strings.TrimPrefix(stem, "COM"), "LPT")
	if len(port) == len(stem) {
		return false
	}
	digit, n := utf8.DecodeRuneInString(port)
	return n == len(port) && strings.ContainsRune("0123456789¹²³", digit)
}
