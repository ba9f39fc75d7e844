package vhdx

import (
	"fmt"
	"io"

	"hangkit/image/container"
)

// Begin implements [container.Writer]. What the log holds is done, and the
// file gets new ids: whoever knew the old ones sees that it was changed
// (2.2.2).
func (l *layout) Begin() error {
	if err := l.checkBlocks(); err != nil {
		return err
	}
	if err := l.storage.replay(); err != nil {
		return err
	}
	next := l.header.next()
	if _, err := io.ReadFull(l.random, next.b[headerFileWrite:headerLogID]); err != nil {
		return fmt.Errorf("new ids: %w", err)
	}
	clear(next.logID())
	return l.writeHeader(next)
}

// checkBlocks refuses a file that was cut short: what is put behind its end
// would lie where other blocks are expected. It refuses two blocks in one place.
func (l *layout) checkBlocks() error {
	size, err := l.storage.Size()
	if err != nil {
		return err
	}
	var blocks []container.Span
	for block := range l.blocks {
		state, off, err := l.entry(l.index(block), l.meta.blockSize)
		if err != nil {
			return err
		}
		switch {
		case state != blockPresent:
		case off+l.meta.blockSize > size:
			return &container.TruncatedError{Off: off, Len: l.meta.blockSize, Have: size}
		default:
			blocks = append(blocks, container.Span{Off: off, Len: l.meta.blockSize})
		}
	}
	return container.Apart("vhdx BAT: block", blocks)
}

func (l *layout) writeHeader(h header) error {
	if err := h.write(l.storage); err != nil {
		return err
	}
	l.header = h
	return nil
}

// Allocate implements [container.Writer]: it puts a block behind the end of
// the file and has its BAT entry wait.
func (l *layout) Allocate(p []byte, off int64) (int, error) {
	block, at := off/l.meta.blockSize, off%l.meta.blockSize
	p = p[:min(int64(len(p)), l.meta.blockSize-at)]
	size, err := l.storage.Size()
	if err != nil {
		return 0, err
	}
	base := container.RoundUp(size, mib)
	for _, r := range l.used { // a region may reach behind the end of the file
		base = max(base, container.RoundUp(r.off+r.len, mib))
	}
	if err := container.Extend(l.storage, base+l.meta.blockSize); err != nil {
		return 0, err
	}
	if _, err := l.storage.WriteAt(p, base+at); err != nil {
		return 0, err
	}
	l.tables.Defer(le.AppendUint64(nil, uint64(base)|blockPresent), l.bat.off+entrySize*l.index(block))
	if l.tables.Full() {
		err = l.Flush()
	}
	return len(p), err
}

// Flush implements [container.Writer]: the blocks first, then the BAT
// through the log.
func (l *layout) Flush() error {
	if err := l.storage.Sync(); err != nil {
		return err
	}
	sectors, err := l.changed()
	if err != nil {
		return err
	}
	for len(sectors) > 0 {
		n := min(len(sectors), maxLogged)
		if err := l.writeLogged(sectors[:n]); err != nil {
			return err
		}
		sectors = sectors[n:]
	}
	l.tables.Done()
	return nil
}

// changed gives the sectors of the BAT that wait to be written, whole.
func (l *layout) changed() ([]patch, error) {
	var sectors []patch
	for _, c := range l.tables.Waiting() {
		for off := container.RoundDown(c.Off, logSector); off < c.Off+int64(len(c.Data)); off += logSector {
			if n := len(sectors); n > 0 && sectors[n-1].off >= off {
				continue
			}
			b := make([]byte, logSector)
			if err := l.tables.ReadAt(b, off); err != nil {
				return nil, err
			}
			sectors = append(sectors, patch{off: off, len: logSector, data: b})
		}
	}
	return sectors, nil
}

// writeLogged writes sectors such that a cut leaves all or none of them: the
// log, a header that says it counts, the sectors, a header that says it does
// not.
func (l *layout) writeLogged(sectors []patch) error {
	size, err := l.storage.Size()
	if err != nil {
		return err
	}
	active := l.header.next()
	if _, err := io.ReadFull(l.random, active.logID()); err != nil {
		return fmt.Errorf("new log id: %w", err)
	}
	if _, err := l.storage.WriteAt(newEntry(active.logID(), sectors, size), l.header.logOff()); err != nil {
		return fmt.Errorf("vhdx log: %w", err)
	}
	if err := l.storage.Sync(); err != nil {
		return err
	}
	if err := l.writeHeader(active); err != nil {
		return err
	}
	for _, p := range sectors {
		if err := p.write(l.storage, size); err != nil {
			return fmt.Errorf("vhdx BAT at 0x%x: %w", p.off, err)
		}
	}
	if err := l.storage.Sync(); err != nil {
		return err
	}
	idle := l.header.next()
	clear(idle.logID())
	return l.writeHeader(idle)
}
