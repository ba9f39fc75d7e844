package offline

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hangkit/hive"
)

// typeFlag is a value's type, as a user writes it; nil where it was not given.
type typeFlag struct {
	typ   *hive.Type
	bytes bool // the data are given as bytes, whatever the type
}

// typeNames are the types by their names on the command line.
var typeNames = map[string]hive.Type{
	"none": hive.None, "sz": hive.SZ, "expand-sz": hive.ExpandSZ, "binary": hive.Binary, "dword": hive.DWORD,
	"dword-be": hive.DWORDBigEndian, "link": hive.Link, "multi-sz": hive.MultiSZ, "resource-list": hive.ResourceList,
	"full-resource-descriptor": hive.FullResourceDescriptor, "resource-requirements-list": hive.ResourceRequirementsList, "qword": hive.QWORD,
}

// UnmarshalText parses the flag: a name, Windows' own name such as REG_SZ, or a number.
func (f *typeFlag) UnmarshalText(text []byte) error {
	name := strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(string(text)), "reg_"), "_", "-")
	if name == "dword-big-endian" {
		name = "dword-be"
	}
	if t, ok := typeNames[name]; ok {
		f.typ = &t
		return nil
	}
	n, err := strconv.ParseUint(name, 0, 32)
	if err != nil {
		names := make([]string, 0, len(typeNames))
		for name := range typeNames {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Errorf("want %s, or a number", strings.Join(names, ", "))
	}
	t := hive.Type(n)
	f.typ, f.bytes = &t, true
	return nil
}

// parseData turns arguments into the data of a type.
func parseData(t hive.Type, asBytes bool, args []string) ([]byte, error) {
	if asBytes {
		return parseBytes(args)
	}
	switch t {
	case hive.SZ, hive.ExpandSZ, hive.Link:
		return parseString(t, args)
	case hive.MultiSZ:
		if err := checkStrings(args); err != nil {
			return nil, err
		}
		return hive.EncodeMultiSZ(args), nil
	case hive.DWORD, hive.DWORDBigEndian, hive.QWORD:
		return parseNumber(t, args)
	default:
		return parseBytes(args)
	}
}

// parseString makes one string of at most one argument; none is the empty string.
func parseString(t hive.Type, args []string) ([]byte, error) {
	if len(args) > 1 {
		return nil, fmt.Errorf("%s is one string, got %d: put it in quotes", t, len(args))
	}
	if err := checkStrings(args); err != nil {
		return nil, err
	}
	data := hive.EncodeSZ(strings.Join(args, ""))
	if t == hive.Link { // the target of a link has no NUL behind it
		return data[:len(data)-2], nil
	}
	return data, nil
}

// checkStrings refuses what is no text: what is written would not be what was typed.
func checkStrings(args []string) error {
	for _, a := range args {
		if hive.DecodeUTF16(hive.EncodeUTF16(a)) != a {
			return fmt.Errorf("%q is not UTF-8", a)
		}
	}
	return nil
}

func parseNumber(t hive.Type, args []string) ([]byte, error) {
	bits := 32
	if t == hive.QWORD {
		bits = 64
	}
	if len(args) != 1 {
		return nil, fmt.Errorf("%s is one number, got %d", t, len(args))
	}
	n, err := strconv.ParseUint(args[0], 0, bits)
	if err != nil {
		return nil, fmt.Errorf("%s: want a number of %d bits, decimal or with 0x: %w", t, bits, err)
	}
	switch t {
	case hive.DWORD:
		return hive.EncodeDWORD(uint32(n)), nil
	case hive.DWORDBigEndian:
		return binary.BigEndian.AppendUint32(nil, uint32(n)), nil
	default:
		return hive.EncodeQWORD(n), nil
	}
}

// parseBytes reads hexadecimal digits; spaces, commas and colons may stand between bytes.
func parseBytes(args []string) ([]byte, error) {
	between := func(r rune) bool { return strings.ContainsRune(" ,:\t", r) }
	data := []byte{}
	for _, digits := range strings.FieldsFunc(strings.Join(args, " "), between) {
		part, err := hex.DecodeString(digits)
		if err != nil {
			return nil, fmt.Errorf("want bytes in hexadecimal, such as 0aff: %w", err)
		}
		data = append(data, part...)
	}
	return data, nil
}
