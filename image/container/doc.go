// Package container is what the formats of disk images have in common: a
// file is cut into blocks, tables say where each block of the disk lies, and
// what has no block reads as zeros or comes from the image below.
//
//	file ── Storage ──> a format's Layout ──> Disk
//	             │           │
//	             └─ Tables ──┘  cached, and written in an order that a cut survives
//
// A format parses its header, checks it, and then only answers two
// questions: where do these bytes lie, and, when there is nowhere yet, can
// you make room for them. Everything else, from clipping a read to unpacking
// clusters on every core, is here.
package container
