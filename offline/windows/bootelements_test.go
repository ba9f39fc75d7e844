package windows

import (
	"fmt"
	"strings"
	"testing"

	"hangkit/hive"
)

// validated are the elements that BitLocker validates by default for a loader or for every boot
// application, and those that Secure Boot does not let anybody change: windows-itpro-docs, "BCD
// settings and BitLocker", and bcdedit's refusals.
var validated = []ElementType{
	0x11000001, 0x12000002, 0x12000030, 0x16000010, 0x16000040, 0x16000041, 0x16000048, 0x16000049, 0x16000060, 0x1600007b,
	0x21000001, 0x22000002, 0x22000011, 0x22000012, 0x22000053, 0x25000020, 0x25000052, 0x26000006, 0x26000022, 0x26000025,
	0x26000081, 0x260000a0, 0x260000f2, 0x26000116, 0x22000013, 0x25000130, 0x260000c3, 0x260000c4, 0x260000e1,
}

// Of all elements known, four may be changed, by their number and in the place of the one entry.
func TestMayChangeBoot(t *testing.T) {
	t.Parallel()
	const entry, other = "{5f2e8e10-11aa-11ee-8d2f-00155d012a00}", bootManagerID
	want := map[ElementType]string{0x16000009: "recoveryenabled", 0x250000e0: "bootstatuspolicy", 0x26000024: "nocrashautoreboot", 0x26000090: "bootlog"}
	found := 0
	for _, i := range elementTypes {
		key := ElementKey(entry, i.number)
		may := MayChangeBoot(entry, key)
		if may != (want[i.number] == i.name) {
			t.Errorf("%s (%s): %t", i.name, i.number, may)
		}
		if may {
			found++
		}
		for _, wrong := range []string{ElementKey(other, i.number), key + `\x`, strings.TrimPrefix(key, `Objects\`), strings.Replace(key, `\Elements`, `\Elements\..`, 1)} {
			if MayChangeBoot(entry, wrong) {
				t.Errorf("%s may be changed", wrong)
			}
		}
	}
	if found != len(want) || len(changeable) != len(want) {
		t.Errorf("%d of %d elements may be changed", found, len(want))
	}
	for _, n := range validated {
		if MayChangeBoot(entry, ElementKey(entry, n)) {
			t.Errorf("%s is validated, and may be changed", n)
		}
	}
	if MayChangeBoot("", ElementKey("", 0x26000090)) || MayChangeBoot(`{}\..`, ElementKey(`{}\..`, 0x26000090)) {
		t.Error("an entry without an ID may be changed")
	}
	if !MayChangeBoot(entry, strings.ToUpper(ElementKey(entry, 0x250000e0))) {
		t.Error("the case of a key matters")
	}
}

// An element's value has words where it is one, and its bytes where it is none.
func TestLoaderElement(t *testing.T) {
	t.Parallel()
	value := func(p ...byte) *hive.Value { return &hive.Value{Type: hive.Binary, Data: p} }
	for key, tt := range map[string]struct {
		v    *hive.Value
		want string
	}{
		ElementKey("{x}", 0x26000090): {value(1), "bootlog Yes"},
		ElementKey("{x}", 0x16000009): {nil, "recoveryenabled "},
		ElementKey("{x}", 0x250000e0): {value(1, 0, 0, 0, 0, 0, 0, 0), "bootstatuspolicy IgnoreAllFailures"},
		ElementKey("{x}", 0x26000024): {value(), "nocrashautoreboot  (a value of 0 bytes is no boolean)"},
		ElementKey("{x}", 0x2600ffff): {value(0), "0x2600ffff No"},
		`Objects\y`:                   {value(0), `Objects\y `},
	} {
		if name, words := LoaderElement(key, tt.v); fmt.Sprint(name, " ", words) != tt.want {
			t.Errorf("%s: %s %s, want %s", key, name, words, tt.want)
		}
	}
}
