// Package vhd opens the disk in a Virtual Hard Disk, the format of Virtual
// PC, Hyper-V and Azure (Microsoft, Virtual Hard Disk Image Format
// Specification 1.0, 2006). All numbers are big endian.
//
//	fixed         the disk, then the footer
//	dynamic       copy of the footer, header, block allocation table (BAT),
//	              then blocks, each behind a bitmap of its sectors; footer
//	differencing  as dynamic, on top of a parent that the header names
//
// A block that the BAT does not have, or a sector whose bit is clear, reads
// as zeros, in a differencing disk as the parent's.
//
// Dynamic disks are written: blocks in place, new ones where the footer was,
// with the footer behind them first and the BAT last. Differencing disks are
// only read.
package vhd
