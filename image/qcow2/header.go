package qcow2

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"hangkit/image/container"
)

var be = binary.BigEndian

// magic begins the file.
const magic = "QFI\xfb"

// The fields of the header.
const (
	headerVersion      = 4   // u32, 2 or 3
	headerBackingOff   = 8   // u64, of the backing file's name
	headerBackingLen   = 16  // u32
	headerClusterBits  = 20  // u32
	headerSize         = 24  // u64, of the disk
	headerCrypt        = 32  // u32, 0 for none
	headerL1Size       = 36  // u32, entries
	headerL1Off        = 40  // u64
	headerRefcountOff  = 48  // u64, of the refcount table
	headerRefcountLen  = 56  // u32, clusters
	headerSnapshots    = 60  // u32
	headerSnapshotOff  = 64  // u64
	headerIncompatible = 72  // u64, from here on version 3
	headerCompatible   = 80  // u64
	headerAutoclear    = 88  // u64
	headerOrder        = 96  // u32, the width of a refcount is 1 << order bits
	headerLength       = 100 // u32
	headerCompression  = 104 // u8, if the header is so long

	headerLen2 = 72  // of version 2
	headerLen3 = 104 // of version 3, at least
	headerMax  = 112
)

// The incompatible features.
const (
	featureDirty       = 1 << 0 // refcounts may be wrong
	featureCorrupt     = 1 << 1
	featureExternal    = 1 << 2 // the bytes lie in another file
	featureCompression = 1 << 3 // the header says which
	featureExtendedL2  = 1 << 4
)

// The ways to compress.
const (
	deflate   = 0
	zstandard = 1
)

// Limits: those of QEMU.
const (
	minClusterBits = 9
	maxClusterBits = 21
	maxL1Bytes     = 32 << 20
	maxNameLen     = 1023
	plainOrder     = 4 // refcounts of 16 bits
)

// header is the start of the file, as long as version 3's.
type header []byte

func (h header) u32(off int) int64       { return int64(be.Uint32(h[off:])) }
func (h header) u64(off int) uint64      { return be.Uint64(h[off:]) }
func (h header) version() int64          { return h.u32(headerVersion) }
func (h header) size() int64             { return int64(h.u64(headerSize)) }
func (h header) cluster() int64          { return 1 << h.u32(headerClusterBits) }
func (h header) l1() int64               { return int64(h.u64(headerL1Off)) }
func (h header) l1Size() int64           { return h.u32(headerL1Size) }
func (h header) refcounts() int64        { return int64(h.u64(headerRefcountOff)) }
func (h header) refcountClusters() int64 { return h.u32(headerRefcountLen) }

// features are the incompatible ones, none in version 2.
func (h header) features() uint64 {
	if h.version() == 2 {
		return 0
	}
	return h.u64(headerIncompatible)
}

// order is the logarithm of the bits of a refcount.
func (h header) order() int64 {
	if h.version() == 2 {
		return plainOrder
	}
	return h.u32(headerOrder)
}

// length is where the header ends and its extensions begin.
func (h header) length() int64 {
	if h.version() == 2 {
		return headerLen2
	}
	return h.u32(headerLength)
}

// compression is how clusters are compressed.
func (h header) compression() byte {
	if h.length() <= headerCompression {
		return deflate
	}
	return h[headerCompression]
}

// readHeader reads and checks the header.
func readHeader(r io.ReaderAt) (header, error) {
	h := make(header, headerMax)
	if err := container.ReadFull(r, h[:headerLen2], 0); err != nil {
		return nil, fmt.Errorf("qcow2 header: %w", err)
	}
	if string(h[:len(magic)]) != magic {
		return nil, wrong(0, "magic", fmt.Sprintf("%q", magic), fmt.Sprintf("%q", h[:4]))
	}
	switch h.version() {
	case 2:
	case 3:
		if err := container.ReadFull(r, h, 0); err != nil {
			return nil, fmt.Errorf("qcow2 header: %w", err)
		}
	default:
		return nil, wrong(headerVersion, "version", "2 or 3", h.version())
	}
	if err := h.refuse(); err != nil {
		return nil, err
	}
	return h, h.validate()
}

func wrong(off int64, what string, want, got any) error {
	return &container.FormatError{Off: off, What: "qcow2 header: " + what, Want: want, Got: got}
}

const convert = "convert it first: qemu-img convert -O raw %s disk.img"

// refuse names what is not read here.
func (h header) refuse() error {
	known := uint64(featureDirty | featureCorrupt | featureExternal | featureCompression | featureExtendedL2)
	f := h.features()
	switch {
	case h.u32(headerCrypt) != 0:
		return &container.RefusedError{What: "encrypted qcow2 images", Remedy: "decrypt it first: qemu-img convert -O raw with --object secret and --image-opts"}
	case f&featureExternal != 0:
		return &container.RefusedError{What: "qcow2 images with an external data file", Remedy: convert}
	case f&featureExtendedL2 != 0:
		return &container.RefusedError{What: "qcow2 images with extended L2 entries", Remedy: convert}
	case f&^known != 0:
		return &container.RefusedError{What: fmt.Sprintf("qcow2 images with the unknown incompatible features 0x%x", f&^known), Remedy: convert}
	case h.compression() != deflate && h.compression() != zstandard:
		return &container.RefusedError{What: fmt.Sprintf("qcow2 images with the unknown compression type %d", h.compression()), Remedy: convert}
	}
	return nil
}

