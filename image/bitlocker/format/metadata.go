package format

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"time"
	"unicode/utf16"

	"hangkit/image/bitlocker"
	"hangkit/image/bitlocker/internal/crypt"
)

var le = binary.LittleEndian

// The numbers of the metadata, as Windows 10 writes them (libbde documentation, "FVE metadata
// block" and "FVE metadata entry").
const (
	vmkSize        = 32
	unit           = 16 // of the block's size
	blockHeader    = 64
	datasetHeader  = 48
	version        = 2
	datasetVersion = 1
	encrypted      = 4

	roleNone        = 0
	roleVMK         = 2
	roleFVEK        = 3
	roleExternal    = 6
	roleDescription = 7
	roleBoot        = 0xf
	rolePassword    = 0x12
	roleStretched   = 0x13

	typeKey      = 1
	typeString   = 2
	typeStretch  = 3
	typeUse      = 4
	typeSealed   = 5
	typeTPM      = 6
	typeVMK      = 8
	typeExternal = 9
	typeBoot     = 0xf

	keyRecovery          = 0x1000
	keyPassword          = 0x1001
	keyClear             = 0x2000
	keyExternal          = 0x2002
	keyVMK               = 0x2003
	keyHash              = 0x2005
	keyPasswordStretched = 0x2007
	keyRecoveryStretched = 0x2008

	flagNone     = 0
	flagUsual    = 1
	flagClear    = 3
	bootExtra    = 76 // bytes behind the datum's offset and size, since Windows 8
	bootExtraSet = 5
)

// datum puts one together.
func datum(role, typ, flags uint16, parts ...[]byte) []byte {
	b := make([]byte, 8)
	for _, p := range parts {
		b = append(b, p...)
	}
	le.PutUint16(b, uint16(len(b)))
	le.PutUint16(b[2:], role)
	le.PutUint16(b[4:], typ)
	le.PutUint16(b[6:], flags)
	return b
}

func u16(v uint16) []byte { return le.AppendUint16(nil, v) }
func u32(v uint32) []byte { return le.AppendUint32(nil, v) }
func u64(v int64) []byte  { return le.AppendUint64(nil, uint64(v)) }

// text is a string with a NUL.
func text(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = le.AppendUint16(b, u)
	}
	return b
}

// key is one as it lies sealed in another datum.
func key(kind uint32, k []byte) []byte { return datum(roleNone, typeKey, flagNone, u32(kind), k) }

// filetime counts from 1601.
func filetime(t time.Time) []byte {
	const since1601, tick = 11644473600, 100
	return u64((t.Unix()+since1601)*int64(time.Second/tick) + int64(t.Nanosecond()/tick))
}

// seal encrypts a datum under a key with a nonce of its own.
func (m *maker) seal(role uint16, under, plain []byte) []byte {
	m.nonces++
	nonce := append(filetime(m.Time), u32(m.nonces)...)
	mac, sealed, err := crypt.SealCCM(under, nonce, plain)
	if err != nil {
		return nil // the lengths are all ours
	}
	return datum(role, typeSealed, flagUsual, nonce, mac, sealed)
}

// build makes the metadata block with its validation.
func (m *maker) build(ctx context.Context) error {
	datums := datum(roleDescription, typeString, flagUsual, text(m.Description))
	for _, protector := range []func(context.Context) ([]byte, error){m.password, m.recovery, m.keyFile, m.clearKey, m.tpm} {
		d, err := protector(ctx)
		if err != nil {
			return err
		}
		datums = append(datums, d...)
	}
	datums = append(datums, m.seal(roleFVEK, m.vmk, key(uint32(m.Method), m.fvek))...)
	extra := append(append(u16(bootExtraSet), u16(bootExtra)...), make([]byte, bootExtra-4)...)
	datums = append(datums, datum(roleBoot, typeBoot, flagUsual, u64(m.Areas.Boot), u64(BootSize), extra)...)

	block := append(m.header(), m.dataset(datums)...)
	block = append(block, make([]byte, (unit-len(block)%unit)%unit)...)
	le.PutUint16(block[8:], uint16(len(block)/unit))
	m.info = slices.Concat(block, m.validation(block))
	return nil
}

func (m *maker) header() []byte {
	h := make([]byte, blockHeader)
	copy(h, "-FVE-FS-")
	le.PutUint16(h[10:], version)
	le.PutUint16(h[12:], encrypted)
	le.PutUint16(h[14:], encrypted)
	le.PutUint64(h[16:], uint64(m.size))
	le.PutUint32(h[28:], uint32(BootSize/m.SectorSize))
	for i, off := range m.Areas.Metadata {
		le.PutUint64(h[32+8*i:], uint64(off))
	}
	le.PutUint64(h[56:], uint64(m.Areas.Boot))
	return h
}

