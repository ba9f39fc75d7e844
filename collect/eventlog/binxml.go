package eventlog

import (
	"errors"
	"math"
)

// Tokens of binary XML. flagMore says that attributes follow, or more of the same.
const (
	tokenEnd          = 0x00
	tokenElement      = 0x01
	tokenCloseStart   = 0x02
	tokenCloseEmpty   = 0x03
	tokenEndElement   = 0x04
	tokenValue        = 0x05
	tokenAttribute    = 0x06
	tokenCDATA        = 0x07
	tokenCharacter    = 0x08
	tokenEntity       = 0x09
	tokenInstruction  = 0x0A
	tokenInstructData = 0x0B
	tokenTemplate     = 0x0C
	tokenSubstitution = 0x0D
	tokenOptional     = 0x0E
	tokenFragment     = 0x0F

	flagMore = 0x40
)

// maxDepth bounds elements within elements and templates within templates. Events
// nest six deep.
const maxDepth = 32

var (
	errEnough = errors.New("the rest of the event is not needed")
	errDeep   = errors.New("binary XML: nested too deep")
	errSpent  = errors.New("binary XML: too many tokens")
	errToken  = errors.New("binary XML: an unknown token")
	errShort  = errors.New("binary XML: it ends within a token")
	errValue  = errors.New("binary XML: a substitution without a value")
)

// visitor is told what an event holds, in order.
type visitor interface {
	start(path []string) error
	attribute(path []string, name string, v value)
	text(path []string, v value)
}

// parser walks the binary XML of one record. Names and templates may lie anywhere in
// the chunk, which is why every position is one of the chunk.
type parser struct {
	chunk []byte
	spend func(tokens int) bool
	visit visitor
	path  []string
}

// cursor reads forward between two positions of the chunk. Behind its end it reads
// zeros and is short.
type cursor struct {
	b     []byte // the chunk
	pos   int
	end   int
	short bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > c.end-c.pos {
		c.short, c.pos = true, c.end
		return nil
	}
	c.pos += n
	return c.b[c.pos-n : c.pos]
}

// number reads a number of up to four bytes. One past every chunk stays past it where
// an int has only 32 bits.
func (c *cursor) number(n int) int {
	var b [4]byte
	copy(b[:], c.take(n))
	return int(min(le.Uint32(b[:]), math.MaxInt32))
}

// name reads the position of a name, and the name behind it where that is the place.
func (c *cursor) name() string {
	at := c.number(4)
	if at == c.pos {
		return readName(c)
	}
	return readName(&cursor{b: c.b, pos: min(at, len(c.b)), end: len(c.b)})
}

func readName(c *cursor) string {
	c.take(4 + 2) // the next name of its hash, the hash
	text := utf16Text(c.take(2 * c.number(2)))
	c.take(2) // terminator
	return text
}

// content reads tokens until the element around them ends.
func (p *parser) content(c *cursor, values []value, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	attribute := ""
	for c.pos < c.end {
		if !p.spend(1) {
			return errSpent
		}
		token := c.number(1)
		kind := token &^ flagMore
		switch kind {
		case tokenEnd, tokenCloseEmpty, tokenEndElement:
			return nil
		case tokenCloseStart:
			attribute = ""
		case tokenAttribute:
			attribute = c.name()
		default:
			if err := p.token(c, token, attribute, values, depth); err != nil {
				return err
			}
		}
		if c.short {
			return errShort
		}
	}
	return nil
}

// token reads what is neither the end of something nor the name of an attribute.
func (p *parser) token(c *cursor, token int, attribute string, values []value, depth int) error {
	switch token &^ flagMore {
	case tokenElement:
		return p.element(c, token&flagMore != 0, values, depth)
	case tokenTemplate:
		return p.template(c, depth)
	case tokenSubstitution, tokenOptional:
		return p.substitution(c, attribute, values, depth)
	case tokenValue:
		kind := byte(c.number(1))
		p.value(attribute, value{kind: kind, b: c.take(2 * c.number(2))})
	case tokenCDATA, tokenInstructData:
		c.take(2 * c.number(2))
	case tokenCharacter:
		c.take(2)
	case tokenEntity, tokenInstruction:
		c.name()
	case tokenFragment:
		c.take(3) // version, flags
	default:
		return errToken
	}
	return nil
}

func (p *parser) element(c *cursor, hasAttributes bool, values []value, depth int) error {
	c.take(2 + 4) // dependency, size
	p.path = append(p.path, c.name())
	if hasAttributes {
		c.take(4)
	}
	if c.short {
		return errShort
	}
	if err := p.visit.start(p.path); err != nil {
		return err
	}
	err := p.content(c, values, depth+1)
	p.path = p.path[:len(p.path)-1]
	return err
}

func (p *parser) value(attribute string, v value) {
	if attribute != "" {
		p.visit.attribute(p.path, attribute, v)
		return
	}
	p.visit.text(p.path, v)
}

func (p *parser) substitution(c *cursor, attribute string, values []value, depth int) error {
	i := c.number(2)
	c.take(1) // the type, which the value has too
	switch {
	case c.short:
		return errShort
	case i >= len(values):
		return errValue
	case values[i].kind != typeBinaryXML:
		p.value(attribute, values[i])
		return nil
	}
	v := values[i]
	return p.content(&cursor{b: p.chunk, pos: v.pos, end: v.pos + len(v.b)}, nil, depth+1)
}

// template reads an instance: which template, and the values to put in.
func (p *parser) template(c *cursor, depth int) error {
	c.take(1 + 4) // version, identity
	at := c.number(4)
	body, inline := p.templateBody(at)
	if at == c.pos {
		c.pos = inline
	}
	values, err := p.values(c)
	if err != nil {
		return err
	}
	if c.short || body == nil {
		return errShort
	}
	return p.content(body, values, depth+1)
}

const templateHead = 4 + 16 // the next template of its hash, its identity

// templateBody is the template at a position of the chunk, and where it ends.
func (p *parser) templateBody(at int) (*cursor, int) {
	c := &cursor{b: p.chunk, pos: min(at, len(p.chunk)), end: len(p.chunk)}
	c.take(templateHead)
	size := c.number(4)
	if c.short || size > c.end-c.pos {
		return nil, len(p.chunk)
	}
	c.end = c.pos + size
	return c, c.end
}

// values reads the values of an instance: how many, size and type of each, and then
// each. Each costs as much as a token: templates may ask for the same ones many times.
func (p *parser) values(c *cursor) ([]value, error) {
	const descriptor = 4
	count := c.number(4)
	if count > (c.end-c.pos)/descriptor {
		return nil, errShort
	}
	if !p.spend(count) {
		return nil, errSpent
	}
	heads := c.take(count * descriptor)
	values := make([]value, count)
	for i := range values {
		h := heads[i*descriptor:]
		values[i] = value{kind: h[2], pos: c.pos}
		values[i].b = c.take(int(le.Uint16(h)))
	}
	return values, nil
}
