#include "textflag.h"

// A group of eight blocks lies in X0 to X7. X8 holds a round's key, and what else is needed for
// a moment; BX counts the groups, DX and CX the keys. Nothing here branches or looks anything up
// by what is secret.

#define LOAD(b) \
	MOVOU 0(b), X0   \
	MOVOU 16(b), X1  \
	MOVOU 32(b), X2  \
	MOVOU 48(b), X3  \
	MOVOU 64(b), X4  \
	MOVOU 80(b), X5  \
	MOVOU 96(b), X6  \
	MOVOU 112(b), X7

#define STORE(b) \
	MOVOU X0, 0(b)   \
	MOVOU X1, 16(b)  \
	MOVOU X2, 32(b)  \
	MOVOU X3, 48(b)  \
	MOVOU X4, 64(b)  \
	MOVOU X5, 80(b)  \
	MOVOU X6, 96(b)  \
	MOVOU X7, 112(b)

// ADD adds what lies at m to one block.
#define ADD(m, x) \
	MOVOU m, X8 \
	PXOR  X8, x

#define ADDTWEAKS(t) \
	ADD(0(t), X0)   \
	ADD(16(t), X1)  \
	ADD(32(t), X2)  \
	ADD(48(t), X3)  \
	ADD(64(t), X4)  \
	ADD(80(t), X5)  \
	ADD(96(t), X6)  \
	ADD(112(t), X7)

// ALL does the same with every block and the key at k.
#define ALL(op, k) \
	MOVOU k, X8  \
	op    X8, X0 \
	op    X8, X1 \
	op    X8, X2 \
	op    X8, X3 \
	op    X8, X4 \
	op    X8, X5 \
	op    X8, X6 \
	op    X8, X7

// ROUNDS puts the group through R9 rounds; AX are the keys.
#define ROUNDS(op, last, loop) \
	ALL(PXOR, (AX))  \
	MOVQ AX, DX      \
	LEAQ -1(R9), CX  \
loop:                    \
	ADDQ $16, DX     \
	ALL(op, (DX))    \
	DECQ CX          \
	JNZ  loop        \
	ALL(last, 16(DX))

// func decryptXTSGroups(keys *schedule, rounds int, b, tweaks *byte, groups int)
TEXT ·decryptXTSGroups(SB), NOSPLIT, $0-40
	MOVQ keys+0(FP), AX
	MOVQ rounds+8(FP), R9
	MOVQ b+16(FP), DI
	MOVQ tweaks+24(FP), SI
	MOVQ groups+32(FP), BX

group:
	LOAD(DI)
	ADDTWEAKS(SI)
	ROUNDS(AESDEC, AESDECLAST, round)
	ADDTWEAKS(SI)
	STORE(DI)
	ADDQ $128, DI
	ADDQ $128, SI
	DECQ BX
	JNZ  group
	RET

// func encryptXTSGroups(keys *schedule, rounds int, b, tweaks *byte, groups int)
TEXT ·encryptXTSGroups(SB), NOSPLIT, $0-40
	MOVQ keys+0(FP), AX
	MOVQ rounds+8(FP), R9
	MOVQ b+16(FP), DI
	MOVQ tweaks+24(FP), SI
	MOVQ groups+32(FP), BX

group:
	LOAD(DI)
	ADDTWEAKS(SI)
	ROUNDS(AESENC, AESENCLAST, round)
	ADDTWEAKS(SI)
	STORE(DI)
	ADDQ $128, DI
	ADDQ $128, SI
	DECQ BX
	JNZ  group
	RET

// func decryptCBCGroups(keys *schedule, rounds int, b *byte, iv *[16]byte, groups int)
TEXT ·decryptCBCGroups(SB), NOSPLIT, $0-40
	MOVQ  keys+0(FP), AX
	MOVQ  rounds+8(FP), R9
	MOVQ  b+16(FP), DI
	MOVQ  iv+24(FP), SI
	MOVQ  groups+32(FP), BX
	MOVOU (SI), X9

group:
	LOAD(DI)
	ROUNDS(AESDEC, AESDECLAST, round)

	// What is added to each block is the ciphertext before it, which is still in memory.
	PXOR  X9, X0
	ADD(0(DI), X1)
	ADD(16(DI), X2)
	ADD(32(DI), X3)
	ADD(48(DI), X4)
	ADD(64(DI), X5)
	ADD(80(DI), X6)
	ADD(96(DI), X7)
	MOVOU 112(DI), X9
	STORE(DI)
	ADDQ  $128, DI
	DECQ  BX
	JNZ   group
	RET

// The same with four blocks in each of Z0 to Z3, and a round's key four times in Z8.

#define LOADWIDE(b) \
	VMOVDQU64 0(b), Z0   \
	VMOVDQU64 64(b), Z1  \
	VMOVDQU64 128(b), Z2 \
	VMOVDQU64 192(b), Z3

