package fat_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/image/fat/fattest"
	"hangkit/image/imagetest"
)

const bcd = "EFI/Microsoft/Boot/BCD"

var (
	_ io.ReaderAt = (*fat.InPlace)(nil)
	_ io.WriterAt = (*fat.InPlace)(nil)
)

// small is a volume that takes little time to compare. A FAT32 may have any number of clusters.
func small(t *testing.T, o fattest.Options) (*image.Memory, *fat.Volume) {
	t.Helper()
	d := image.NewMemory(map[fat.Kind]int64{fat.FAT12: 1 << 20, fat.FAT16: 3 << 20, fat.FAT32: 1 << 20}[o.Kind], 512)
	if err := fattest.Write(d, d.Size(), o); err != nil {
		t.Fatal(err)
	}
	v, err := fat.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	return d, v
}

func contents(t *testing.T, d image.Disk) []byte {
	t.Helper()
	b := make([]byte, d.Size())
	if _, err := d.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return b
}

// Bytes of one file change, and nothing else of the volume does.
func TestOverwrite(t *testing.T) {
	t.Parallel()
	for kind := range sizes {
		for _, fragmented := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s fragmented %t", kind, fragmented), func(t *testing.T) {
				t.Parallel()
				d, v := small(t, fattest.Options{Kind: kind, Root: sample(), Fragmented: fragmented})
				before, want := contents(t, d), pattern(30_000)
				f, err := v.OpenInPlace(strings.ToLower(bcd))
				if err != nil {
					t.Fatal(err)
				}
				r := rand.New(rand.NewPCG(1, uint64(kind)))
				for range 50 {
					off := r.IntN(len(want))
					p := want[off:min(len(want), off+r.IntN(3000))]
					for i := range p {
						p[i] = byte(r.Uint32())
					}
					if n, err := f.WriteAt(p, int64(off)); n != len(p) || err != nil {
						t.Fatalf("write of %d at %d: %d, %v", len(p), off, n, err)
					}
				}
				if err := f.Sync(); err != nil {
					t.Fatal(err)
				}
				for name, read := range map[string]io.Reader{"in place": io.NewSectionReader(f, 0, f.Size()), "anew": reader(t, d)} {
					if got, err := io.ReadAll(read); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s: %d bytes, %v", name, len(got), err)
					}
				}
				if _, err := f.WriteAt(pattern(30_000), 0); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(contents(t, d), before) {
					t.Error("with the old bytes back the volume is not what it was")
				}
				testBounds(t, f)
			})
		}
	}
}

