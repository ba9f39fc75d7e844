package seekable_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"hangkit/collect/seekable"
)

// content is n bytes that can be packed, but not to nothing.
func content(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(7))
	}
	return b
}

// pack makes an archive with frames of so many bytes.
func pack(tb testing.TB, b []byte, frame int) []byte {
	tb.Helper()
	enc, err := seekable.NewEncoder(frame, 1)
	if err != nil {
		tb.Fatal(err)
	}
	var out []byte
	var frames []seekable.Frame
	for len(b) > 0 {
		n, before := min(frame, len(b)), len(out)
		out = enc.AppendFrame(out, b[:n])
		frames = append(frames, seekable.Frame{Packed: uint32(len(out) - before), Content: uint32(n)})
		b = b[n:]
	}
	return seekable.AppendTable(out, frames)
}

func open(tb testing.TB, b []byte) *seekable.Reader {
	tb.Helper()
	r, err := seekable.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

// TestReadAnywhere reads every archive in order, and at the edges of its frames.
func TestReadAnywhere(t *testing.T) {
	t.Parallel()
	const frame = 5000
	for _, n := range []int{0, 1, frame - 1, frame, frame + 1, 7*frame + 3} {
		want := content(n)
		r := open(t, pack(t, want, frame))
		if r.Size() != int64(n) {
			t.Fatalf("%d bytes: size %d", n, r.Size())
		}
		if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), want); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		for at := 0; at < n; at += frame / 3 {
			got := make([]byte, min(2*frame, n-at))
			if m, err := r.ReadAt(got, int64(at)); m != len(got) || err != nil || !bytes.Equal(got, want[at:at+m]) {
				t.Errorf("%d bytes at %d: read %d, %v", n, at, m, err)
			}
		}
		if m, err := r.ReadAt(make([]byte, 1), int64(n)); m != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes, past the end: %d, %v", n, m, err)
		}
	}
}

// TestTableBytes holds the table against the specification, byte for byte.
func TestTableBytes(t *testing.T) {
	t.Parallel()
	got := seekable.AppendTable(nil, []seekable.Frame{{Packed: 0x11223344, Content: 0x200000}, {Packed: 5, Content: 6}})
	want := []byte{
		0x5E, 0x2A, 0x4D, 0x18, 25, 0, 0, 0,
		0x44, 0x33, 0x22, 0x11, 0, 0, 0x20, 0, 5, 0, 0, 0, 6, 0, 0, 0,
		2, 0, 0, 0, 0, 0xB1, 0xEA, 0x92, 0x8F,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestChecksums reads a table that has them, as other writers make it.
func TestChecksums(t *testing.T) {
	t.Parallel()
	want := content(100)
	b := pack(t, want, 100)
	packed := b[:len(b)-8-8-9]
	le := binary.LittleEndian
	with := le.AppendUint32(bytes.Clone(packed), 0x184D2A5E)
	with = le.AppendUint32(with, 12+9)
	with = le.AppendUint32(le.AppendUint32(with, uint32(len(packed))), 100)
	with = le.AppendUint32(with, 0xDEADBEEF) // of the content; the frame has its own
	with = append(le.AppendUint32(with, 1), 0x80)
	with = le.AppendUint32(with, 0x8F92EAB1)
	r := open(t, with)
	got := make([]byte, 100)
	if _, err := r.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v", err)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	good := pack(t, content(20000), 5000)
	table := len(good) - 8 - 4*8 - 9
	for name, c := range map[string]struct {
		mutate func(b []byte) []byte
		want   error
	}{
		"empty":            {func([]byte) []byte { return nil }, seekable.ErrNoTable},
		"cut":              {func(b []byte) []byte { return b[:len(b)-1] }, seekable.ErrNoTable},
		"magic":            {func(b []byte) []byte { b[table]++; return b }, seekable.ErrFormat},
		"size":             {func(b []byte) []byte { b[table+4]++; return b }, seekable.ErrFormat},
		"frame size":       {func(b []byte) []byte { b[table+8]++; return b }, seekable.ErrFormat},
		"frame too big":    {func(b []byte) []byte { b[table+8+7] = 0x40; return b }, seekable.ErrTooLarge},
		"number of frames": {func(b []byte) []byte { b[len(b)-9+3] = 1; return b }, seekable.ErrFormat},
		"reserved bits":    {func(b []byte) []byte { b[len(b)-5] = 4; return b }, seekable.ErrFormat},
		"something before": {func(b []byte) []byte { return append([]byte("x"), b...) }, seekable.ErrFormat},
	} {
		b := c.mutate(bytes.Clone(good))
		if _, err := seekable.NewReader(bytes.NewReader(b), int64(len(b))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, at := range map[string]int{"frame header": 0, "frame checksum": table - 1, "content size": table + 8 + 4} {
		b := bytes.Clone(good)
		b[at] ^= 1
		r := open(t, b)
		if _, err := r.ReadAt(make([]byte, r.Size()), 0); !errors.Is(err, seekable.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOneBadFrame: what lies in the others is still read.
func TestOneBadFrame(t *testing.T) {
	t.Parallel()
	want := content(20000)
	b := pack(t, want, 5000)
	b[0] ^= 0xFF
	r := open(t, b)
	for range 2 {
		if _, err := r.ReadAt(make([]byte, 10), 4000); !errors.Is(err, seekable.ErrFormat) {
			t.Errorf("in the bad frame: %v", err)
		}
		got := make([]byte, 10000)
		if _, err := r.ReadAt(got, 7000); err != nil || !bytes.Equal(got, want[7000:17000]) {
			t.Errorf("behind the bad frame: %v", err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(pack(f, content(100), 30))
	f.Add(pack(f, nil, 30))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := seekable.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		defer r.Close()
		p := make([]byte, 4096)
		for _, off := range []int64{0, r.Size() / 2, r.Size() - 1} {
			if n, err := r.ReadAt(p, max(off, 0)); n < len(p) && err == nil {
				t.Errorf("read %d of %d bytes without an error", n, len(p))
			}
		}
	})
}

// TestOracleZstd unpacks our archive with the zstd program.
func TestOracleZstd(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("zstd")
	if err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			t.Fatal(err)
		}
		t.Skip("zstd is not installed")
	}
	want := content(3<<20 + 5)
	name := filepath.Join(t.TempDir(), "a.zst")
	if err := os.WriteFile(name, pack(t, want, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "-t", name).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	got, err := exec.CommandContext(t.Context(), program, "-dc", name).Output()
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("zstd unpacked %d bytes, %v", len(got), err)
	}
}

func BenchmarkEncoder(b *testing.B) {
	const size = 2 << 20
	enc, err := seekable.NewEncoder(size, 1)
	if err != nil {
		b.Fatal(err)
	}
	in, out := content(size), make([]byte, 0, size)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		out = enc.AppendFrame(out[:0], in)
	}
}
