// Package ewf reads the disk in an Expert Witness image, EnCase's and FTK's
// E01 (Joachim Metz, Expert Witness Compression Format specification,
// version 1). All numbers are little endian.
//
//	file header   signature, number of the segment file
//	sections      each with a descriptor that says where the next one is:
//	  volume      sizes of sectors and chunks
//	  sectors     the chunks
//	  table       where each of them lies; table2 is its copy
//	  next, done  the last of a segment, and of all
//
// A chunk is a zlib stream, or its bytes and an Adler-32. Both are checked:
// evidence that does not match its checksum is an error. Nothing is written.
package ewf