// validate checks sizes and offsets.
func (h header) validate() error {
	clusterBits := h.u32(headerClusterBits)
	if clusterBits < minClusterBits || clusterBits > maxClusterBits {
		return wrong(headerClusterBits, "cluster bits", "9 to 21", clusterBits)
	}
	cluster := h.cluster()
	perL1 := cluster * cluster / entrySize // bytes of disk that an entry of the L1 table stands for
	switch {
	case h.length() < headerLen2 || h.version() == 3 && h.length() < headerLen3 || h.length() > cluster:
		return wrong(headerLength, "length", "at least 104", h.length())
	case h.size() <= 0 || h.size() > maxL1Bytes/entrySize*perL1:
		return wrong(headerSize, "disk size", "some bytes", h.size())
	case h.l1Size()*entrySize > maxL1Bytes || h.l1Size() < (h.size()+perL1-1)/perL1:
		return wrong(headerL1Size, "entries of the L1 table", fmt.Sprintf("enough for %d bytes", h.size()), h.l1Size())
	case h.l1()%cluster != 0 || h.l1() <= 0 || h.l1() > maxOffset:
		return wrong(headerL1Off, "offset of the L1 table", "a cluster's", h.l1())
	case h.refcounts()%cluster != 0 || h.refcounts() <= 0 || h.refcounts() > maxOffset:
		return wrong(headerRefcountOff, "offset of the refcount table", "a cluster's", h.refcounts())
	case h.order() > 6:
		return wrong(headerOrder, "refcount order", "at most 6", h.order())
	}
	return nil
}

// maxOffset is what an entry of a table can point to.
const maxOffset = 1<<56 - 1

// autoclearBitmaps says that the dirty bitmaps are right, as long as whoever
// writes knows of them.
const autoclearBitmaps = 1 << 0

// loses is what the first write makes wrong, and drops.
func (h header) loses() []string {
	if h.version() > 2 && h.u64(headerAutoclear)&autoclearBitmaps != 0 {
		return []string{"its dirty bitmaps, so that the next incremental backup has to be a full one; 'qemu-img check -r leaks' gives back their room"}
	}
	return nil
}

// growth is by how much the file must be able to grow: more than what hangkit
// writes into a disk makes new.
const growth = 64 << 20

// counted is how large the file can become before its refcount table is full.
func (h header) counted() int64 { return h.countedBy(h.refcountClusters() * h.cluster()) }

// countedBy is the same of a table of so many bytes.
func (h header) countedBy(table int64) int64 {
	return min(table, maxRefcountTable) / entrySize * (h.cluster() / refcountSize) * h.cluster()
}

// writeRefusal says why the image in a file of size bytes must not be
// written, nil if it may.
func (h header) writeRefusal(size int64) error {
	switch f := h.features(); {
	case f&featureCorrupt != 0:
		return &container.RefusedError{What: "writes to qcow2 images that are marked corrupt", Remedy: "repair it first: qemu-img check -r all %s"}
	case f&featureDirty != 0:
		return &container.RefusedError{What: "writes to dirty qcow2 images, whose refcounts may be wrong,", Remedy: "repair it first: qemu-img check -r all %s"}
	case h.order() != plainOrder:
		return &container.RefusedError{What: fmt.Sprintf("writes to qcow2 images with refcounts of %d bits", 1<<h.order()), Remedy: convert}
	case h.countedBy(maxRefcountTable)-size < min(growth, h.size()):
		return fullRefcounts()
	}
	return nil
}

// The header extensions: u32 type, u32 length, data padded to 8 bytes.
const (
	extensionEnd           = 0
	extensionBackingFormat = 0xe2792aca
	extensionHead          = 8
)

// backing gives the name of the backing file, and how to take it.
func (h header) backing(r io.ReaderAt) (container.Reference, error) {
	off, n := h.u64(headerBackingOff), h.u32(headerBackingLen)
	if off == 0 {
		return container.Reference{}, nil
	}
	if n == 0 || n > maxNameLen || off > uint64(h.cluster()) {
		return container.Reference{}, wrong(headerBackingOff, "name of the backing file", "inside the first cluster", fmt.Sprintf("%d bytes at 0x%x", n, off))
	}
	name := make([]byte, n)
	if err := container.ReadFull(r, name, int64(off)); err != nil {
		return container.Reference{}, fmt.Errorf("name of the backing file: %w", err)
	}
	path, err := plainPath(string(name))
	return container.Reference{Names: []string{path}, Format: h.backingFormat(r, int64(off))}, err
}

// plainPath is the path in a name that QEMU understands as more: "file:" is
// taken off; other protocols name no file.
func plainPath(name string) (string, error) {
	name, file := strings.CutPrefix(name, "file:")
	protocol, _, found := strings.Cut(name, ":")
	if !file && found && !strings.Contains(protocol, "/") && len(protocol) > 1 {
		return "", &container.RefusedError{What: fmt.Sprintf("qcow2 images with the backing file %q", name), Remedy: convert}
	}
	return name, nil
}

// backingFormat looks through the extensions, which end where the name begins.
func (h header) backingFormat(r io.ReaderAt, end int64) string {
	for off := h.length(); off+extensionHead <= end; {
		head := make([]byte, extensionHead)
		if container.ReadFull(r, head, off) != nil || be.Uint32(head) == extensionEnd {
			return ""
		}
		n := int64(be.Uint32(head[4:]))
		off += extensionHead
		if n > end-off {
			return ""
		}
		if be.Uint32(head) == extensionBackingFormat {
			format := make([]byte, n)
			if container.ReadFull(r, format, off) != nil {
				return ""
			}
			return string(format)
		}
		off = container.RoundUp(off+n, extensionHead)
	}
	return ""
}

// log2 is the exponent of a power of two.
func log2(n int64) int { return bits.TrailingZeros64(uint64(n)) }
