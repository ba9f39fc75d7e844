package eventlog

import (
	"context"
	"strings"
	"time"
)

// event is what is taken from a record.
type event struct {
	provider string
	id       uint64
	time     time.Time
	data     []field
}

// field is one value that an event carries. Events of the old kind have no names.
type field struct {
	name  string
	value value
}

// get returns the value of a name, or else the one at a place.
func (e *event) get(name string, place int) value {
	for _, f := range e.data {
		if name != "" && strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	if place >= 0 && place < len(e.data) && e.data[place].name == "" {
		return e.data[place].value
	}
	return value{}
}

func (e *event) text(name string, place int) string { return e.get(name, place).text() }

func (e *event) number(name string) uint64 {
	n, _ := e.get(name, -1).number()
	return n
}

// read takes an event from a record. It stops where wanted says that the event is of
// no interest, and returns errEnough; and soon after ctx is done.
func (r *Record) read(ctx context.Context, wanted func(*event) bool) (*event, error) {
	e := &event{time: r.Written}
	spend := func(tokens int) bool { return ctx.Err() == nil && r.log.spend(tokens) }
	p := &parser{chunk: r.chunk, spend: spend, visit: &collector{event: e, wanted: wanted}}
	err := p.content(&cursor{b: r.chunk, pos: r.pos, end: r.end}, nil, 0)
	return e, err
}

// spend takes tokens from what the whole log may cost.
func (l *Log) spend(tokens int) bool {
	l.tokens -= min(tokens, l.tokens+1)
	return l.tokens >= 0
}

// maxFields bounds what is kept of one event; those of interest have up to some twenty.
const maxFields = 64

// collector picks the fields of an event out of its XML:
//
//	Event/System/{Provider Name=, EventID, TimeCreated SystemTime=}
//	Event/EventData/Data Name=, or Event/UserData/*/NAME
type collector struct {
	event  *event
	wanted func(*event) bool
	name   string // of the Data element under way
}

// Depths of the elements of an event.
const (
	depthPart  = 2 // Event/System
	depthField = 3 // Event/System/EventID
)

func (c *collector) start(path []string) error {
	c.name = ""
	if len(path) == depthPart && path[1] != "System" && !c.wanted(c.event) {
		return errEnough
	}
	return nil
}

func (c *collector) attribute(path []string, name string, v value) {
	if len(path) != depthField {
		return
	}
	switch path[1] + "/" + path[2] + " " + name {
	case "System/Provider Name":
		c.event.provider = v.text()
	case "System/TimeCreated SystemTime":
		c.created(v)
	case "EventData/Data Name":
		c.name = v.text()
	}
}

// created takes the time of the event, which is before that of its record.
func (c *collector) created(v value) {
	if t := v.time(); v.kind == typeFileTime && !t.IsZero() {
		c.event.time = t
	}
}

func (c *collector) text(path []string, v value) {
	switch {
	case len(path) < depthField:
	case path[1] == "System" && path[2] == "EventID" && len(path) == depthField:
		c.event.id, _ = v.number()
	case path[1] == "EventData":
		c.add(c.name, v)
	case path[1] == "UserData":
		c.add(path[len(path)-1], v)
	}
}

func (c *collector) add(name string, v value) {
	for _, part := range v.split(maxFields - len(c.event.data)) {
		c.event.data = append(c.event.data, field{name, part})
	}
}
