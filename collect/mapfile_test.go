package collect_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/collect"
)

func TestMapfile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size int64
		bad  []collect.Range
		want string
	}{
		{0x3000, nil, "0x00000000  0x00003000  +\n"},
		{0x3000, []collect.Range{{Off: 0, Len: 0x3000}}, "0x00000000  0x00003000  -\n"},
		{0x3000, []collect.Range{{Off: 0x200, Len: 0x400}, {Off: 0x2E00, Len: 0x200}},
			"0x00000000  0x00000200  +\n0x00000200  0x00000400  -\n0x00000600  0x00002800  +\n0x00002E00  0x00000200  -\n"},
		{1 << 40, []collect.Range{{Off: 1 << 39, Len: 512}},
			"0x00000000  0x8000000000  +\n0x8000000000  0x00000200  -\n0x8000000200  0x7FFFFFFE00  +\n"},
	} {
		text := collect.AppendMapfile(nil, c.size, c.bad)
		if _, blocks, _ := strings.Cut(string(text), "status\n"); blocks != c.want {
			t.Errorf("%d, %v:\n%s\nwant\n%s", c.size, c.bad, blocks, c.want)
		}
		if got, err := collect.ParseMapfile(bytes.NewReader(text)); err != nil || !slices.Equal(got, c.bad) {
			t.Errorf("read back %v, %v", got, err)
		}
	}
}

func TestMapfileOfOthers(t *testing.T) {
	t.Parallel()
	text := "# Mapfile. Created by GNU ddrescue version 1.27\n0x00120000     ?               1\n" +
		"0x00000000  0x00117000  +\n0x00117000  0x00000200  -\n0x00117200  0x00001000  /\n0x00118200  0x00007E00  *\n0x00120000  0x00048000  ?\n"
	got, err := collect.ParseMapfile(strings.NewReader(text))
	if want := []collect.Range{{Off: 0x117000, Len: 0x51000}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{
		"", "# nothing\n", "words\n", "0x0 +\n0x0 0x10\n", "0x0 +\n0x0 0x10 x\n", "0x0 +\n0x0 0x10 + +\n", "0x0 +\n0x10 0x10 +\n0x0 0x10 -\n",
		"0x0 +\n0x0 0x0 -\n", "0x0 +\n0x0 -5 -\n", "0x0 +\n0x7FFFFFFFFFFFFFFF 0x7FFFFFFFFFFFFFFF -\n", "0x0 +\n" + strings.Repeat("x", 100000),
	} {
		if got, err := collect.ParseMapfile(strings.NewReader(bad)); !errors.Is(err, collect.ErrMapfile) {
			t.Errorf("%.40q: %v, %v", bad, got, err)
		}
	}
}

// TestCopyKnowsItsGaps: zeros that nobody read are no data.
func TestCopyKnowsItsGaps(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(3 * collect.ChunkSize), bad: []int64{3, 4, 700}}
	dir := t.TempDir()
	res, err := collect.Extract(t.Context(), d.candidate(), collect.Options{Dir: dir, Compress: true})
	if err != nil || res.Map != res.Name+collect.MapSuffix {
		t.Fatalf("%+v, %v", res, err)
	}
	c, err := collect.OpenCopy(res.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for page := range int64(len(d.b) / 4096) {
		got := make([]byte, 4096)
		_, err := c.ReadAt(got, page*4096)
		if bad := slices.Contains(d.bad, page); bad != (err != nil) || !bad && !bytes.Equal(got, d.b[page*4096:page*4096+4096]) {
			t.Errorf("page %d: %v", page, err)
		}
	}
}

// TestOracleDdrescuelog lets ddrescuelog read our mapfile, and list its bad blocks.
func TestOracleDdrescuelog(t *testing.T) {
	t.Parallel()
	program := oracle(t, "ddrescuelog")
	name := filepath.Join(t.TempDir(), "map")
	bad := []collect.Range{{Off: 0x200, Len: 0x400}, {Off: 0x100000, Len: 0x200}, {Off: 5 << 32, Len: 0x1000}}
	if err := os.WriteFile(name, collect.AppendMapfile(nil, 6<<32, bad), 0o600); err != nil {
		t.Fatal(err)
	}
	out := string(run(t, program, "--list-blocks=-", name))
	if want := "1\n2\n2048\n"; !strings.HasPrefix(out, want) {
		t.Errorf("bad blocks of 512 bytes:\n%s", out)
	}
	if n := strings.Count(out, "\n"); n != 3+8 {
		t.Errorf("%d bad blocks, want 11", n)
	}
	run(t, program, "--show-status", name)
	// Its own rewriting of the map says the same.
	again := run(t, program, "--and-mapfile="+name, name)
	if got, err := collect.ParseMapfile(bytes.NewReader(again)); err != nil || !slices.Equal(got, bad) {
		t.Errorf("ddrescuelog made of it:\n%s%v, %v", again, got, err)
	}
}

func FuzzParseMapfile(f *testing.F) {
	f.Add([]byte("# x\n0x0 +\n0x0 0x10 -\n"))
	f.Add(collect.AppendMapfile(nil, 1<<33, []collect.Range{{Off: 512, Len: 512}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		bad, err := collect.ParseMapfile(bytes.NewReader(b))
		if err != nil {
			return
		}
		size := int64(0)
		if len(bad) > 0 {
			size = bad[len(bad)-1].Off + bad[len(bad)-1].Len
		}
		again, err := collect.ParseMapfile(bytes.NewReader(collect.AppendMapfile(nil, size, bad)))
		if err != nil || !slices.Equal(bad, again) {
			t.Fatalf("%v became %v, %v", bad, again, err)
		}
	})
}
