#include "textflag.h"

// A group of eight blocks lies in V0 to V7. V8 to V15 hold what is added to them, V16 a round's
// key; R4 counts the groups, R6 and R7 the keys. Nothing here branches or looks anything up by
// what is secret.

#define LOAD(b) \
	VLD1.P 64(b), [V0.B16, V1.B16, V2.B16, V3.B16] \
	VLD1   (b), [V4.B16, V5.B16, V6.B16, V7.B16]   \
	SUB    $64, b

#define LOADTWEAKS(t) \
	VLD1.P 64(t), [V8.B16, V9.B16, V10.B16, V11.B16]   \
	VLD1.P 64(t), [V12.B16, V13.B16, V14.B16, V15.B16]

#define STORE(b) \
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(b) \
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(b)

#define ADDTWEAKS \
	VEOR V8.B16, V0.B16, V0.B16  \
	VEOR V9.B16, V1.B16, V1.B16  \
	VEOR V10.B16, V2.B16, V2.B16 \
	VEOR V11.B16, V3.B16, V3.B16 \
	VEOR V12.B16, V4.B16, V4.B16 \
	VEOR V13.B16, V5.B16, V5.B16 \
	VEOR V14.B16, V6.B16, V6.B16 \
	VEOR V15.B16, V7.B16, V7.B16

#define ADDKEY \
	VEOR V16.B16, V0.B16, V0.B16 \
	VEOR V16.B16, V1.B16, V1.B16 \
	VEOR V16.B16, V2.B16, V2.B16 \
	VEOR V16.B16, V3.B16, V3.B16 \
	VEOR V16.B16, V4.B16, V4.B16 \
	VEOR V16.B16, V5.B16, V5.B16 \
	VEOR V16.B16, V6.B16, V6.B16 \
	VEOR V16.B16, V7.B16, V7.B16

// ALL adds the round's key to every block, and substitutes and shifts.
#define ALL(op) \
	op V16.B16, V0.B16 \
	op V16.B16, V1.B16 \
	op V16.B16, V2.B16 \
	op V16.B16, V3.B16 \
	op V16.B16, V4.B16 \
	op V16.B16, V5.B16 \
	op V16.B16, V6.B16 \
	op V16.B16, V7.B16

#define MIX(op) \
	op V0.B16, V0.B16 \
	op V1.B16, V1.B16 \
	op V2.B16, V2.B16 \
	op V3.B16, V3.B16 \
	op V4.B16, V4.B16 \
	op V5.B16, V5.B16 \
	op V6.B16, V6.B16 \
	op V7.B16, V7.B16

// ROUNDS puts the group through R1 rounds; R0 are the keys. The last round does not mix.
#define ROUNDS(op, mix, loop) \
	MOVD   R0, R6                \
	SUB    $1, R1, R7            \
loop:                                \
	VLD1.P 16(R6), [V16.B16]     \
	ALL(op)                      \
	MIX(mix)                     \
	SUBS   $1, R7                \
	BNE    loop                  \
	VLD1.P 16(R6), [V16.B16]     \
	ALL(op)                      \
	VLD1   (R6), [V16.B16]       \
	ADDKEY

// func decryptXTSGroups(keys *schedule, rounds int, b, tweaks *byte, groups int)
TEXT ·decryptXTSGroups(SB), NOSPLIT, $0-40
	LDP  keys+0(FP), (R0, R1)
	LDP  b+16(FP), (R2, R3)
	MOVD groups+32(FP), R4

group:
	LOAD(R2)
	LOADTWEAKS(R3)
	ADDTWEAKS
	ROUNDS(AESD, AESIMC, round)
	ADDTWEAKS
	STORE(R2)
	SUBS $1, R4
	BNE  group
	RET

// func encryptXTSGroups(keys *schedule, rounds int, b, tweaks *byte, groups int)
TEXT ·encryptXTSGroups(SB), NOSPLIT, $0-40
	LDP  keys+0(FP), (R0, R1)
	LDP  b+16(FP), (R2, R3)
	MOVD groups+32(FP), R4

group:
	LOAD(R2)
	LOADTWEAKS(R3)
	ADDTWEAKS
	ROUNDS(AESE, AESMC, round)
	ADDTWEAKS
	STORE(R2)
	SUBS $1, R4
	BNE  group
	RET

// func decryptCBCGroups(keys *schedule, rounds int, b *byte, iv *[16]byte, groups int)
TEXT ·decryptCBCGroups(SB), NOSPLIT, $0-40
	LDP  keys+0(FP), (R0, R1)
	LDP  b+16(FP), (R2, R3)
	MOVD groups+32(FP), R4
	VLD1 (R3), [V8.B16]

group:
	LOAD(R2)

	// What is added to each block is the ciphertext before it; V17 is kept for the next group.
	VMOV V0.B16, V9.B16
	VMOV V1.B16, V10.B16
	VMOV V2.B16, V11.B16
	VMOV V3.B16, V12.B16
	VMOV V4.B16, V13.B16
	VMOV V5.B16, V14.B16
	VMOV V6.B16, V15.B16
	VMOV V7.B16, V17.B16
	ROUNDS(AESD, AESIMC, round)
	ADDTWEAKS
	VMOV V17.B16, V8.B16
	STORE(R2)
	SUBS $1, R4
	BNE  group
	RET

// func substitute(w uint32) uint32
//
// The rows of a block whose columns are all the same are not changed by ShiftRows.
TEXT ·substitute(SB), NOSPLIT, $0-12
	MOVWU w+0(FP), R0
	VDUP  R0, V0.S4
	VEOR  V1.B16, V1.B16, V1.B16
	AESE  V1.B16, V0.B16
	VMOV  V0.S[0], R0
	MOVW  R0, ret+8(FP)
	RET

// func unmixColumns(b *[16]byte)
TEXT ·unmixColumns(SB), NOSPLIT, $0-8
	MOVD   b+0(FP), R0
	VLD1   (R0), [V0.B16]
	AESIMC V0.B16, V0.B16
	VST1   [V0.B16], (R0)
	RET
