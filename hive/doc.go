// Package hive reads, recovers, edits and commits offline Windows registry hives.
//
// A hive is a base block and a row of hive bins, each filled with cells:
//
//	file offset
//	0x0000  base block "regf": two sequence numbers, root cell, H = size of all bins, checksum
//	0x1000  hive bin "hbin" (a multiple of 4096 bytes): 32-byte header, then cells
//	...     further bins, without gaps
//	0x1000+H  the end of the hive; the file may go on with stale bytes
//
// A cell is a signed size (negative: in use) and what it holds:
//
//	nk  KeyNode     a key: counts, parent, the cells of everything below
//	vk  KeyValue    a value: name, type, up to 4 bytes of data or the cell that holds them
//	sk  KeySecurity a security descriptor, shared by keys and counted
//	li  IndexLeaf   subkeys by upper-cased name: cell offsets
//	lf  FastLeaf    the same, each with the name's first four characters
//	lh  HashLeaf    the same, each with a hash of the name
//	ri  IndexRoot   several of these leaves, in order
//	db  BigData     the segments of a value longer than 16344 bytes
//
// Cell offsets count from the first bin (file offset 0x1000).
//
// Beside the primary lie one or two transaction logs. Changes reach a log first, so that a power
// cut while the primary is written loses nothing:
//
//	HvLE  Windows 8.1 and later: entries, each with its own sequence number, hashes and pages
//	DIRT  Windows 8 and earlier: one bitmap of dirty sectors and their contents
//
// [Open] finds out whether the primary is dirty and replays the logs in memory by the rule the
// Windows kernel itself follows. Edits happen in memory too. [Hive.Commit] turns them into an
// ordered list of writes; a power cut after any sector of them leaves the old contents or the new.
//
// Sources of format facts: the regf specification by Maxim Suhanov (CC BY 4.0), measurements on
// hives written by Windows XP to 10, and experiments on how Windows replays logs.
package hive
