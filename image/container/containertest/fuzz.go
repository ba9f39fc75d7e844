package containertest

import (
	"bytes"
	"encoding/binary"
	"testing"

	"hangkit/image/container"
)

// Fuzz opens images of which some bytes are changed, reads and writes them:
// no panic, no end that does not come, and no size that the bytes do not
// back. Seal makes the checksums right again, so that what they guard is
// reached; it may be nil.
//
// The input is a list of edits: four bytes of offset, one of length, and the
// bytes. That keeps it small where images are not.
func Fuzz(f *testing.F, images [][]byte, seal func(b []byte), open func(s container.Storage) (Disk, error)) {
	f.Helper()
	f.Add(byte(0), []byte{})
	f.Add(byte(1), []byte{0, 0, 2, 0, 3, 1, 2, 3, 4, 0, 0, 0, 72, 1, 0xff, 0xff})
	f.Fuzz(func(_ *testing.T, which byte, edits []byte) {
		b := bytes.Clone(images[int(which)%len(images)])
		apply(b, edits)
		if seal != nil {
			seal(b)
		}
		try(b, open)
	})
}

// apply makes the edits.
func apply(b, edits []byte) {
	const head = 5
	for len(edits) > head {
		off := int64(binary.BigEndian.Uint32(edits)) % int64(len(b))
		n := min(1+int(edits[4])%8, len(edits)-head)
		copy(b[off:], edits[head:head+n])
		edits = edits[head+n:]
	}
}

// try does with an image what a program would.
func try(b []byte, open func(s container.Storage) (Disk, error)) {
	d, err := open(Load(b))
	if err != nil {
		return
	}
	p := make([]byte, 1<<16)
	for _, off := range []int64{0, 1 << 20, d.Size() / 2, d.Size() - 100} {
		if off >= 0 {
			_, _ = d.ReadAt(p, off)
		}
	}
	if d.Writable() == nil {
		_, _ = d.WriteAt(p[:700], 0)
		_, _ = d.WriteAt(p[:700], d.Size()/3)
	}
	_ = d.Close()
}
