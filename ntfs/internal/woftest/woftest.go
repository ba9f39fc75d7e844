// Package woftest has contents and what wimlib makes of them, for the tests of
// the decoders. A resource of a WIM archive is laid out like the stream
// WofCompressedData of a file: chunk table and chunks, in the same codecs.
package woftest

import (
	"bytes"
	"embed"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Format is one of the four forms of WofCompressedData.
type Format struct {
	Name      string
	Algorithm uint32 // in the reparse point
	Codec     string // as wimlib calls it
	ChunkSize int
}

// Formats are all there are (FILE_PROVIDER_COMPRESSION in the Windows SDK).
var Formats = []Format{
	{"XPRESS4K", 0, "XPRESS", 4 << 10},
	{"LZX", 1, "LZX", 32 << 10},
	{"XPRESS8K", 2, "XPRESS", 8 << 10},
	{"XPRESS16K", 3, "XPRESS", 16 << 10},
}

//go:embed testdata
var testdata embed.FS

// Sample returns the stream wimlib made of Contents(SampleSize).
func (f Format) Sample(tb testing.TB) []byte {
	tb.Helper()
	b, err := testdata.ReadFile("testdata/" + f.Name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// SampleSize makes two whole chunks and a part of each format.
const SampleSize = 2*32<<10 + 7001

// Contents is reproducible and has something for each part of a codec: words,
// code with calls, long runs, long distances, and bytes that do not shrink.
func Contents(size int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for len(b) < size {
		switch rng.IntN(5) {
		case 0:
			b = append(b, noise(rng, rng.IntN(3000))...)
		case 1:
			b = append(b, make([]byte, rng.IntN(2000))...)
		case 2:
			from := rng.IntN(len(b) + 1)
			b = append(b, b[from:min(len(b), from+rng.IntN(5000))]...)
		case 3:
			b = code(b, rng, rng.IntN(300))
		default:
			b = words(b, rng, rng.IntN(500))
		}
	}
	return b[:size]
}

func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func words(b []byte, rng *rand.Rand, n int) []byte {
	for range n {
		b = fmt.Appendf(b, "%s%x ", []string{"volume", "cluster", "record", "run"}[rng.IntN(4)], rng.IntN(64))
	}
	return b
}

// code has calls to few places, from everywhere and to outside too.
func code(b []byte, rng *rand.Rand, n int) []byte {
	for range n {
		target := int32(rng.IntN(8))*4096 - int32(len(b))
		if rng.IntN(8) == 0 {
			target = int32(rng.Uint32())
		}
		b = append(b, 0x55, 0x8b, 0xec, 0xe8)
		b = binary.LittleEndian.AppendUint32(b, uint32(target))
		b = append(b, 0x5d, 0xc3)
	}
	return b
}

// Encode has wimlib compress data, which must shrink.
func (f Format) Encode(tb testing.TB, data []byte) []byte {
	tb.Helper()
	if _, err := exec.LookPath("wimlib-imagex"); err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			tb.Fatal("wimlib-imagex is missing")
		}
		tb.Skip("wimlib-imagex is missing")
	}
	dir := tb.TempDir()
	tree, wim := filepath.Join(dir, "tree"), filepath.Join(dir, "wim")
	if err := os.Mkdir(tree, 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "file"), data, 0o600); err != nil {
		tb.Fatal(err)
	}
	out, err := exec.Command("wimlib-imagex", "capture", tree, wim, "--compress="+f.Codec,
		fmt.Sprint("--chunk-size=", f.ChunkSize), "--threads=1", "--no-acls").CombinedOutput()
	if err != nil {
		tb.Fatalf("wimlib-imagex: %v\n%s", err, out)
	}
	b, err := os.ReadFile(wim)
	if err != nil {
		tb.Fatal(err)
	}
	return resource(tb, b, len(data))
}

// Of a WIM archive: where its header describes the blob table, and the parts of
// a resource's description.
const (
	wimBlobTable       = 0x30
	wimBlobEntry       = 50
	resourceOffset     = 8
	resourceSize       = 16 // of the contents
	resourceFlags      = 7
	resourceCompressed = 0x04
)

// resource finds the one compressed resource whose contents have that size.
func resource(tb testing.TB, wim []byte, size int) []byte {
	tb.Helper()
	le := binary.LittleEndian
	stored := func(b []byte) []byte {
		length := le.Uint64(b) & (1<<56 - 1)
		return wim[le.Uint64(b[resourceOffset:]):][:length]
	}
	for table := stored(wim[wimBlobTable:]); len(table) >= wimBlobEntry; table = table[wimBlobEntry:] {
		if le.Uint64(table[resourceSize:]) == uint64(size) && table[resourceFlags]&resourceCompressed != 0 {
			return bytes.Clone(stored(table))
		}
	}
	tb.Fatal("wimlib has not compressed the file")
	return nil
}
