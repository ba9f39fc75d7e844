package nbd

import (
	"encoding/binary"
	"fmt"
	"io"

	"hangkit/image/container"
)

var be = binary.BigEndian

// The handshake.
const (
	serverMagic = "NBDMAGIC"
	optionMagic = "IHAVEOPT"
	replyMagic  = 0x3e889045565a9

	flagFixed    = 1 << 0 // of server and client
	flagNoZeroes = 1 << 1

	optionGo      = 7
	replyAck      = 1
	replyInfo     = 3
	replyError    = 1 << 31
	infoExport    = 0 // u64 size, u16 flags
	infoBlockSize = 3 // u32 least, u32 preferred, u32 most
	maxReply      = 64 << 10
	maxReplies    = 64
)

// The flags of an export.
const (
	exportReadOnly = 1 << 1
	exportFlush    = 1 << 2
)

// errorWords say what the server's refusals of an export mean.
var errorWords = map[uint32]string{
	1: "the server does not know NBD_OPT_GO", 2: "forbidden by the server's policy", 3: "invalid request", 5: "TLS is required",
	6: "no such export", 7: "the server is shutting down", 8: "block size required", 9: "too big",
}

// export is what the server says about the disk.
type export struct {
	size  int64
	flags uint16
	least int64 // what offsets and lengths must be multiples of
	most  int64 // bytes of one request
}

// handshake asks for the export with the name.
func handshake(c io.ReadWriter, name string) (export, error) {
	hello := make([]byte, 18)
	if _, err := io.ReadFull(c, hello); err != nil {
		return export{}, fmt.Errorf("greeting: %w", err)
	}
	if string(hello[:8]) != serverMagic || string(hello[8:16]) != optionMagic || be.Uint16(hello[16:])&flagFixed == 0 {
		return export{}, &container.FormatError{What: "greeting of the nbd server", Want: "fixed newstyle", Got: fmt.Sprintf("%q", hello)}
	}
	request := be.AppendUint32(nil, flagFixed|uint32(be.Uint16(hello[16:])&flagNoZeroes))
	request = append(request, optionMagic...)
	request = be.AppendUint32(request, optionGo)
	request = be.AppendUint32(request, uint32(4+len(name)+2+2))
	request = be.AppendUint32(request, uint32(len(name)))
	request = append(request, name...)
	request = be.AppendUint16(request, 1)
	request = be.AppendUint16(request, infoBlockSize)
	if _, err := c.Write(request); err != nil {
		return export{}, err
	}
	return readReplies(c, name)
}

// readReplies collects what is said about the export until it is ours.
func readReplies(r io.Reader, name string) (export, error) {
	e := export{size: -1, least: 1, most: maxRequest}
	for range maxReplies {
		kind, data, err := readReply(r)
		switch {
		case err != nil:
			return e, err
		case kind&replyError != 0:
			words := errorWords[kind&^replyError]
			return e, fmt.Errorf("export %q refused: error %d (%s) %q: %w", name, kind&^replyError, words, data, container.ErrUnsupported)
		case kind == replyAck:
			return e, e.validate()
		case kind == replyInfo:
			e.take(data)
		}
	}
	return e, fmt.Errorf("export %q: more than %d replies: %w", name, maxReplies, container.ErrFormat)
}

// readReply reads a reply to an option.
func readReply(r io.Reader) (kind uint32, data []byte, err error) {
	head := make([]byte, 20)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, fmt.Errorf("reply: %w", err)
	}
	n := be.Uint32(head[16:])
	if be.Uint64(head) != replyMagic || n > maxReply {
		return 0, nil, &container.FormatError{What: "reply of the nbd server", Got: fmt.Sprintf("%x", head)}
	}
	data = make([]byte, n)
	_, err = io.ReadFull(r, data)
	return be.Uint32(head[12:]), data, err
}

// take notes a piece of information.
func (e *export) take(data []byte) {
	switch {
	case len(data) == 12 && be.Uint16(data) == infoExport:
		e.size, e.flags = int64(be.Uint64(data[2:])), be.Uint16(data[10:])
	case len(data) == 14 && be.Uint16(data) == infoBlockSize:
		e.least = int64(be.Uint32(data[2:]))
		e.most = min(maxRequest, int64(be.Uint32(data[10:])))
	}
}

// maxLeast bounds the block that has to be read to write a byte.
const maxLeast = 64 << 10

func (e *export) validate() error {
	if e.size < 0 || e.least < 1 || e.least > maxLeast || e.least&(e.least-1) != 0 || e.most < e.least {
		return &container.FormatError{What: "export of the nbd server", Got: fmt.Sprintf("%d bytes in blocks of %d, at most %d at once", e.size, e.least, e.most)}
	}
	e.most = container.RoundDown(e.most, e.least)
	return nil
}
