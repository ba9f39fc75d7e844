package eventtest

import (
	"fmt"
	"hash/crc32"
	"strings"
	"time"
)

// Types of values.
const (
	typeString   = 0x01
	typeUint16   = 0x06
	typeUint32   = 0x08
	typeUint64   = 0x0A
	typeFileTime = 0x11
	typeXML      = 0x21
	typeStrings  = 0x81
)

type value struct {
	kind byte
	b    []byte
}

func valueOf(v any) value {
	switch v := v.(type) {
	case string:
		return value{typeString, text(v)}
	case uint32:
		return value{typeUint32, le.AppendUint32(nil, v)}
	case uint64:
		return value{typeUint64, le.AppendUint64(nil, v)}
	case time.Time:
		return value{typeFileTime, le.AppendUint64(nil, FileTime(v))}
	}
	return valueOf(fmt.Sprint(v))
}

// Places of the values of the outer template.
const (
	slotID = iota
	slotTime
	slotRecord
	slotData
)

// event writes what a record holds: a template instance, whose last value is another.
func (c *chunk) event(e Event, id uint64) {
	computer := e.Computer
	if computer == "" {
		computer = "PC"
	}
	c.instance(e.Provider+"\x00"+computer, func() { c.system(e.Provider, computer) }, 4, func() {
		heads := c.heads(4)
		c.value(heads, slotID, value{typeUint16, le.AppendUint16(nil, e.ID)})
		c.value(heads, slotTime, valueOf(e.Time))
		c.value(heads, slotRecord, valueOf(id))
		start := c.pos
		c.data(e)
		c.head(heads, slotData, typeXML, c.pos-start)
	})
}

// instance writes a fragment with an instance of a template, and the template itself
// where the chunk does not have it yet.
func (c *chunk) instance(key string, body func(), values int, fill func()) {
	c.put([]byte{0x0F, 1, 1, 0, 0x0C, 1})
	id := crc32.ChecksumIEEE([]byte(key))
	c.u32(id)
	at, known := c.templates[key]
	if !known {
		at = c.pos + 4
		c.templates[key] = at
	}
	c.u32(uint32(at))
	if !known {
		c.template(id, body)
	}
	c.u32(uint32(values))
	fill()
	c.u8(0x00)
}

// template writes a definition, chained into the chunk's table.
func (c *chunk) template(id uint32, body func()) {
	slot := templates + 4*int(id%32)
	next := le.Uint32(c.b[slot:])
	le.PutUint32(c.b[slot:], uint32(c.pos))
	c.u32(next)
	c.u32(id)
	c.put(make([]byte, 12)) // the rest of its identity
	size := c.pos
	c.u32(0)
	c.put([]byte{0x0F, 1, 1, 0})
	body()
	c.u8(0x00)
	le.PutUint32(c.b[size:], uint32(c.pos-size-4))
}

func (c *chunk) system(provider, computer string) {
	c.element("Event", 0, []attribute{{"xmlns", literal("http://schemas.microsoft.com/win/2004/08/events/event")}}, func() {
		c.element("System", noID, nil, func() {
			c.element("Provider", noID, []attribute{{"Name", literal(provider)}}, nil)
			c.element("EventID", noID, nil, slot(slotID, typeUint16).write(c))
			c.element("TimeCreated", noID, []attribute{{"SystemTime", slot(slotTime, typeFileTime)}}, nil)
			c.element("EventRecordID", noID, nil, slot(slotRecord, typeUint64).write(c))
			c.element("Channel", noID, nil, literal("System").write(c))
			c.element("Computer", noID, nil, literal(computer).write(c))
		})
		slot(slotData, typeXML).write(c)()
	})
}

