package hive

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// regfexport lists a hive as text: the only one of the readers that shows classes, and all data with
// their sizes.
var regfexport = reader{name: "regfexport", lists: listRegfexport, key: regfexportKey, value: regfexportValue}

func listRegfexport(tb testing.TB, path string) []string {
	tb.Helper()
	var p regfexportParser
	for line := range strings.SplitSeq(string(run(tb, "regfexport", path)), "\n") {
		p.line(line)
	}
	return p.lines
}

type regfexportParser struct {
	lines []string
	data  bool // the next line, or what follows on this one, is data
}

var hexDump = regexp.MustCompile(`^[0-9a-f]{8}: ((?: ?[0-9a-f]{2} ?){1,16}) `)

func (p *regfexportParser) line(line string) {
	what, text, _ := strings.Cut(line, ": ")
	switch {
	case what == "Key path":
		p.data = false
		p.lines = append(p.lines, "key "+text)
	case what == "Class name":
		p.add(" class " + text)
	case what == "Value":
		p.data = false
		_, name, _ := strings.Cut(text, " ")
		p.lines = append(p.lines, fmt.Sprintf("value %q", name))
	case what == "Type":
		p.add(" " + text[strings.LastIndexByte(text, ' ')+1:])
	case what == "Data size":
		p.add(" " + text + " ")
		p.data = true
	case p.data && !strings.HasPrefix(line, "Mismatch in data size"):
		p.add(regfexportDump(line))
	}
}

func (p *regfexportParser) add(s string) { p.lines[len(p.lines)-1] += s }

func regfexportDump(line string) string {
	if m := hexDump.FindStringSubmatch(line); m != nil {
		return strings.Join(strings.Fields(m[1]), "")
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "Data:"))
}

func regfexportKey(k *Key, path string) string {
	line := "key " + path
	if class, err := k.Class(); err != nil || class != "" {
		line += " class " + class
	}
	return line
}

func regfexportValue(v storedValue, _ string) string {
	name := v.Name
	if name == "" {
		name = "(default)"
	}
	return fmt.Sprintf("value %q %s ", name, regfexportType(v.Type)) + regfexportData(v)
}

func regfexportType(t Type) string {
	switch {
	case t > QWORD:
		return fmt.Sprintf("0x%08x", uint32(t))
	case t == DWORD || t == QWORD:
		return fmt.Sprintf("(%s_LITTLE_ENDIAN)", t)
	}
	return fmt.Sprintf("(%s)", t)
}

// regfexportData takes inline data from the end of their field, and reads on behind a string without NUL.
func regfexportData(v storedValue) string {
	switch {
	case (v.Type == SZ || v.Type == ExpandSZ) && utf8.ValidString(v.Text()):
		return regfexportText(v)
	case v.Type == DWORD && len(v.Data) == 4, v.Type == QWORD && len(v.Data) == 8, v.Type == DWORDBigEndian && len(v.Data) == 4:
		n, _ := v.Uint64()
		return fmt.Sprintf("%d %d", len(v.Data), n)
	case v.cell.inline():
		return fmt.Sprintf("%d %x", len(v.Data), v.cell[12-len(v.Data):12])
	}
	return fmt.Sprintf("%d %x", len(v.Data), v.Data)
}

func regfexportText(v storedValue) string {
	text := strings.ReplaceAll(strings.TrimSpace(v.Text()), "\n", "")
	end := slices.Index(unitsOf(v.Data), 0)
	switch {
	case v.cell.inline() && len(v.Data) < maxInline:
		return anything
	case end < 0:
		return anything + " " + text + anything
	}
	return fmt.Sprintf("%d %s", 2*(end+1), text)
}
