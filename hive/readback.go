package hive

import (
	"bytes"
	"fmt"
	"io"

	"www.velocidex.com/golang/regparser"
)

// ValueCheck says what a value of a committed hive must be; a nil Want means it must not exist.
type ValueCheck struct {
	Path, Name string
	Want       *Value
}

// CheckReadBack reads values out of a committed primary with a second reader, which shares no code
// with this package, and compares. Differences are ErrReadBack. It presumes what [Hive.Commit] and
// [Commit.Verify] have shown, that the hive is valid as it was planned and written as it was planned:
// only on such a hive is that reader known to end.
func CheckReadBack(primary File, want []ValueCheck) error {
	base, err := readBaseBlock(primary, primary.Size(), baseBlockSize)
	if err == nil && base.dirty() {
		err = fmt.Errorf("hive is dirty: %w", ErrReadBack)
	}
	if err == nil {
		err = base.check(primary.Size())
	}
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	r, err := regparser.NewRegistry(&chunkReader{src: primary, chunks: map[int64][]byte{}})
	if err != nil {
		return fmt.Errorf("read back: second reader: %w", err)
	}
	for _, c := range want {
		if err := c.compare(r, base.minor()); err != nil {
			return fmt.Errorf("read back: key %q value %q: %w", c.Path, c.Name, err)
		}
	}
	return nil
}

// chunkReader keeps what it has read, a chunk at a time: the second reader asks for a few bytes at
// once, and for the same ones again and again.
type chunkReader struct {
	src    File
	chunks map[int64][]byte // by offset
}

func (r *chunkReader) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		start := (off + int64(n)) / chunkSize * chunkSize
		chunk, err := r.chunk(start)
		if err != nil {
			return n, err
		}
		copied := 0
		if at := off + int64(n) - start; at < int64(len(chunk)) {
			copied = copy(p[n:], chunk[at:])
		}
		if copied == 0 {
			return n, io.EOF
		}
		n += copied
	}
	return n, nil
}

func (r *chunkReader) chunk(start int64) ([]byte, error) {
	if c, ok := r.chunks[start]; ok {
		return c, nil
	}
	c := make([]byte, max(0, min(chunkSize, r.src.Size()-start)))
	if _, err := readFull(r.src, c, start); err != nil {
		return nil, err
	}
	r.chunks[start] = c
	return c, nil
}

func (c ValueCheck) compare(r *regparser.Registry, minor uint32) error {
	v := secondValue(secondKey(r, splitPath(c.Path)), storeName(c.Name))
	switch {
	case v == nil && c.Want == nil:
		return nil
	case v == nil:
		return fmt.Errorf("missing: %w", ErrReadBack)
	case c.Want == nil:
		return fmt.Errorf("still there: %w", ErrReadBack)
	case Type(v.Type()) != c.Want.Type:
		return fmt.Errorf("type %v, want %v: %w", Type(v.Type()), c.Want.Type, ErrReadBack)
	case v.DataSize() != int64(len(c.Want.Data)):
		return fmt.Errorf("%d bytes, want %d: %w", v.DataSize(), len(c.Want.Data), ErrReadBack)
	}
	return c.compareData(v, minor)
}

// compareData allows for what the second reader does differently: it gives four bytes for any value
// kept in its key, adds one to a REG_MULTI_SZ of odd length, and takes every cell that begins with
// "db" for big data.
func (c ValueCheck) compareData(v *regparser.CM_KEY_VALUE, minor uint32) error {
	want := c.Want.Data
	if len(want) > maxInline && !big(uint32(len(want)), minor) && bytes.HasPrefix(want, []byte("db")) {
		return nil
	}
	got := v.ValueData().Data
	got = got[:min(len(got), len(want))]
	if !bytes.Equal(got, want) {
		return fmt.Errorf("data differ: %w", ErrReadBack)
	}
	return nil
}

// secondKey walks a path in the second reader. Its own look-up cannot tell 8-bit names from 16-bit
// ones.
func secondKey(r *regparser.Registry, path []string) *regparser.CM_KEY_NODE {
	k := r.OpenKey("")
	for _, name := range path {
		if k = secondSubkey(k, storeName(name)); k == nil {
			return nil
		}
	}
	return k
}

func secondSubkey(k *regparser.CM_KEY_NODE, name storedName) *regparser.CM_KEY_NODE {
	if k == nil || k.SubKeyCounts()[0] == 0 {
		return nil
	}
	for _, sub := range k.Subkeys() {
		if (storedName{[]byte(sub.Name()), sub.Flags()&keyName8Bit != 0}).equal(name) {
			return sub
		}
	}
	return nil
}

func secondValue(k *regparser.CM_KEY_NODE, name storedName) *regparser.CM_KEY_VALUE {
	if k == nil {
		return nil
	}
	for _, v := range k.Values() {
		if (storedName{[]byte(v.ValueName()), v.Flags()&valueName8Bit != 0}).equal(name) {
			return v
		}
	}
	return nil
}
