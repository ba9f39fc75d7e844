package bitlocker

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"hangkit/image"
)

// The information block, of which three copies exist. libbde calls it "FVE metadata block".
const (
	areaSize = 64 << 10 // reserved for each copy

	versionOff      = 10 // u16
	currentStateOff = 12 // u16
	nextStateOff    = 14 // u16
	encryptedOff    = 16 // u64, the bytes of the volume that are encrypted
	logSizeOff      = 24 // u32, of the conversion log, which lies where the encrypted bytes end
	bootSectorsOff  = 28 // u32, how many sectors are kept elsewhere
	copiesOff       = 32 // 3 × u64
	relocatedOff    = 56 // u64, where they are kept
	datasetOff      = 64
	minBlock        = datasetOff + datasetHeader

	signature     = "-FVE-FS-"
	versionVista  = 1
	versionSeven  = 2
	blockSizeOff  = 8 // u16, in units of 16 bytes since version 2
	blockSizeUnit = 4 // bits
)

// The dataset holds the datums.
const (
	datasetHeader   = 48
	datasetStartOff = 8  // u32, from the dataset's start
	datasetEndOff   = 12 // u32
	datasetGUIDOff  = 16 // of the volume
	datasetMethod   = 36 // u16
)

// The validation that follows the block: u16 size, u16 version, CRC-32 of the block, and a
// sealed datum with the block's SHA-256.
const (
	validationCRC    = 4
	validationDatums = 8
	keyHash          = 0x2005
)

// State is how far Windows has come with encrypting or decrypting.
type State uint16

// The states of a conversion.
const (
	Decrypted      State = 1
	SwitchingDirty State = 2 // with a conversion log
	Paused         State = 3
	Encrypted      State = 4
	Switching      State = 5
)

// String names the state.
func (s State) String() string {
	switch s {
	case Decrypted:
		return "decrypted"
	case SwitchingDirty, Switching:
		return "being converted"
	case Paused:
		return "conversion paused"
	case Encrypted:
		return "encrypted"
	}
	return fmt.Sprintf("state %d", uint16(s))
}

// metadata is a view of one copy whose CRC is right.
type metadata struct {
	off        int64
	block      []byte
	validation []byte
}

func (m metadata) current() State   { return State(le.Uint16(m.block[currentStateOff:])) }
func (m metadata) next() State      { return State(le.Uint16(m.block[nextStateOff:])) }
func (m metadata) encrypted() int64 { return int64(le.Uint64(m.block[encryptedOff:])) }
func (m metadata) logSize() int64   { return int64(le.Uint32(m.block[logSizeOff:])) }
func (m metadata) method() Method   { return Method(le.Uint16(m.block[datasetOff+datasetMethod:])) }

func (m metadata) guid() GUID { return GUID(m.block[datasetOff+datasetGUIDOff:][:guidSize]) }

func (m metadata) copyOffset(i int) int64 { return int64(le.Uint64(m.block[copiesOff+8*i:])) }

// copies are the places of all copies.
func (m metadata) copies() []byte { return m.block[copiesOff:][:8*metadataCopies] }

// datums are those of the dataset.
func (m metadata) datums() []byte {
	set := m.block[datasetOff:]
	start, end := le.Uint32(set[datasetStartOff:]), le.Uint32(set[datasetEndOff:])
	end = min(end, uint32(len(set)))
	if start < datasetHeader || start > end {
		return nil
	}
	return set[start:end]
}

// readMetadata reads the copy at off. What is behind the end of a cut image is missing.
func readMetadata(d image.Disk, off int64) (metadata, error) {
	if off < bootSectorSize || off > d.Size() {
		return metadata{}, damaged(off, "metadata: offset", "inside the volume", fmt.Sprintf("0x%x", off))
	}
	b := make([]byte, areaSize)
	n, err := d.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) && n < minBlock {
		return metadata{}, fmt.Errorf("BitLocker metadata at 0x%x: %w", off, err)
	}
	return parseMetadata(b[:n], off)
}

