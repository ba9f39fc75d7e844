package windows

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"hangkit/hive"
)

// Origin says where the value of an element comes from.
type Origin string

// The origins.
const (
	Set       Origin = "set"       // in the entry itself
	Inherited Origin = "inherited" // from an object the entry inherits from
	Default   Origin = "default"   // set nowhere: the documented default
)

// Element is one setting. Which field has its value depends on its format.
type Element struct {
	Type   ElementType
	Name   string // "recoveryenabled", or the number where no name is known
	Origin Origin
	From   string     // ID of the object it is set in; empty for a default
	Raw    hive.Value // of data that are too long only the beginning

	Text     string   // string
	Objects  []string // object (one), object list: IDs, lower case
	Integer  uint64
	Integers []uint64 // integer list
	Bool     bool
	Device   Device
	Err      error // why the value is none of these

	info elementInfo
}

// decodeElement reads a value as the type's format has it.
func decodeElement(t ElementType, in *Entry, v hive.Value) Element {
	i, ok := infoOf(t, in.Type)
	if !ok {
		i = elementInfo{name: t.String(), hex: true}
	}
	e := Element{Type: t, Name: i.name, Origin: Set, From: in.ID, Raw: v, info: i}
	e.Err = e.decode(v)
	if len(v.Data) > maxBCDData {
		e.Raw.Data = slices.Clone(v.Data[:maxShown])
	}
	return e
}

func (e *Element) decode(v hive.Value) error {
	if len(v.Data) > maxBCDData {
		return fmt.Errorf("%d bytes: more than any %s has", len(v.Data), e.Type.Format())
	}
	switch f := e.Type.Format(); f {
	case FormatString, FormatObject:
		if v.Type != hive.SZ {
			return fmt.Errorf("a %s in a %s", f, v.Type)
		}
		e.Text = v.Text()
		return e.takeObjects(f, e.Text)
	case FormatObjectList:
		if v.Type != hive.MultiSZ {
			return fmt.Errorf("an %s in a %s", f, v.Type)
		}
		return e.takeObjects(f, v.Strings()...)
	default:
		if v.Type != hive.Binary {
			return fmt.Errorf("a %s in a %s", f, v.Type)
		}
		return e.decodeBinary(v.Data)
	}
}

// takeObjects takes IDs; a string has none.
func (e *Element) takeObjects(f Format, ids ...string) error {
	if f == FormatString {
		return nil
	}
	e.Text = ""
	for _, id := range ids {
		id = strings.ToLower(id)
		if !isGUID(id) {
			return fmt.Errorf("%q is no ID of an object", id)
		}
		e.Objects = append(e.Objects, id)
	}
	return nil
}

func (e *Element) decodeBinary(p []byte) (err error) {
	le := binary.LittleEndian
	switch f := e.Type.Format(); {
	case f == FormatDevice:
		e.Device, err = parseDevice(p)
		return err
	case f == FormatBoolean && (len(p) == 1 || len(p) == 2): // bcdedit writes 1 byte, the API has 2
		e.Bool = p[0] != 0
	case f == FormatInteger && len(p) == 8:
		e.Integer = le.Uint64(p)
	case f == FormatIntegerList && len(p)%8 == 0:
		for ; len(p) > 0; p = p[8:] {
			e.Integers = append(e.Integers, le.Uint64(p))
		}
	default:
		return fmt.Errorf("a value of %d bytes is no %s", len(p), f)
	}
	return nil
}

// object is the ID of an element that has one, or empty.
func (e *Element) object() string {
	if len(e.Objects) == 0 {
		return ""
	}
	return e.Objects[0]
}

// defaultElement is the documented default of a type, if there is one.
func defaultElement(t ElementType, in ObjectType) (Element, bool) {
	i, ok := infoOf(t, in)
	if !ok {
		return Element{}, false
	}
	n, ok := documentedDefaults[i.name]
	if !ok {
		return Element{}, false
	}
	return Element{Type: t, Name: i.name, Origin: Default, Integer: n, Bool: n != 0, info: i}, true
}

// maxShown bounds what is shown of a value that cannot be decoded.
const maxShown = 64

// Words is the value as people and bcdedit write it.
func (e Element) Words() string {
	if e.Err != nil {
		return fmt.Sprintf("%x (%v)", e.Raw.Data[:min(len(e.Raw.Data), maxShown)], e.Err)
	}
	switch e.Type.Format() {
	case FormatDevice:
		return e.Device.String()
	case FormatString:
		return e.Text
	case FormatObject, FormatObjectList:
		names := make([]string, len(e.Objects))
		for i, id := range e.Objects {
			names[i] = BCDObjectName(id)
		}
		return strings.Join(names, " ")
	case FormatBoolean:
		if e.Bool {
			return "Yes"
		}
		return "No"
	default:
		return e.integerWords()
	}
}

func (e Element) integerWords() string {
	if e.Type.Format() == FormatInteger {
		return e.info.integer(e.Integer)
	}
	list := make([]string, len(e.Integers))
	for k, n := range e.Integers {
		list[k] = e.info.integer(n)
	}
	return strings.Join(list, " ")
}

// integer writes a number as people know it.
func (i elementInfo) integer(n uint64) string {
	switch {
	case n < uint64(len(i.words)):
		return i.words[n]
	case i.hex:
		return fmt.Sprintf("%#x", n)
	}
	return fmt.Sprint(n)
}
