package windows

import (
	"fmt"
	"strconv"
	"strings"

	"hangkit/hive"
)

// The elements of a loader that may be changed. BitLocker validates none of them by default and
// Secure Boot protects none (windows-itpro-docs, "BCD settings and BitLocker"): a change of any other
// may ask for a recovery key at the next start, weaken what the machine checks, or keep it from
// starting.
const (
	ElementRecoveryEnabled   ElementType = 0x16000009
	ElementBootStatusPolicy  ElementType = 0x250000e0
	ElementNoCrashAutoReboot ElementType = 0x26000024
	ElementBootLog           ElementType = 0x26000090
)

var changeable = []ElementType{ElementRecoveryEnabled, ElementBootStatusPolicy, ElementNoCrashAutoReboot, ElementBootLog}

// ElementValue is the name of the value in an element's key.
const ElementValue = "Element"

// EntryKey is the key of an object in the hive of its store.
func EntryKey(object string) string { return `Objects\` + object }

// ElementKey is the key of an element in the hive of its store, as Windows spells it.
func ElementKey(object string, t ElementType) string {
	return fmt.Sprintf(`%s\Elements\%08x`, EntryKey(object), uint32(t))
}

// MayChangeBoot tells whether a key in the hive of a store is that of an element of this object that
// may be changed.
func MayChangeBoot(object, key string) bool {
	for _, t := range changeable {
		if isGUID(strings.ToLower(object)) && strings.EqualFold(key, ElementKey(object, t)) {
			return true
		}
	}
	return false
}

// LoaderElement is the name of the element that a key of a store is about, and its value in words as
// a loader has it; no words for no value.
func LoaderElement(key string, v *hive.Value) (name, words string) {
	n, err := strconv.ParseUint(key[strings.LastIndexByte(key, '\\')+1:], 16, 32)
	if err != nil {
		return key, ""
	}
	const osLoader = classApplication<<28 | ObjectType(appOSLoader)
	var value hive.Value
	if v != nil {
		value = *v
	}
	e := decodeElement(ElementType(n), &Entry{Type: osLoader}, value)
	if v == nil {
		return e.Name, ""
	}
	return e.Name, e.Words()
}
