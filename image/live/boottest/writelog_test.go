package boottest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// testEntry is one of a log that a test writes.
type testEntry struct {
	sector, count, flags uint64
}

func makeLog(entries ...testEntry) []byte {
	const sector = 512
	le := binary.LittleEndian
	log := make([]byte, sector)
	le.PutUint64(log, logMagic)
	le.PutUint64(log[8:], logVersion)
	le.PutUint64(log[16:], uint64(len(entries)))
	le.PutUint32(log[24:], sector)
	for i, e := range entries {
		head := make([]byte, sector)
		le.PutUint64(head, e.sector)
		le.PutUint64(head[8:], e.count)
		le.PutUint64(head[16:], e.flags)
		log = append(log, head...)
		if e.flags&logDiscard == 0 {
			log = append(log, bytes.Repeat([]byte{byte(i + 1)}, int(e.count)*sector)...)
		}
	}
	return log
}

func TestReadWriteLog(t *testing.T) {
	t.Parallel()
	writes, err := ReadWriteLog(bytes.NewReader(makeLog(
		testEntry{sector: 8, count: 2}, testEntry{flags: logFlush},
		testEntry{sector: 4, count: 9, flags: logDiscard}, testEntry{sector: 1, count: 1, flags: logFUA}, testEntry{sector: 2, count: 1})))
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, epoch := range Epochs(writes) {
		for _, s := range epoch {
			got = append(got, s.Offset, int64(s.Data[0]))
		}
		got = append(got, -1)
	}
	want := []int64{4096, 1, 4608, 1, -1, 512, 4, -1, 1024, 5, -1}
	if !slices.Equal(got, want) {
		t.Errorf("epochs %v, want %v", got, want)
	}
}

func TestReadWriteLogDamaged(t *testing.T) {
	t.Parallel()
	whole := makeLog(testEntry{sector: 8, count: 2})
	alter := func(at int, b byte) []byte {
		log := bytes.Clone(whole)
		log[at] = b
		return log
	}
	for name, log := range map[string][]byte{
		"empty": nil, "short": whole[:20], "without its data": whole[:len(whole)-1], "without its entry": whole[:600],
		"magic": alter(0, 0), "version": alter(8, 2), "sector size": alter(25, 0), "more entries": alter(16, 2),
		"a write larger than any": alter(512+8+7, 1), "a write behind every disk": alter(512+7, 0xff),
	} {
		if _, err := ReadWriteLog(bytes.NewReader(log)); !errors.Is(err, ErrWriteLog) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadWriteLog(f *testing.F) {
	f.Add(makeLog(testEntry{sector: 8, count: 2}, testEntry{flags: logFlush}))
	f.Add(makeLog(testEntry{sector: 1, count: 1, flags: logFUA}, testEntry{count: 1 << 40, flags: logDiscard}))
	f.Fuzz(func(t *testing.T, log []byte) {
		writes, err := ReadWriteLog(bytes.NewReader(log))
		if err != nil {
			return
		}
		size := 0
		for _, w := range writes {
			size += len(w.Data)
		}
		if size > len(log) {
			t.Errorf("%d bytes of data in a log of %d", size, len(log))
		}
	})
}
