package crypt

import (
	"crypto/aes"
	"errors"
	"fmt"
)

// Method is how the sectors of a volume are encrypted.
type Method uint16

// The methods.
const (
	CBC128Elephant Method = 0x8000
	CBC256Elephant Method = 0x8001
	CBC128         Method = 0x8002
	CBC256         Method = 0x8003
	XTS128         Method = 0x8004
	XTS256         Method = 0x8005
)

// methodInfo tells the methods apart.
type methodInfo struct {
	name   string
	keyLen int // of the volume key
	half   int // of it that one AES key takes
}

// elephantTweakOff is where the tweak key stands in the volume key, whatever the length of
// the first.
const elephantTweakOff = 32

var methods = map[Method]methodInfo{
	CBC128Elephant: {"AES-CBC 128 with Elephant diffuser", 64, 16},
	CBC256Elephant: {"AES-CBC 256 with Elephant diffuser", 64, 32},
	CBC128:         {"AES-CBC 128", 16, 16},
	CBC256:         {"AES-CBC 256", 32, 32},
	XTS128:         {"AES-XTS 128", 32, 16},
	XTS256:         {"AES-XTS 256", 64, 32},
}

// Known tells whether sectors of the method can be read.
func (m Method) Known() bool { return methods[m].keyLen != 0 }

// KeyLen is the length of the volume key in bytes, 0 for an unknown method.
func (m Method) KeyLen() int { return methods[m].keyLen }

// String names the method.
func (m Method) String() string {
	if i, ok := methods[m]; ok {
		return i.name
	}
	return fmt.Sprintf("method 0x%04x", uint16(m))
}

// ErrMethod says that the method is unknown, or the key is none of it.
var ErrMethod = errors.New("unknown encryption method or key")

// Cipher encrypts and decrypts whole sectors in place. Its methods may be called
// concurrently.
type Cipher interface {
	// Decrypt decrypts consecutive sectors; off is where on the volume the first lies.
	Decrypt(b []byte, off int64)
	// Encrypt is the reverse.
	Encrypt(b []byte, off int64)
}

// NewCipher makes the cipher of a volume with sectors of the given size.
func NewCipher(m Method, key []byte, sector int) (Cipher, error) {
	info := methods[m]
	if info.keyLen == 0 || len(key) != info.keyLen || sector < aes.BlockSize || sector > maxSector || sector&(sector-1) != 0 {
		return nil, fmt.Errorf("%w: %v, %d bytes of key", ErrMethod, m, len(key))
	}
	first, err := newAES(key[:info.half])
	if err != nil {
		return nil, err
	}
	switch m {
	case XTS128, XTS256:
		second, err := newAES(key[info.half:])
		return &xtsCipher{first, second, sector}, err
	case CBC128Elephant, CBC256Elephant:
		tweak, err := newAES(key[elephantTweakOff:][:info.half])
		return &cbcCipher{first, tweak, sector}, err
	default:
		return &cbcCipher{first, nil, sector}, nil
	}
}
