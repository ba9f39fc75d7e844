package container

import (
	"fmt"
	"runtime"
	"sync"
)

// job is a piece of a read that lies in a compressed block.
type job struct {
	p            []byte
	block, start int64
	done         int // bytes of the read in front of it
	err          error
}

// finish unpacks what a read found packed, on every core, and says how far
// the read came: n bytes with err, or less if unpacking failed.
func (d *Disk) finish(jobs []job, n int, err error) (int, error) {
	d.unpackAll(jobs)
	for _, j := range jobs {
		if j.err != nil {
			return j.done, j.err
		}
	}
	return n, err
}

func (d *Disk) unpackAll(jobs []job) {
	if len(jobs) == 1 {
		d.unpack(&jobs[0])
		return
	}
	next := make(chan *job)
	var group sync.WaitGroup
	for range min(len(jobs), runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for j := range next {
				d.unpack(j)
			}
		})
	}
	for i := range jobs {
		next <- &jobs[i]
	}
	close(next)
	group.Wait()
}

// unpack does one job.
func (d *Disk) unpack(j *job) {
	block, err := d.packed.get(j.block, func() ([]byte, error) {
		u, ok := d.layout.(Unpacker)
		if !ok {
			return nil, fmt.Errorf("compressed block %d: %w", j.block, ErrUnsupported)
		}
		return u.Unpack(j.block)
	})
	if err == nil && int64(len(block)) < j.start+int64(len(j.p)) {
		err = fmt.Errorf("compressed block %d: %d bytes: %w", j.block, len(block), ErrFormat)
	}
	if err != nil {
		j.err = err
		return
	}
	copy(j.p, block[j.start:])
}

// blockCacheBytes bounds the blocks that are kept unpacked.
const blockCacheBytes = 8 << 20

// blockCache keeps unpacked blocks: a file system reads little at a time.
type blockCache struct {
	mu     sync.Mutex
	blocks map[int64][]byte
	bytes  int
}

// get gives a block, unpacking it if it is not there.
func (c *blockCache) get(block int64, unpack func() ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	b, ok := c.blocks[block]
	c.mu.Unlock()
	if ok {
		return b, nil
	}
	b, err := unpack()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blocks == nil || c.bytes+len(b) > blockCacheBytes {
		c.blocks, c.bytes = map[int64][]byte{}, 0
	}
	if _, ok := c.blocks[block]; !ok {
		c.blocks[block] = b
		c.bytes += len(b)
	}
	return b, nil
}

// forget empties the cache: blocks may be packed no more.
func (c *blockCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks, c.bytes = nil, 0
}
