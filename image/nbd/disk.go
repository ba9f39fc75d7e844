package nbd

import (
	"errors"
	"fmt"
	"net"

	"hangkit/image/container"
)

// Size is that of the export.
func (c *Client) Size() int64 { return c.export.size }

// SectorSize is 0: a server does not say what the disk had.
func (c *Client) SectorSize() int { return 0 }

// ID is empty.
func (c *Client) ID() string { return "" }

// Writable says whether the server takes writes.
func (c *Client) Writable() error {
	if c.export.flags&exportReadOnly != 0 {
		return fmt.Errorf("nbd export: %w", container.ErrReadOnly)
	}
	return nil
}

// WillNeed has nothing to do: reads are under way many at a time.
func (c *Client) WillNeed(int64, int64) {}

// ReadAt implements [io.ReaderAt].
func (c *Client) ReadAt(p []byte, off int64) (int, error) {
	p, end := container.Clip(p, off, c.export.size)
	if len(p) == 0 {
		return 0, end
	}
	if c.aligned(off, int64(len(p))) {
		n, err := c.read(p, off)
		return n, errors.Join(err, end)
	}
	whole, start := c.around(off, int64(len(p)))
	if _, err := c.read(whole, start); err != nil {
		return 0, err
	}
	return copy(p, whole[off-start:]), end
}

// aligned says whether the server takes a request for n bytes at off.
func (c *Client) aligned(off, n int64) bool { return (off|n)&(c.export.least-1) == 0 }

// around is room for the blocks that n bytes at off lie in.
func (c *Client) around(off, n int64) (whole []byte, start int64) {
	start = container.RoundDown(off, c.export.least)
	end := min(container.RoundUp(off+n, c.export.least), c.export.size)
	return make([]byte, end-start), start
}

// underWay bounds the requests of one call that wait for replies.
const underWay = 16

// each sends requests for the pieces of p and waits for them. It gives the
// bytes in front of the first that failed.
func (c *Client) each(p []byte, send func(from, to int64) (*request, error)) (int, error) {
	type piece struct {
		r    *request
		from int64
	}
	var waiting []piece
	var failed error
	done, sent := int64(len(p)), int64(0)
	for sent < int64(len(p)) && failed == nil || len(waiting) > 0 {
		if sent < int64(len(p)) && failed == nil && len(waiting) < underWay {
			to := min(sent+c.export.most, int64(len(p)))
			r, err := send(sent, to)
			if err != nil {
				done, failed = sent, err
				continue
			}
			waiting = append(waiting, piece{r, sent})
			sent = to
			continue
		}
		if err := c.wait(waiting[0].r); err != nil && (failed == nil || waiting[0].from < done) {
			done, failed = waiting[0].from, err
		}
		waiting = waiting[1:]
	}
	return int(done), failed
}

func (c *Client) read(p []byte, off int64) (int, error) {
	return c.each(p, func(from, to int64) (*request, error) {
		return c.send(commandRead, off+from, to-from, nil, p[from:to])
	})
}

// WriteAt implements [io.WriterAt].
func (c *Client) WriteAt(p []byte, off int64) (int, error) {
	if err := c.Writable(); err != nil {
		return 0, err
	}
	if err := container.CheckWrite(len(p), off, c.export.size); err != nil || len(p) == 0 {
		return 0, err
	}
	if c.aligned(off, int64(len(p))) {
		return c.write(p, off)
	}
	whole, start := c.around(off, int64(len(p)))
	if _, err := c.read(whole, start); err != nil {
		return 0, err
	}
	copy(whole[off-start:], p)
	if _, err := c.write(whole, start); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *Client) write(p []byte, off int64) (int, error) {
	return c.each(p, func(from, to int64) (*request, error) {
		return c.send(commandWrite, off+from, to-from, p[from:to], nil)
	})
}

// Sync has the server make everything written durable.
func (c *Client) Sync() error {
	if c.export.flags&exportFlush == 0 {
		return nil // a server without a cache
	}
	r, err := c.send(commandFlush, 0, 0, nil, nil)
	if err != nil {
		return err
	}
	return c.wait(r)
}

// Close flushes and says goodbye.
func (c *Client) Close() error {
	var err error
	if c.Writable() == nil {
		err = c.Sync()
	}
	_, _ = c.send(commandDisconnect, 0, 0, nil, nil) // there is no reply, and nobody to tell
	c.fail(net.ErrClosed)
	return err
}
