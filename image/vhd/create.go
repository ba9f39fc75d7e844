package vhd

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"hangkit/image/container"
)

// defaultBlock is the block size that Windows takes.
const defaultBlock = 2 << 20

// Options are what a new disk is made with.
type Options struct {
	Size int64 // bytes, a multiple of 512
	ID   [16]byte
	Time time.Time
}

// Create writes an empty dynamic disk into an empty storage.
func Create(s container.Storage, o Options) error {
	if o.Size <= 0 || o.Size%sectorSize != 0 || o.Size > maxSize {
		return fmt.Errorf("vhd of %d bytes: %w", o.Size, container.ErrOutOfBounds)
	}
	entries := (o.Size + defaultBlock - 1) / defaultBlock
	table := bytes.Repeat([]byte{0xff}, int(container.RoundUp(4*entries, sectorSize)))
	f, h := newFooter(o), newHeader(entries)
	at := int64(FooterSize + headerSize)
	var errs []error
	for _, part := range []container.Change{{Off: 0, Data: f}, {Off: FooterSize, Data: h}, {Off: at, Data: table}, {Off: at + int64(len(table)), Data: f}} {
		_, err := s.WriteAt(part.Data, part.Off)
		errs = append(errs, err)
	}
	return errors.Join(errors.Join(errs...), s.Sync())
}

const version1 = 0x00010000

// newFooter names Windows as the creator: other readers take the size of
// unknown creators' disks from the geometry, which rounds it.
func newFooter(o Options) footer {
	f := make(footer, FooterSize)
	copy(f, Cookie)
	be.PutUint32(f[footerFeatures:], 2) // reserved, always set
	be.PutUint32(f[footerVersion:], version1)
	be.PutUint64(f[footerDataOffset:], FooterSize)
	be.PutUint32(f[footerTime:], uint32(max(0, o.Time.Unix()-epoch.Unix())))
	copy(f[footerCreator:], "win ")
	be.PutUint32(f[footerCreatorVer:], 0x000a0000)
	copy(f[footerCreatorHost:], "Wi2k")
	be.PutUint64(f[footerOriginal:], uint64(o.Size))
	be.PutUint64(f[footerSize:], uint64(o.Size))
	be.PutUint32(f[footerGeometry:], geometry(o.Size/sectorSize))
	be.PutUint32(f[footerType:], typeDynamic)
	copy(f[footerID:], o.ID[:])
	be.PutUint32(f[footerChecksum:], sum(f, footerChecksum))
	return f
}

// epoch is where the format's time begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newHeader(entries int64) header {
	h := make(header, headerSize)
	copy(h, headerCookie)
	be.PutUint64(h[headerDataOffset:], 1<<64-1)
	be.PutUint64(h[headerTable:], FooterSize+headerSize)
	be.PutUint32(h[headerVersion:], version1)
	be.PutUint32(h[headerEntries:], uint32(entries))
	be.PutUint32(h[headerBlockSize:], defaultBlock)
	be.PutUint32(h[headerChecksum:], sum(h, headerChecksum))
	return h
}

// geometry computes cylinders, heads and sectors per track (specification,
// appendix "CHS Calculation").
func geometry(sectors int64) uint32 {
	sectors = min(sectors, 65535*16*255)
	perTrack, heads := int64(255), int64(16)
	tracks := sectors / perTrack
	if sectors < 65536*16*63 {
		perTrack = 17
		tracks = sectors / perTrack
		heads = max(4, (tracks+1023)/1024)
		if tracks >= heads*1024 || heads > 16 {
			perTrack, heads = 31, 16
			tracks = sectors / perTrack
		}
		if tracks >= heads*1024 {
			perTrack, heads = 63, 16
			tracks = sectors / perTrack
		}
	}
	return uint32(tracks/heads)<<16 | uint32(heads)<<8 | uint32(perTrack)
}