func parseMetadata(b []byte, off int64) (metadata, error) {
	if len(b) < minBlock || string(b[:len(signature)]) != signature {
		return metadata{}, damaged(off, "metadata: signature", signature, fmt.Sprintf("%q", b[:min(len(b), len(signature))]))
	}
	switch v := le.Uint16(b[versionOff:]); v {
	case versionSeven:
	case versionVista:
		return metadata{}, errVista
	default:
		return metadata{}, damaged(off+versionOff, "metadata: version", versionSeven, v)
	}
	size := int(le.Uint16(b[blockSizeOff:])) << blockSizeUnit
	if size < minBlock || size+validationDatums > len(b) {
		return metadata{}, damaged(off+blockSizeOff, "metadata: size", fmt.Sprintf("at most %d", len(b)), size)
	}
	m := metadata{off: off, block: b[:size], validation: b[size:]}
	if want, got := crc32.ChecksumIEEE(m.block), le.Uint32(m.validation[validationCRC:]); want != got {
		return metadata{}, damaged(off+int64(size)+validationCRC, "metadata: CRC", fmt.Sprintf("0x%08x", want), fmt.Sprintf("0x%08x", got))
	}
	for i := range metadataCopies {
		if m.copyOffset(i) == off {
			return m, nil
		}
	}
	return metadata{}, damaged(off+copiesOff, "metadata: where its copies lie", fmt.Sprintf("0x%x among them", off), "others")
}

// authentic checks the MAC. The volume's master key proves that Windows wrote the block.
func (m metadata) authentic(vmk []byte) error {
	sealed, ok := findDatum(m.validation[validationDatums:], typeSealed)
	if !ok {
		return damaged(m.off+int64(len(m.block)), "metadata: MAC", "one", "none")
	}
	inner, err := sealed.unseal(vmk)
	if err != nil {
		return fmt.Errorf("%w: %w", damaged(m.off+int64(len(m.block)), "metadata: MAC", "one of its own", "another"), err)
	}
	sum := sha256.Sum256(m.block)
	if inner.typ != typeKey {
		return damaged(m.off+int64(len(m.block)), "metadata: MAC", "a hash", fmt.Sprintf("a datum of type %d", inner.typ))
	}
	kind, hash := inner.key()
	if kind != keyHash || subtle.ConstantTimeCompare(hash, sum[:]) != 1 {
		return damaged(m.off, "metadata: hash", fmt.Sprintf("%x", sum[:4]), fmt.Sprintf("%x", hash[:min(4, len(hash))]))
	}
	return nil
}

// relocated is where the volume's first sectors are kept. Late builds of Windows 10 write no
// datum for it (libbde documentation); the block's own fields are then right.
func (m metadata) relocated(sector int64) image.Range {
	for d := range datums(m.datums()) {
		if d.typ == typeRelocation {
			return image.Range{Off: int64(le.Uint64(d.data)), Len: int64(le.Uint64(d.data[8:]))}
		}
	}
	return image.Range{
		Off: int64(le.Uint64(m.block[relocatedOff:])),
		Len: int64(le.Uint32(m.block[bootSectorsOff:])) * sector,
	}
}

// description is what Windows called the volume when it began: computer, letter, date.
func (m metadata) description() string {
	for d := range datums(m.datums()) {
		if d.role == roleDescription && d.typ == typeString {
			return utf16String(d.data)
		}
	}
	return ""
}

// compare is nil, or says where another copy means other sectors to be encrypted or elsewhere.
func (m metadata) compare(other metadata, sector int64) error {
	switch {
	case other.current() != m.current() || other.next() != m.next():
		return damaged(other.off+currentStateOff, "metadata: state", fmt.Sprintf("%v and then %v, as in the copy at 0x%x", m.current(), m.next(), m.off),
			fmt.Sprintf("%v and then %v", other.current(), other.next()))
	case other.encrypted() != m.encrypted():
		return damaged(other.off+encryptedOff, "metadata: end of what is encrypted", fmt.Sprintf("0x%x, as in the copy at 0x%x", m.encrypted(), m.off),
			fmt.Sprintf("0x%x", other.encrypted()))
	case other.relocated(sector) != m.relocated(sector):
		return damaged(other.off+relocatedOff, "metadata: relocated sectors", fmt.Sprintf("%v, as in the copy at 0x%x", m.relocated(sector), m.off),
			other.relocated(sector))
	case !bytes.Equal(other.copies(), m.copies()):
		return damaged(other.off+copiesOff, "metadata: where its copies lie", fmt.Sprintf("%x, as in the copy at 0x%x", m.copies(), m.off),
			fmt.Sprintf("%x", other.copies()))
	}
	return nil
}

// sameAs tells whether two copies say the same.
func (m metadata) sameAs(other metadata) bool { return bytes.Equal(m.block, other.block) }
