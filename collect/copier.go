package collect

import (
	"context"
	"hash"
	"io"

	"hangkit/collect/seekable"
)

const (
	chunkSize = 2 << 20 // one read
	chunks    = 4       // chunks under way: read, packed, written, hashed
)

// copier moves size bytes from src to a sink. Reading, packing, writing and
// hashing each have a goroutine and hand the chunks on, so that the slowest of
// them sets the pace.
type copier struct {
	src      io.ReaderAt
	size     int64
	start    int64 // what a copy that was interrupted has already
	sink     sink
	encoder  *seekable.Encoder // nil to leave chunks as they are
	digest   hash.Hash         // of the dump
	progress func(done, total int64)

	journal  *journal // nil for none
	interval int64    // how far apart the checkpoints are

	bad     badRanges
	spots   spotSums // of a dump that is encrypted
	outSize int64
	outSum  []byte
	noted   int64 // how far the last checkpoint goes
}

// chunk is a piece of the dump on its way.
type chunk struct {
	off   int64
	b     []byte
	bad   []Range // in it
	point *checkpoint

	packed []byte
	ready  chan struct{} // closed when packed is there
}

func (cp *copier) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	free, filled, written := make(chan *chunk, chunks), make(chan *chunk, chunks), make(chan *chunk, chunks)
	for range chunks {
		free <- &chunk{b: make([]byte, min(chunkSize, cp.size))}
	}
	hashed := make(chan struct{})
	go cp.read(ctx, stop, free, filled)
	go cp.hash(written, free, hashed)
	err := cp.write(ctx, filled, written)
	stop(err)
	close(written)
	for c := range filled { // until the reader has gone: it may still be using src
		c.settle()
	}
	<-hashed
	if err != nil {
		return err
	}
	cp.outSize, cp.outSum, err = cp.sink.end(cp.size)
	return err
}

// settle waits until nobody packs the chunk any more.
func (c *chunk) settle() {
	if c.ready != nil {
		<-c.ready
	}
}

// read fills chunks until everything is read or ctx is done, and closes filled.
func (cp *copier) read(ctx context.Context, stop context.CancelCauseFunc, free <-chan *chunk, filled chan<- *chunk) {
	defer close(filled)
	for off := cp.start; off < cp.size; off += chunkSize {
		var c *chunk
		select {
		case c = <-free:
		case <-ctx.Done():
			return
		}
		c.off, c.b = off, c.b[:min(int64(cap(c.b)), cp.size-off)]
		var err error
		if c.bad, err = readAround(ctx, cp.src, c.b, off); err != nil {
			stop(err)
			return
		}
		cp.pack(c)
		filled <- c
	}
}

// pack begins to pack a chunk; several are packed at a time.
func (cp *copier) pack(c *chunk) {
	if cp.encoder == nil {
		return
	}
	c.ready = make(chan struct{})
	go func() {
		defer close(c.ready)
		c.packed = cp.encoder.AppendFrame(c.packed[:0], c.b)
	}()
}

// write puts chunks into the sink and hands them on.
func (cp *copier) write(ctx context.Context, filled <-chan *chunk, written chan<- *chunk) error {
	done := cp.start
	for c := range filled {
		if ctx.Err() != nil {
			c.settle()
			return context.Cause(ctx)
		}
		if err := cp.sink.put(c); err != nil {
			return err
		}
		done += int64(len(c.b))
		c.point = cp.markAt(done)
		written <- c
		if cp.progress != nil {
			cp.progress(done, cp.size)
		}
	}
	if done < cp.size {
		return context.Cause(ctx)
	}
	return nil
}

func (cp *copier) markAt(done int64) *checkpoint {
	if cp.journal == nil || done%cp.interval != 0 {
		return nil
	}
	return cp.sink.mark()
}

// hash digests chunks in order and gives them back.
func (cp *copier) hash(written <-chan *chunk, free chan<- *chunk, hashed chan<- struct{}) {
	defer close(hashed)
	for c := range written {
		cp.digest.Write(c.b)
		cp.spots.take(c)
		cp.bad.add(c.bad...)
		if c.point != nil {
			cp.note(c)
		}
		free <- c
	}
}

// note writes a checkpoint into the journal: everything up to the end of c is in
// the output, and this is its digest.
func (cp *copier) note(c *chunk) {
	p := c.point
	p.At = c.off + int64(len(c.b))
	if p.Digest == nil {
		p.Digest = cp.digest.Sum(nil)
	} else {
		p.State = hashState(cp.digest)
	}
	p.Bad = cp.bad.after(cp.noted)
	cp.noted = p.At
	cp.journal.point(p)
}
