// Package vmdk opens the disk in a Virtual Machine Disk, VMware's format
// (VMware, Virtual Disk Format 5.0). All numbers are little endian, and most
// count sectors of 512 bytes.
//
//	descriptor       text: which extents the disk is made of; in a file of its
//	                 own or in that of a single extent
//	flat extent      the bytes as they are
//	sparse extent    header, grain directory, grain tables, grains
//	stream-optimised each grain compressed behind a marker, the directory at the end
//
// A grain that its table does not have is the parent's, or zeros. Grains are
// written in place; a new one goes behind the end of the extent, and its
// entries into both copies of the table once it is durable. Stream-optimised
// extents and disks with a parent are only read.
package vmdk
