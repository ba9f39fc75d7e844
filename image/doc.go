// Package image is everything between a path and a volume: disks and disk
// images, and the partition tables on them. Every layer is a [Disk] on a
// Disk, so that a partition of an image, seen through an overlay, is opened
// like a drive:
//
//	path ── Open ──> File ── ReadTable ──> Table
//	                  │                      │ Open
//	                  ├── NewOverlay         v
//	                  └── NewRecorder     SectionDisk ──> a volume's room
//
// What is read here:
//
//	raw image, block device     sector 0 is the disk's sector 0
//	VHD, VHDX, qcow2, VMDK, VDI blocks anywhere, read and written; parents read
//	E01                         packed chunks, read
//	NBD server                  by its URL
//	GPT, MBR, EBR chains        512-byte and 4096-byte sectors
//	volume without a table      NTFS, BitLocker, FAT, exFAT at sector 0
//
// A format is told by the content, [Sniff], unless somebody says what the image
// is: [Claim]. What names other files, which then are read too, must be called or
// said to be what it looks like. Each format has a package of its own on
// hangkit/image/container. Others are refused by their names, because their bytes
// read as a raw disk would be nonsense.
//
// Offsets and sizes are bytes unless a name says otherwise.
package image
