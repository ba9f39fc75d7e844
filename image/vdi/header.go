package vdi

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"hangkit/image/container"
)

var le = binary.LittleEndian

// The fields of the header, version 1.1.
const (
	headerSignature = 64  // u32
	headerVersion   = 68  // u32
	headerType      = 76  // u32
	headerMap       = 340 // u32, offset of the block map
	headerData      = 344 // u32, offset of the first block
	headerSector    = 360 // u32
	headerDisk      = 368 // u64, size of the disk
	headerBlock     = 376 // u32, size of a block
	headerExtra     = 380 // u32, bytes in front of each block
	headerBlocks    = 384 // u32, blocks of the disk
	headerAllocated = 388 // u32, blocks in the file
	headerID        = 392 // UUID, of the image
	headerChange    = 408 // UUID, new when the disk is changed
	headerParent    = 424 // UUID of the image below, zeros for none
	headerLen       = 456

	uuidLen = 16

	signature = 0xbeda107f
	version11 = 0x00010001
)

// The types of image that stand alone.
const (
	typeDynamic = 1
	typeFixed   = 2
)

// Limits, so that products of 32-bit numbers stay offsets.
const (
	sectorSize = 512
	maxBlock   = 256 << 20
)

// header is the start of the file.
type header []byte

func (h header) u32(off int) int64 { return int64(le.Uint32(h[off:])) }
func (h header) size() int64       { return int64(le.Uint64(h[headerDisk:])) }
func (h header) block() int64      { return h.u32(headerBlock) }
func (h header) blocks() int64     { return h.u32(headerBlocks) }
func (h header) table() int64      { return h.u32(headerMap) }

// id is one of the header's UUIDs, empty if it is zeros.
func (h header) id(off int) string {
	if id := h[off : off+uuidLen]; !bytes.Equal(id, make([]byte, uuidLen)) {
		return hex.EncodeToString(id)
	}
	return ""
}

// ParentID is the id of the image that a differencing one lies on, empty for
// one that stands alone.
func ParentID(r io.ReaderAt) (string, error) {
	h := make(header, headerLen)
	if err := container.ReadFull(r, h, 0); err != nil {
		return "", fmt.Errorf("vdi header: %w", err)
	}
	if h.u32(headerSignature) != signature || h.u32(headerVersion) != version11 {
		return "", &container.FormatError{Off: headerSignature, What: "vdi header: signature", Want: uint32(signature), Got: h.u32(headerSignature)}
	}
	return h.id(headerParent), nil
}

// readHeader reads and checks the header.
func readHeader(r io.ReaderAt) (header, error) {
	h := make(header, headerLen)
	if err := container.ReadFull(r, h, 0); err != nil {
		return nil, fmt.Errorf("vdi header: %w", err)
	}
	return h, h.validate()
}

func (h header) validate() error {
	fault := func(off int64, what string, want, got any) error {
		return &container.FormatError{Off: off, What: "vdi header: " + what, Want: want, Got: got}
	}
	switch t := h.u32(headerType); {
	case h.u32(headerSignature) != signature:
		return fault(headerSignature, "signature", uint32(signature), h.u32(headerSignature))
	case h.u32(headerVersion) != version11:
		return fault(headerVersion, "version", "1.1", fmt.Sprintf("%d.%d", h.u32(headerVersion)>>16, h.u32(headerVersion)&0xffff))
	case t != typeDynamic && t != typeFixed:
		return &container.RefusedError{What: "differencing VDI images", Remedy: "make one image of the machine's disk first: VBoxManage clonemedium"}
	case h.u32(headerSector) != sectorSize:
		return fault(headerSector, "sector size", sectorSize, h.u32(headerSector))
	case h.block() < sectorSize || h.block() > maxBlock || h.block()%sectorSize != 0 || h.u32(headerExtra) > maxBlock:
		return fault(headerBlock, "block size", "whole sectors", h.block())
	case h.size() <= 0 || h.size() > h.blocks()*h.block():
		return fault(headerDisk, "disk size", fmt.Sprintf("at most %d blocks", h.blocks()), h.size())
	case h.table() < headerLen || h.u32(headerData) < h.table()+4*h.blocks():
		return fault(headerData, "offset of the blocks", "behind the map", h.u32(headerData))
	}
	return nil
}
