package bitlocker

import (
	"errors"
	"iter"

	"hangkit/image/bitlocker/internal/crypt"
)

var errNoDatum = errors.New("nothing usable was encrypted")

// A datum is the building block of the metadata: u16 size with this header, u16 role, u16
// type, u16 flags, then data that may hold datums again. Their order means nothing, and so
// do their flags here.
const datumHeader = 8

// datumType says how a datum's data is laid out.
type datumType uint16

const (
	typeKey         datumType = 1   // u32 kind, the bytes of the key
	typeString      datumType = 2   // UTF-16 with a NUL
	typeStretchKey  datumType = 3   // u32 kind, 16 bytes of salt, datums
	typeUseKey      datumType = 4   // u32 kind, datums
	typeSealed      datumType = 5   // AES-CCM: 12 bytes nonce, 16 bytes MAC, an encrypted datum
	typeVMK         datumType = 8   // GUID, FILETIME, u16, u16 protector, datums
	typeExternalKey datumType = 9   // GUID, FILETIME, datums
	typeRelocation  datumType = 0xf // u64 offset, u64 size of where the boot sectors are kept
)

// role says what a datum is for.
type role uint16

const (
	roleVMK         role = 2
	roleFVEK        role = 3
	roleStartupKey  role = 6
	roleDescription role = 7
)

// Where the parts of a datum's data begin.
const (
	keyBytesOff      = 4
	stretchSaltOff   = 4
	sealedMACOff     = crypt.NonceSize
	sealedDataOff    = crypt.NonceSize + crypt.MACSize
	vmkProtectorOff  = 26
	vmkDatumsOff     = 28
	externalDatumOff = 24
	relocationSize   = 16
)

// datum is a view of one, its type's fixed part known to be there.
type datum struct {
	role role
	typ  datumType
	data []byte
}

// minData is how much data a datum of each type that is looked into has at least.
var minData = map[datumType]int{
	typeKey: keyBytesOff, typeStretchKey: stretchSaltOff + crypt.SaltSize, typeSealed: sealedDataOff,
	typeVMK: vmkDatumsOff, typeExternalKey: externalDatumOff, typeRelocation: relocationSize,
}

// datums lists those in b up to the first that does not fit, and leaves out those that are
// too short for their type.
func datums(b []byte) iter.Seq[datum] {
	return func(yield func(datum) bool) {
		for len(b) >= datumHeader {
			n := int(le.Uint16(b))
			if n < datumHeader || n > len(b) {
				return
			}
			d := datum{role: role(le.Uint16(b[2:])), typ: datumType(le.Uint16(b[4:])), data: b[datumHeader:n]}
			if len(d.data) >= minData[d.typ] && !yield(d) {
				return
			}
			b = b[n:]
		}
	}
}

// findDatum gives the first of a type.
func findDatum(b []byte, typ datumType) (datum, bool) {
	for d := range datums(b) {
		if d.typ == typ {
			return d, true
		}
	}
	return datum{}, false
}

// unseal decrypts what a typeSealed datum holds: one datum.
func (d datum) unseal(key []byte) (datum, error) {
	plain, err := crypt.OpenCCM(key, d.data[:sealedMACOff], d.data[sealedMACOff:sealedDataOff], d.data[sealedDataOff:])
	if err != nil {
		return datum{}, err
	}
	for inner := range datums(plain) {
		return inner, nil
	}
	return datum{}, errNoDatum
}

// key is what a typeKey datum holds.
func (d datum) key() (kind uint32, key []byte) { return le.Uint32(d.data), d.data[keyBytesOff:] }
