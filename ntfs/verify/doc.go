// Package verify checks the structure of a whole NTFS volume without changing it.
//
// It reads everything that is metadata once and proves that it agrees with
// itself, and says what does not, finding by finding. It knows no other package
// of this program, so that a writer can ask it about its own work and none of
// the writer's mistakes about the format can be the checker's too.
//
// # What is compared with what
//
//	boot sector        its geometry, its copy behind the volume, where $MFT and $MFTMirr begin
//	$MFTMirr           the first four records
//	each MFT record    fixup, header, order and instances of attributes, resident or not, sizes, run lists
//	attribute lists    every attribute listed, every one listed there, pieces without gap
//	$MFT's $BITMAP     the records in use
//	$Bitmap            the clusters that run lists own, each once
//	every index        blocks, fixups, the bitmap of live blocks, order of keys over the whole tree
//	directories        each entry's file, each file's names, link counts, the way up to the root
//	$Extend            the indexes of reparse points and object ids
//	$UpCase, $AttrDef  what every volume has, and the checksum if there is one
//	$Secure            $SII, $SDH and both copies in $SDS; the security ids files carry
//	$Volume, $LogFile  version, flags, whether a journal is to be replayed
//	$BadClus           bad clusters, at their own place
//
// File contents are not read: NTFS keeps nothing they could be compared with.
//
// # Bounds
//
// Memory is a bit per cluster and some twenty bytes per MFT record in use.
// Names are not kept: each record has a sum of hashes that its own names add to
// and the directories' entries subtract from, so that zero means that both are
// the same set. What a damaged volume can make the checker read is bounded by
// its size.
//
// The facts come from the public NTFS documentation (linux-ntfs project) and
// from volumes made by Windows 10.
package verify
