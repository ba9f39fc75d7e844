package nbd_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hangkit/image"
	"hangkit/image/container"
	"hangkit/image/imagetest"
	"hangkit/image/nbd"
)

var be = binary.BigEndian

// The numbers of the protocol that the server needs (doc/proto.md).
const (
	replyMagic        = 0x3e889045565a9
	simpleMagic       = 0x67446698
	optionGo          = 7
	replyAck          = 1
	replyInfo         = 3
	replyError        = 1 << 31
	infoExport        = 0
	infoBlockSize     = 3
	exportReadOnly    = 1 << 1
	exportFlush       = 1 << 2
	commandRead       = 0
	commandWrite      = 1
	commandDisconnect = 2
)

// server serves one disk in memory, as far as our client goes.
type server struct {
	disk     image.Disk
	least    uint32
	flags    uint16
	refuse   uint32 // instead of serving
	failRead bool

	mu    sync.Mutex
	conns []net.Conn
}

// hangUp ends every connection.
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close()
	}
}

// serve listens until the test ends, and gives the URL.
func (s *server) serve(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			go s.talk(c)
		}
	}()
	return "nbd+unix:///disk?socket=" + socket
}

func (s *server) talk(c net.Conn) {
	defer c.Close()
	_, _ = c.Write([]byte("NBDMAGICIHAVEOPT\x00\x03"))
	head := make([]byte, 4+16)
	if _, err := io.ReadFull(c, head); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, c, int64(be.Uint32(head[16:]))); err != nil {
		return
	}
	reply := func(kind uint32, data []byte) {
		b := be.AppendUint32(be.AppendUint32(be.AppendUint64(nil, replyMagic), optionGo), kind)
		_, _ = c.Write(append(be.AppendUint32(b, uint32(len(data))), data...))
	}
	if s.refuse != 0 {
		reply(s.refuse, []byte("sorry"))
		return
	}
	reply(replyInfo, be.AppendUint16(be.AppendUint64([]byte{0, infoExport}, uint64(s.disk.Size())), s.flags))
	reply(replyInfo, be.AppendUint32(be.AppendUint32(be.AppendUint32([]byte{0, infoBlockSize}, s.least), 4096), 32<<20))
	reply(replyAck, nil)
	for s.answer(c) == nil {
	}
}

var errBye = errors.New("bye")

func (s *server) answer(c net.Conn) error {
	head := make([]byte, 28)
	if _, err := io.ReadFull(c, head); err != nil {
		return err
	}
	off, n := int64(be.Uint64(head[16:])), be.Uint32(head[24:])
	code, data := uint32(0), []byte(nil)
	switch be.Uint16(head[6:]) {
	case commandRead:
		data = make([]byte, n)
		if _, err := s.disk.ReadAt(data, off); err != nil && !errors.Is(err, io.EOF) || s.failRead || (uint32(off)|n)%s.least != 0 {
			code, data = 5, nil
		}
	case commandWrite:
		b := make([]byte, n)
		if _, err := io.ReadFull(c, b); err != nil {
			return err
		}
		if _, err := s.disk.WriteAt(b, off); err != nil || (uint32(off)|n)%s.least != 0 {
			code = 22
		}
	case commandDisconnect:
		return errBye
	}
	b := be.AppendUint32(be.AppendUint32(nil, simpleMagic), code)
	_, err := c.Write(append(append(b, head[8:16]...), data...))
	return err
}

func dial(t *testing.T, s *server) *nbd.Client {
	t.Helper()
	c, err := nbd.Dial(s.serve(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestDevice(t *testing.T) {
	t.Parallel()
	for name, least := range map[string]uint32{"bytes": 1, "sectors": 512} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			imagetest.TestDevice(t, func(t *testing.T) image.Disk {
				t.Helper()
				return image.WithSectorSize(dial(t, &server{disk: image.NewMemory(3<<20, 512), least: least, flags: exportFlush}), 512)
			})
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for code, words := range map[uint32]string{6: "no such export", 5: "TLS"} {
		s := &server{refuse: replyError | code}
		if _, err := nbd.Dial(s.serve(t)); !errors.Is(err, container.ErrUnsupported) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v", err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	c := dial(t, &server{disk: image.NewMemory(1<<20, 512), least: 1, flags: exportReadOnly})
	if _, err := c.WriteAt([]byte("x"), 0); !errors.Is(err, container.ErrReadOnly) {
		t.Errorf("write: %v", err)
	}
}

// TestFaults: an error of the server is an error here, and the connection
// goes on; a server that is gone is an error ever after.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := &server{disk: image.NewMemory(4<<20, 512), least: 1, failRead: true}
	c := dial(t, s)
	for range 2 {
		if n, err := c.ReadAt(make([]byte, 2<<20), 0); n != 0 || err == nil {
			t.Errorf("read: %d, %v", n, err)
		}
	}
	if _, err := c.WriteAt([]byte("x"), 0); err != nil {
		t.Errorf("write: %v", err)
	}
	s.hangUp()
	for range 2 {
		if n, err := c.ReadAt(make([]byte, 10), 0); n != 0 || err == nil {
			t.Errorf("read: %d, %v", n, err)
		}
	}
}
