// Package qcow2 opens the disk in a qcow2 image, QEMU's own format (QEMU,
// docs/interop/qcow2.txt), versions 2 and 3. All numbers are big endian.
//
//	header        sizes, features, the name of the backing file
//	L1 table      of the disk: where its L2 tables lie
//	L2 tables     a cluster each: where the clusters of the disk lie
//	refcounts     a table of blocks of counters: how often each cluster is used
//
// A cluster that has no entry is the backing file's, or zeros. Clusters may
// be compressed, by deflate or Zstandard. Internal snapshots are L1 tables of
// their own; what they share with the disk has a refcount above one.
//
// A cluster that is the disk's alone is written in place. Everything else
// becomes a new cluster at the end of the file: its refcount first, then its
// bytes, then the entry that points to it, and last the old cluster is let
// go. A cut leaves at worst a cluster that nobody uses. Where the refcounts can
// count no more, a longer table goes to the end of the file with the blocks that
// count it, and then into the header.
package qcow2
