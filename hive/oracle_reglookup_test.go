package hive

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// reglookup lists a hive as lines of four columns, everything beyond plain ASCII as %XX.
var reglookup = reader{name: "reglookup", lists: listReglookup, key: reglookupKey, value: reglookupValue}

func listReglookup(tb testing.TB, path string) []string {
	tb.Helper()
	var lines []string
	for i, line := range strings.Split(strings.TrimSuffix(string(run(tb, "reglookup", path)), "\n"), "\n") {
		if i > 0 { // behind the head
			lines = append(lines, reglookupLine(line))
		}
	}
	return lines
}

func reglookupLine(line string) string {
	f := strings.Split(line, ",")
	if len(f) != 4 {
		return line
	}
	name := f[0][strings.LastIndexByte(f[0], '/')+1:]
	if f[1] == "KEY" {
		return fmt.Sprintf("key %q %s", unquote(name), f[3])
	}
	return fmt.Sprintf("value %q %s ", unquote(name), f[1]) + unquote(f[2])
}

var quoted = regexp.MustCompile(`%[0-9A-F]{2}`)

func unquote(s string) string {
	return quoted.ReplaceAllStringFunc(s, func(q string) string {
		p, err := hex.DecodeString(q[1:])
		if err != nil {
			return err.Error()
		}
		return string(p)
	})
}

// reglookupName is a name as it is stored; 16-bit ones that have only ASCII are shortened.
func reglookupName(raw []byte, eightBit bool) string {
	if s, ok := asciiOf(raw); !eightBit && ok {
		return s
	}
	return string(raw)
}

// asciiOf gives UTF-16 text of ASCII characters only.
func asciiOf(raw []byte) (string, bool) {
	var s []byte
	for _, u := range unitsOf(raw) {
		if u > 0x7F {
			return "", false
		}
		s = append(s, byte(u))
	}
	return string(s), len(raw)%2 == 0
}

func reglookupKey(k *Key, path string) string {
	name := reglookupName(k.node.rawName(), k.node.eightBit())
	if path == k.Name() { // the root
		name = ""
	}
	written := k.LastWritten()
	if written.Unix() < 0 { // it has no times before its own epoch
		written = time.Unix(0, 0).UTC()
	}
	return fmt.Sprintf("key %q %s", name, written.Format("2006-01-02 15:04:05"))
}

var reglookupTypes = []string{
	"NONE", "SZ", "EXPAND_SZ", "BINARY", "DWORD", "DWORD_BE", "LINK", "MULTI_SZ", "RSRC_LIST", "RSRC_DESC", "RSRC_REQ_LIST", "QWORD",
}

func reglookupValue(v storedValue, _ string) string {
	kind := fmt.Sprintf("0x%08X", uint32(v.Type))
	if int(v.Type) < len(reglookupTypes) {
		kind = reglookupTypes[v.Type]
	}
	return fmt.Sprintf("value %q %s ", reglookupName(v.cell.rawName(), v.cell.eightBit()), kind) + reglookupData(v)
}

var nulRun = regexp.MustCompile("\x00+")

// reglookupData drops empty strings of lists, and takes segments in the order of their offsets.
func reglookupData(v storedValue) string {
	switch {
	case v.shuffled:
		return anything
	case len(v.Data) == 0:
		return "(null)"
	case v.Type == SZ || v.Type == ExpandSZ || v.Type == Link:
		if s, ok := asciiOf(v.Data); ok {
			s, _, _ = strings.Cut(s, "\x00")
			return s
		}
	case v.Type == MultiSZ:
		if s, ok := asciiOf(v.Data); ok {
			return nulRun.ReplaceAllString(strings.TrimRight(s, "\x00"), "|")
		}
	case v.Type == DWORD && len(v.Data) >= 4:
		return fmt.Sprintf("0x%08X", le.Uint32(v.Data))
	case v.Type == DWORDBigEndian && len(v.Data) >= 4:
		return fmt.Sprintf("0x%X", bytes.Clone(v.Data[:4]))
	case v.Type == QWORD && len(v.Data) >= 8:
		p := slices.Clone(v.Data[:8])
		slices.Reverse(p)
		return fmt.Sprintf("0x%X", p)
	}
	return string(v.Data)
}