func reader(t *testing.T, d fat.Device) io.Reader {
	t.Helper()
	v, err := fat.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.Open(bcd)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func testBounds(t *testing.T, f *fat.InPlace) {
	t.Helper()
	for _, w := range []struct{ off, n int64 }{{-1, 1}, {f.Size(), 1}, {f.Size() - 1, 2}, {1 << 62, 1}, {0, f.Size() + 1}} {
		if n, err := f.WriteAt(make([]byte, w.n), w.off); n != 0 || !errors.Is(err, fat.ErrBounds) {
			t.Errorf("write of %d at %d: %d, %v", w.n, w.off, n, err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), -1); !errors.Is(err, fat.ErrBounds) {
		t.Errorf("read below zero: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.WriteAt([]byte{1}, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write behind the close: %v", err)
	}
	if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}

// patient is a FAT32 volume to be damaged.
type patient struct {
	*image.Memory
	t *testing.T
}

func (p *patient) poke(off int64, b ...byte) {
	p.t.Helper()
	if _, err := p.WriteAt(b, off); err != nil {
		p.t.Fatal(err)
	}
}

func (p *patient) number(off int64) uint32 {
	b := make([]byte, 4)
	if _, err := p.ReadAt(b, off); err != nil {
		p.t.Fatal(err)
	}
	return binary.LittleEndian.Uint32(b)
}

const (
	tableAt   = 32 * 512
	endOfFile = 0x0FFFFFFF
)

// link sets an entry in both tables.
func (p *patient) link(cluster, next uint32) {
	size := int64(p.number(36)) * 512
	for i := range int64(2) {
		p.poke(tableAt+i*size+int64(cluster)*4, binary.LittleEndian.AppendUint32(nil, next)...)
	}
}

// dirent finds the directory entry with a short name.
func (p *patient) dirent(short string) int64 {
	p.t.Helper()
	at := bytes.Index(contents(p.t, p), []byte(fmt.Sprintf("%-11s", short)))
	if at < 0 {
		p.t.Fatalf("no entry %s", short)
	}
	return int64(at)
}

// cluster is the n-th cluster of the file with a short name.
func (p *patient) cluster(short string, n int) uint32 {
	at := p.dirent(short)
	c := p.number(at+20)<<16 | p.number(at+26)&0xFFFF
	for range n {
		c = p.number(tableAt + int64(c)*4)
	}
	return c
}

// begin makes a file begin elsewhere.
func (p *patient) begin(short string, cluster uint32) {
	at := p.dirent(short)
	p.poke(at+26, byte(cluster), byte(cluster>>8))
	p.poke(at+20, byte(cluster>>16), byte(cluster>>24))
}

// What cannot be proven is not written. Reading stays possible.
func TestNotInPlace(t *testing.T) {
	t.Parallel()
	const flags, last = 40, 58 // BCD has 59 clusters
	for name, tt := range map[string]struct {
		damage func(p *patient)
		file   string
		why    string // empty: it may be written
	}{
		"sound":                    {func(*patient) {}, bcd, ""},
		"not unmounted":            {func(p *patient) { p.link(1, 0x07FFFFFF) }, bcd, ""},
		"stale FSInfo":             {func(p *patient) { p.poke(512+488, 1, 2, 3, 4) }, bcd, ""},
		"directory":                {func(*patient) {}, "EFI/Microsoft", "is a directory"},
		"empty":                    {func(*patient) {}, "EMPTY.TXT", "the file is empty"},
		"marked read-only":         {func(p *patient) { p.poke(p.dirent("BCD")+11, 1) }, bcd, "marked read-only"},
		"system and hidden":        {func(p *patient) { p.poke(p.dirent("BCD")+11, 0x26) }, bcd, ""},
		"unreadable sectors":       {func(p *patient) { p.link(1, 0x0BFFFFFF) }, bcd, "sectors could not be read"},
		"tables differ":            {func(p *patient) { p.poke(tableAt+4*500, 7) }, bcd, "differ"},
		"tables differ at the end": {func(p *patient) { p.poke(tableAt+int64(p.number(36))*512-1, 7) }, bcd, "differ"},
		"one table counts":         {func(p *patient) { p.poke(flags, 0x80) }, bcd, "one of its two tables"},
		"chain too long":           {func(p *patient) { p.link(p.cluster("BCD", last), 1_500) }, bcd, "longer than the file"},
		"chain too short":          {func(p *patient) { p.link(p.cluster("BCD", 3), endOfFile) }, bcd, "chain of clusters"},
		"chain ends in a free one": {func(p *patient) { p.link(p.cluster("BCD", last), 0) }, bcd, "longer than the file"},
		"chain through a free one": {func(p *patient) { p.link(p.cluster("BCD", 3), 0) }, bcd, "chain of clusters"},
		"bad cluster":              {func(p *patient) { p.link(p.cluster("BCD", 3), 0x0FFFFFF7) }, bcd, "chain of clusters"},
		"circle":                   {func(p *patient) { p.link(p.cluster("BCD", 9), p.cluster("BCD", 4)) }, bcd, "in a circle"},
		"another chain leads in":   {func(p *patient) { p.link(p.cluster("MANY", 2), p.cluster("BCD", 30)) }, bcd, "belongs to another chain"},
		"a lost chain leads in":    {func(p *patient) { p.link(1_500, p.cluster("BCD", 0)) }, bcd, "belongs to another chain"},
		"another file begins in":   {func(p *patient) { p.begin("ONE     BIN", p.cluster("BCD", 5)) }, bcd, "belongs to two files"},
		"another file begins so":   {func(p *patient) { p.begin("ONE     BIN", p.cluster("BCD", 0)) }, bcd, "belongs to two files"},
		"it begins in another":     {func(p *patient) { p.begin("BCD", p.cluster("MANY", 1)) }, bcd, "chain of clusters"},
		"the root lies in it":      {func(p *patient) { c := p.cluster("BCD", 0); p.poke(44, byte(c), byte(c>>8)) }, "", ""},
		"same name twice":          {func(p *patient) { p.poke(p.dirent("BCD     LOG"), []byte("BCD        ")...) }, bcd, "2 files of this name"},
		"a directory is lost":      {func(p *patient) { p.begin("NONE", 65_000_000) }, bcd, "looking for other files"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := sample()
			root[5].Name, root[6].Name = "MANY", "NONE"
			d, _ := small(t, fattest.Options{Kind: fat.FAT32, Root: root})
			tt.damage(&patient{d, t})
			recorder := image.NewRecorder(d)
			v, err := fat.Open(recorder)
			if err != nil || tt.file == "" {
				return // nothing to open: no harm done
			}
			f, err := v.OpenInPlace(tt.file)
			if len(recorder.Ops()) > 0 {
				t.Errorf("opening wrote: %v", recorder.Ops())
			}
			if tt.why == "" {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteAt([]byte("regf"), 0); err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, fat.ErrNotInPlace) || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("%v, want %q", err, tt.why)
			}
		})
	}
}