#define STOREWIDE(b) \
	VMOVDQU64 Z0, 0(b)   \
	VMOVDQU64 Z1, 64(b)  \
	VMOVDQU64 Z2, 128(b) \
	VMOVDQU64 Z3, 192(b)

#define ADDTWEAKSWIDE(t) \
	VPXORQ 0(t), Z0, Z0   \
	VPXORQ 64(t), Z1, Z1  \
	VPXORQ 128(t), Z2, Z2 \
	VPXORQ 192(t), Z3, Z3

#define ALLWIDE(op, k) \
	VBROADCASTI32X4 k, Z8 \
	op Z8, Z0, Z0         \
	op Z8, Z1, Z1         \
	op Z8, Z2, Z2         \
	op Z8, Z3, Z3

#define ROUNDSWIDE(op, last, loop) \
	ALLWIDE(VPXORQ, (AX)) \
	MOVQ AX, DX           \
	LEAQ -1(R9), CX       \
loop:                         \
	ADDQ $16, DX          \
	ALLWIDE(op, (DX))     \
	DECQ CX               \
	JNZ  loop             \
	ALLWIDE(last, 16(DX))

// func decryptXTSWide(keys *schedule, rounds int, b, tweaks *byte, groups int)
TEXT ·decryptXTSWide(SB), NOSPLIT, $0-40
	MOVQ keys+0(FP), AX
	MOVQ rounds+8(FP), R9
	MOVQ b+16(FP), DI
	MOVQ tweaks+24(FP), SI
	MOVQ groups+32(FP), BX

group:
	LOADWIDE(DI)
	ADDTWEAKSWIDE(SI)
	ROUNDSWIDE(VAESDEC, VAESDECLAST, round)
	ADDTWEAKSWIDE(SI)
	STOREWIDE(DI)
	ADDQ $256, DI
	ADDQ $256, SI
	DECQ BX
	JNZ  group
	VZEROUPPER
	RET

// func encryptXTSWide(keys *schedule, rounds int, b, tweaks *byte, groups int)
TEXT ·encryptXTSWide(SB), NOSPLIT, $0-40
	MOVQ keys+0(FP), AX
	MOVQ rounds+8(FP), R9
	MOVQ b+16(FP), DI
	MOVQ tweaks+24(FP), SI
	MOVQ groups+32(FP), BX

group:
	LOADWIDE(DI)
	ADDTWEAKSWIDE(SI)
	ROUNDSWIDE(VAESENC, VAESENCLAST, round)
	ADDTWEAKSWIDE(SI)
	STOREWIDE(DI)
	ADDQ $256, DI
	ADDQ $256, SI
	DECQ BX
	JNZ  group
	VZEROUPPER
	RET

// func decryptCBCWide(keys *schedule, rounds int, b *byte, iv *[16]byte, groups int)
TEXT ·decryptCBCWide(SB), NOSPLIT, $0-40
	MOVQ            keys+0(FP), AX
	MOVQ            rounds+8(FP), R9
	MOVQ            b+16(FP), DI
	MOVQ            iv+24(FP), SI
	MOVQ            groups+32(FP), BX
	VBROADCASTI32X4 (SI), Z9

group:
	LOADWIDE(DI)

	// What is added to each block is the ciphertext before it: four blocks that begin with the
	// last of the four before. Z9 holds those before the group.
	VALIGNQ   $6, Z9, Z0, Z4
	VALIGNQ   $6, Z0, Z1, Z5
	VALIGNQ   $6, Z1, Z2, Z6
	VALIGNQ   $6, Z2, Z3, Z7
	VMOVDQA64 Z3, Z9
	ROUNDSWIDE(VAESDEC, VAESDECLAST, round)
	VPXORQ    Z4, Z0, Z0
	VPXORQ    Z5, Z1, Z1
	VPXORQ    Z6, Z2, Z2
	VPXORQ    Z7, Z3, Z3
	STOREWIDE(DI)
	ADDQ      $256, DI
	DECQ      BX
	JNZ       group
	VZEROUPPER
	RET

// func substitute(w uint32) uint32
//
// The rows of a block whose columns are all the same are not changed by ShiftRows.
TEXT ·substitute(SB), NOSPLIT, $0-12
	MOVL       w+0(FP), AX
	MOVQ       AX, X0
	PSHUFD     $0, X0, X0
	PXOR       X1, X1
	AESENCLAST X1, X0
	MOVQ       X0, AX
	MOVL       AX, ret+8(FP)
	RET

// func unmixColumns(b *[16]byte)
TEXT ·unmixColumns(SB), NOSPLIT, $0-8
	MOVQ   b+0(FP), AX
	MOVOU  (AX), X0
	AESIMC X0, X0
	MOVOU  X0, (AX)
	RET
