package bitlocker

import "hangkit/image/bitlocker/internal/crypt"

// Method is how the sectors of a volume are encrypted.
type Method = crypt.Method

// The methods that are read and written here.
const (
	CBC128Elephant = crypt.CBC128Elephant
	CBC256Elephant = crypt.CBC256Elephant
	CBC128         = crypt.CBC128
	CBC256         = crypt.CBC256
	XTS128         = crypt.XTS128
	XTS256         = crypt.XTS256
)