// Directories of a hostile volume that all lead into one long chain are not read one after the other.
func TestSharedDirectories(t *testing.T) {
	t.Parallel()
	var many []fattest.Entry
	for i := range 600 {
		many = append(many, fattest.Entry{Name: fmt.Sprintf("D%d", i), Dir: []fattest.Entry{}})
	}
	d, v := small(t, fattest.Options{Kind: fat.FAT32, Root: []fattest.Entry{{Name: "BCD", Data: pattern(1000)}, {Name: "ALL", Dir: many}}})
	p := &patient{d, t}
	first := p.cluster("D0", 0)
	for i := range uint32(599) {
		p.link(first+i+1, first+i) // one chain of them all, entered everywhere
	}
	if _, err := v.OpenInPlace("BCD"); !errors.Is(err, fat.ErrNotInPlace) || !strings.Contains(err.Error(), "some share clusters") {
		t.Errorf("%v", err)
	}
}

func TestNotInPlaceAtAll(t *testing.T) {
	t.Parallel()
	d, v := small(t, fattest.Options{Kind: fat.FAT16, Root: sample()})
	if _, err := v.OpenInPlace("EFI/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	v, err := fat.Open(io.NewSectionReader(d, 0, d.Size()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.OpenInPlace(bcd); !errors.Is(err, fat.ErrReadOnly) {
		t.Errorf("a device without writes: %v", err)
	}
}

// Every write and every flush fails once: it is told, and no byte of another file has changed.
func TestOverwriteFaults(t *testing.T) {
	t.Parallel()
	d, _ := small(t, fattest.Options{Kind: fat.FAT16, Root: sample(), Fragmented: true})
	for n := 0; ; n++ {
		state := image.NewOverlay(d)
		faulty := imagetest.NewFaulty(state, n, imagetest.Write|imagetest.Sync)
		err := overwrite(faulty, make([]byte, 3_000))
		checkOthers(t, state)
		if !faulty.Failed() {
			if err != nil || n < 6 {
				t.Fatalf("%d faults, %v", n, err)
			}
			return
		}
		if !errors.Is(err, imagetest.ErrInjected) {
			t.Fatalf("fault %d was not told: %v", n, err)
		}
	}
}

