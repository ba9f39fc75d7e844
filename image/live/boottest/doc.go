// Package boottest starts the live medium in QEMU and judges from outside what it did:
// it holds the machines, the serial console, the disks and the programs that we did not
// write. Tests and scripts/bootmatrix use it; hangkit itself does not.
//
//	Setup    one machine: firmware, medium, disks, orders
//	Machine  the running QEMU: its console, its QMP socket, its end
//	Disk     a sample Windows disk, and the judgement of it afterwards
//	WriteLog the order of writes as blklogwrites keeps it, to replay power cuts
//
// QEMU runs without hardware acceleration, so that it runs everywhere.
package boottest
