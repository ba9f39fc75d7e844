package bitlocker

import (
	"bytes"
	"errors"
	"fmt"
)

var (
	errGroupDigits = errors.New("has something other than digits in it")
	errGroupTypo   = errors.New("is mistyped")
)

// A .BEK file begins with the header of a dataset: u32 size, u32 version, u32 header size, u32
// size, GUID, … . Windows 11 adds a datum with the volume's GUID.
const (
	bekVersion    = 1
	bekVersionOff = 4
	bekHeaderOff  = 8
	externalSize  = 32
)

// externalKey is the key of a startup or recovery key file.
type externalKey struct {
	id  GUID // of the protector it belongs to
	key []byte
}

// isExternalKey tells a .BEK file from a text by its header.
func isExternalKey(b []byte) bool {
	return len(b) >= datasetHeader && le.Uint32(b[bekVersionOff:]) == bekVersion && le.Uint32(b[bekHeaderOff:]) == datasetHeader
}

func parseExternalKey(b []byte) (externalKey, error) {
	for d := range datums(b[datasetHeader:]) {
		if d.role != roleStartupKey || d.typ != typeExternalKey {
			continue
		}
		inner, ok := findDatum(d.data[externalDatumOff:], typeKey)
		if !ok {
			continue
		}
		if _, key := inner.key(); len(key) == externalSize {
			return externalKey{id: GUID(d.data[:guidSize]), key: bytes.Clone(key)}, nil
		}
	}
	return externalKey{}, fmt.Errorf("%w: a .BEK file without a key of %d bytes in it", ErrKey, externalSize)
}
