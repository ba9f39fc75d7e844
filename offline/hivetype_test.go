package offline

import (
	"bytes"
	"strings"
	"testing"

	"hangkit/hive"
)

func TestTypeFlag(t *testing.T) {
	t.Parallel()
	tests := map[string]hive.Type{
		"sz": hive.SZ, "SZ": hive.SZ, "REG_SZ": hive.SZ, "expand-sz": hive.ExpandSZ, "reg_expand_sz": hive.ExpandSZ, "multi-sz": hive.MultiSZ,
		"dword": hive.DWORD, "dword-be": hive.DWORDBigEndian, "REG_DWORD_BIG_ENDIAN": hive.DWORDBigEndian, "qword": hive.QWORD,
		"binary": hive.Binary, "none": hive.None, "link": hive.Link, "resource-list": hive.ResourceList,
		"full-resource-descriptor": hive.FullResourceDescriptor, "resource-requirements-list": hive.ResourceRequirementsList,
		"7": hive.MultiSZ, "0x2000": 0x2000, "4294967295": 0xFFFFFFFF,
	}
	for text, want := range tests {
		var f typeFlag
		if err := f.UnmarshalText([]byte(text)); err != nil || *f.typ != want {
			t.Errorf("%s: %v, %v; want %v", text, f.typ, err, want)
		}
	}
	for _, text := range []string{"", "word", "-1", "4294967296", "0x"} {
		var f typeFlag
		if err := f.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a type", text)
		}
	}
}

func TestParseData(t *testing.T) {
	t.Parallel()
	tests := []struct {
		typ   hive.Type
		bytes bool
		args  string
		want  string // "error" for one
	}{
		{hive.SZ, false, "", "\x00\x00"},
		{hive.SZ, false, "a", "a\x00\x00\x00"},
		{hive.SZ, false, "a|b", "error"},
		{hive.SZ, false, "\xff", "error"},
		{hive.Link, false, "a", "a\x00"},
		{hive.MultiSZ, false, "", "\x00\x00"},
		{hive.MultiSZ, false, "a|b", "a\x00\x00\x00b\x00\x00\x00\x00\x00"},
		{hive.MultiSZ, false, "a|\xff", "error"},
		{hive.DWORD, false, "258", "\x02\x01\x00\x00"},
		{hive.DWORD, false, "0xffffffff", "\xff\xff\xff\xff"},
		{hive.DWORD, false, "0x100000000", "error"},
		{hive.DWORD, false, "", "error"},
		{hive.DWORD, false, "1|2", "error"},
		{hive.DWORD, false, "-1", "error"},
		{hive.DWORDBigEndian, false, "258", "\x00\x00\x01\x02"},
		{hive.QWORD, false, "0x0102030405060708", "\x08\x07\x06\x05\x04\x03\x02\x01"},
		{hive.Binary, false, "", ""},
		{hive.Binary, false, "0a:FF 1,2", "error"},
		{hive.Binary, false, "0a:FF 01,02", "\x0a\xff\x01\x02"},
		{hive.Binary, false, "0a|ff", "\x0a\xff"},
		{hive.None, false, "zz", "error"},
		{hive.DWORD, true, "0102", "\x01\x02"},
		{0x1234, false, "00", "\x00"},
	}
	for _, tt := range tests {
		var args []string
		if tt.args != "" {
			args = strings.Split(tt.args, "|")
		}
		got, err := parseData(tt.typ, tt.bytes, args)
		if (err != nil) != (tt.want == "error") || err == nil && !bytes.Equal(got, []byte(tt.want)) {
			t.Errorf("%v %q: % x, %v", tt.typ, tt.args, got, err)
		}
	}
}

// TestPrintable: nothing a hive holds reaches a terminal as a command.
func TestPrintable(t *testing.T) {
	t.Parallel()
	half := hive.DecodeUTF16([]uint16{0xDC00})
	tests := map[string]string{
		"plain": "plain", "größer": "größer", "日本": "日本", `back\slash`: `back\slash`,
		"\x1b[2J": `\u001b[2J`, "a\nb": `a\u000ab`, "\x00": `\u0000`, "\u202e": `\u202e`, "\U000e0001": `\udb40\udc01`,
		"a" + half + "b": `a\udc00b`, "\ufffd": "\ufffd", "\xff": `\ufffd`,
	}
	for s, want := range tests {
		if got := printable(s); got != want {
			t.Errorf("%q is shown as %q, want %q", s, got, want)
		}
	}
	if text, escaped := carry(`a\` + half); !escaped || text != `a\\\udc00` {
		t.Errorf("carried as %q, %t", text, escaped)
	}
	if text, escaped := carry("a\x1b\\"); escaped || text != "a\x1b\\" {
		t.Errorf("carried as %q, %t", text, escaped)
	}
}
