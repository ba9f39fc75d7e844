package boottest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The log that QEMU's blklogwrites keeps is that of the Linux kernel's dm-log-writes
// (Documentation/admin-guide/device-mapper/log-writes.rst): a superblock, then for
// each write a sector that describes it and its data.
const (
	logMagic      = 0x6a736677736872
	logVersion    = 1
	logEntrySize  = 32
	logFlush      = 1
	logFUA        = 2
	logDiscard    = 4
	maxLogSector  = 64 << 10
	maxLoggedSize = 64 << 20
)

// ErrWriteLog is a log that is none, or ends too early.
var ErrWriteLog = errors.New("not a log of writes")

// LoggedWrite is one write, in the order in which the disk got them. A flush has no data;
// what was written before it is on the disk when it returns.
type LoggedWrite struct {
	Offset int64
	Data   []byte
	Flush  bool
}

// ReadWriteLog reads all writes. A write that bypasses the cache is one with a flush
// behind it; discards say nothing about what is read afterwards and are left out.
func ReadWriteLog(r io.Reader) ([]LoggedWrite, error) {
	entries, sector, err := readLogSuper(r)
	if err != nil {
		return nil, err
	}
	var writes []LoggedWrite
	for i := range entries {
		head := make([]byte, sector)
		if _, err := io.ReadFull(r, head); err != nil {
			return nil, fmt.Errorf("%w: entry %d of %d: %w", ErrWriteLog, i, entries, err)
		}
		number, count, flags := binary.LittleEndian.Uint64(head), binary.LittleEndian.Uint64(head[8:]), binary.LittleEndian.Uint64(head[16:])
		if flags&logDiscard != 0 {
			continue
		}
		if count > maxLoggedSize/sector || number > 1<<62/sector {
			return nil, fmt.Errorf("%w: entry %d writes %d sectors at %d", ErrWriteLog, i, count, number)
		}
		if count > 0 {
			data := make([]byte, count*sector)
			if _, err := io.ReadFull(r, data); err != nil {
				return nil, fmt.Errorf("%w: data of entry %d of %d: %w", ErrWriteLog, i, entries, err)
			}
			writes = append(writes, LoggedWrite{Offset: int64(number * sector), Data: data})
		}
		if flags&(logFlush|logFUA) != 0 {
			writes = append(writes, LoggedWrite{Flush: true})
		}
	}
	return writes, nil
}

func readLogSuper(r io.Reader) (entries, sector uint64, err error) {
	const size = 28
	super := make([]byte, size)
	if _, err := io.ReadFull(r, super); err != nil {
		return 0, 0, fmt.Errorf("%w: superblock: %w", ErrWriteLog, err)
	}
	magic, version := binary.LittleEndian.Uint64(super), binary.LittleEndian.Uint64(super[8:])
	entries, sector = binary.LittleEndian.Uint64(super[16:]), uint64(binary.LittleEndian.Uint32(super[24:]))
	if magic != logMagic || version != logVersion {
		return 0, 0, fmt.Errorf("%w: magic %#x, version %d", ErrWriteLog, magic, version)
	}
	if sector < size || sector < logEntrySize || sector > maxLogSector {
		return 0, 0, fmt.Errorf("%w: sectors of %d bytes", ErrWriteLog, sector)
	}
	if _, err := io.CopyN(io.Discard, r, int64(sector-size)); err != nil {
		return 0, 0, fmt.Errorf("%w: superblock: %w", ErrWriteLog, err)
	}
	return entries, sector, nil
}

// SectorWrite is the smallest part of a write that a power cut leaves whole.
type SectorWrite struct {
	Offset int64
	Data   []byte
}

// Epochs are the sectors written between two flushes, in order: within one, a disk with
// a cache may have written any of them when the power goes.
func Epochs(writes []LoggedWrite) [][]SectorWrite {
	const sector = 512
	var epochs [][]SectorWrite
	var epoch []SectorWrite
	for _, w := range writes {
		for at := 0; at < len(w.Data); at += sector {
			epoch = append(epoch, SectorWrite{Offset: w.Offset + int64(at), Data: w.Data[at:min(at+sector, len(w.Data))]})
		}
		if w.Flush && len(epoch) > 0 {
			epochs, epoch = append(epochs, epoch), nil
		}
	}
	if len(epoch) > 0 {
		epochs = append(epochs, epoch)
	}
	return epochs
}
