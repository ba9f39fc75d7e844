// Package ntfs reads NTFS volumes that no operating system has mounted, and
// changes them.
//
// # The format's map
//
//	boot sector          sector 0: geometry, where $MFT begins (copy behind the last counted sector)
//	$MFT                 the table of records; record 0 describes the table itself
//	  record "FILE"      1 or 4 KiB, every 512 bytes sealed by an update sequence number (fixup)
//	    attributes       typed values, resident (inside the record) or non-resident (a run list)
//	    $ATTRIBUTE_LIST  where the other records of a file that outgrew its first one are
//	$I30                 a directory: B+tree of $FILE_NAME keys
//	  $INDEX_ROOT        its root node, in the record
//	  $INDEX_ALLOCATION  its other nodes, "INDX" blocks; $BITMAP says which of them are live
//	$UpCase              the case folding of this volume, which orders the tree
//	$Bitmap              one bit per cluster: in use or free
//	$LogFile, $Volume    the journal and the dirty flag: what the last shutdown left (see [Volume.State])
//
// # Reading
//
// A [Volume] is an [io/fs.FS]. Names compare as the volume's own $UpCase says.
// A deleted file is never found: an index entry counts only when the record it
// names is in use, carries the entry's sequence number and names the directory
// as its parent. An unreadable or inconsistent structure is an error, never a
// missing file.
//
// The metafiles of the root ($MFT, $LogFile, $Bitmap, ...) can be opened by
// name but are not listed. 8.3 names can be opened but are not listed when the
// file has a long name too. Reparse points (symbolic links, junctions) are
// reported in the file mode and by ReadLink, and never followed. Data that NTFS
// compressed (LZNT1) or the Windows Overlay Filter did (CompactOS: XPRESS, LZX)
// is read decompressed; what is encrypted or behind another reparse point is
// [ErrUnsupported], never zeros.
//
// Alternate data streams are opened by [Volume.OpenStream] alone, never by a
// path. A name that a slash-separated UTF-8 path cannot carry, or that could be
// taken for a stream's, is escaped: each UTF-16 code unit that is half of a
// broken surrogate pair, a slash, a backslash, a colon, a less-than sign or a NUL
// is written <hhhh> with four lower-case hexadecimal digits, and so is each dot
// of the names "." and "..". No name made through Win32 needs it.
//
// # Writing
//
// There are two ways. [Volume.OpenInPlace] overwrites bytes of a file in the
// clusters it owns and changes no metadata, so that it is safe whatever the
// journal holds. Everything else is a [Change]: planned and proven in memory,
// and then made in steps with a flush between them, so that a cut anywhere
// leaves each file old or new and the structure whole, but for clusters or
// records that nobody uses:
//
//	[Volume.PlanReplace]   other contents, longer or shorter: new clusters, one sector switches
//	[Volume.PlanTakeBack]  its way back, where the old contents were kept as a stream
//	[Volume.PlanCreate]    a new file
//	[Volume.PlanRemove]    its way back
//	[Volume.PlanPutBack]   the old bytes of any change's metadata
//
// A sector is what a device writes whole. Records and index blocks are longer,
// so a change that matters is confined to one sector of them, and their update
// sequence numbers stay: a bumped number would make the whole structure
// unreadable while one of its sectors is missing.
//
// What lies where has to be the finding of two readers, this package and
// go-ntfs. Whether the whole of a volume agrees with itself is for ntfs/verify
// to say, before a change and behind it.
package ntfs
