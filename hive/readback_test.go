package hive

import (
	"bytes"
	"errors"
	"testing"
)

// What begins as big data does is read back as the value it is, in a cell of its own or in segments.
func TestReadBackBigDataTag(t *testing.T) {
	t.Parallel()
	for _, minor := range []uint32{3, 5} {
		for _, size := range []int{2, 4, 5, 100, segmentSize, segmentSize + 1, 100_000} {
			h := New(NewOptions{Minor: minor})
			v := Value{"v", Binary, append([]byte("db"), pattern(size-2)...)}
			setValue(t, h, "Key", v)
			f := newMemFile(mustBytes(t, h))
			if err := CheckReadBack(f, []ValueCheck{{"Key", "v", &v}}); err != nil {
				t.Errorf("1.%d, %d bytes: %v", minor, size, err)
			}
			other := Value{"v", Binary, bytes.ToUpper(v.Data)}
			if err := CheckReadBack(f, []ValueCheck{{"Key", "v", &other}}); !errors.Is(err, ErrReadBack) {
				t.Errorf("1.%d, %d bytes, other data: %v", minor, size, err)
			}
		}
	}
}
