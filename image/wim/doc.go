// Package wim reads Windows images (.wim) and changes files in them.
//
// On disk (Microsoft, "Windows Imaging File Format"; what it leaves out is in the
// public descriptions of wimlib), little endian:
//
//	header      208 bytes: flags, chunk size, where the parts below are, boot image
//	resources   contents, each once whatever the number of files that have them:
//	            stored, or chunks of [hangkit/ntfs/chunked] in XPRESS or LZX
//	metadata    one resource for each image: security descriptors, and the
//	            directory entries, which name contents by their SHA-1
//	blob table  for each resource where it is, how often it is used, its SHA-1
//	XML         names, versions and sizes of the images, UTF-16
//	integrity   SHA-1 of every 10 MiB up to the end of the blob table; may be missing
//
// Only the header has its place; an archive is changed by appending. The new
// contents, the metadata that names them, a blob table, XML and integrity table go
// behind what is there and are flushed. Then one write of the header, which lies
// within one sector, makes them count. A cut before it leaves the old archive with
// bytes behind its end that nobody looks at; so [Archive.Plan] needs no flag that
// says "being written", which would make a reader refuse the old archive after the
// cut: not one byte of it is touched.
package wim
