package crypt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
)

// SaltSize is the length of what makes each stretching another one.
const SaltSize = 16

// stretchRounds is how often a secret is hashed to make guessing dear; stretchCheck, after how
// many rounds the user is asked whether it still matters.
const (
	stretchRounds = 1 << 20
	stretchCheck  = 1 << 14
)

// What is hashed each time: the last hash, the secret's hash, the salt and a counter.
const (
	stretchHashOff    = sha256.Size
	stretchMixOff     = 2 * sha256.Size
	stretchCounterOff = stretchMixOff + SaltSize
	stretchLen        = stretchCounterOff + 8
)

// Stretch turns the hash of a recovery password or a password into a key.
func Stretch(ctx context.Context, hash [sha256.Size]byte, salt []byte) ([]byte, error) {
	var s [stretchLen]byte
	copy(s[stretchHashOff:], hash[:])
	copy(s[stretchMixOff:stretchCounterOff], salt)
	for i := range uint64(stretchRounds) {
		if i%stretchCheck == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		binary.LittleEndian.PutUint64(s[stretchCounterOff:], i)
		last := sha256.Sum256(s[:])
		copy(s[:], last[:])
	}
	key := bytes.Clone(s[:sha256.Size])
	clear(s[:])
	return key, nil
}
