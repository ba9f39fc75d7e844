package wim

import "fmt"

// An entry of the blob table (offsets in bytes).
const (
	blobSize = 50

	blobPartOff = 24
	blobRefsOff = 26
	blobHashOff = 30
)

// blob is a view of an entry of the blob table.
type blob []byte

func (b blob) resource() resource { return resource(b[:resourceHeaderSize]) }
func (b blob) refs() uint32       { return le.Uint32(b[blobRefsOff:]) }
func (b blob) hash() Hash         { return Hash(b[blobHashOff:]) }
func (b blob) metadata() bool     { return b.resource().flags()&resMetadata != 0 }
func (b blob) setRefs(n uint32)   { le.PutUint32(b[blobRefsOff:], n) }
func (b blob) setHash(h Hash)     { copy(b[blobHashOff:], h[:]) }

// newBlob is the entry of contents that are stored as they are.
func newBlob(h Hash, flags byte, off, size int64) blob {
	b := make(blob, blobSize)
	b.resource().set(flags, off, size)
	le.PutUint16(b[blobPartOff:], 1)
	b.setRefs(1)
	b.setHash(h)
	return b
}

// blobTable is the whole table.
type blobTable []byte

func (t blobTable) len() int         { return len(t) / blobSize }
func (t blobTable) entry(i int) blob { return blob(t[i*blobSize:][:blobSize]) }

// indexOf finds the entry of contents, -1 if there is none.
func (t blobTable) indexOf(h Hash) int {
	for i := range t.len() {
		if b := t.entry(i); b.hash() == h && !b.metadata() {
			return i
		}
	}
	return -1
}

// maxBlobTable bounds the table: five million contents, thirty times those of Windows.
const maxBlobTable = 256 << 20

// readBlobTable reads the table and finds the metadata in it.
func (a *Archive) readBlobTable() (err error) {
	r := a.header.blobTable()
	if a.blobs, err = a.readAll(r, "blob table", maxBlobTable); err != nil {
		return err
	}
	if len(a.blobs)%blobSize != 0 {
		return damaged(int64(r.offset()), "blob table: size", fmt.Sprintf("a multiple of %d", blobSize), len(a.blobs))
	}
	seen := map[uint64]bool{}
	for i := range a.blobs.len() {
		b := a.blobs.entry(i)
		if !b.metadata() || b.refs() == 0 {
			continue
		}
		// Images of one resource would be a small archive that takes no end of memory.
		if at := b.resource().offset(); seen[at] {
			return damaged(int64(at), "blob table: metadata resources", "one for each image", "one for several")
		}
		seen[b.resource().offset()] = true
		a.metadata = append(a.metadata, i)
	}
	if want := a.header.images(); uint32(len(a.metadata)) != want {
		return damaged(int64(r.offset()), "blob table: metadata resources", want, len(a.metadata))
	}
	return nil
}

// find returns the entry of contents, nil if there is none.
func (a *Archive) find(h Hash) blob {
	a.indexOnce.Do(func() {
		a.index = make(map[Hash]int, a.blobs.len())
		for i := range a.blobs.len() {
			if b := a.blobs.entry(i); !b.metadata() {
				a.index[b.hash()] = i
			}
		}
	})
	if i, ok := a.index[h]; ok {
		return a.blobs.entry(i)
	}
	return nil
}
