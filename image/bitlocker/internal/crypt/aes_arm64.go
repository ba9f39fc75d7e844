package crypt

import "golang.org/x/sys/cpu"

// newGroupCipher is nil if the processor has no instructions for AES.
func newGroupCipher(key []byte) groupCipher {
	if !cpu.ARM64.HasAES {
		return nil
	}
	return expandKey(key)
}
