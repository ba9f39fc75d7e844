// Package bitlocker opens volumes that Windows encrypted, for reading and for writing in
// place: a [Volume] is an [image.Disk] on an [image.Disk], so that a file system on it is
// opened like any other.
//
//	boot sector ── GUID, offsets of three copies ──> metadata (64 KiB each, CRC-32)
//	                                                    │ datums
//	   secret ── stretch ──> key ── AES-CCM ──> volume master key (VMK), one per protector
//	                                                    │ AES-CCM
//	        the metadata's MAC <──────────────────────── ┴ ──> volume key (FVEK) ──> sectors
//
// What is read: volumes of Windows 7 and later, NTFS ones and FAT ones (BitLocker To Go),
// with AES-CBC, AES-CBC with the Elephant diffuser, and AES-XTS, each with 128 and 256 bits;
// completely encrypted ones, partly encrypted ones, and those on which encrypt-on-write (EOW)
// has not come to its end. Only completely encrypted ones are written.
//
// Nothing on the disk says how often a sector was written, and nothing authenticates it: a
// write changes the sector and no other byte.
//
// The format is described by libyal's libbde documentation ("BitLocker Drive Encryption (BDE)
// format"), by cryptsetup's lib/bitlk and by dissect.fve, whose names are those of Windows'
// own driver. Ferguson, "AES-CBC + Elephant diffuser" (Microsoft, 2006) describes the cipher of
// Windows Vista and 7.
package bitlocker
