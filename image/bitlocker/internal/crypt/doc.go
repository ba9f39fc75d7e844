// Package crypt is the cryptography of BitLocker: how secrets become keys, how keys are
// sealed under each other, and how sectors are encrypted.
package crypt
