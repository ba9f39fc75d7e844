package ntfs

import (
	"errors"
	"strings"
	"testing"
)

func TestNewNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string // as an element of a path
		legal bool
		space namespace
	}{
		{"A", true, namespaceWin32AndDOS},
		{"MEMORY.DMP", true, namespaceWin32AndDOS},
		{"12345678.123", true, namespaceWin32AndDOS},
		{"A-B_C$~.(1)", true, namespaceWin32AndDOS},
		{"memory.dmp", true, namespacePOSIX},
		{"MEMORY.dmp", true, namespacePOSIX},
		{"123456789.123", true, namespacePOSIX},
		{"12345678.1234", true, namespacePOSIX},
		{"A.B.C", true, namespacePOSIX},
		{"A B", true, namespacePOSIX},
		{"A+B", true, namespacePOSIX},
		{"A;[B]=,", true, namespacePOSIX},
		{"ÄÖÜ", true, namespacePOSIX},
		{".hidden", true, namespacePOSIX},
		{"...a", true, namespacePOSIX},
		{" leading space", true, namespacePOSIX},
		{"日本語", true, namespacePOSIX},
		{"😀", true, namespacePOSIX},
		{"<d800>half a pair", true, namespacePOSIX},
		{"\x7f", true, namespacePOSIX},
		{"%41 & {x}@'`!#^", true, namespacePOSIX},
		{strings.Repeat("x", 255), true, namespacePOSIX},
		{strings.Repeat("😀", 127) + "x", true, namespacePOSIX},
		{"CONSOLE", true, namespaceWin32AndDOS},
		{"COM", true, namespaceWin32AndDOS},
		{"COM0", true, namespaceWin32AndDOS},
		{"COM10", true, namespaceWin32AndDOS},
		{"COM1A.TXT", true, namespaceWin32AndDOS},
		{"A.CON", true, namespaceWin32AndDOS},
		{"conin", true, namespacePOSIX},

		{"", false, 0},
		{strings.Repeat("x", 256), false, 0},
		{strings.Repeat("😀", 128), false, 0},
		{"a?", false, 0},
		{"*", false, 0},
		{`"a"`, false, 0},
		{"a>", false, 0},
		{"a|b", false, 0},
		{"tab\t", false, 0},
		{"\x01", false, 0},
		{"\x1f.txt", false, 0},
		{"<003a>", false, 0},
		{"a<005c>b", false, 0},
		{"<003c>", false, 0},
		{"<0000>", false, 0},
		{"<002e>", false, 0},
		{"<002e><002e>", false, 0},
		{"...", false, 0},
		{"a.", false, 0},
		{"a ", false, 0},
		{" ", false, 0},
		{"a. ", false, 0},
		{"CON", false, 0},
		{"con", false, 0},
		{"Prn.txt", false, 0},
		{"aux.tar.gz", false, 0},
		{"nul .txt", false, 0},
		{"COM1", false, 0},
		{"com9.log", false, 0},
		{"LPT5", false, 0},
		{"lpt¹", false, 0},
		{"COM².x", false, 0},
		{"COM³", false, 0},
		{"CONIN$", false, 0},
		{"conout$.txt", false, 0},
	} {
		units, ok := unescapeName(c.name)
		if !ok {
			t.Errorf("%q is no name of a path", c.name)
			continue
		}
		switch err := checkNewName(units); {
		case (err == nil) != c.legal || err != nil && !errors.Is(err, ErrName):
			t.Errorf("%q: %v", c.name, err)
		case c.legal && namespaceOf(units) != c.space:
			t.Errorf("%q: namespace %d, want %d", c.name, namespaceOf(units), c.space)
		}
	}
}
