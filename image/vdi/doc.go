// Package vdi opens the disk in a Virtual Disk Image, VirtualBox's own
// format (VirtualBox, Storage/VDICore.h). All numbers are little endian.
//
//	header     sizes, where map and blocks begin, how many blocks there are
//	block map  for each block of the disk its number in the file
//	blocks     one behind the other
//
// A block that the map does not have reads as zeros. Blocks are written in
// place; a new one goes behind the last, and its entry into the map once it
// is durable. The count of blocks is durable before: a cut leaves at worst one
// counted that the map does not have, which programs that check an image note,
// and the next write makes right. The other order would have another program put
// two blocks in one place. Differencing images are refused: they name their parent by an
// id that only VirtualBox can look up.
package vdi
