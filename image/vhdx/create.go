package vhdx

import (
	"fmt"
	"io"
	"unicode/utf16"

	"hangkit/image/container"
)

// defaultBlock is the block size that Hyper-V takes.
const defaultBlock = 32 * mib

// Options are what a new disk is made with.
type Options struct {
	Size   int64     // bytes, whole sectors
	Sector int       // 512 or 4096
	Block  int64     // 0 for 32 MiB
	Random io.Reader // of ids, now and whenever the disk is written
}

// Where a new file has its parts.
const (
	newLog      = 1 * mib
	newLogLen   = 1 * mib
	newMetadata = 2 * mib
	newMetaLen  = 1 * mib
	newBAT      = 3 * mib
)

// creator is who the file says made it.
const creator = "hangkit"

// Create makes an empty dynamic disk in an empty storage and opens it.
func Create(s container.Storage, o Options) (*container.Disk, error) {
	if o.Block == 0 {
		o.Block = defaultBlock
	}
	m := metadata{blockSize: o.Block, size: o.Size, sector: int64(o.Sector)}
	if err := m.validate(0); err != nil {
		return nil, fmt.Errorf("new vhdx: %w", err)
	}
	ids := make([]byte, 3*guidLen)
	if _, err := io.ReadFull(o.Random, ids); err != nil {
		return nil, fmt.Errorf("ids of a new vhdx: %w", err)
	}
	l := layout{meta: m, bat: region{off: newBAT, len: 1 << 40}}
	if err := l.measure(); err != nil {
		return nil, err
	}
	bat := container.RoundUp(entrySize*(l.index(l.blocks-1)+1), mib)
	regions := newRegions(bat)
	for _, part := range []container.Change{
		{Off: 0, Data: newIdentifier()},
		{Off: header1Off, Data: newHeader(ids, 1)},
		{Off: header2Off, Data: newHeader(ids, 2)},
		{Off: regions1Off, Data: regions},
		{Off: regions2Off, Data: regions},
		{Off: newMetadata, Data: newMetadataRegion(m, ids[2*guidLen:])},
	} {
		if _, err := s.WriteAt(part.Data, part.Off); err != nil {
			return nil, err
		}
	}
	if err := container.Extend(s, newBAT+bat); err != nil {
		return nil, err
	}
	opened, err := open(s)
	if err != nil {
		return nil, err
	}
	opened.random = o.Random
	return opened.disk(nil)
}

func newIdentifier() []byte {
	b := []byte(identifier)
	for _, u := range utf16.Encode([]rune(creator)) {
		b = le.AppendUint16(b, u)
	}
	return b
}

func newHeader(ids []byte, sequence uint64) []byte {
	b := make([]byte, headerLen)
	copy(b, headerMagic)
	le.PutUint64(b[headerSequence:], sequence)
	copy(b[headerFileWrite:headerLogID], ids)
	le.PutUint16(b[headerVersion:], 1)
	le.PutUint32(b[headerLogLen:], newLogLen)
	le.PutUint64(b[headerLogOff:], newLog)
	seal(b)
	return b
}

func newRegions(bat int64) []byte {
	b := make([]byte, regionsLen)
	copy(b, regionsMagic)
	le.PutUint32(b[regionCount:], 2)
	for i, r := range []struct {
		id       string
		off, len int64
	}{{batRegion, newBAT, bat}, {metadataRegion, newMetadata, newMetaLen}} {
		e := b[regionEntries+i*regionEntryLen:]
		copy(e, guidBytes(r.id))
		le.PutUint64(e[16:], uint64(r.off))
		le.PutUint32(e[24:], uint32(r.len))
		le.PutUint32(e[28:], regionRequired)
	}
	seal(b)
	return b
}

// newMetadataRegion is the metadata table and the items behind it.
func newMetadataRegion(m metadata, id []byte) []byte {
	const virtualDisk = 2 // flag: says something about the disk, not the file
	table := make([]byte, metadataTableLen)
	copy(table, metadataMagic)
	items := []struct {
		id    string
		flags uint32
		data  []byte
	}{
		{fileParameters, metadataRequired, le.AppendUint64(nil, uint64(m.blockSize))},
		{diskSize, metadataRequired | virtualDisk, le.AppendUint64(nil, uint64(m.size))},
		{diskID, metadataRequired | virtualDisk, id},
		{logicalSector, metadataRequired | virtualDisk, le.AppendUint32(nil, uint32(m.sector))},
		{physicalSector, metadataRequired | virtualDisk, le.AppendUint32(nil, 4096)},
	}
	le.PutUint16(table[metadataCount:], uint16(len(items)))
	data := table
	for i, item := range items {
		e := table[metadataEntries+i*metadataEntryLen:]
		copy(e, guidBytes(item.id))
		le.PutUint32(e[16:], uint32(len(data)))
		le.PutUint32(e[20:], uint32(len(item.data)))
		le.PutUint32(e[24:], item.flags)
		data = append(data, item.data...)
	}
	copy(data, table) // append has moved it
	return data
}
