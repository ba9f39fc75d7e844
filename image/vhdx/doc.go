// Package vhdx opens the disk in a VHDX, the format of Hyper-V since Windows
// 8 ([MS-VHDX], Virtual Hard Disk v2 File Format). All numbers are little
// endian.
//
//	0         file identifier
//	64 KiB    header 1 and, at 128 KiB, header 2; the higher sequence number counts
//	192 KiB   region table, and its copy at 256 KiB: where BAT and metadata lie
//	          log: changes of tables that may not have reached their place yet
//	          metadata: size, block and sector size, parent
//	          block allocation table (BAT): where each block lies, in MiB
//	          blocks
//
// A header whose log id is not zero says that the log must be replayed. That
// is done in memory for reading, and in the file before the first write.
//
// Blocks are written in place; a new one is written behind the end of the
// file, and its BAT entry through the log, so that a cut leaves the table
// old or new. Differencing disks are only read.
package vhdx
