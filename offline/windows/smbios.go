package windows

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Structures of the SMBIOS table and the offsets of what is read from them (DMTF DSP0134, "System Management BIOS
// Reference Specification": 7.1 BIOS Information, 7.2 System Information, 7.4 System Enclosure or Chassis).
const (
	smbiosBIOS, smbiosSystem, smbiosChassis, smbiosEnd = 0, 1, 3, 127

	smbiosHeader    = 4 // type, length, handle
	biosVersionAt   = 5
	systemMakerAt   = 4
	systemProductAt = 5
	systemUUIDAt    = 8
	chassisTypeAt   = 5
	chassisTagAt    = 8

	chassisLock = 0x80 // bit of the chassis type that tells of a lock
)

// ParseSMBIOS reads what a machine's firmware says of it from its SMBIOS table. A table that breaks off gives what stands
// before the break; the first structure of each kind counts.
func ParseSMBIOS(table []byte) SMBIOS {
	var m SMBIOS
	seen := map[byte]bool{}
	for len(table) >= smbiosHeader {
		kind, length := table[0], int(table[1])
		if kind == smbiosEnd || length < smbiosHeader || length > len(table) {
			break
		}
		s := smbiosStructure{fields: table[:length]}
		s.strings, table = cutStrings(table[length:])
		if !seen[kind] {
			m.take(kind, s)
		}
		seen[kind] = true
	}
	return m
}

// cutStrings takes the strings behind a structure, which end with an empty one.
func cutStrings(b []byte) (list [][]byte, rest []byte) {
	for {
		text, rest, ok := bytes.Cut(b, []byte{0})
		switch {
		case !ok:
			return list, nil
		case len(text) == 0 && len(list) == 0: // no strings at all: two zeros
			return nil, bytes.TrimPrefix(rest, []byte{0})
		case len(text) == 0:
			return list, rest
		}
		list, b = append(list, text), rest
	}
}

type smbiosStructure struct {
	fields  []byte
	strings [][]byte
}

// text is the string whose number, from 1 on, stands in a field.
func (s smbiosStructure) text(at int) string {
	if at >= len(s.fields) {
		return ""
	}
	n := int(s.fields[at])
	if n == 0 || n > len(s.strings) {
		return ""
	}
	return strings.TrimSpace(string(s.strings[n-1]))
}

func (m *SMBIOS) take(kind byte, s smbiosStructure) {
	switch kind {
	case smbiosBIOS:
		m.BIOSVersion = s.text(biosVersionAt)
	case smbiosSystem:
		m.Manufacturer, m.Product = s.text(systemMakerAt), s.text(systemProductAt)
		if len(s.fields) >= systemUUIDAt+16 {
			m.UUID = uuidText(s.fields[systemUUIDAt:])
		}
	case smbiosChassis:
		m.AssetTag = s.text(chassisTagAt)
		if len(s.fields) > chassisTypeAt {
			m.Chassis = uint32(s.fields[chassisTypeAt] &^ chassisLock)
		}
	}
}

// uuidText writes a UUID as Windows does, its first three groups as little-endian numbers.
func uuidText(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}
