package crypt

import "golang.org/x/sys/cpu"

var hasAES = cpu.X86.HasAES
