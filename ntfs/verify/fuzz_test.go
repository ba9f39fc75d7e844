package verify_test

import (
	"errors"
	"testing"
	"time"

	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/alloctest"
	"hangkit/ntfs/verify"
)

// patched shows a volume with single bytes changed.
type patched struct {
	*memory
	bytes map[int64]byte
}

func (p *patched) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.memory.ReadAt(b, off)
	for at, c := range p.bytes {
		if at >= off && at < off+int64(n) {
			b[at-off] = c
		}
	}
	return n, err
}

// targets are the 512-byte pieces of a volume that are worth changing.
func (p *patient) targets() (t []int64) {
	add := func(off, length int64) {
		for ; length > 0; off, length = off+512, length-512 {
			t = append(t, off)
		}
	}
	add(0, 512)
	add(p.mft, 12*p.record)
	for _, name := range []string{"victim", "other", "small", "many", "nest", "pieces", "sparse", "streams", "two names.text"} {
		add(p.recordAt(name), p.record)
	}
	add(p.mft+p.extension()*p.record, p.record)
	add(p.blockAt("many"), 3*4096)
	add(p.innerBlock(), 4096)
	add(p.blockAt("."), 4096)
	add(p.clusterOf("$Bitmap", 0x80)*p.cluster, 512)
	add(p.clusterOf("$MFT", 0xb0)*p.cluster, 512)
	add(p.clusterOf("$Secure", 0x80)*p.cluster, 512)
	add(p.clusterOf("$LogFile", 0x80)*p.cluster, 512)
	add(p.clusterOf("pieces", 0x20)*p.cluster, 512)
	return t
}

// FuzzCheck changes bytes anywhere in the metadata: the check must end, soon,
// without panic and with a report or an error of a known kind; a volume that was
// not changed must stay spotless. The seals are left alone, so that damage gets
// past them.
func FuzzCheck(f *testing.F) {
	p := newPatient(f, build(f, 32<<20, format.Options{Root: ward(), Log: format.LogClean}))
	targets := p.targets()
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0x0d, 3})
	f.Add([]byte{4, 0x40, 1, 0xff, 9, 0x90, 0, 0x80})
	for i := 0; i < len(targets); i += 5 {
		f.Add([]byte{byte(i), 0x18, 0, 0xff, byte(i), 0x48, 0, 0x7f, byte(i), 0x62, 1, 0})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dev := &patched{p.memory, map[int64]byte{}}
		for ; len(b) >= 4 && len(dev.bytes) < 64; b = b[4:] {
			at := int64(b[1]) | int64(b[2]&1)<<8
			if at >= 510 { // the seal
				continue
			}
			dev.bytes[targets[int(b[0])%len(targets)]+at] = b[3]
		}
		start := time.Now()
		var r *verify.Report
		var err error
		alloctest.Bound(t, int(dev.size), func() {
			r, err = verify.Check(t.Context(), dev, dev.size, verify.Options{MaxFindings: 50})
		})
		if took := time.Since(start); took > 10*time.Second {
			t.Fatalf("took %v", took)
		}
		if err != nil {
			typed(t, err)
			return
		}
		if len(dev.bytes) == 0 {
			spotless(t, r)
		}
		if len(r.Findings) > 50 || len(r.Counts) > 0 && len(r.Findings) == 0 {
			t.Fatalf("%d findings of %v", len(r.Findings), r.Counts)
		}
	})
}

// typed proves that an error is one a caller can tell from others.
func typed(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, verify.ErrNotNTFS) && !errors.Is(err, verify.ErrTruncated) {
		t.Fatalf("untyped error %v", err)
	}
}
