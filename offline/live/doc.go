// Package live makes hangkit the first process of a machine that was started from the
// rescue medium, and nothing else is needed there: it mounts what the kernel offers,
// loads the drivers that the devices ask for, shows on every console what was found, and
// starts hangkit's own commands, from the menu or unattended.
//
//	/init          process 1: starts the session, reaps, and is there when it dies
//	  hangkit-live the session: devices, consoles, stick, power
//	    hangkit …  menu and commands, one process each
//	/sbin/modprobe the kernel's own requests for modules
//
// The patient is not touched. Nothing but the medium's own data partition is ever
// mounted: no swap, no check of file systems, no assembly of RAID or logical volumes.
// The disks are not set read-only on top of that. Every command opens them for reading
// until its plan was confirmed, nothing else on the medium writes, and arm would have to
// lift the lock again: a lock that every writer lifts protects from nobody.
//
// What is decided here is written as functions of bytes and words, on every platform;
// the files for Linux hold the system calls.
package live
