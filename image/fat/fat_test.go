package fat_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/image/fat/fattest"
)

// sizes are volumes that make each kind.
var sizes = map[fat.Kind]int64{fat.FAT12: 1 << 20, fat.FAT16: 8 << 20, fat.FAT32: 40 << 20}

// sample has names of every form, data around the size of clusters, and a directory of more than one.
func sample() []fattest.Entry {
	many := []fattest.Entry{}
	for i := range 40 {
		many = append(many, fattest.Entry{Name: fmt.Sprintf("a file with a long name, number %d.txt", i), Data: []byte{byte(i)}})
	}
	return []fattest.Entry{
		{Name: "EFI", Dir: []fattest.Entry{{Name: "Microsoft", Dir: []fattest.Entry{{Name: "Boot", Dir: []fattest.Entry{
			{Name: "BCD", Data: pattern(30_000)}, {Name: "BCD.LOG", Data: pattern(512)}, {Name: "BCD.LOG1", Data: pattern(511)},
		}}}}}},
		{Name: "EMPTY.TXT"}, {Name: "ONE.BIN", Data: pattern(1)}, {Name: "name of 日本語 ü.dat", Data: pattern(513)},
		{Name: strings.Repeat("x", 255), Data: pattern(7)},
		{Name: "many", Dir: many}, {Name: "none", Dir: []fattest.Entry{}},
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func volume(tb testing.TB, o fattest.Options) (*image.Memory, *fat.Volume) {
	tb.Helper()
	d := image.NewMemory(sizes[o.Kind], 512)
	if err := fattest.Write(d, d.Size(), o); err != nil {
		tb.Fatal(err)
	}
	v, err := fat.Open(d)
	if err != nil {
		tb.Fatal(err)
	}
	return d, v
}

func TestVolume(t *testing.T) {
	t.Parallel()
	for kind := range sizes {
		for _, fragmented := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s fragmented %t", kind, fragmented), func(t *testing.T) {
				t.Parallel()
				_, v := volume(t, fattest.Options{Kind: kind, Label: "SYSTEM", Root: sample(), Fragmented: fragmented})
				if info := v.Info(); info.Kind != kind || info.Label != "SYSTEM" || info.Serial != 0x1234ABCD || info.SectorSize != 512 {
					t.Errorf("info %+v", info)
				}
				err := fstest.TestFS(v, "EFI/Microsoft/Boot/BCD", "EMPTY.TXT", "name of 日本語 ü.dat", "many/a file with a long name, number 39.txt", "none")
				if err != nil {
					t.Error(err)
				}
				checkTree(t, v, "", sample())
			})
		}
	}
}

func checkTree(t *testing.T, v *fat.Volume, dir string, list []fattest.Entry) {
	t.Helper()
	for _, e := range list {
		name := strings.TrimPrefix(dir+"/"+e.Name, "/")
		if e.Dir != nil {
			checkTree(t, v, name, e.Dir)
			continue
		}
		got, err := fs.ReadFile(v, name)
		if err != nil || !bytes.Equal(got, e.Data) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(e.Data))
		}
	}
}

