package lzx

import "bytes"

// The encoder makes the targets of x86 near calls absolute, since equal targets
// compress better, as if the chunk stood at the start of a file of a fixed size.
const (
	callOpcode      = 0xe8
	callSize        = 5 // opcode and target
	callFileSize    = 12_000_000
	callsUntouched  = 10 // bytes at the end of a chunk
	callTargetStart = 1
)

// translateCalls makes call targets relative again.
func translateCalls(b []byte) {
	for at := 0; at < len(b)-callsUntouched; {
		next := bytes.IndexByte(b[at:len(b)-callsUntouched], callOpcode)
		if next < 0 {
			return
		}
		at += next
		target := b[at+callTargetStart : at+callSize]
		le.PutUint32(target, uint32(relative(int32(le.Uint32(target)), int32(at))))
		at += callSize
	}
}

// relative is the way back from an absolute target; what cannot be one stays.
func relative(target, at int32) int32 {
	switch {
	case target >= 0 && target < callFileSize:
		return target - at
	case target < 0 && target >= -at:
		return target + callFileSize
	}
	return target
}
