package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"errors"
)

// AES-CCM (RFC 3610) as BitLocker uses it: 12 bytes of nonce leave 3 for the length, the MAC
// has 16 bytes, and nothing is authenticated but the message.
const (
	NonceSize   = 12
	MACSize     = 16
	ccmLength   = 15 - NonceSize
	ccmMACFlag  = (MACSize - 2) / 2 << 3
	ccmMaxBytes = 1<<(8*ccmLength) - 1
)

// ErrMAC says that the key is another one, or the text was changed.
var ErrMAC = errors.New("the MAC does not fit")

var errCCMLength = errors.New("AES-CCM: nonce or text of a wrong length")

// OpenCCM decrypts text and checks its MAC.
func OpenCCM(key, nonce, mac, text []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if len(nonce) != NonceSize || len(text) > ccmMaxBytes {
		return nil, errCCMLength
	}
	plain := make([]byte, len(text))
	cipher.NewCTR(block, ccmCounter(nonce, 1)).XORKeyStream(plain, text)
	if want := ccmMAC(block, nonce, plain); subtle.ConstantTimeCompare(mac, want) != 1 {
		clear(plain)
		return nil, ErrMAC
	}
	return plain, nil
}

// SealCCM encrypts plain.
func SealCCM(key, nonce, plain []byte) (mac, text []byte, err error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	if len(nonce) != NonceSize || len(plain) > ccmMaxBytes {
		return nil, nil, errCCMLength
	}
	text = make([]byte, len(plain))
	cipher.NewCTR(block, ccmCounter(nonce, 1)).XORKeyStream(text, plain)
	return ccmMAC(block, nonce, plain), text, nil
}

// ccmCounter is block number i of the key stream; block 0 encrypts the MAC.
func ccmCounter(nonce []byte, i byte) []byte {
	b := make([]byte, aes.BlockSize)
	b[0] = ccmLength - 1
	copy(b[1:], nonce)
	b[len(b)-1] = i
	return b
}

// ccmMAC is the encrypted CBC-MAC of plain.
func ccmMAC(block cipher.Block, nonce, plain []byte) []byte {
	x := make([]byte, aes.BlockSize)
	x[0] = ccmMACFlag | (ccmLength - 1)
	copy(x[1:], nonce)
	n := len(plain)
	x[13], x[14], x[15] = byte(n>>16), byte(n>>8), byte(n)
	block.Encrypt(x, x)
	for len(plain) > 0 {
		n := subtle.XORBytes(x, x, plain[:min(len(plain), aes.BlockSize)])
		block.Encrypt(x, x)
		plain = plain[n:]
	}
	s := ccmCounter(nonce, 0)
	block.Encrypt(s, s)
	subtle.XORBytes(x, x, s)
	return x
}