// Windows does not mind the case of names, and knows a file by its short name, too.
func TestNames(t *testing.T) {
	t.Parallel()
	_, v := volume(t, fattest.Options{Kind: fat.FAT16, Root: sample()})
	for _, name := range []string{"efi/MICROSOFT/boot/bcd", "EFI/N00002~1.TXT/N00003~1.TXT/BCD.LOG", "NAME OF 日本語 Ü.DAT"} {
		if _, err := v.Stat(name); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]error{
		"EFI/nothing": fs.ErrNotExist, "ONE.BIN/x": fs.ErrNotExist, "../x": fs.ErrInvalid, "": fs.ErrInvalid, "EFI/..": fs.ErrInvalid,
	} {
		if _, err := v.Open(name); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
	if _, err := v.ReadDir("ONE.BIN"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("list of a file: %v", err)
	}
	if _, err := v.OpenRaw("EFI"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("clusters of a directory: %v", err)
	}
}

// Short names are bytes of a code page, in capitals unless the entry says otherwise.
func TestShortNames(t *testing.T) {
	t.Parallel()
	d, _ := volume(t, fattest.Options{Kind: fat.FAT12, Root: []fattest.Entry{{Name: "PLAIN.TXT"}}})
	raw := make([]byte, d.Size())
	if _, err := d.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	at := int64(bytes.Index(raw, []byte("PLAIN   TXT")))
	for _, tt := range []struct {
		raw   string
		cases byte
		want  string
	}{
		{"PLAIN   TXT", 0, "PLAIN.TXT"},
		{"PLAIN   TXT", 0x08, "plain.TXT"},
		{"PLAIN   TXT", 0x10, "PLAIN.txt"},
		{"PLAIN      ", 0x18, "plain"},
		{"\x9aBER    \x8eTX", 0, "ÜBER.ÄTX"},
		{"\x9aBER    \x8eTX", 0x18, "über.ätx"},
		{"\x05\xf1\xe4     \xff\xff ", 0x08, "σ±σ.\u00a0\u00a0"},
	} {
		poke(t, d, at, append([]byte(tt.raw), 0x20, tt.cases)...)
		v, err := fat.Open(d)
		if err != nil {
			t.Fatal(err)
		}
		list, err := v.ReadDir(".")
		if err != nil || len(list) != 1 || list[0].Name() != tt.want {
			t.Errorf("%q, %#x: %v, %v; want %q", tt.raw, tt.cases, list, err, tt.want)
		}
	}
}

func TestSpace(t *testing.T) {
	t.Parallel()
	for kind := range sizes {
		_, empty := volume(t, fattest.Options{Kind: kind})
		_, full := volume(t, fattest.Options{Kind: kind, Root: []fattest.Entry{{Name: "BCD", Data: pattern(10_000)}}})
		before, err1 := empty.Free()
		after, err2 := full.Free()
		size := full.Info().ClusterSize
		want := (10_000 + size - 1) / size * size
		if err1 != nil || err2 != nil || before-after != want {
			t.Errorf("%s: %d bytes less, want %d (%v, %v)", kind, before-after, want, err1, err2)
		}
		raw, err := full.OpenRaw("BCD")
		if err != nil || raw.Size() != want {
			t.Fatalf("%s: raw size %d, %v", kind, raw.Size(), err)
		}
		b, err := io.ReadAll(raw)
		if err != nil || !bytes.Equal(b[:10_000], pattern(10_000)) {
			t.Errorf("%s: raw data differ, %v", kind, err)
		}
	}
}

// A volume that Windows formats as FAT32 is one, however few clusters it has.
func TestSmallFAT32(t *testing.T) {
	t.Parallel()
	d := image.NewMemory(2<<20, 512)
	if err := fattest.Write(d, d.Size(), fattest.Options{Kind: fat.FAT32, Root: sample()}); err != nil {
		t.Fatal(err)
	}
	v, err := fat.Open(d)
	if err != nil || v.Info().Kind != fat.FAT32 || v.Info().Clusters >= 65525 {
		t.Fatalf("%+v, %v", v, err)
	}
	checkTree(t, v, "", sample())
}

// poke changes bytes of a volume before it is opened again.
func poke(tb testing.TB, d *image.Memory, off int64, p ...byte) {
	tb.Helper()
	if _, err := d.WriteAt(p, off); err != nil {
		tb.Fatal(err)
	}
}

// What a crashed machine leaves behind is still read: a second table that differs, no FSInfo.
func TestUnimportantDamage(t *testing.T) {
	t.Parallel()
	d, _ := volume(t, fattest.Options{Kind: fat.FAT32, Root: sample()})
	boot := make([]byte, 512)
	if _, err := d.ReadAt(boot, 0); err != nil {
		t.Fatal(err)
	}
	fatSize := int64(boot[36]) | int64(boot[37])<<8
	poke(t, d, (32+fatSize)*512+8, 0xFF, 0xFF)
	v, err := fat.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	checkTree(t, v, "", sample())
	poke(t, d, 40, 0x81) // only the second table counts
	poke(t, d, 32*512, make([]byte, 512)...)
	poke(t, d, (32+fatSize)*512+8, 0, 0)
	if v, err = fat.Open(d); err == nil {
		_, err = fs.ReadFile(v, "EFI/Microsoft/Boot/BCD")
	}
	if err != nil && !errors.Is(err, fat.ErrFormat) {
		t.Errorf("second table: %v", err)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	root := []fattest.Entry{{Name: "BCD", Data: pattern(5000)}, {Name: "DIR", Dir: []fattest.Entry{{Name: "X", Data: pattern(1)}}}}
	const table, rootDir = 512, 512 + 2*1024 // of the volume below
	for name, tt := range map[string]struct {
		damage func(d *image.Memory)
		open   error
		read   error
	}{
		"not FAT":             {func(d *image.Memory) { poke(t, d, 510, 0, 0) }, fat.ErrNotFAT, nil},
		"no jump":             {func(d *image.Memory) { poke(t, d, 0, 0) }, fat.ErrNotFAT, nil},
		"sector size":         {func(d *image.Memory) { poke(t, d, 11, 1, 2) }, fat.ErrNotFAT, nil},
		"cluster size":        {func(d *image.Memory) { poke(t, d, 13, 0) }, fat.ErrNotFAT, nil},
		"no tables":           {func(d *image.Memory) { poke(t, d, 16, 0) }, fat.ErrNotFAT, nil},
		"no sectors":          {func(d *image.Memory) { poke(t, d, 32, 0, 0, 0, 0) }, fat.ErrFormat, nil},
		"tables beyond":       {func(d *image.Memory) { poke(t, d, 22, 0xFF, 0xFF) }, fat.ErrFormat, nil},
		"chain ends early":    {func(d *image.Memory) { poke(t, d, table+3, 0xFF, 0xFF) }, nil, fat.ErrFormat},
		"chain into nothing":  {func(d *image.Memory) { poke(t, d, table+3, 0, 0) }, nil, fat.ErrFormat},
		"chain beyond volume": {func(d *image.Memory) { poke(t, d, table+3, 0xF0, 0xFE) }, nil, fat.ErrFormat},
		"chain in a circle":   {func(d *image.Memory) { poke(t, d, table+3, 2, 0x20); poke(t, d, rootDir+28, 0, 0, 0, 0xFF) }, nil, fat.ErrFormat},
		"directory in itself": {func(d *image.Memory) { poke(t, d, rootDir+11, 0x10); poke(t, d, rootDir+26, 0, 0) }, nil, fat.ErrFormat},
		"first cluster":       {func(d *image.Memory) { poke(t, d, rootDir+26, 1, 0) }, nil, fat.ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			d := image.NewMemory(200<<10, 512)
			if err := fattest.Write(d, d.Size(), fattest.Options{Kind: fat.FAT12, Root: root}); err != nil {
				t.Fatal(err)
			}
			tt.damage(d)
			v, err := fat.Open(d)
			if !errors.Is(err, tt.open) {
				t.Fatalf("Open: %v, want %v", err, tt.open)
			}
			if err != nil {
				return
			}
			if _, err := fs.ReadFile(v, "BCD"); !errors.Is(err, tt.read) {
				t.Errorf("ReadFile: %v, want %v", err, tt.read)
			}
			if _, err := fs.ReadFile(v, "DIR/X"); err != nil {
				t.Errorf("the other file: %v", err)
			}
		})
	}
}

// A chain of a directory that runs in a circle ends with an error, not never.
func TestDirectoryCircle(t *testing.T) {
	t.Parallel()
	d := image.NewMemory(200<<10, 512)
	if err := fattest.Write(d, d.Size(), fattest.Options{Kind: fat.FAT12, Root: []fattest.Entry{{Name: "DIR", Dir: sample()[5].Dir}}}); err != nil {
		t.Fatal(err)
	}
	v, err := fat.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	first := -1
	for c := range 300 { // the directory was stored last, from the first entry that leads to its neighbour
		var b [2]byte
		if _, err := d.ReadAt(b[:], 512+int64(c)*3/2); err != nil {
			t.Fatal(err)
		}
		next := (int(b[0]) | int(b[1])<<8) >> (c % 2 * 4) & 0xFFF
		if next == c+1 && first < 0 && c >= 2 {
			first = c
		}
		if first >= 0 && next == 0xFFF && c > first {
			raw := int(b[0]) | int(b[1])<<8
			shift := c % 2 * 4
			raw = raw&^(0xFFF<<shift) | first<<shift
			poke(t, d, 512+int64(c)*3/2, byte(raw), byte(raw>>8))
			break
		}
	}
	if _, err := v.ReadDir("DIR"); !errors.Is(err, fat.ErrFormat) {
		t.Errorf("ReadDir: %v, want fat.ErrFormat", err)
	}
}

var errBadSector = errors.New("bad sector")

// faulty fails every read that touches one byte.
type faulty struct {
	*image.Memory
	at int64
}

func (f faulty) ReadAt(p []byte, off int64) (int, error) {
	if off <= f.at && f.at < off+int64(len(p)) {
		return 0, errBadSector
	}
	return f.Memory.ReadAt(p, off)
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	d, _ := volume(t, fattest.Options{Kind: fat.FAT16, Root: sample()})
	good := 0
	for at := int64(0); at < 1<<20; at += 997 {
		v, err := fat.Open(faulty{d, at})
		if err == nil {
			_, err = fs.ReadFile(v, "EFI/Microsoft/Boot/BCD")
		}
		if err != nil && !errors.Is(err, errBadSector) {
			t.Fatalf("bad sector at %#x: %v", at, err)
		}
		if err == nil {
			good++
		}
	}
	if good == 0 || good == 1<<20/997+1 {
		t.Errorf("%d reads went well", good)
	}
}

func FuzzOpen(f *testing.F) {
	for kind, size := range map[fat.Kind]int64{fat.FAT12: 30 << 10, fat.FAT16: 3 << 20, fat.FAT32: 30 << 10} {
		d := image.NewMemory(size, 512)
		root := []fattest.Entry{{Name: "EFI", Dir: []fattest.Entry{{Name: "a longer name than that", Data: pattern(900)}}}, {Name: "BCD", Data: pattern(3000)}}
		if err := fattest.Write(d, size, fattest.Options{Kind: kind, Label: "X", Root: root}); err != nil {
			f.Fatal(err)
		}
		b := make([]byte, min(size, 45<<10))
		if _, err := d.ReadAt(b, 0); err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := fat.Open(bytes.NewReader(b))
		if err != nil {
			return
		}
		if _, err := v.Free(); err != nil {
			t.Logf("free: %v", err)
		}
		left := 100
		_ = fs.WalkDir(v, ".", func(name string, d fs.DirEntry, err error) error {
			if left--; left == 0 {
				return fs.SkipAll
			}
			if err == nil && !d.IsDir() && readAll(v, name) > int64(len(b)) {
				t.Errorf("%s holds more than the device of %d bytes", name, len(b))
			}
			return nil
		})
	})
}

// readAll counts the bytes of a file that can be read.
func readAll(v *fat.Volume, name string) int64 {
	f, err := v.Open(name)
	if err != nil {
		return 0
	}
	defer f.Close()
	n, _ := io.Copy(io.Discard, f)
	return n
}
