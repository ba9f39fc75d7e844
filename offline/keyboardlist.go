package offline

import (
	"fmt"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
)

// keyboardDocument is what a key combination can be made of.
type keyboardDocument struct {
	Schema string            `json:"schema"`
	Hold   []modifierKeyJSON `json:"hold"`
	Press  []keyEntryJSON    `json:"press"`
}

type modifierKeyJSON struct {
	Bit      uint32 `json:"bit"` // of Dump1Keys
	Token    string `json:"token"`
	Name     string `json:"name"`
	ScanCode string `json:"scan_code_hex"`
}

type keyEntryJSON struct {
	Index  uint32 `json:"index"` // for Dump2Key
	Entry  string `json:"entry_hex"`
	Token  string `json:"token,omitempty"`
	Name   string `json:"name,omitempty"`
	Usable bool   `json:"usable"`
	WhyNot string `json:"why_not,omitempty"`
}

// printKeys lists all that --keyboard takes: the bits of Dump1Keys and the drivers' table.
func printKeys(talk *ui.UI) error {
	doc := keyboardDocument{Schema: "hangkit/keyboard-list/1"}
	for _, m := range crashconfig.ModifierKeys() {
		doc.Hold = append(doc.Hold, modifierKeyJSON{uint32(m.Bit), m.Token, m.Name, fmt.Sprintf("%x", m.ScanCode)})
	}
	for _, k := range crashconfig.KeyEntries() {
		doc.Press = append(doc.Press, keyEntryJSON{uint32(k.Index), fmt.Sprintf("%02x", k.Code), k.Token, k.Name, k.WhyNot == "", k.WhyNot})
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	talk.Printf("Keys to hold, one or several, all of them together (Dump1Keys):\n\n   bit  say     key\n")
	for _, m := range doc.Hold {
		talk.Printf("  0x%02x  %-6s  %s\n", m.Bit, m.Token, m.Name)
	}
	talk.Printf("  0x08, 0x80    undefined\n")
	talk.Printf("\nKey to press twice meanwhile (Dump2Key: the index, not a scan code). Names are those of a US keyboard;\nan entry of 80 or more stands for a scan code behind E0.\n\n")
	talk.Printf("  index       entry  say        key\n")
	for _, k := range doc.Press {
		if k.Usable {
			talk.Printf("  %3d  0x%02x   %s    %-9s  %s\n", k.Index, k.Index, k.Entry, k.Token, k.Name)
		} else {
			talk.Printf("  %3d  0x%02x   %s    %-9s  %s\n", k.Index, k.Index, k.Entry, "-", k.WhyNot)
		}
	}
	talk.Printf("\nFor example rctrl+space, or 0x02+0x3D, the numbers of the registry. default is rctrl+scroll; off switches it off.\n")
	return nil
}
