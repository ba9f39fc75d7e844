package nbd

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"hangkit/image/container"
)

// The transmission phase.
const (
	requestMagic = 0x25609513
	simpleMagic  = 0x67446698

	commandRead       = 0
	commandWrite      = 1
	commandDisconnect = 2
	commandFlush      = 3

	// maxRequest is what one request asks for: so much is under way many
	// times over.
	maxRequest = 512 << 10
)

// How long a server may be silent.
const (
	dialPatience    = 15 * time.Second
	requestPatience = 2 * time.Minute
)

// Client is a disk that a server has. It is safe for concurrent use, but for
// writes that share a block of the server's.
type Client struct {
	conn   net.Conn
	export export

	sending sync.Mutex

	mu      sync.Mutex
	next    uint64
	pending map[uint64]*request
	broken  error
}

// request waits for its reply.
type request struct {
	into []byte // of a read
	done chan error
}

// Dial connects to the server that the URL names.
func Dial(name string) (*Client, error) {
	a, err := parseURL(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialPatience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, a.network, a.address)
	if err != nil {
		return nil, err
	}
	c, err := start(conn, a.export)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// start agrees with the server on an export.
func start(conn net.Conn, name string) (*Client, error) {
	if err := conn.SetDeadline(time.Now().Add(dialPatience)); err != nil {
		return nil, err
	}
	e, err := handshake(conn, name)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	c := &Client{conn: conn, export: e, pending: map[uint64]*request{}}
	go c.receive()
	return c, nil
}

// receive hands replies to those who wait until the connection ends.
func (c *Client) receive() {
	for {
		if err := c.receiveOne(); err != nil {
			c.fail(fmt.Errorf("connection to the nbd server: %w", err))
			return
		}
	}
}

func (c *Client) receiveOne() error {
	head := make([]byte, 16)
	if _, err := io.ReadFull(c.conn, head); err != nil {
		return err
	}
	if be.Uint32(head) != simpleMagic {
		return &container.FormatError{What: "reply of the nbd server", Want: uint32(simpleMagic), Got: be.Uint32(head)}
	}
	r := c.take(be.Uint64(head[8:]))
	if r == nil {
		return &container.FormatError{What: "reply of the nbd server: handle", Got: be.Uint64(head[8:])}
	}
	var err error
	if code := be.Uint32(head[4:]); code != 0 {
		r.done <- fmt.Errorf("nbd server: error %d", code)
		return nil
	}
	if len(r.into) > 0 {
		_, err = io.ReadFull(c.conn, r.into)
	}
	r.done <- err
	return err
}

// take gives the request that a reply is for.
func (c *Client) take(handle uint64) *request {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.pending[handle]
	delete(c.pending, handle)
	return r
}

// fail ends everything that waits, and all that comes.
func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == nil {
		c.broken = err
	}
	c.conn.Close()
	for handle, r := range c.pending {
		r.done <- c.broken
		delete(c.pending, handle)
	}
}

// send sends a request: data with a write, into for a read.
func (c *Client) send(command uint16, off, n int64, data, into []byte) (*request, error) {
	r := &request{into: into, done: make(chan error, 1)}
	c.mu.Lock()
	if c.broken != nil {
		c.mu.Unlock()
		return nil, c.broken
	}
	c.next++
	handle := c.next
	c.pending[handle] = r
	c.mu.Unlock()

	b := be.AppendUint32(nil, requestMagic)
	b = be.AppendUint16(b, 0)
	b = be.AppendUint16(b, command)
	b = be.AppendUint64(b, handle)
	b = be.AppendUint64(b, uint64(off))
	b = be.AppendUint32(b, uint32(n))
	c.sending.Lock()
	defer c.sending.Unlock()
	buffers := net.Buffers{b, data}
	if _, err := buffers.WriteTo(c.conn); err != nil {
		c.fail(fmt.Errorf("connection to the nbd server: %w", err))
		return nil, err
	}
	return r, nil
}

// wait waits for the reply, not for ever.
func (c *Client) wait(r *request) error {
	timer := time.NewTimer(requestPatience)
	defer timer.Stop()
	select {
	case err := <-r.done:
		return err
	case <-timer.C:
		c.fail(fmt.Errorf("the nbd server has been silent for %v: %w", requestPatience, context.DeadlineExceeded))
		return <-r.done
	}
}
