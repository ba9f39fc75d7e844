package bitlocker

import (
	"fmt"
	"strings"

	"hangkit/image/bitlocker/internal/crypt"
)

// Kind is what a protector asks for. It is a set of bits.
type Kind uint16

// The kinds of protector, and the bits of those that ask for two things.
const (
	ClearKey         Kind = 0
	TPM              Kind = 0x0100
	KeyFile          Kind = 0x0200
	pin              Kind = 0x0400 // in addition to the TPM
	RecoveryPassword Kind = 0x0800
	Certificate      Kind = 0x1000 // a smart card, or a data recovery agent
	Password         Kind = 0x2000
)

// String names the kind as manage-bde does.
func (k Kind) String() string {
	switch k { //nolint:exhaustive // those with a TPM are put together below
	case ClearKey:
		return "clear key (protection is suspended)"
	case KeyFile:
		return "startup or recovery key file (.BEK)"
	case RecoveryPassword:
		return "recovery password"
	case Certificate:
		return "smart card or certificate"
	case Password:
		return "password"
	}
	if k&^(TPM|KeyFile|pin) != 0 {
		return fmt.Sprintf("unknown protector 0x%04x", uint16(k))
	}
	parts := []string{"TPM"}
	if k&pin != 0 {
		parts = append(parts, "PIN")
	}
	if k&KeyFile != 0 {
		parts = append(parts, "startup key")
	}
	return strings.Join(parts, " and ")
}

// opened tells whether a secret of this kind can be given here. A TPM gives its part to the
// machine it sits in alone.
func (k Kind) opened() bool {
	return k == ClearKey || k == KeyFile || k == RecoveryPassword || k == Password
}

// Protector is one way to unlock a volume.
type Protector struct {
	ID   GUID
	Kind Kind
}

// KeyID is the start of the ID, which Windows' recovery screen and key escrows show.
func (p Protector) KeyID() string { return p.ID.String()[:8] }

// String names the protector with its ID.
func (p Protector) String() string { return fmt.Sprintf("%s {%s}", p.Kind, p.ID) }

// masterKey is a protector with the volume's master key sealed under what it asks for.
type masterKey struct {
	Protector
	salt   []byte // of the stretching; nil where nothing is stretched
	clear  []byte // nil where the key is a secret
	sealed datum
	ok     bool // sealed is there
}

// maxProtectors is far more than Windows makes: each may cost a stretching.
const maxProtectors = 64

func (m metadata) masterKeys() []masterKey {
	var keys []masterKey
	for d := range datums(m.datums()) {
		if len(keys) == maxProtectors {
			break
		}
		if d.role == roleVMK && d.typ == typeVMK {
			keys = append(keys, parseMasterKey(d))
		}
	}
	return keys
}

func parseMasterKey(d datum) masterKey {
	k := masterKey{Protector: Protector{ID: GUID(d.data[:guidSize]), Kind: Kind(le.Uint16(d.data[vmkProtectorOff:]))}}
	for inner := range datums(d.data[vmkDatumsOff:]) {
		switch inner.typ {
		case typeStretchKey:
			k.salt = inner.data[stretchSaltOff:][:crypt.SaltSize]
		case typeKey:
			_, k.clear = inner.key()
		case typeSealed:
			k.sealed, k.ok = inner, true
		default: // descriptions, backups of the secret
		}
	}
	return k
}

// open decrypts the volume's master key.
func (k masterKey) open(key []byte) ([]byte, error) {
	if !k.ok {
		return nil, errNoDatum
	}
	inner, err := k.sealed.unseal(key)
	if err != nil {
		return nil, err
	}
	if inner.typ != typeKey {
		return nil, errNoDatum
	}
	_, vmk := inner.key()
	return vmk, nil
}
