// Package live makes the rescue stick: one hybrid file that boots from a CD, a USB stick and a
// server's virtual drive, by BIOS and by UEFI with Secure Boot on.
//
//	LBA (512)   what                                     read by
//	0           isohdpfx boot code, protective MBR       BIOS, from a stick
//	1-33        GPT                                      UEFI, Linux, Windows
//	64          ISO 9660 with Rock Ridge, El Torito      BIOS and UEFI, from a CD; GRUB
//	2048        ESP: FAT16 with shim and GRUB            UEFI, also by its GPT entry
//	…           kernel, initrd, isolinux, markers        boot loaders
//	…           exFAT HANGKIT, if asked for              the toolkit, and any other system
//	end         GPT again
//
// Kernel, modules and boot loaders are Debian's, byte for byte: their signatures are what Secure
// Boot and the kernel's lockdown ask for. They come out of packages that a lock file pins by
// version, size and SHA-256. Everything the running system needs is in the initrd, so nothing is
// ever mounted from the medium: the same file works through boot managers that know only kernel
// and initrd.
//
// The same inputs give the same bytes. Nothing here needs root, a loop device or another program.
package live
