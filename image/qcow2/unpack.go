package qcow2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"hangkit/image/container"
)

// packed is where a compressed cluster lies: somewhere in n bytes from off
// on, which may hold more than it.
func (l *layout) packed(e uint64) (off, n int64) {
	width := packedOffWidth - (log2(l.cluster) - packedBase)
	off = int64(e & (1<<width - 1))
	sectors := int64(e&^uint64(entryCopied|entryPacked)) >> width
	return off, (sectors+1)*packedSector - off%packedSector
}

// Unpack implements [container.Unpacker].
func (l *layout) Unpack(cluster int64) ([]byte, error) {
	e, _, _, err := l.entry(cluster)
	if err != nil {
		return nil, err
	}
	off, n := l.packed(e)
	packed := make([]byte, n)
	have, err := l.storage.ReadAt(packed, off)
	if err != nil && !errors.Is(err, io.EOF) { // its length is in whole sectors, the file's may not be
		return nil, fmt.Errorf("compressed cluster at 0x%x: %w", off, err)
	}
	data := make([]byte, l.cluster)
	if err := l.decompress(data, packed[:have]); err != nil {
		return nil, &container.FormatError{Off: off, What: "qcow2 compressed cluster", Got: err}
	}
	return data, nil
}

func (l *layout) decompress(data, packed []byte) error {
	if l.h.compression() == zstandard {
		return unzstd(data, packed)
	}
	return container.Inflate(data, packed)
}

// unzstds are decoders that wait for the next cluster: they are costly to
// make.
var unzstds = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(1<<(maxClusterBits+3)))
	if err != nil {
		return err
	}
	return d
}}

// unzstd fills data with what the Zstandard frames at the start of packed
// hold.
func unzstd(data, packed []byte) error {
	made := unzstds.Get()
	r, ok := made.(*zstd.Decoder)
	if !ok {
		return fmt.Errorf("zstd: %v: %w", made, container.ErrUnsupported)
	}
	defer unzstds.Put(r)
	if err := r.Reset(bytes.NewReader(packed)); err != nil {
		return err
	}
	_, err := io.ReadFull(r, data)
	return err
}