// data writes the event's own fields.
func (c *chunk) data(e Event) {
	var fieldNames []string
	values := []value{}
	for _, f := range e.Data {
		fieldNames = append(fieldNames, f.Name)
		values = append(values, valueOf(f.Value))
	}
	if e.Unnamed {
		var all []byte
		for _, v := range values {
			all = append(append(all, v.b...), 0, 0)
		}
		fieldNames, values = []string{""}, []value{{typeStrings, all}}
	}
	key := fmt.Sprintf("data of %s %d %q", e.Provider, e.ID, fieldNames)
	c.instance(key, func() { c.fields(fieldNames, values) }, len(values), func() {
		heads := c.heads(len(values))
		for i, v := range values {
			c.value(heads, i, v)
		}
	})
}

func (c *chunk) fields(fieldNames []string, values []value) {
	c.element("EventData", noID, nil, func() {
		for i, name := range fieldNames {
			var attributes []attribute
			if name != "" {
				attributes = []attribute{{"Name", literal(name)}}
			}
			c.element("Data", uint16(i), attributes, slot(i, values[i].kind).write(c))
		}
	})
}

// noID says that an element depends on no value.
const noID = 0xFFFF

// piece is a literal text, or the place of a value.
type piece struct {
	text string
	slot int // less than 0 for a text
	kind byte
}

func literal(s string) piece          { return piece{strings.Clone(s), -1, 0} }
func slot(n int, kind byte) piece     { return piece{"", n, kind} }
func (p piece) write(c *chunk) func() { return func() { p.put(c) } }

func (p piece) put(c *chunk) {
	if p.slot >= 0 {
		c.u8(0x0E)
		c.u16(uint16(p.slot))
		c.u8(p.kind)
		return
	}
	c.put([]byte{0x05, typeString})
	b := text(p.text)
	c.u16(uint16(len(b) / 2))
	c.put(b)
}

type attribute struct {
	name  string
	value piece
}

// element writes an element; one without content is closed at once.
func (c *chunk) element(name string, depends uint16, attributes []attribute, content func()) {
	token := byte(0x01)
	if len(attributes) > 0 {
		token |= 0x40
	}
	c.u8(token)
	c.u16(depends)
	size := c.pos
	c.u32(0)
	c.name(name)
	c.attributes(attributes)
	if content == nil {
		c.u8(0x03)
	} else {
		c.u8(0x02)
		content()
		c.u8(0x04)
	}
	le.PutUint32(c.b[size:], uint32(c.pos-size-4))
}

func (c *chunk) attributes(list []attribute) {
	if len(list) == 0 {
		return
	}
	size := c.pos
	c.u32(0)
	for i, a := range list {
		token := byte(0x06)
		if i < len(list)-1 {
			token |= 0x40
		}
		c.u8(token)
		c.name(a.name)
		a.value.put(c)
	}
	le.PutUint32(c.b[size:], uint32(c.pos-size-4))
}

// name writes where a name is, and the name itself the first time, chained into the
// chunk's table.
func (c *chunk) name(s string) {
	if at, known := c.known[s]; known {
		c.u32(uint32(at))
		return
	}
	at := c.pos + 4
	c.known[s] = at
	c.u32(uint32(at))
	b := text(s)
	hash := nameHash(b)
	slot := names + 4*int(hash%64)
	c.u32(le.Uint32(c.b[slot:]))
	le.PutUint32(c.b[slot:], uint32(at))
	c.u16(hash)
	c.u16(uint16(len(b) / 2))
	c.put(b)
	c.u16(0)
}

func nameHash(b []byte) uint16 {
	hash := uint32(0)
	for ; len(b) > 0; b = b[2:] {
		hash = hash*65599 + uint32(le.Uint16(b))
	}
	return uint16(hash)
}

// heads makes room for sizes and types of values.
func (c *chunk) heads(n int) int {
	at := c.pos
	c.pos += 4 * n
	return at
}

func (c *chunk) head(heads, i int, kind byte, size int) {
	le.PutUint16(c.b[heads+4*i:], uint16(size))
	c.b[heads+4*i+2] = kind
}

func (c *chunk) value(heads, i int, v value) {
	c.head(heads, i, v.kind, len(v.b))
	c.put(v.b)
}
