package format_test

import (
	"errors"
	"testing"

	"hangkit/ntfs/format"
)

var errInjected = errors.New("injected fault")

func TestReproducible(t *testing.T) {
	t.Parallel()
	sum := func(seed uint64) [32]byte {
		m := newMemory(64 << 20)
		o := format.Options{Seed: seed, Label: "test", Root: []format.Entry{
			{Name: "scattered.bin", Data: make([]byte, 4<<20), Fragments: 100},
			{Name: "Windows", Dir: []format.Entry{{Name: "small.txt", Data: []byte("hello")}}},
		}}
		if err := format.Write(m, o); err != nil {
			t.Fatal(err)
		}
		return m.sum()
	}
	first, again, other := sum(1), sum(1), sum(2)
	if first != again {
		t.Error("two volumes made with the same options differ")
	}
	if first == other {
		t.Error("the seed makes no difference")
	}
}
