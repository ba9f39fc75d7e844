package hive

import (
	"io"
	"slices"
	"time"
)

// NewOptions says what a new hive is to be like.
type NewOptions struct {
	Minor    uint32    // format version 1.3 or 1.5; 0 means 5, as SYSTEM has
	RootName string    // of the root key; "" means "ROOT"
	Now      time.Time // for the hive and all keys; zero leaves every time at 0
}

const (
	newRootCell = binHeaderSize
	rootFlags   = keyRoot | keyNoDelete | keyName8Bit
)

// New makes a hive from nothing: a root key that administrators and the system may change and users
// may read. Edit it, then write it out with [Hive.WriteTo].
func New(o NewOptions) *Hive {
	if o.Minor == 0 {
		o.Minor = minorHashLeaf
	}
	if o.RootName == "" {
		o.RootName = "ROOT"
	}
	bins := newBinData(nil, 0)
	bins.data = newFirstBin(o)
	h := &Hive{base: newBaseBlock(o), bins: bins, limit: baseBlockSize + maxBinsSize, now: o.Now, touched: newKeySet()}
	h.touched.add(newRootCell)
	return h
}

func newBaseBlock(o NewOptions) baseBlock {
	b := make(baseBlock, baseBlockSize)
	copy(b, baseBlockTag)
	b.setSequences(1, 1)
	le.PutUint32(b[20:], 1) // major version
	le.PutUint32(b[24:], o.Minor)
	le.PutUint32(b[32:], 1) // file format
	b.setRootCell(newRootCell)
	b.setBinsSize(pageSize)
	le.PutUint32(b[44:], 1) // clustering factor
	if !o.Now.IsZero() {
		b.setFileTime(fileTimeOf(o.Now))
	}
	b.seal()
	return b
}

// newFirstBin lays out the root key, its security and one free cell.
func newFirstBin(o NewOptions) []byte {
	p := make([]byte, pageSize)
	head := binHeader(p)
	copy(head, binTag)
	head.setSize(pageSize)
	if !o.Now.IsZero() {
		head.setFileTime(fileTimeOf(o.Now))
	}
	units := EncodeUTF16(o.RootName)
	name := storeName(DecodeUTF16(units[:min(len(units), maxKeyName)]))
	descriptor := defaultSecurity()
	rootSize := uint32(roundUp(int64(cellHeaderSize+keyNodeSize+len(name.raw)), cellAlign))
	securityCell := newRootCell + rootSize
	securitySize := uint32(roundUp(int64(cellHeaderSize+keySecuritySize+len(descriptor)), cellAlign))
	free := securityCell + securitySize

	le.PutUint32(p[newRootCell:], -rootSize)
	initKeyNode(p[newRootCell+cellHeaderSize:], nilOffset, securityCell, name)
	flags := uint16(rootFlags)
	if !name.eightBit {
		flags &^= keyName8Bit
	}
	keyNode(p[newRootCell+cellHeaderSize:]).setFlags(flags)

	le.PutUint32(p[securityCell:], -securitySize)
	s := keySecurity(p[securityCell+cellHeaderSize:])
	copy(s, "sk")
	s.setFlink(securityCell)
	s.setBlink(securityCell)
	s.setRefs(1)
	le.PutUint32(s[16:], uint32(len(descriptor)))
	copy(s[keySecuritySize:], descriptor)

	le.PutUint32(p[free:], pageSize-free)
	return p
}

// Access rights of a registry key.
const (
	keyAllAccess = 0x000F003F
	keyReadOnly  = 0x00020019
)

// defaultSecurity is a self-relative security descriptor: owner and group Administrators; they and
// the system have full control, users and applications read.
//
// On disk: [MS-DTYP] 2.4.6.
func defaultSecurity() []byte {
	var (
		administrators = sid(5, 32, 544)
		users          = sid(5, 32, 545)
		system         = sid(5, 18)
	)
	const (
		headerSize         = 20
		selfRelative       = 0x8000
		hasDACL            = 0x0004
		protectedFromAbove = 0x1000
	)
	acl := newACL(ace(keyAllAccess, administrators), ace(keyAllAccess, system), ace(keyReadOnly, users))
	d := []byte{1, 0}
	d = le.AppendUint16(d, selfRelative|hasDACL|protectedFromAbove)
	owner := uint32(headerSize + len(acl))
	for _, off := range []uint32{owner, owner + uint32(len(administrators)), 0, headerSize} {
		d = le.AppendUint32(d, off)
	}
	d = append(d, acl...)
	d = append(d, administrators...)
	return append(d, administrators...)
}

// sid is a security identifier S-1-authority-sub-sub…
func sid(authority byte, subs ...uint32) []byte {
	p := []byte{1, byte(len(subs)), 0, 0, 0, 0, 0, authority}
	for _, s := range subs {
		p = le.AppendUint32(p, s)
	}
	return p
}

// ace allows what mask says, for subkeys too.
func ace(mask uint32, who []byte) []byte {
	const inheritedByKeys = 0x02
	p := []byte{0, inheritedByKeys}
	p = le.AppendUint16(p, uint16(8+len(who)))
	p = le.AppendUint32(p, mask)
	return append(p, who...)
}

func newACL(entries ...[]byte) []byte {
	var body []byte
	for _, e := range entries {
		body = append(body, e...)
	}
	p := []byte{2, 0}
	p = le.AppendUint16(p, uint16(8+len(body)))
	p = le.AppendUint32(p, uint32(len(entries)))
	return append(p, body...)
}

// Size is the size of the whole hive as it is in memory: base block and bins.
func (h *Hive) Size() int64 { return fileOffset(h.bins.size()) }

// WriteTo writes the whole hive as it is in memory, base block and bins, clean. It is for new hives
// and for copies; a hive that Windows will boot from is changed by [Hive.Commit].
func (h *Hive) WriteTo(w io.Writer) (int64, error) {
	b, err := h.clean()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	if err != nil {
		return int64(n), err
	}
	m, err := w.Write(h.bins.data)
	return int64(n + m), err
}

// Bytes is the whole hive as it is in memory, clean: what a file with nothing behind the last bin
// would hold.
func (h *Hive) Bytes() ([]byte, error) {
	b, err := h.clean()
	if err != nil {
		return nil, err
	}
	return slices.Concat(b, h.bins.data), nil
}

// clean loads the hive, and gives the base block that says that all of it is there.
func (h *Hive) clean() (baseBlock, error) {
	if err := h.bins.loadAll(); err != nil {
		return nil, err
	}
	if err := h.stamp(h.now); err != nil {
		return nil, err
	}
	b := slices.Clone(h.base)
	b.setBinsSize(h.bins.size())
	b.seal()
	return b, nil
}

// stamp gives the changed keys their time. The zero time leaves them as they are.
func (h *Hive) stamp(now time.Time) error {
	if now.IsZero() {
		return nil
	}
	for off := range h.touched.keys {
		n, err := h.bins.editKeyNode(off)
		if err != nil {
			return err
		}
		n.setFileTime(fileTimeOf(now))
	}
	clear(h.touched.keys)
	return nil
}
