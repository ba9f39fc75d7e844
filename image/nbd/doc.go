// Package nbd is a client of the Network Block Device protocol
// (NetworkBlockDevice/nbd, doc/proto.md): a disk that another program serves,
// over TCP or a Unix socket. With qemu-nbd as that program, every format that
// QEMU knows can be read and written.
//
//	nbd://host[:port][/export]
//	nbd+unix:///[export]?socket=PATH
//
// The handshake is "fixed newstyle" with NBD_OPT_GO; replies are simple ones.
// TLS is not spoken.
package nbd