func overwrite(d fat.Device, data []byte) error {
	v, err := fat.Open(d)
	if err != nil {
		return err
	}
	f, err := v.OpenInPlace(bcd)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// checkOthers reads every file but the one that is overwritten.
func checkOthers(t *testing.T, d fat.Device) {
	t.Helper()
	v, err := fat.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	others := sample()
	boot := &others[0].Dir[0].Dir[0]
	boot.Dir = boot.Dir[1:]
	checkTree(t, v, "", others)
}

// A power cut at any sector leaves old bytes and new ones in the file, and every other file whole.
func TestOverwriteCuts(t *testing.T) {
	t.Parallel()
	d, _ := small(t, fattest.Options{Kind: fat.FAT12, Root: sample(), Fragmented: true})
	recorder := image.NewRecorder(image.NewOverlay(d))
	if err := overwrite(recorder, make([]byte, 3_000)); err != nil {
		t.Fatal(err)
	}
	for cut, state := range imagetest.Cuts(d, recorder.Ops(), 512) {
		got, err := io.ReadAll(reader(t, state))
		if err != nil || int64(len(got)) != 30_000 {
			t.Fatalf("%v: %d bytes, %v", cut, len(got), err)
		}
		if n := cut.Total; !bytes.Equal(got[:n], make([]byte, n)) || !bytes.Equal(got[n:], pattern(30_000)[n:]) {
			t.Fatalf("%v: the file is neither", cut)
		}
	}
	for _, state := range imagetest.Reorders(d, recorder.Ops()) {
		checkOthers(t, state)
	}
}

// TestOracleOverwrite overwrites files on volumes that dosfstools made and mtools filled: fsck.vfat
// says the same as before, mtools reads the new bytes, and every other file the old ones.
func TestOracleOverwrite(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"FAT16": {"-F", "16"}, "FAT32": {"-F", "32", "-s", "1"}, "FAT12": {"-F", "12", "-s", "32"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			img := filepath.Join(dir, "fat.img")
			makeFile(t, img, nil, 36<<20)
			run(t, "mkfs.vfat", append(args, img)...)
			files := fill(t, img, dir)
			before := run(t, "fsck.vfat", "-n", "-v", img)
			d, err := image.Open(img, true)
			if err != nil {
				t.Fatal(err)
			}
			files[bcd] = bytes.Repeat([]byte("new!"), 8192)
			if err := errors.Join(overwrite(d, files[bcd]), d.Close()); err != nil {
				t.Fatal(err)
			}
			if after := run(t, "fsck.vfat", "-n", "-v", img); after != before {
				t.Errorf("fsck.vfat:\n%s\nbefore:\n%s", after, before)
			}
			for name, data := range files {
				if got := run(t, "mtype", "-i", img, "::/"+name); got != string(data) {
					t.Errorf("mtype shows %d bytes of %s, want %d", len(got), name, len(data))
				}
			}
		})
	}
}

// FuzzOpenInPlace damages the tables and directories of a volume. What can be opened nevertheless is
// overwritten: then no byte that another file has may change, and the file reads as it was written.
func FuzzOpenInPlace(f *testing.F) {
	f.Add(uint16(16), []byte{0xF8, 0xFF}, uint16(0), []byte{})
	f.Add(uint16(512), []byte{1, 2}, uint16(1024), []byte{3})
	d := image.NewMemory(sizes[fat.FAT12], 512)
	if err := fattest.Write(d, d.Size(), fattest.Options{Kind: fat.FAT12, Root: sample(), Fragmented: true}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, at uint16, damage []byte, at2 uint16, damage2 []byte) {
		o := image.NewOverlay(d)
		for off, b := range map[uint16][]byte{at: damage, at2: damage2} {
			if _, err := o.WriteAt(b, int64(off)); err != nil {
				return
			}
		}
		v, err := fat.Open(o)
		if err != nil {
			return
		}
		before := everyFile(v)
		if err := overwrite(o, bytes.Repeat([]byte{0x5A}, 30_000)); err != nil {
			if !bytes.Equal([]byte(before[bcd]), []byte(everyFile(v)[bcd])) {
				t.Errorf("%v, and yet the file has changed", err)
			}
			return
		}
		after := everyFile(v)
		if len(before) != len(after) {
			t.Fatalf("%d files, %d before", len(after), len(before))
		}
		for name, data := range before {
			if !strings.EqualFold(name, bcd) && after[name] != data {
				t.Errorf("%s has changed", name)
			}
		}
	})
}

// everyFile reads what can be read.
func everyFile(v *fat.Volume) map[string]string {
	files := map[string]string{}
	left := 200
	_ = fs.WalkDir(v, ".", func(name string, d fs.DirEntry, walkErr error) error {
		if left--; left < 0 {
			return fs.SkipAll
		}
		if walkErr == nil && !d.IsDir() {
			data, err := fs.ReadFile(v, name)
			files[name] = fmt.Sprint(string(data), err)
		}
		return nil // of a directory that cannot be read there is nothing to compare
	})
	return files
}