func (m *maker) dataset(datums []byte) []byte {
	set := make([]byte, datasetHeader)
	size := uint32(datasetHeader + len(datums))
	le.PutUint32(set, size)
	le.PutUint32(set[4:], datasetVersion)
	le.PutUint32(set[8:], datasetHeader)
	le.PutUint32(set[12:], size)
	copy(set[16:], m.bytes(16))
	le.PutUint32(set[32:], m.nonces+2) // the next one; the validation takes one
	le.PutUint16(set[36:], uint16(m.Method))
	le.PutUint16(set[38:], uint16(m.Method))
	copy(set[40:], filetime(m.Time))
	return append(set, datums...)
}

func (m *maker) validation(block []byte) []byte {
	v := make([]byte, 8)
	le.PutUint16(v, uint16(MetadataSize-len(block)))
	le.PutUint16(v[2:], version)
	le.PutUint32(v[4:], crc32.ChecksumIEEE(block))
	sum := sha256.Sum256(block)
	return append(v, m.seal(roleNone, m.vmk, key(keyHash, sum[:]))...)
}

// protector is a copy of the master key under a key, with what belongs to it.
func (m *maker) protector(kind bitlocker.Kind, flags uint16, id bitlocker.GUID, under []byte, parts ...[]byte) []byte {
	m.result.Protectors = append(m.result.Protectors, bitlocker.Protector{ID: id, Kind: kind})
	all := [][]byte{id[:], filetime(m.Time), u16(0), u16(uint16(kind))}
	all = append(append(all, parts...), m.seal(roleNone, under, key(keyVMK, m.vmk)))
	return datum(roleVMK, typeVMK, flags, all...)
}

func (m *maker) guid() bitlocker.GUID { return bitlocker.GUID(m.bytes(16)) }

func (m *maker) password(ctx context.Context) ([]byte, error) {
	if m.Password == "" {
		return nil, nil
	}
	salt, units := m.bytes(crypt.SaltSize), text(m.Password)
	once := sha256.Sum256(units[:len(units)-2])
	k, err := crypt.Stretch(ctx, sha256.Sum256(once[:]), salt)
	if err != nil {
		return nil, err
	}
	stretch := datum(roleNone, typeStretch, flagUsual, u32(keyPassword), salt, m.seal(roleNone, m.vmk, key(keyPasswordStretched, k)))
	return m.protector(bitlocker.Password, flagUsual, m.guid(), k, stretch), nil
}

func (m *maker) recovery(ctx context.Context) ([]byte, error) {
	if m.RecoveryPassword == "" {
		return nil, nil
	}
	secret, err := bitlocker.RecoveryKey(m.RecoveryPassword)
	if err != nil {
		return nil, err
	}
	salt := m.bytes(crypt.SaltSize)
	k, err := crypt.Stretch(ctx, sha256.Sum256(secret[:]), salt)
	if err != nil {
		return nil, err
	}
	stretch := datum(roleNone, typeStretch, flagUsual, u32(keyRecovery), salt,
		m.seal(rolePassword, m.vmk, key(keyRecovery, secret[:])), m.seal(roleStretched, m.vmk, key(keyRecoveryStretched, k)))
	return m.protector(bitlocker.RecoveryPassword, flagUsual, m.guid(), k, stretch), nil
}

func (m *maker) keyFile(context.Context) ([]byte, error) {
	if !m.KeyFile {
		return nil, nil
	}
	id, k := m.guid(), m.bytes(vmkSize)
	m.result.KeyFile, m.result.KeyFileName = m.externalKey(id, k), id.String()+".BEK"
	name := datum(roleNone, typeString, flagUsual, text("ExternalKey"))
	use := datum(roleNone, typeUse, flagUsual, u32(keyExternal), m.seal(roleNone, m.vmk, key(keyExternal, k)))
	return m.protector(bitlocker.KeyFile, flagUsual, id, k, name, use), nil
}

// externalKey is the .BEK file.
func (m *maker) externalKey(id bitlocker.GUID, k []byte) []byte {
	d := datum(roleExternal, typeExternal, flagUsual, id[:], filetime(m.Time),
		datum(roleNone, typeString, flagUsual, text("ExternalKey")),
		datum(roleNone, typeKey, flagUsual, u32(keyExternal), k))
	h := make([]byte, datasetHeader)
	size := uint32(len(h) + len(d))
	le.PutUint32(h, size)
	le.PutUint32(h[4:], datasetVersion)
	le.PutUint32(h[8:], datasetHeader)
	le.PutUint32(h[12:], size)
	copy(h[16:], id[:])
	le.PutUint32(h[32:], 1)
	copy(h[40:], filetime(m.Time))
	return append(h, d...)
}

func (m *maker) clearKey(context.Context) ([]byte, error) {
	if !m.ClearKey {
		return nil, nil
	}
	k := m.bytes(vmkSize)
	return m.protector(bitlocker.ClearKey, flagClear, m.guid(), k, datum(roleNone, typeKey, flagUsual, u32(keyClear), k)), nil
}

// tpm makes a protector whose key nobody has.
func (m *maker) tpm(context.Context) ([]byte, error) {
	if !m.TPM {
		return nil, nil
	}
	return m.protector(bitlocker.TPM, flagUsual, m.guid(), m.bytes(vmkSize), datum(roleNone, typeTPM, flagUsual, m.bytes(64))), nil
}
