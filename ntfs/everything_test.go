package ntfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/woftest"
)

// everything is a tree with each way NTFS stores files, names and directories.
func everything(tb testing.TB, names int) []format.Entry {
	tb.Helper()
	root := append(tree(4096), compressedTree(4096)...)
	root = append(root, overlayTree(tb)...)
	root = append(root, streamTree()...)
	return append(root,
		format.Entry{Name: "sparse", Data: woftest.Contents(300_000), Holes: []format.Range{{Off: 64 << 10, Len: 128 << 10}}},
		format.Entry{Name: strings.Repeat("ä", 255), ShortName: "LANG~1", Data: []byte("the longest name")},
		format.Entry{Name: "placeholder__", Data: []byte("not UTF-16")},
		format.Entry{Name: "places", Dir: []format.Entry{{Name: "colon__", Data: []byte("no stream")}}},
		format.Entry{Name: "large", Dir: numbered(names), Deleted: []string{"gone", "gone, too"}},
	)
}

// oddNames puts code units into the names that Win32 would not.
func oddNames(m *memory) {
	m.replaceName("placeholder__", append([]uint16{'p', 'l', 'a', 'c', 'e', 'h', 'o', 'l', 'd', 'e', 'r'}, 0xde00, 0xd83d))
	m.replaceName("colon__", []uint16{'c', 'o', 'l', 'o', 'n', ':', '\\'})
}

// replaceName spells a name otherwise, wherever it stands.
func (m *memory) replaceName(name string, units []uint16) {
	var from, to []byte
	for i := range units {
		from = append(from, name[i], 0)
		to = le.AppendUint16(to, units[i])
	}
	for _, page := range m.pages {
		copied := strings.ReplaceAll(string(page), string(from), string(to))
		copy(page, copied)
	}
}

// TestEverything: the volume is a file system as io/fs defines one.
func TestEverything(t *testing.T) {
	t.Parallel()
	m, _ := build(t, 64<<20, format.Options{Root: everything(t, 300)})
	oddNames(m)
	v := open(t, m)
	if err := fstest.TestFS(v,
		"Windows/System32/config/SYSTEM", "packed/mixed", "XPRESS4K.exe", "LZX.exe", "sparse", "pieces",
		"a long name.txt", "placeholder<de00><d83d>", "places/colon<003a><005c>", "large/File number 00299.txt",
	); err != nil {
		t.Error(err)
	}
	err := fs.WalkDir(v, ".", func(name string, _ fs.DirEntry, err error) error {
		if strings.Contains(name, ":") {
			t.Errorf("%q could be a stream", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, name := range []string{"places/colon:\\", "places/colon:", "file.txt:packed", "large/gone", "large/gone, too"} {
		if _, err := v.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestLargeDirectory finds names among 100,000, and none that was deleted.
// [fstest.TestFS] takes minutes on them, so only the oracle run has it.
func TestLargeDirectory(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("short")
	}
	const names = 100_000
	m, _ := build(t, 1<<30, format.Options{Root: []format.Entry{{Name: "large", Dir: numbered(names), Deleted: []string{"File number 10000", "gone"}}}})
	v := open(t, m)
	list, err := v.ReadDir("large")
	if err != nil || len(list) != names {
		t.Fatalf("%d names (%v)", len(list), err)
	}
	for i := 0; i < names; i += 997 {
		name := fmt.Sprintf("large/FILE NUMBER %05d.TXT", i)
		if b, err := fs.ReadFile(v, name); err != nil || string(b) != fmt.Sprint(i) {
			t.Fatalf("%s: %q (%v)", name, b, err)
		}
		if info, err := list[i].Info(); err != nil || info.Size() != int64(len(fmt.Sprint(i))) {
			t.Fatalf("%s: %v (%v)", list[i].Name(), info, err)
		}
	}
	for _, name := range []string{"File number 10000", "gone", "File number 100000.txt", "File number 0000"} {
		if _, err := v.Stat("large/" + name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.reads, m.bytes = 0, 0
	if _, err := ntfs.Open(m); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Stat("large/file number 54321.txt"); err != nil || m.reads > 32 {
		t.Errorf("%d reads (%v)", m.reads, err)
	}
}

// TestLargeDirectoryFS lets the standard library judge a directory of many names, each of which it
// opens several times over.
func TestLargeDirectoryFS(t *testing.T) {
	t.Parallel()
	names := 2_000
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		names = 20_000
	}
	m, _ := build(t, 1<<30, format.Options{Root: []format.Entry{{Name: "large", Dir: numbered(names)}}})
	if err := fstest.TestFS(open(t, m), "large/File number 01234.txt"); err != nil {
		t.Error(err)
	}
}
