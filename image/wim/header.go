package wim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"hangkit/image"
	"hangkit/ntfs/chunked"
)

var le = binary.LittleEndian

// Header fields (offsets in bytes).
const (
	headerSize = 208

	magic         = "MSWIM\x00\x00\x00"
	magicPipable  = "WLPWM\x00\x00\x00" // wimlib's own form
	sizeOff       = 8
	versionOff    = 12
	flagsOff      = 16
	chunkSizeOff  = 20
	partOff       = 40
	partsOff      = 42
	imagesOff     = 44
	blobTableOff  = 48
	xmlOff        = 72
	bootMetaOff   = 96
	bootIndexOff  = 120
	integrityOff  = 124
	versionPlain  = 0x10d00
	versionSolid  = 0x00e00
	maxImageCount = 65535
)

// Flags of the header.
const (
	flagCompressed = 0x00000002
	flagReadOnly   = 0x00000004
	flagSpanned    = 0x00000008
	flagInProgress = 0x00000040
	flagXPRESS     = 0x00020000
	flagLZX        = 0x00040000
	flagLZMS       = 0x00080000
	flagXPRESS2    = 0x00200000
)

// header is a view of the first bytes of an archive.
type header []byte

func (h header) size() uint32      { return le.Uint32(h[sizeOff:]) }
func (h header) version() uint32   { return le.Uint32(h[versionOff:]) }
func (h header) flags() uint32     { return le.Uint32(h[flagsOff:]) }
func (h header) chunkSize() uint32 { return le.Uint32(h[chunkSizeOff:]) }
func (h header) part() uint16      { return le.Uint16(h[partOff:]) }
func (h header) parts() uint16     { return le.Uint16(h[partsOff:]) }
func (h header) images() uint32    { return le.Uint32(h[imagesOff:]) }
func (h header) bootIndex() uint32 { return le.Uint32(h[bootIndexOff:]) }
func (h header) blobTable() resource {
	return resource(h[blobTableOff:][:resourceHeaderSize])
}
func (h header) xml() resource          { return resource(h[xmlOff:][:resourceHeaderSize]) }
func (h header) bootMetadata() resource { return resource(h[bootMetaOff:][:resourceHeaderSize]) }
func (h header) integrity() resource    { return resource(h[integrityOff:][:resourceHeaderSize]) }

// readHeader reads and checks the header. What is not read here is an
// [UnsupportedError].
func readHeader(r io.ReaderAt) (header, error) {
	h := make(header, headerSize)
	if n, err := r.ReadAt(h, 0); n < len(h) {
		return nil, fmt.Errorf("wim header: %w", truncated(0, headerSize, int64(n), err))
	}
	if bytes.HasPrefix(h, []byte(magicPipable)) {
		return nil, &UnsupportedError{"a pipable WIM archive", notPipable}
	}
	switch {
	case !bytes.HasPrefix(h, []byte(magic)):
		return nil, damaged(0, "header: magic", fmt.Sprintf("%q", magic), fmt.Sprintf("%q", h[:len(magic)]))
	case h.size() != headerSize:
		return nil, damaged(sizeOff, "header: size", headerSize, h.size())
	case h.images() > maxImageCount:
		return nil, damaged(imagesOff, "header: number of images", "at most 65535", h.images())
	}
	return h, h.supported()
}

// The commands that make what is read here of the forms that are not.
const (
	exportCommand = "wimlib-imagex export %[1]s all %[2]s --compress=LZX"
	joinCommand   = "wimlib-imagex join %[2]s %[1]s … (with all parts)"
	notPipable    = "wimlib-imagex export %[1]s all %[2]s --not-pipable"
)

// supported is nil, or says which form of archive is not read here.
func (h header) supported() error {
	switch {
	case h.parts() > 1 || h.part() > 1 || h.flags()&flagSpanned != 0:
		return &UnsupportedError{fmt.Sprintf("part %d of %d of a split WIM archive (.swm)", h.part(), h.parts()), joinCommand}
	case h.version() == versionSolid:
		return &UnsupportedError{"a solid WIM archive (.esd)", exportCommand}
	case h.version() != versionPlain:
		return &UnsupportedError{fmt.Sprintf("version 0x%x of the WIM format", h.version()), exportCommand}
	case h.flags()&(flagLZMS|flagXPRESS2) != 0:
		return &UnsupportedError{"LZMS compression in a WIM archive", exportCommand}
	}
	return nil
}

// codec is how compressed resources are compressed.
func (h header) codec() chunked.Codec {
	if h.flags()&flagLZX != 0 {
		return chunked.LZX
	}
	return chunked.XPRESS
}

// truncated says of a read that ended early what is missing.
func truncated(off, want, have int64, err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return &image.TruncatedError{Off: off, Len: want, Have: off + have}
}
