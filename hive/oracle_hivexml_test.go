package hive

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// hivexml lists a hive as XML.
var hivexml = reader{name: "hivexml", lists: listHivexml, key: hivexmlKey, value: hivexmlValue}

func listHivexml(tb testing.TB, path string) []string {
	tb.Helper()
	d := xml.NewDecoder(bytes.NewReader(bytes.Map(noXML, run(tb, "hivexml", path))))
	var p hivexmlParser
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return p.lines
		case err != nil:
			tb.Fatal(err)
		}
		p.token(token)
	}
}

// noXML replaces the control characters of texts: hivexml writes them out, which is no XML.
func noXML(r rune) rune {
	if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
		return utf8.RuneError
	}
	return r
}

// hivexmlParser turns the stream of XML into lines.
type hivexmlParser struct {
	lines   []string
	path    []string
	in      string // element whose text is wanted
	strings []string
	value   string // line of the value under way
}

func (p *hivexmlParser) token(token xml.Token) {
	switch e := token.(type) {
	case xml.StartElement:
		p.start(e)
	case xml.CharData:
		p.text(string(e))
	case xml.EndElement:
		p.end(e.Name.Local)
	default:
	}
}

func (p *hivexmlParser) start(e xml.StartElement) {
	a := map[string]string{}
	for _, attr := range e.Attr {
		a[attr.Name.Local] = attr.Value
	}
	p.in = e.Name.Local
	switch p.in {
	case "node":
		p.path = append(p.path, a["name"])
		p.lines = append(p.lines, "key "+strings.Join(p.path, `\`))
	case "value":
		p.strings = nil
		p.value = fmt.Sprintf("value %q %s %q", a["key"], a["type"], hivexmlData(a))
	case "string":
		p.strings = append(p.strings, "")
	}
}

// hivexmlData is a value's data. They are broken into lines when they are in base64.
func hivexmlData(a map[string]string) string {
	if a["encoding"] != "base64" {
		return a["value"]
	}
	p, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(a["value"]), ""))
	if err != nil {
		return err.Error()
	}
	return string(p)
}

func (p *hivexmlParser) text(s string) {
	switch {
	case p.in == "string":
		p.strings[len(p.strings)-1] += s
	case p.in == "mtime" && len(p.path) > 0:
		p.lines[len(p.lines)-1] += " " + s
	}
}

func (p *hivexmlParser) end(name string) {
	p.in = ""
	switch name {
	case "node":
		p.path = p.path[:len(p.path)-1]
	case "value":
		if p.strings != nil {
			p.value += fmt.Sprintf(" %q", p.strings)
		}
		p.lines = append(p.lines, p.value)
	}
}

func hivexmlKey(k *Key, path string) string {
	line := "key " + path
	if k.node.fileTime() != 0 {
		line += " " + k.LastWritten().Truncate(time.Second).Format("2006-01-02T15:04:05Z")
	}
	return line
}

var hivexmlTypes = []string{
	"none", "string", "expand", "binary", "int32", "int32", "link", "string-list",
	"resource-list", "resource-description", "resource-requirements", "int64",
}

func hivexmlValue(v storedValue, _ string) string {
	kind := "unknown"
	if int(v.Type) < len(hivexmlTypes) {
		kind = hivexmlTypes[v.Type]
	}
	line := fmt.Sprintf("value %q %s ", v.Name, kind)
	switch v.Type {
	case SZ, ExpandSZ, Link:
		return hivexmlText(line, v.Text(), fmt.Sprintf("%q", strings.Map(noXML, v.Text())), v)
	case MultiSZ:
		return hivexmlText(line, DecodeUTF16(unitsOf(v.Data)), hivexmlStrings(v.Data), v)
	case DWORD, DWORDBigEndian:
		return line + fmt.Sprintf(`"%d"`, hivexmlInt32(v.Value))
	case QWORD:
		return line + fmt.Sprintf(`"%d"`, hivexmlInt64(v.Data))
	default:
		return line + fmt.Sprintf("%q", v.Data)
	}
}

// hivexmlText shows text, but all data as they are if it has unpaired surrogates.
func hivexmlText(line, text, shown string, v storedValue) string {
	if !utf8.ValidString(text) {
		return strings.Replace(line, `" `, `" bad-`, 1) + fmt.Sprintf("%q", v.Data)
	}
	return line + shown
}

// hivexmlInt32 reads the first four bytes of longer data too, and gives -1 for shorter ones.
func hivexmlInt32(v Value) int32 {
	if len(v.Data) < 4 {
		return -1
	}
	if v.Type == DWORDBigEndian {
		p := slices.Clone(v.Data[:4])
		slices.Reverse(p)
		return int32(le.Uint32(p))
	}
	return int32(le.Uint32(v.Data))
}

func hivexmlInt64(data []byte) int64 {
	if len(data) < 8 {
		return -1
	}
	return int64(le.Uint64(data))
}

// hivexmlStrings gives every string that a NUL ends, the empty one at the end too, and what
// follows the last NUL.
func hivexmlStrings(data []byte) string {
	if len(data) == 0 {
		return `""`
	}
	var list []string
	units := unitsOf(data)
	for len(units) > 0 || list == nil {
		end := slices.Index(units, 0)
		if end < 0 {
			list = append(list, DecodeUTF16(units))
			break
		}
		list = append(list, DecodeUTF16(units[:end]))
		units = units[end+1:]
	}
	return fmt.Sprintf(`"" %q`, list)
}
