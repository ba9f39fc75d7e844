package hive

import "fmt"

// keySecurity is a view of a security descriptor's cell. All of a hive's are linked in a ring;
// the reference count is the number of keys that point here.
//
// On disk: "sk" (regf specification, "Key security").
type keySecurity []byte

const keySecuritySize = 20 // before the descriptor

func (s keySecurity) flink() uint32          { return le.Uint32(s[4:]) }
func (s keySecurity) blink() uint32          { return le.Uint32(s[8:]) }
func (s keySecurity) refs() uint32           { return le.Uint32(s[12:]) }
func (s keySecurity) descriptorSize() uint32 { return le.Uint32(s[16:]) }
func (s keySecurity) descriptor() []byte     { return s[keySecuritySize:][:s.descriptorSize()] }

func (s keySecurity) setFlink(off uint32) { le.PutUint32(s[4:], off) }
func (s keySecurity) setBlink(off uint32) { le.PutUint32(s[8:], off) }
func (s keySecurity) setRefs(n uint32)    { le.PutUint32(s[12:], n) }

// usable says whether Windows can make anything of the descriptor: [MS-DTYP] 2.4.6.
func (s keySecurity) usable() bool {
	const header, revision, selfRelative = 20, 1, 0x8000
	d := s.descriptor()
	return len(d) >= header && d[0] == revision && le.Uint16(d[2:])&selfRelative != 0
}

func checkKeySecurity(p []byte, off uint32) (keySecurity, error) {
	if err := checkTagged(p, off, "sk", keySecuritySize); err != nil {
		return nil, err
	}
	s := keySecurity(p)
	if uint64(s.descriptorSize()) > uint64(len(p)-keySecuritySize) {
		return nil, &FormatError{fileOffset(off), "security descriptor size", fmt.Sprintf("at most %d", len(p)-keySecuritySize), s.descriptorSize()}
	}
	return s, nil
}

func (b *binData) keySecurity(off uint32) (keySecurity, error) {
	p, err := b.cell(off)
	if err != nil {
		return nil, fmt.Errorf("key security: %w", err)
	}
	return checkKeySecurity(p, off)
}

func (b *binData) editKeySecurity(off uint32) (keySecurity, error) {
	p, err := b.editCell(off)
	if err != nil {
		return nil, fmt.Errorf("key security: %w", err)
	}
	return checkKeySecurity(p, off)
}
