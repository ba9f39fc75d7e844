package windows_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"hangkit/offline/windows"
)

// structure is a structure of an SMBIOS table with its strings.
func structure(kind byte, fields []byte, texts ...string) []byte {
	b := append([]byte{kind, byte(4 + len(fields)), 0, 0}, fields...)
	for _, s := range texts {
		b = append(append(b, s...), 0)
	}
	if len(texts) == 0 {
		b = append(b, 0)
	}
	return append(b, 0)
}

// azureTable is what an Azure machine's firmware says, in short.
func azureTable() []byte {
	uuid := []byte{0x56, 0x4d, 0x31, 0x67, 0x37, 0xe2, 0x1c, 0x4c, 0x9d, 0x3f, 0x5a, 0x0c, 0x7c, 0x1b, 0x2a, 0x31}
	var b []byte
	b = append(b, structure(0, []byte{1, 2, 0, 0, 3}, "American Megatrends Inc.", "090008 ", "12/07/2018")...)
	b = append(b, structure(11, nil)...) // nothing of ours, and no strings
	b = append(b, structure(1, append([]byte{1, 2, 3, 4}, uuid...), "Microsoft Corporation", "Virtual Machine", "7.0", "0000")...)
	b = append(b, structure(3, []byte{1, 0x83, 2, 3, 4}, "Microsoft Corporation", "7.0", "0000", "7783-7084-3265-9085-8269-3286-77")...)
	b = append(b, structure(3, []byte{1, 10, 0, 0, 0}, "Second chassis")...)
	return append(b, structure(127, nil)...)
}

func TestParseSMBIOS(t *testing.T) {
	t.Parallel()
	want := windows.SMBIOS{
		Manufacturer: "Microsoft Corporation", Product: "Virtual Machine", BIOSVersion: "090008",
		AssetTag: "7783-7084-3265-9085-8269-3286-77", UUID: "67314d56-e237-4c1c-9d3f-5a0c7c1b2a31", Chassis: 3,
	}
	got := windows.ParseSMBIOS(azureTable())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if id := windows.Identify(got); id != windows.Azure {
		t.Errorf("it is %q", id)
	}
	for name, table := range map[string][]byte{
		"nothing":         nil,
		"short header":    {1, 27, 0},
		"length too long": {1, 200, 0, 0, 1},
		"length too low":  {1, 3, 0, 0, 0, 0},
		"end":             append(structure(127, nil), azureTable()...),
		"string number":   structure(1, []byte{9, 9, 0, 0}, "only one"),
	} {
		if got := windows.ParseSMBIOS(table); got != (windows.SMBIOS{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A table from anywhere breaks nothing, and one that is cut gives no more than the whole one.
func FuzzParseSMBIOS(f *testing.F) {
	f.Add(azureTable(), 40)
	f.Add([]byte{1, 4, 0, 0}, 2)
	f.Fuzz(func(t *testing.T, table []byte, cut int) {
		whole := windows.ParseSMBIOS(table)
		windows.Identify(whole)
		if cut < 0 || cut > len(table) {
			return
		}
		if part := windows.ParseSMBIOS(table[:cut]); part.Chassis != 0 && part.Chassis != whole.Chassis {
			t.Errorf("chassis %d of a part, %d of the whole", part.Chassis, whole.Chassis)
		}
	})
}
