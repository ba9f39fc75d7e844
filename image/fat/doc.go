// Package fat reads FAT12, FAT16 and FAT32 volumes, and overwrites bytes of files where they lie. It
// never writes anything else: no file grows, and no table, directory or FSInfo is touched.
//
//	sector 0          boot sector with the BIOS parameter block: the volume's geometry
//	reserved sectors  FAT32: FSInfo and a backup of the boot sector, neither of which is needed to read
//	FATs              one or two equal tables: for each cluster the next one of its chain
//	root directory    FAT12 and FAT16 only; on FAT32 it is a chain like every other
//	data              clusters, numbered from 2
//
// A directory is a row of 32-byte entries. A long name stands in entries of its own in front of the
// short entry that it belongs to.
//
// The machine that this volume comes from crashed, so the two tables may differ and FSInfo may be
// stale: to read only the active table counts, and nothing is rejected for what is not read. A write
// wants more: see [Volume.OpenInPlace].
//
// Names are found in any case, by their long or their short form. Short names without a long one
// are taken to be in code page 437. Times have no zone on FAT and are given as if they were UTC.
//
// Sources of format facts: ECMA-107 and Microsoft's "FAT: General Overview of On-Disk Format",
// version 1.03.
package fat

import "encoding/binary"

var le = binary.LittleEndian
